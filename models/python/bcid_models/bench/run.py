"""One row of the benchmark: a method, a protocol, a seed. Offline and through the daemon, and whether the two agree."""

import hashlib
import json
import shutil
import tomllib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .. import __version__, onnx_run
from . import intent, tasks
from .fed import Fed
from .judge import agreement, decide, joined, joined_live, timed
from .measures import Trials
from .methods import Method, Native, Progress
from .reference import Reference
from .tasks import Fold, Protocol, Task
from .workshop import Workshop

WAY = 1
"""Raised where code changes what rows come to."""


class Bench(Workshop):
    """Makes rows."""

    def row(self, method: Method, protocol: Protocol, seed: int, progress: Progress, keep: Path | None = None) -> dict:
        """Trains and tries every fold of the protocol; `keep` is where the last fold's bundle is to stay."""
        if isinstance(method, Reference):
            return self._reference(method, protocol, seed, progress)
        task = tasks.task(protocol.task)
        folds, offline, live = [], [], []
        for n, fold in enumerate(protocol.folds):

            def told(done: int, of: int, n: int = n) -> None:
                progress(n * of + done, len(protocol.folds) * of)

            if isinstance(method, Native):
                outcome = self._native(method, task, fold, protocol.adapt, told, keep)
            else:
                outcome = self._fold(method, task, fold, protocol.adapt, seed, told, keep)
            folds.append(outcome.told)
            offline.append(outcome.offline)
            live.append(outcome.live)
        return {
            "model": method.name,
            "protocol": protocol.name,
            "seed": seed,
            "settings": method.settings(),
            "version": __version__,
            "offline": joined(offline).figures(),
            "live": joined_live(live),
            "folds": folds,
        }

    def made_of(self, method: Method | Native | Reference, protocol: Protocol) -> str:
        """A digest of all that a row follows from but the seed: a row with another is made anew."""
        every = {
            "way": WAY,
            "settings": method.settings(),
            "chooses": getattr(method, "chooses", False) and intent.RULES,
            "folds": [vars(fold) for fold in protocol.folds],
            "adapt": protocol.adapt,
            "task": tasks.task(protocol.task).text,
            "recordings": {file: self.sha256(file) for file in protocol.files()},
        }
        return hashlib.sha256(json.dumps(every, default=list).encode()).hexdigest()[:16]

    def _fold(
        self, method: Method, task: Task, fold: Fold, adapt: str, seed: int, progress: Progress, keep: Path | None
    ) -> "_Outcome":
        taught, source = tasks.sessions(fold.train), tasks.sessions(fold.source)
        learned = self.learn(method, task, taught, source, seed, progress, choose=method.chooses)
        trained = learned.trained
        tried = Fed.read(self.fed(method, task, fold.test, adapt, learned.align))
        offline, means = decide(trained, tried, learned.prior)
        made = self.scratch / "bundle" if keep is None else keep
        shutil.rmtree(made, ignore_errors=True)
        difference = self.write(method, task, fold, learned, made)
        found = self.bcid.evaluate(
            made, task.name, [self.recordings[f] for f in fold.test], adapt if method.plan.align else None
        )
        told = {
            "trained": trained.about()
            | trained.cost(trained.to_onnx())
            | {"temperature": trained.temperature}
            | learned.intents(),
            "onnx_difference": difference,
            "agreement": agreement(means, found),
            "us": timed(made),
        }
        return _Outcome(offline, found, _told(fold, offline) | told)

    def _reference(self, method: Reference, protocol: Protocol, seed: int, progress: Progress) -> dict:
        """A row of decoders that only Python runs."""
        task, outcomes, folds = tasks.task(protocol.task), [], []
        plan = method.plan(task)
        for n, fold in enumerate(protocol.folds):
            taught = [
                Fed.read(self.fed_by(plan, task, files, "running", None))
                for files in tasks.sessions((*fold.source, *fold.train))
            ]
            outcomes.append(
                method.decide(
                    taught, Fed.read(self.fed_by(plan, task, fold.test, "running", None)), protocol.adapt == "running"
                )
            )
            folds.append(_told(fold, outcomes[-1]))
            progress(n + 1, len(protocol.folds))
        row = {
            "model": method.name,
            "protocol": protocol.name,
            "seed": seed,
            "settings": method.settings(),
            "version": __version__,
        }
        return row | {"offline": joined(outcomes).figures(), "live": None, "folds": folds}

    def _native(
        self, method: Native, task: Task, fold: Fold, adapt: str, progress: Progress, keep: Path | None
    ) -> "_Outcome":
        """As `_fold`, of a decoder that the daemon learns by itself: in the order of the recordings, one session."""
        made, fed = self.scratch / "bundle" if keep is None else keep, self.scratch / "fed"
        for old in (made, fed):
            shutil.rmtree(old, ignore_errors=True)
        tested = [self.recordings[f] for f in fold.test]
        self.bcid.fit(task.name, [self.recordings[f] for f in fold.train], made, *method.options)
        self.bcid.windows(made, task.name, tested, adapt, fed)
        found = tomllib.loads((made / "decoder.toml").read_text(encoding="utf-8"))
        trained = _Model(
            onnx_run.Graph(made / found["model"]["file"], found["input"]["tensor"], found["output"]["tensor"])
        )
        offline, means = decide(trained, Fed.read(fed), found["output"].get("prior_windows"))
        live = self.bcid.evaluate(made, task.name, tested, adapt)
        progress(1, 1)
        told = {"trained": {"temperature": 1.0}, "onnx_difference": 0.0}
        return _Outcome(
            offline, live, _told(fold, offline) | told | {"agreement": agreement(means, live), "us": timed(made)}
        )

    def taught(self, method: Method, protocol: Protocol) -> Fed:
        """What a decoder of this plan was fed of the last fold's training recordings."""
        return Fed.read(
            self.fed(method, tasks.task(protocol.task), tasks.sessions(protocol.folds[-1].train)[0], "running", None)
        )


@dataclass(frozen=True)
class _Outcome:
    offline: Trials
    live: dict
    told: dict


@dataclass(frozen=True)
class _Model:
    """A model in ONNX Runtime that yields posteriors."""

    graph: onnx_run.Graph

    def posteriors(self, windows: np.ndarray) -> np.ndarray:
        return self.graph.posteriors(windows)


def _told(fold: Fold, offline: Trials) -> dict:
    """Which recordings, and what was decided of each trial, in order."""
    return {
        "train": list(fold.train),
        "test": list(fold.test),
        "source": list(fold.source),
        "decided": "".join(str(d) if d >= 0 else "-" for d in offline.decided().tolist()),
        "cued": "".join(map(str, offline.cued.tolist())),
    }
