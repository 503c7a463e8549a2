"""Several decoders as one: networks of a kind each stopped by other recordings, kinds counting alike, beside classical ones."""

import dataclasses
import time
from collections import Counter
from dataclasses import dataclass

import numpy as np
from onnx import ModelProto

from .. import classical
from ..contract import OperatingPoint
from ..networks import cost
from ..networks.together import Part, merged
from . import intent, training
from .fed import Fed
from .level import level
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
    intent: OperatingPoint | None = None
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
    """Trains the members; and, where rest is a class, once more for each recording without it, for the operating point.

    That point is so one of the whole, on what none of it has learned from: a session stitched together from what each of those says of
    the recording that it has not seen. It is not chosen where there are fewer than three recordings.
    """
    recordings = sorted({trial.recording for trial in fed.trials})
    turns = recordings if len(recordings) >= 3 and any(trial.rest for trial in fed.trials) else []

    def part(n: int) -> Progress:
        return lambda done, of: progress(n * of + done, (len(turns) + 1) * of)

    together = _learned(method, fed, task, seed, part(0))
    if not turns:
        return together
    unseen = np.zeros((len(fed.valid), len(fed.classes)), np.float32)
    for n, left in enumerate(turns):
        others = dataclasses.replace(fed, trials=tuple(t for t in fed.trials if t.recording != left))
        without = _learned(method, others, task, seed, part(n + 1))
        own = np.flatnonzero(fed.valid & (fed.recording == left))
        for some in np.array_split(own, max(1, len(own) // 512)):
            unseen[some] = without.posteriors(np.asarray(fed.numbers[some]))
    levelled = level(unseen, fed, method.plan.prior_windows(task) if method.plan.align and fed.alike() else None)
    point = intent.choose([(levelled, fed, None)], 1e3 * method.plan.hop(task) / task.rate_hz)
    if point is not None:
        together.intent = point[0]
        together.told["intent"] = vars(point[0]) | {"held": vars(point[1])}
    return together


def _learned(method: Ensemble, fed: Fed, task: Task, seed: int, progress: Progress) -> Together:
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
