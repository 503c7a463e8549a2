"""Several decoders as one: networks of a kind each stopped by other recordings, kinds counting alike, beside classical ones."""

import dataclasses
import time
from collections import Counter
from dataclasses import dataclass

import numpy as np
from onnx import ModelProto

from .. import classical
from ..networks import cost
from ..networks.together import Part, merged
from . import training
from .fed import Fed
from .methods import Classical, Ensemble, Network, Progress, Trained
from .signal import Plan
from .tasks import Task
from .training import Recipe

TINY = 1e-6
"""No posterior counts as less: none of them can forbid a class by itself."""


@dataclass(frozen=True)
class Member:
    """One of them, trained, with the rows and the newest frames of a window that it is fed, and its share."""

    trained: Trained
    rows: slice
    frames: int
    share: float

    def posteriors(self, windows: np.ndarray) -> np.ndarray:
        return self.trained.posteriors(windows[:, self.rows, -self.frames :])


@dataclass
class Together:
    """The mean over members, by their shares, of the logarithm of the tempered posterior; its exponential, normalised, is the posterior."""

    members: list[Member]
    told: dict
    kind: str = "class_logits"
    temperature: float = 1.0

    def posteriors(self, windows: np.ndarray) -> np.ndarray:
        logs = sum(m.share * np.log(np.maximum(m.posteriors(windows).astype(float), TINY)) for m in self.members)
        found = np.exp(logs - logs.max(axis=1, keepdims=True))
        return found / found.sum(axis=1, keepdims=True)

    def to_onnx(self) -> ModelProto:
        return merged(
            [
                Part(m.trained.to_onnx(), m.rows, m.frames, m.share, m.trained.kind, m.trained.temperature)
                for m in self.members
            ],
            TINY,
        )

    def about(self) -> dict:
        return self.told

    def cost(self, model: ModelProto) -> dict:
        """Parameters of its networks, and multiply-accumulates of all."""
        return {"parameters": self.told["parameters"], "macs": cost.macs(model)}


def fit(method: Ensemble, fed: Fed, task: Task, seed: int, progress: Progress) -> Together:
    """Trains the members one after the other."""
    members: list[Member] = []
    many, kinds, begun = Counter(method.members), len(set(method.members)), time.perf_counter()
    width, whole = len(task.channels), method.plan.samples(task)
    for k, given in enumerate(method.members):

        def told(done: int, of: int, k: int = k) -> None:
            progress(k * of + done, len(method.members) * of)

        rows = slice(given.bands[0] * width, (given.bands[-1] + 1) * width)
        window_s = given.window_s or method.plan.window_s
        plan = Plan(tuple(method.plan.bands_hz[b] for b in given.bands), window_s, method.plan.hop_s)
        frames = plan.samples(task)
        own = dataclasses.replace(fed, numbers=fed.numbers[:, rows, whole - frames :])
        if given.method in classical.METHODS:
            trained: Trained = Classical(given.method, given.method, plan).fit(own, task, seed, told)
        else:
            training.settle(seed * 100 + k)
            shape, module = training.made(Network(given.method, given.method, plan), task)
            trained = training.train(module, shape, Recipe(), own, seed * 100 + k, told, held_part=k)
        members.append(Member(trained, rows, frames, 1.0 / (kinds * many[given])))
    networks = [m.trained.about() for m in members if "epochs" in m.trained.about()]
    about = {
        "parameters": sum(n["parameters"] for n in networks),
        "epochs": [n["epochs"] for n in networks],
        "validation_loss": sum(n["validation_loss"] for n in networks) / max(1, len(networks)),
        "train_s": round(time.perf_counter() - begun, 1),
    }
    return Together(members, about)
