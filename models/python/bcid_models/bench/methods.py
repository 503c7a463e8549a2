"""Everything that the benchmark compares, under one interface: classical decoders and networks."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from onnx import ModelProto

from .. import classical
from .fed import Fed
from .reference import Reference
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

    def cost(self, model: ModelProto) -> dict:
        """Parameters and multiply-accumulates of its ONNX form `model`, or nothing where nobody asks."""

    def to_onnx(self) -> ModelProto:
        """Input `signal`, output `posterior` or `logits`."""

    def about(self) -> dict:
        """What there is to tell: parameters, multiply-accumulates, epochs, seconds."""


class Method(Protocol):
    """A way to learn a decoder."""

    name: str
    plan: Plan
    chooses: bool
    """Whether its rows have a threshold of their own for intents: it is learned once more for each recording, without it."""

    def fit(self, fed: Fed, task: Task, seed: int, progress: Progress) -> Trained:
        """Learns from what a decoder was fed in training recordings."""

    def tune(self, source: Fed, fed: Fed, task: Task, seed: int, progress: Progress) -> Trained:
        """Learns from `source`, other people or days, and then from `fed`."""

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
    chooses = True

    def fit(self, fed: Fed, task: Task, seed: int, progress: Progress) -> "TrainedClassical":
        own = [fed.within(trial) for trial in fed.trials]
        every = np.concatenate(own)
        labels = np.repeat(fed.labels(), [len(o) for o in own])
        groups = np.repeat(np.arange(len(own)), [len(o) for o in own])
        method = classical.method(self.method, bands=len(self.plan.bands_hz))
        fitted = method.fit(np.asarray(fed.numbers[every]), labels, groups, classes=len(task.classes))
        progress(1, 1)
        return TrainedClassical(fitted, self.plan.samples(task))

    def tune(self, source: Fed, fed: Fed, task: Task, seed: int, progress: Progress) -> "TrainedClassical":
        """Of both together: the recentred covariances of other days and people count like one's own."""
        return self.fit(Fed.joined([source, fed]), task, seed, progress)

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

    def cost(self, model: ModelProto) -> dict:
        return {}


@dataclass(frozen=True)
class Network:
    """A network of `bcid_models.networks`; `recipe` replaces settings of its training."""

    name: str
    network: str
    plan: Plan
    options: dict = field(default_factory=dict)
    recipe: dict = field(default_factory=dict)
    chooses = False

    def fit(self, fed: Fed, task: Task, seed: int, progress: Progress) -> Trained:
        from . import training

        return training.fit(self, fed, task, seed, progress)

    def tune(self, source: Fed, fed: Fed, task: Task, seed: int, progress: Progress) -> Trained:
        """From scratch, of what is one's own: the rows that transfer is held against."""
        return self.fit(fed, task, seed, progress)

    def settings(self) -> dict:
        from . import training

        recipe = vars(training.Recipe(**self.recipe))
        return {"network": self.network, "options": self.options, "recipe": recipe, "plan": vars(self.plan)}


@dataclass(frozen=True)
class Native:
    """What `bcid fit` learns by itself, its covariances those of the daemon's own step; offline is its model in Python's ONNX Runtime."""

    name: str
    options: tuple[str, ...] = ()

    def settings(self) -> dict:
        return {"options": self.options}


@dataclass(frozen=True)
class Part:
    """A member of an ensemble: a network or a classical method, the bands of the plan that it is fed (neighbours), and how much of a window."""

    method: str
    bands: tuple[int, ...] = (0,)
    window_s: float | None = None


@dataclass(frozen=True)
class Ensemble:
    """Decoders of one signal; networks of a kind are each stopped by other recordings, so that together they have learned from all.

    Their mean log-posterior; kinds count alike.
    """

    name: str
    members: tuple[Part, ...]
    plan: Plan
    chooses = True

    def fit(self, fed: Fed, task: Task, seed: int, progress: Progress) -> Trained:
        from . import ensemble

        return ensemble.fit(self, fed, task, seed, progress)

    def tune(self, source: Fed, fed: Fed, task: Task, seed: int, progress: Progress) -> Trained:
        """From scratch, of what is one's own."""
        return self.fit(fed, task, seed, progress)

    def settings(self) -> dict:
        from . import training

        members = [vars(member) for member in self.members]
        return {"members": members, "recipe": vars(training.Recipe()), "plan": vars(self.plan)}


@dataclass(frozen=True)
class Transfer:
    """A network that has learned from other people or days, of which then a part is tuned: see `transfer.MODES`."""

    name: str
    network: str
    mode: str
    plan: Plan
    options: dict = field(default_factory=dict)
    recipe: dict = field(default_factory=dict)
    chooses = False

    def fit(self, fed: Fed, task: Task, seed: int, progress: Progress) -> Trained:
        raise ValueError(f"{self.name} is tuned: it needs a protocol with a source")

    def tune(self, source: Fed, fed: Fed, task: Task, seed: int, progress: Progress) -> Trained:
        from . import transfer

        return transfer.tune(self, source, fed, task, seed, progress)

    def settings(self) -> dict:
        from . import training

        recipe = vars(training.Recipe(**self.recipe))
        return {
            "network": self.network,
            "mode": self.mode,
            "options": self.options,
            "recipe": recipe,
            "plan": vars(self.plan),
        }


SHORT = Plan(((8.0, 30.0),), 0.5, align_s=0.5)
BANK = Plan(BANK_HZ, 0.5, align_s=0.5)
WIDE = Plan(((4.0, 38.0),), 1.0)

JOINT = Plan(((4.0, 38.0), (8.0, 30.0), *BANK_HZ), 1.0, align_s=0.5)
"""What networks are fed, and beside it what classical decoders are."""
TANGENT, TANGENT_BANK = Part("ts-lr", (1,), 0.5), Part("fbts-lr", (2, 3, 4), 0.5)

NATIVE = (
    Native("fit-ts-lr"),
    Native("fit-fb-ts-lr", ("--method", "fb-ts-lr")),
    Native("fit-csp-lda", ("--method", "csp-lda")),
    Native("fit-fb-csp-lda", ("--method", "fb-csp-lda")),
)
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
AUGMENTED = (
    Network("shallow+noise", "shallow", WIDE, recipe={"augment": ("scale", "noise", "mask")}),
    Network("shallow+frequency", "shallow", WIDE, recipe={"augment": ("frequency", "surrogate")}),
    Network("shallow+mirror", "shallow", WIDE, recipe={"augment": ("mirror",)}),
)
ENSEMBLES = (
    Ensemble("shallow-x5", (Part("shallow"),) * 5, WIDE),
    Ensemble("mvcnet-x5", (Part("mvcnet"),) * 5, WIDE),
    Ensemble("mixed-x5", tuple(Part(n) for n in ("shallow", "basenet", "eegnet", "shallow", "basenet")), WIDE),
    Ensemble("shallow-x5+ts", (*(Part("shallow"),) * 5, TANGENT, TANGENT_BANK), JOINT),
)
FOUNDATION = tuple(Network(name, name, WIDE) for name in ("cbramod", "labram", "biot", "eegpt", "reve"))
"""Without the weights they were published for, which cannot be had: from scratch; `eegpt` and `reve` are reduced."""
TRANSFER = tuple(
    Transfer(f"{network}@{mode}", network, mode, WIDE)
    for network in ("shallow", "basenet", "csbrain")
    for mode in ("none", "head", "frozen", "reset", "full")
)
REFERENCES = (Reference("pyriemann-ts-lr", "ts-lr"), Reference("pyriemann-csp-lda", "csp-lda"))
METHODS: dict[str, Method | Native | Reference] = {
    m.name: m for m in (*REFERENCES, *NATIVE, *CLASSICAL, *NETWORKS, *AUGMENTED, *ENSEMBLES, *FOUNDATION, *TRANSFER)
}
TUNED = {m.name for m in TRANSFER}
"""Those that need a protocol with a source."""
