"""Augmentation of training windows, in time, frequency and space.

Every function takes `x`, float windows `[N, channels, samples]`, leaves it as it is and yields new windows of the same
shape. None reads beyond a window: nothing that came after it enters, so what is trained on the outcome may run
causally. Within a window they do look both ways; they are for training only.

What is random is drawn afresh for each window from the generator given, on the generator's device: one seed makes one
result wherever `x` lies. Compared on EEG by Rommel et al., J. Neural Eng. 19(6), 2022.
"""

import math
import re
from collections.abc import Sequence

import torch
from torch import Generator, Tensor

_LABEL = re.compile(r"(N|Fp|AF|F|FT|FC|T|C|TP|CP|P|PO|O|I|A|M)(z|\d+)", re.IGNORECASE)
_SIDE = re.compile(r"(?<![a-z])(left|right)", re.IGNORECASE)


def uniform(windows: int, low: float, high: float, generator: Generator) -> Tensor:
    """`[windows]` numbers between `low` and `high`."""
    return low + (high - low) * torch.rand(windows, generator=generator, device=generator.device)


def flip(x: Tensor) -> Tensor:
    """The polarity turned round: power and covariance stay as they are (Freer and Yang, J. Neural Eng. 17(1), 2020)."""
    return -x


def scale(x: Tensor, change: float, generator: Generator) -> Tensor:
    """Each window times a factor between `1 - change` and `1 + change`, the same for all its channels."""
    return x * uniform(len(x), 1 - change, 1 + change, generator).to(x)[:, None, None]


def add_noise(x: Tensor, level: float, generator: Generator) -> Tensor:
    """White Gaussian noise added, of `level` times each channel's standard deviation within the window."""
    noise = torch.randn(x.shape, generator=generator, device=generator.device).to(x)
    return x + level * x.std(dim=2, keepdim=True, correction=0) * noise


def roll(x: Tensor, samples: Tensor) -> Tensor:
    """Each window later by its number of `samples`, `[N]` integers; what leaves at the end comes in at the start."""
    frames = torch.arange(x.shape[2], device=x.device)
    origin = (frames - samples.to(x.device)[:, None]) % x.shape[2]
    return x.gather(2, origin[:, None].expand_as(x))


def shift_time(x: Tensor, most_s: float, rate_hz: float, generator: Generator) -> Tensor:
    """Each window rolled by up to `most_s` seconds, later or earlier; the seam lies where beginning and end meet."""
    most = round(most_s * rate_hz)
    return roll(x, torch.randint(-most, most + 1, (len(x),), generator=generator, device=generator.device))


def mask_time(x: Tensor, length_s: float, rate_hz: float, generator: Generator) -> Tensor:
    """`length_s` seconds of each window at zero in all channels (Mohsenvand et al., ML4H, 2020)."""
    length = round(length_s * rate_hz)
    free = x.shape[2] - length
    if free < 0:
        raise ValueError(f"a mask of {length} samples in windows of {x.shape[2]}")
    first = torch.randint(0, free + 1, (len(x), 1), generator=generator, device=generator.device).to(x.device)
    frames = torch.arange(x.shape[2], device=x.device)
    return x.masked_fill(((frames >= first) & (frames < first + length))[:, None], 0.0)


def shift_frequency(x: Tensor, hz: Tensor, rate_hz: float) -> Tensor:
    """Each window's spectrum higher by its number of `hz`, `[N]`; negative is lower.

    The analytic signal, taken over the window and as many zeros again, is turned by `hz` from the first sample on, and
    its real part kept (Freer and Yang, 2020). Content that would pass 0 Hz or half the rate folds back.
    """
    samples = x.shape[2]
    padded = 2 ** math.ceil(math.log2(2 * samples))
    spectrum = torch.fft.rfft(x, n=padded)
    spectrum[..., 1:-1] *= 2
    analytic = torch.fft.ifft(spectrum, n=padded)[..., :samples]
    phase = 2 * math.pi * hz.to(x)[:, None] * torch.arange(samples, device=x.device) / rate_hz
    return (analytic * torch.polar(torch.ones_like(phase), phase)[:, None]).real


def surrogate(x: Tensor, amount: float, generator: Generator) -> Tensor:
    """The phase of every frequency turned by a draw from -180 to 180 degrees times `amount`, of 0 to 1.

    The same turn in all channels: amplitude spectra and cross-spectra stay, and so does what a spatial filter sees
    (Schwabedal et al., arXiv 1806.08675, 2018). 0 Hz, and half the rate if the spectrum has it, are not turned.
    """
    samples = x.shape[2]
    spectrum = torch.fft.rfft(x)
    turned = spectrum.shape[2] - (2 if samples % 2 == 0 else 1)
    draws = 2 * torch.rand(len(x), 1, turned, generator=generator, device=generator.device).to(x) - 1
    phase = math.pi * amount * draws
    spectrum[..., 1 : 1 + turned] *= torch.polar(torch.ones_like(phase), phase)
    return torch.fft.irfft(spectrum, n=samples)


def mirror_channels(labels: Sequence[str]) -> tuple[int, ...]:
    """For each channel the one opposite: C3 and C4, F7 and F8, a midline channel itself. 10-10 or 10-20 labels.

    Raises `ValueError` that names every channel without an opposite one; to mirror only some of them would make a head
    that nobody has.
    """
    index = {label.upper(): i for i, label in enumerate(labels)}
    mirrored = [_opposite(label) for label in labels]
    alone = [label for label, other in zip(labels, mirrored, strict=True) if other.upper() not in index]
    if alone:
        raise ValueError(f"no channel opposite {', '.join(alone)}")
    return tuple(index[other.upper()] for other in mirrored)


def mirror_classes(names: Sequence[str]) -> tuple[int, ...] | None:
    """For each class the one that the mirrored person would do: left and right change places, the others stay.

    A side is the word `left` or `right` in the name (`left_hand`, "Right fist"). None if the opposite of a class is
    none of the classes, as with right hand against feet: mirrored windows have no label there. A name without a side is
    taken to mean something symmetric (`feet`, `rest`); do not ask it of names that merely hide their side (`T1`).
    """
    folded = [name.lower() for name in names]
    turned = [_SIDE.sub(lambda side: "right" if side[0] == "left" else "left", name) for name in folded]
    return tuple(folded.index(name) for name in turned) if set(turned) <= set(folded) else None


def reflect(x: Tensor, y: Tensor, channels: Sequence[int], classes: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Windows and labels `[N]` of the mirrored person: channel reflection (Wang et al., Neural Networks 176, 2024).

    `channels` and `classes` are as `mirror_channels` and `mirror_classes` yield them.
    """
    return x[:, list(channels)], torch.tensor(classes, device=y.device)[y]


def hemispheres(labels: Sequence[str]) -> tuple[int, ...]:
    """For each channel -1 on the left, 1 on the right, 0 on the midline. 10-10 or 10-20 labels, else `ValueError`."""
    numbers = [_number(label) for label in labels]
    return tuple((-1 if number % 2 else 1) if number else 0 for number in numbers)


def recombine(x: Tensor, y: Tensor, sides: Sequence[int], generator: Generator) -> Tensor:
    """One hemisphere of each window taken from a window of the same class, whose label `y` `[N]` therefore stays.

    Half-sample recombination (Pei et al., Front. Hum. Neurosci. 15, 2021): which window of those in `x`, itself among
    them, and which hemisphere are drawn; the midline is never taken. `sides` are as `hemispheres` yields them.
    """
    same = (y[:, None] == y[None]).float().to(generator.device)
    donor = torch.multinomial(same, 1, generator=generator)[:, 0].to(x.device)
    side = 2 * torch.randint(0, 2, (len(x), 1), generator=generator, device=generator.device).to(x.device) - 1
    taken = torch.tensor(sides, device=x.device) == side
    return torch.where(taken[:, :, None], x[donor], x)


def _opposite(label: str) -> str:
    number = _number(label)
    return label if number == 0 else label[: -len(str(number))] + str(number + 1 if number % 2 else number - 1)


def _number(label: str) -> int:
    """0 on the midline, odd on the left, even on the right."""
    found = _LABEL.fullmatch(label)
    if found is None:
        raise ValueError(f"{label} is no label of the 10-10 system")
    return 0 if found[2] in "zZ" else int(found[2])
