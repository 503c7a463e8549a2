"""Augmentations of training windows: what each does to a signal, and that a seed settles what is drawn."""

import pytest

torch = pytest.importorskip("torch")

from bcid_models.networks import augment  # noqa: E402  needs torch

LABELS = ("C3", "C4", "Cz", "FC1", "FC2", "FC5", "FC6", "CP1", "CP2", "CP5", "CP6")
RATE_HZ = 125.0


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noise(windows: int = 4, channels: int = len(LABELS), samples: int = 125) -> torch.Tensor:
    return torch.randn(windows, channels, samples, generator=seeded(99))


def peak_hz(signal: torch.Tensor) -> float:
    """The frequency of a sinusoid `[samples]`: the peak of its spectrum under a Hann window, in steps of 0.005 Hz."""
    bins = torch.fft.rfft(signal * torch.hann_window(len(signal)), n=round(RATE_HZ / 0.005)).abs()
    return bins.argmax().item() * 0.005


DRAWN = {
    "scale": lambda x, g: augment.scale(x, 0.2, g),
    "add_noise": lambda x, g: augment.add_noise(x, 0.5, g),
    "shift_time": lambda x, g: augment.shift_time(x, 0.2, RATE_HZ, g),
    "mask_time": lambda x, g: augment.mask_time(x, 0.2, RATE_HZ, g),
    "surrogate": lambda x, g: augment.surrogate(x, 1.0, g),
    "recombine": lambda x, g: augment.recombine(x, torch.tensor([0, 0, 1, 1]), augment.hemispheres(LABELS), g),
}


@pytest.mark.parametrize("name", DRAWN)
def test_a_seed_settles_what_is_drawn_and_the_windows_given_stay(name):
    x = noise()
    before, kind = x.clone(), torch.get_rng_state()
    first, again, other = (DRAWN[name](x, seeded(seed)) for seed in (1, 1, 2))
    assert first.shape == x.shape and first.dtype == x.dtype
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(x, before)
    assert torch.equal(torch.get_rng_state(), kind), "nothing is drawn from the common generator"


def test_flip_turns_the_polarity_and_keeps_the_covariance():
    x = noise()
    assert torch.equal(augment.flip(x), -x)
    assert torch.equal(augment.flip(x) @ augment.flip(x).mT, x @ x.mT)


def test_scale_is_one_factor_a_window_within_its_bounds():
    x = noise(windows=256)
    factor = augment.scale(x, 0.2, seeded()) / x
    assert torch.allclose(factor, factor[:, :1, :1].expand_as(factor), rtol=1e-5)
    assert 0.8 <= factor.min() < 0.82 and 1.18 < factor.max() <= 1.2


def test_noise_is_white_and_relative_to_the_channel():
    x = noise(windows=64) * torch.logspace(-1, 2, len(LABELS))[:, None]
    added = augment.add_noise(x, 0.5, seeded()) - x
    ratio = added.std(dim=(0, 2)) / x.std(dim=(0, 2))
    assert ratio == pytest.approx(0.5, rel=0.05)
    neighbours = torch.corrcoef(torch.stack([added[:, 0, 1:].flatten(), added[:, 0, :-1].flatten()]))[0, 1]
    assert abs(neighbours) < 0.05


def test_roll_moves_each_window_by_its_own_count():
    x, counts = noise(), torch.tensor([0, 3, -7, 125])
    rolled = augment.roll(x, counts)
    for window, moved, count in zip(x, rolled, counts.tolist(), strict=True):
        assert torch.equal(moved, window.roll(count, dims=1))


def test_a_time_shift_is_a_roll_of_no_more_than_was_allowed():
    x = torch.arange(125.0).expand(512, 2, 125)
    shifted = augment.shift_time(x, 0.04, RATE_HZ, seeded())
    counts = (-shifted[:, 0, 0].long() + 62) % 125 - 62
    assert sorted(set(counts.tolist())) == list(range(-5, 6)), "0.04 s are 5 samples at 125 Hz"
    assert torch.equal(shifted, augment.roll(x, counts))


def test_a_mask_silences_one_stretch_of_all_channels():
    x = noise(windows=256).abs() + 1
    masked = augment.mask_time(x, 0.2, RATE_HZ, seeded())
    silent = masked == 0
    assert torch.equal(silent, silent[:, :1].expand_as(silent))
    assert torch.equal(masked[~silent], x[~silent])
    assert silent[:, 0].sum(dim=1).unique().tolist() == [25]
    edges = (silent[:, 0, 1:] != silent[:, 0, :-1]).sum(dim=1) + silent[:, 0, 0] + silent[:, 0, -1]
    assert edges.unique().tolist() == [2], "one stretch"
    assert silent[:, 0, 0].any() and silent[:, 0, -1].any(), "both ends are reached"
    with pytest.raises(ValueError, match="126 samples"):
        augment.mask_time(x, 1.008, RATE_HZ, seeded())


@pytest.mark.parametrize("samples", [500, 625])
def test_a_frequency_shift_moves_a_sinusoid_by_what_was_asked(samples):
    seconds = torch.arange(samples) / RATE_HZ
    x = torch.cos(2 * torch.pi * 12.0 * seconds + 0.4).expand(4, 3, -1)
    shifts = torch.tensor([0.0, 2.0, -1.5, 0.1])
    shifted = augment.shift_frequency(x, shifts, RATE_HZ)
    for window, shift in zip(shifted, shifts.tolist(), strict=True):
        assert peak_hz(window[1]) == pytest.approx(12.0 + shift, abs=0.02)
    middle = slice(samples // 4, -samples // 4)
    expected = torch.cos(2 * torch.pi * 14.0 * seconds + 0.4)
    assert torch.allclose(shifted[1, 0, middle], expected[middle], atol=0.05)
    assert torch.allclose(shifted[0], x[0], atol=1e-5)


@pytest.mark.parametrize("samples", [125, 128])
def test_a_surrogate_keeps_the_amplitudes_and_the_covariance_and_loses_the_waveform(samples):
    x = noise(samples=samples) + 0.3
    other = augment.surrogate(x, 1.0, seeded())
    assert torch.allclose(torch.fft.rfft(other).abs(), torch.fft.rfft(x).abs(), rtol=1e-3, atol=1e-3)
    assert torch.allclose(other @ other.mT, x @ x.mT, rtol=1e-3, atol=1e-2)
    alike = torch.corrcoef(torch.stack([(x - x.mean(2, True)).flatten(), (other - other.mean(2, True)).flatten()]))
    assert abs(alike[0, 1]) < 0.3
    assert torch.allclose(augment.surrogate(x, 0.0, seeded()), x, atol=1e-5)


def test_channels_are_mirrored_by_their_labels():
    mirror = augment.mirror_channels(LABELS)
    assert [LABELS[i] for i in mirror] == ["C4", "C3", "Cz", "FC2", "FC1", "FC6", "FC5", "CP2", "CP1", "CP6", "CP5"]
    temporal = ("T7", "T8", "TP9", "TP10", "Fpz", "AF7", "AF8")
    assert augment.mirror_channels(temporal) == (1, 0, 3, 2, 4, 6, 5)
    with pytest.raises(ValueError, match="opposite C3, FC6$"):
        augment.mirror_channels(("C3", "Cz", "FC6"))
    with pytest.raises(ValueError, match="EEG1 is no label"):
        augment.mirror_channels(("EEG1", "EEG2"))
    with pytest.raises(ValueError, match="C3h is no label"):
        augment.hemispheres(("C3h", "C4h"))


@pytest.mark.parametrize(
    ("names", "mirrored"),
    [
        (("left_hand", "right_hand"), (1, 0)),
        (("rest", "Right fist", "Left fist", "feet"), (0, 2, 1, 3)),
        (("fists", "feet"), (0, 1)),
        (("right_hand", "feet"), None),
        (("bright", "dark"), (0, 1)),
    ],
)
def test_classes_are_mirrored_by_the_side_in_their_names(names, mirrored):
    assert augment.mirror_classes(names) == mirrored


def test_reflection_swaps_hemispheres_and_sides_and_twice_it_is_nothing():
    x, y = noise(), torch.tensor([0, 1, 2, 1])
    how = augment.mirror_channels(LABELS), augment.mirror_classes(("left_hand", "right_hand", "feet"))
    mirrored, labels = augment.reflect(x, y, *how)
    assert torch.equal(mirrored[:, LABELS.index("C3")], x[:, LABELS.index("C4")])
    assert torch.equal(mirrored[:, LABELS.index("Cz")], x[:, LABELS.index("Cz")])
    assert labels.tolist() == [1, 0, 2, 0]
    back, same = augment.reflect(mirrored, labels, *how)
    assert torch.equal(back, x) and torch.equal(same, y)


def test_a_recombined_window_has_one_hemisphere_of_a_window_of_its_class():
    windows = 64
    y = torch.arange(windows) % 2
    x = torch.arange(float(windows))[:, None, None].expand(-1, len(LABELS), 5)
    sides = augment.hemispheres(LABELS)
    assert sides == (-1, 1, 0, -1, 1, -1, 1, -1, 1, -1, 1)
    left, middle, right = ([i for i, side in enumerate(sides) if side == one] for one in (-1, 0, 1))
    origin = augment.recombine(x, y, sides, seeded())[:, :, 0].long()
    own = torch.arange(windows)[:, None]
    assert torch.equal(y[origin], y[:, None].expand_as(origin)), "of its class"
    assert (origin[:, middle] == own).all(), "the midline stays"
    for side in (left, right):
        assert (origin[:, side] == origin[:, side[:1]]).all(), "a hemisphere is one window's"
    taken_left, taken_right = ((origin[:, side[:1]] != own).squeeze(1) for side in (left, right))
    assert not (taken_left & taken_right).any()
    assert taken_left.sum() > 10 and taken_right.sum() > 10
    alone = augment.recombine(x[:1], y[:1], sides, seeded())
    assert torch.equal(alone, x[:1])
