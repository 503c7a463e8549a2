"""How networks are trained: seeded, on windows at random offsets in trials, stopped by recordings that teach nothing."""

import copy
import time
from dataclasses import dataclass

import numpy as np
import torch
from onnx import ModelProto
from torch import nn
from torch.nn import functional

from ..networks import augment, cost, export, registry
from ..networks.shape import Shape
from .fed import Fed
from .methods import Network, Progress
from .tasks import Task


@dataclass(frozen=True)
class Recipe:
    """An epoch takes `windows_a_trial` windows of each training trial, at random offsets, in batches of `batch`.

    AdamW (Loshchilov and Hutter, ICLR 2019) with a cosine from `rate` to nothing over `epochs`. The weights kept are those with
    the smallest loss on the validation trials; training ends `patience` epochs after them. `validation` is the part of trials
    that only tells when to stop and how sure to be: the last recordings of several, else the last trials.
    """

    epochs: int = 60
    patience: int = 20
    batch: int = 64
    windows_a_trial: int = 4
    rate: float = 2e-3
    weight_decay: float = 1e-2
    clip: float = 1.0
    validation: float = 0.2
    augment: tuple[str, ...] = ()


@dataclass
class TrainedNetwork:
    """A network that was trained, in `eval()`."""

    module: nn.Module
    shape: Shape
    temperature: float
    told: dict
    kind: str = "class_logits"

    def posteriors(self, windows: np.ndarray) -> np.ndarray:
        logits = scores(self.module, windows) / self.temperature
        return torch.softmax(logits.double(), dim=1).numpy()

    def to_onnx(self) -> ModelProto:
        return export.to_onnx(self.module, self.shape)

    def about(self) -> dict:
        return self.told

    def cost(self, model: ModelProto) -> dict:
        return vars(cost.of(self.module, model))


def fit(method: Network, fed: Fed, task: Task, seed: int, progress: Progress) -> TrainedNetwork:
    """Trains `method`'s network from nothing. The same seed on the same machine gives the same weights."""
    settle(seed)
    shape, module = made(method, task)
    return train(module, shape, Recipe(**method.recipe), fed, seed, progress)


def settle(seed: int) -> None:
    """Nothing is left to chance but what the seed decides."""
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)
    torch.manual_seed(seed)


def made(method: Network, task: Task) -> tuple[Shape, nn.Module]:
    """The network, its weights new."""
    shape = Shape(task.channels, method.plan.samples(task), task.rate_hz, len(task.classes))
    own = {"mirror_classes": augment.mirror_classes(task.classes)} if method.network == "mvcnet" else {}
    return shape, registry.build(method.network, shape, **own | method.options)


def train(
    module: nn.Module,
    shape: Shape,
    recipe: Recipe,
    fed: Fed,
    seed: int,
    progress: Progress,
    held_part: int = 0,
    still: bool = False,
) -> TrainedNetwork:
    """Trains what of `module` may change; `held_part` says which trials only tell when to stop, counted from the end.

    `still`: statistics of batch norms do not change, and nothing is dropped.
    """
    generator = torch.Generator().manual_seed(seed)
    teach, stop = split(fed, recipe.validation, held_part)
    data = _Windows(fed, teach)
    held = [fed.within(fed.trials[t]) for t in stop]
    held_labels = torch.tensor(np.repeat([fed.trials[t].label for t in stop], [len(own) for own in held]))
    if not sum(map(len, held)):
        raise ValueError("none of the trials that only tell when to stop has a window that can be trusted")
    held_windows = np.asarray(fed.numbers[np.concatenate(held)])
    free = [p for p in module.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(free, lr=recipe.rate, weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, recipe.epochs)
    own = None if still else getattr(module, "training_loss", None)
    augmentation = Augmentation(recipe.augment, shape, fed.classes)
    best, best_loss, best_epoch, begun = None, float("inf"), 0, time.perf_counter()
    for epoch in range(recipe.epochs):
        module.train(not still)
        for x, y in data.batches(recipe, generator):
            x, y = augmentation(x, y, generator)
            loss = functional.cross_entropy(module(x), y) if own is None else own(x, y, generator)
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(free, recipe.clip)
            optimiser.step()
        schedule.step()
        held_loss = float(functional.cross_entropy(scores(module, held_windows), held_labels))
        if not np.isfinite(held_loss):
            raise FloatingPointError(
                f"epoch {epoch + 1}: the loss of trials that only tell when to stop is {held_loss}"
            )
        if held_loss < best_loss:
            best, best_loss, best_epoch = copy.deepcopy(module.state_dict()), held_loss, epoch
        progress(epoch + 1, recipe.epochs)
        if epoch - best_epoch >= recipe.patience:
            break
    module.load_state_dict(best)
    module.eval()
    temperature = tempered(scores(module, held_windows), held_labels)
    told = {
        "parameters": sum(p.numel() for p in module.parameters()),
        "tuned": sum(p.numel() for p in free),
        "epochs": best_epoch + 1,
        "validation_loss": best_loss,
        "train_s": round(time.perf_counter() - begun, 1),
    }
    return TrainedNetwork(module, shape, temperature, told)


@dataclass(frozen=True)
class Augmentation:
    """What is done anew to each batch that teaches, by name, in order: see `AUGMENTATIONS`."""

    names: tuple[str, ...]
    shape: Shape
    classes: tuple[str, ...]

    def __call__(
        self, x: torch.Tensor, y: torch.Tensor, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        for name in self.names:
            x, y = AUGMENTATIONS[name](self, x, y, generator)
        return x, y

    def mirrored(
        self, x: torch.Tensor, y: torch.Tensor, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Half of the windows as the mirrored person's, where classes mirror each other."""
        classes = augment.mirror_classes(self.classes)
        if classes is None:
            return x, y
        other, label = augment.reflect(x, y, augment.mirror_channels(self.shape.channels), classes)
        turn = torch.rand(len(x), generator=generator) < 0.5
        return torch.where(turn[:, None, None], other, x), torch.where(turn, label, y)


AUGMENTATIONS = {
    "scale": lambda a, x, y, g: (augment.scale(x, 0.2, g), y),
    "noise": lambda a, x, y, g: (augment.add_noise(x, 0.2, g), y),
    "mask": lambda a, x, y, g: (augment.mask_time(x, 0.1 * a.shape.seconds, a.shape.rate_hz, g), y),
    "frequency": lambda a, x, y, g: (
        augment.shift_frequency(x, augment.uniform(len(x), -0.5, 0.5, g), a.shape.rate_hz),
        y,
    ),
    "surrogate": lambda a, x, y, g: (augment.surrogate(x, 0.2, g), y),
    "mirror": Augmentation.mirrored,
}
"""Gains of 0.8 to 1.2; white noise of a fifth of the signal; a tenth of the window silenced; up to half a hertz; phases turned by up to 36 degrees."""


def split(fed: Fed, part: float, held_part: int = 0) -> tuple[list[int], list[int]]:
    """Trials that teach, and those that only say when to stop.

    The last recordings where there are three or more, else the last trials of each class; `held_part` 1 takes those before them, and
    so on round.
    """
    recordings = sorted({trial.recording for trial in fed.trials})
    every = range(len(fed.trials))
    few = [name for k, name in enumerate(fed.classes) if int((fed.labels() == k).sum()) < 2]
    if few:
        raise ValueError(
            f"{', '.join(few)}: a network needs two trials of each class, one of which only tells when to stop"
        )
    if len(recordings) >= 3:
        held = set(_from_the_end(recordings, part, held_part))
        stop = [t for t in every if fed.trials[t].recording in held]
    else:
        own = [[t for t in every if fed.trials[t].label == label] for label in range(len(fed.classes))]
        stop = sorted(t for trials in own for t in _from_the_end(trials, part, held_part))
    return [t for t in every if t not in set(stop)], stop


def _from_the_end(items: list[int], part: float, turn: int) -> list[int]:
    """A part of them, at least one: the last, or of another turn those before, round."""
    many = max(1, round(part * len(items)))
    last = len(items) - 1 - turn * many
    return [items[(last - k) % len(items)] for k in range(many)]


def scores(module: nn.Module, windows: np.ndarray, batch: int = 256) -> torch.Tensor:
    """Logits `[windows, classes]`, in `eval()`."""
    module.eval()
    with torch.no_grad():
        parts = [
            module(torch.from_numpy(np.array(windows[i : i + batch], np.float32)))
            for i in range(0, len(windows), batch)
        ]
    return torch.cat(parts)


def tempered(logits: torch.Tensor, labels: torch.Tensor) -> float:
    """The temperature that makes the held logits likeliest (Guo et al., ICML 2017), within a factor of ten."""
    tried = np.geomspace(0.1, 10.0, 201)
    losses = [float(functional.cross_entropy(logits.double() / t, labels)) for t in tried]
    return float(tried[int(np.argmin(losses))])


class _Windows:
    """The windows of trials, to be taken at random."""

    def __init__(self, fed: Fed, trials: list[int]) -> None:
        self.own = [fed.within(fed.trials[t]) for t in trials]
        kept = [i for i, own in enumerate(self.own) if len(own)]
        self.own = [self.own[i] for i in kept]
        self.labels = torch.tensor([fed.trials[trials[i]].label for i in kept])
        self.numbers = fed.numbers

    def batches(self, recipe: Recipe, generator: torch.Generator):
        """An epoch's batches of `[batch, channels, samples]` and labels; a last one of a single window is left out."""
        many = recipe.windows_a_trial
        draws = torch.rand(len(self.own), many, generator=generator).numpy()
        chosen = np.concatenate([own[(draws[i] * len(own)).astype(int)] for i, own in enumerate(self.own)])
        labels = self.labels.repeat_interleave(many)
        order = torch.randperm(len(chosen), generator=generator)
        for part in order.split(recipe.batch):
            if len(part) > 1:
                windows = np.asarray(self.numbers[chosen[part.numpy()]])
                yield torch.from_numpy(windows), labels[part]
