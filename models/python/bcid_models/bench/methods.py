"""Everything that the benchmark compares, under one interface: classical decoders and networks."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from onnx import ModelProto

from .. import classical
from .fed import Fed
from .signal import Plan
from .tasks import Task

Progress = Callable[[int, int], None]
"""Told how much of the training is done, and of how much."""


class Trained(Protocol):
    """A decoder that was learned."""

    kind: str
    """`class_posteriors` or `class_logits`, as the contract has it."""
    temperature: float

    def posteriors(self, windows: np.ndarray) -> np.ndarray:
        """`[windows, classes]`, tempered."""

    def to_onnx(self) -> ModelProto:
        """Input `signal`, output `posterior` or `logits`."""

    def about(self) -> dict:
        """What there is to tell: parameters, multiply-accumulates, epochs, seconds."""


class Method(Protocol):
    """A way to learn a decoder."""

    name: str
    plan: Plan

    def fit(self, fed: Fed, task: Task, seed: int, progress: Progress) -> Trained:
        """Learns from what a decoder was fed in training recordings."""

    def settings(self) -> dict:
        """All that the outcome depends on besides the recordings and the seed."""


BANK_HZ = ((7.0, 11.0), (11.0, 16.0), (16.0, 28.0))
"""Both halves of mu, and beta; as `bcid fit` has them."""


@dataclass(frozen=True)
class Classical:
    """A decoder of `bcid_models.classical`."""

    name: str
    method: str
    plan: Plan

    def fit(self, fed: Fed, task: Task, seed: int, progress: Progress) -> "TrainedClassical":
        own = [fed.within(trial) for trial in fed.trials]
        every = np.concatenate(own)
        labels = np.repeat(fed.labels(), [len(o) for o in own])
        groups = np.repeat(np.arange(len(own)), [len(o) for o in own])
        method = classical.method(self.method, bands=len(self.plan.bands_hz))
        fitted = method.fit(np.asarray(fed.numbers[every]), labels, groups, classes=len(task.classes))
        progress(1, 1)
        return TrainedClassical(fitted, self.plan.samples(task))

    def settings(self) -> dict:
        return {"method": self.method, "plan": vars(self.plan)}


@dataclass(frozen=True)
class TrainedClassical:
    """One of `bcid_models.classical` that was learned."""

    fitted: classical.Fitted
    samples: int
    kind: str = "class_posteriors"
    temperature: float = 1.0

    def posteriors(self, windows: np.ndarray) -> np.ndarray:
        return self.fitted.posteriors(windows.astype(float))

    def to_onnx(self) -> ModelProto:
        return self.fitted.to_onnx(self.samples)

    def about(self) -> dict:
        return {}


@dataclass(frozen=True)
class Network:
    """A network of `bcid_models.networks`; `recipe` replaces settings of its training."""

    name: str
    network: str
    plan: Plan
    options: dict = field(default_factory=dict)
    recipe: dict = field(default_factory=dict)

    def fit(self, fed: Fed, task: Task, seed: int, progress: Progress) -> Trained:
        from . import training

        return training.fit(self, fed, task, seed, progress)

    def settings(self) -> dict:
        from . import training

        recipe = vars(training.Recipe(**self.recipe))
        return {"network": self.network, "options": self.options, "recipe": recipe, "plan": vars(self.plan)}


SHORT = Plan(((8.0, 30.0),), 0.5, align_s=0.5)
BANK = Plan(BANK_HZ, 0.5, align_s=0.5)
WIDE = Plan(((4.0, 38.0),), 1.0)

CLASSICAL = (
    Classical("csp-lda", "csp-lda", SHORT),
    Classical("fbcsp-lda", "fbcsp-lda", BANK),
    Classical("ts-lr", "ts-lr", SHORT),
    Classical("fbts-lr", "fbts-lr", BANK),
    Classical("mdm", "mdm", SHORT),
)
NETWORKS = tuple(
    Network(name, name, WIDE)
    for name in (
        "eegnet", "shallow", "atcnet", "conformer", "tcformer",
        "basenet", "basenet-se", "basenet-gsop", "basenet-fca", "basenet-encnet", "basenet-eca", "basenet-ge",
        "basenet-gct", "basenet-srm", "basenet-cbam", "basenet-cat", "basenet-catlite",
        "mvcnet", "csbrain",
    )
)  # fmt: skip
METHODS: dict[str, Method] = {method.name: method for method in (*CLASSICAL, *NETWORKS)}
