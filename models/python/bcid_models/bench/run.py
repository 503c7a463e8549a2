"""One row of the benchmark: a method, a protocol, a seed. Offline and through the daemon, and whether the two agree."""

import hashlib
import json
import os
import shutil
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .. import __version__, bundle, onnx_run
from ..contract import Metric, Output, Provenance, RecordingUse, document, to_toml
from ..daemon import Bcid
from ..recording import sha256_of
from . import tasks
from .fed import Fed
from .level import level
from .measures import Trials
from .methods import Method, Native, Progress, Trained
from .reference import Reference
from .signal import ALIGN, Plan, write_draft
from .tasks import Fold, Protocol, Task

GOLDEN_S = 4.0
"""Of the golden segment, beyond two windows."""
AGREES = 1e-3
"""Mean posteriors of a trial offline and live may differ by this: the daemon's model computes in single precision."""


@dataclass(frozen=True)
class Stated:
    """What a bundle is to say of itself beyond what is known here."""

    licence: str = "not stated: ask whoever made it"
    subjects: str = "not stated"
    split: str = "its recordings train; those named in no table are not known to it"
    metrics: tuple[Metric, ...] = ()


@dataclass
class Bench:
    """Where things are: the daemon, recordings by file name, and a folder for what may be made anew."""

    bcid: Bcid
    recordings: dict[str, Path]
    work: Path
    stated: Stated = Stated()

    @property
    def scratch(self) -> Path:
        """A folder of this process alone: several may share `work`."""
        folder = self.work / f"of-{os.getpid()}"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

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
            "offline": _joined(offline).figures(),
            "live": joined_live(live),
            "folds": folds,
        }

    def _fold(self, method: Method, task: Task, fold: Fold, adapt: str, seed: int, progress: Progress, keep: Path | None) -> "_Outcome":
        taught = [self.fed(method, task, files, "running", None) for files in tasks.sessions(fold.train)]
        fed = Fed.joined([Fed.read(folder) for folder in taught])
        if fold.source:
            source = Fed.joined([Fed.read(self.fed(method, task, files, "running", None)) for files in tasks.sessions(fold.source)])
            trained = method.tune(source, fed, task, seed, progress)
        else:
            trained = method.fit(fed, task, seed, progress)
        # Of several sessions the last one's: where a day begins from nothing, it is not used.
        align = taught[-1] / ALIGN if (taught[-1] / ALIGN).is_file() else None
        tried = Fed.read(self.fed(method, task, fold.test, adapt, align))
        prior = method.plan.prior_windows(task) if method.plan.align and _alike(fed) else None
        offline, means = decide(trained, tried, prior)
        made = self.scratch / "bundle" if keep is None else keep
        shutil.rmtree(made, ignore_errors=True)
        difference = self.write(method, task, fold, trained, align, prior, fed, made)
        found = self.bcid.evaluate(made, task.name, [self.recordings[f] for f in fold.test], adapt if method.plan.align else None)
        cost = {}
        if hasattr(trained, "module"):
            from .training import network_cost

            cost = network_cost(trained, trained.to_onnx())
        told = {
            "trained": trained.about() | cost | {"temperature": trained.temperature},
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
            taught = [Fed.read(self.fed_by(plan, task, files, "running", None)) for files in tasks.sessions((*fold.source, *fold.train))]
            outcomes.append(method.decide(taught, Fed.read(self.fed_by(plan, task, fold.test, "running", None)), protocol.adapt == "running"))
            folds.append(_told(fold, outcomes[-1]))
            progress(n + 1, len(protocol.folds))
        row = {"model": method.name, "protocol": protocol.name, "seed": seed, "settings": method.settings(), "version": __version__}
        return row | {"offline": _joined(outcomes).figures(), "live": None, "folds": folds}

    def _native(self, method: Native, task: Task, fold: Fold, adapt: str, progress: Progress, keep: Path | None) -> "_Outcome":
        """As `_fold`, of a decoder that the daemon learns by itself: in the order of the recordings, one session."""
        made, fed = self.scratch / "bundle" if keep is None else keep, self.scratch / "fed"
        for old in (made, fed):
            shutil.rmtree(old, ignore_errors=True)
        tested = [self.recordings[f] for f in fold.test]
        self.bcid.fit(task.name, [self.recordings[f] for f in fold.train], made, *method.options)
        self.bcid.windows(made, task.name, tested, adapt, fed)
        found = tomllib.loads((made / "decoder.toml").read_text(encoding="utf-8"))
        trained = _Model(onnx_run.Graph(made / found["model"]["file"], found["input"]["tensor"], found["output"]["tensor"]))
        offline, means = decide(trained, Fed.read(fed), found["output"].get("prior_windows"))
        live = self.bcid.evaluate(made, task.name, tested, adapt)
        progress(1, 1)
        told = {"trained": {"temperature": 1.0}, "onnx_difference": 0.0}
        return _Outcome(offline, live, _told(fold, offline) | told | {"agreement": agreement(means, live), "us": timed(made)})

    def fed(self, method: Method, task: Task, files: tuple[str, ...], adapt: str, align: Path | None) -> Path:
        """What a decoder of this method is fed."""
        return self.fed_by(method.plan, task, files, adapt, align)

    def fed_by(self, plan: Plan, task: Task, files: tuple[str, ...], adapt: str, align: Path | None) -> Path:
        """What a decoder of this plan is fed; made once."""
        reference = align.read_text(encoding="utf-8") if align else ""
        key = json.dumps([vars(plan), task.name, files, adapt, reference], default=list)
        folder = self.work / "fed" / hashlib.sha256(key.encode()).hexdigest()[:16]
        if not folder.is_dir():
            draft, fresh = self.scratch / "draft", self.scratch / "fed"
            for old in (draft, fresh):
                shutil.rmtree(old, ignore_errors=True)
            write_draft(draft, plan, task, align)
            self.bcid.windows(draft, task.name, [self.recordings[f] for f in files], adapt if plan.align else None, fresh)
            folder.parent.mkdir(parents=True, exist_ok=True)
            try:
                fresh.rename(folder)
            except OSError:
                # Another process was sooner.
                if not folder.is_dir():
                    raise
        return folder

    def taught(self, method: Method, protocol: Protocol) -> Fed:
        """What a decoder of this plan was fed of the last fold's training recordings."""
        return Fed.read(self.fed(method, tasks.task(protocol.task), tasks.sessions(protocol.folds[-1].train)[0], "running", None))

    def write(self, method: Method, task: Task, fold: Fold, trained: Trained, align: Path | None, prior: int | None, fed: Fed, out: Path) -> float:
        """Writes the bundle, its golden rows computed by the daemon; returns by how much ONNX and the original differ on real windows."""
        stage = self.scratch / "stage"
        shutil.rmtree(stage, ignore_errors=True)
        stage.mkdir(parents=True)
        tensor = "posterior" if trained.kind == "class_posteriors" else "logits"
        output = Output(tensor, trained.kind, task.classes, temperature=trained.temperature, prior_windows=prior)
        uses = tuple(RecordingUse(f, sha256_of(self.recordings[f]), "train") for f in (*fold.source, *fold.train))
        made_by = Provenance("bcid-models", __version__, self.stated.subjects, self.stated.split, uses, self.stated.metrics)
        about = f"{task.name}: {method.name}, windows of {method.plan.window_s:g} s"
        contract = method.plan.contract(task, out.name, output, made_by, about, self.stated.licence, align is not None)
        model = trained.to_onnx()
        bundle.write_model(stage / bundle.MODEL, model, contract)
        found = document(contract)
        (stage / "decoder.toml").write_text(to_toml(found), encoding="utf-8")
        if align is not None:
            shutil.copy(align, stage / ALIGN)
        shutil.copy(tasks.ROOT / "calibration" / "tasks" / f"{task.name}.toml", stage / "task.toml")
        segment = self._segment(task, fold.train[0], 2 * method.plan.window_s + GOLDEN_S)
        np.save(self.scratch / "segment.npy", segment)
        self.bcid.pack(stage, self.scratch / "segment.npy", f"{fold.train[0]}, its first {len(segment) / task.rate_hz:.1f} s", out)
        some = np.asarray(fed.numbers[np.flatnonzero(fed.valid)[::97][:64]])
        return parity(trained, stage / bundle.MODEL, tensor, some)

    def _segment(self, task: Task, file: str, seconds: float) -> np.ndarray:
        """The first seconds of a recording as the daemon reads it, `[frames, channels]` uV."""
        draft, out = self.scratch / "raw-draft", self.scratch / "raw"
        for folder in (draft, out):
            shutil.rmtree(folder, ignore_errors=True)
        frames = round(seconds * task.rate_hz)
        contract = _raw(task, frames)
        draft.mkdir(parents=True)
        found = document(contract)
        del found["model"]
        (draft / "decoder.toml").write_text(to_toml(found), encoding="utf-8")
        self.bcid.windows(draft, task.name, [self.recordings[file]], None, out)
        return np.ascontiguousarray(Fed.read(out).numbers[0].T)


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


def _raw(task: Task, frames: int):
    from ..contract import Contract, Identity, Input

    given = Input("signal", task.channels, "uV", task.rate_hz, frames, frames)
    output = Output("logits", "class_logits", task.classes)
    return Contract(Identity("raw", "0", "-", "-"), given, output, Provenance("-", "-", "-", "-"))


def _alike(fed: Fed) -> bool:
    """Whether classes are cued about equally often: levelling presumes it."""
    counts = np.bincount(fed.labels(), minlength=len(fed.classes))
    return 2 * counts.max() <= 3 * counts.min()


def decide(trained: Trained, fed: Fed, prior: int | None) -> tuple[Trials, np.ndarray]:
    """Trials by the mean posterior over their windows; those means, too."""
    posteriors = np.zeros((len(fed.valid), len(fed.classes)), np.float32)
    valid = np.flatnonzero(fed.valid)
    for part in np.array_split(valid, max(1, len(valid) // 512)):
        posteriors[part] = trained.posteriors(np.asarray(fed.numbers[part]))
    posteriors = level(posteriors, fed, prior)
    own = [fed.within(trial) for trial in fed.trials]
    means = np.array([posteriors[o].mean(axis=0, dtype=float) if len(o) else np.zeros(len(fed.classes)) for o in own])
    labels = fed.labels()
    right = sum(int((posteriors[o].argmax(axis=1) == label).sum()) for o, label in zip(own, labels, strict=True))
    return Trials(labels, means, right, sum(map(len, own))), means


def agreement(means: np.ndarray, found: dict) -> dict:
    """How the daemon's trials differ from those offline: how many are decided otherwise, and the largest difference of a mean posterior."""
    trials = found["per_trial"]
    if len(trials) != len(means):
        return {"trials": len(means), "live_trials": len(trials), "otherwise": None, "largest_difference": None}
    classes = found["classes"]
    live = np.array([t["mean_posterior"] if t["mean_posterior"] else [0.0] * len(classes) for t in trials], float)
    otherwise = sum(t["decided"] != (classes[int(m.argmax())] if m.any() else None) for t, m in zip(trials, means, strict=True))
    return {"trials": len(means), "otherwise": int(otherwise), "largest_difference": float(np.abs(live - means).max())}


def parity(trained: Trained, model: Path, tensor: str, windows: np.ndarray) -> float:
    """The largest difference of a posterior between ONNX Runtime and the original, on real windows."""
    graph = onnx_run.Graph(model, "signal", tensor)
    found = graph.posteriors(windows)
    if trained.kind == "class_logits":
        scaled = found.astype(float) / trained.temperature
        found = np.exp(scaled - scaled.max(axis=1, keepdims=True))
        found /= found.sum(axis=1, keepdims=True)
    return float(np.abs(found - trained.posteriors(windows)).max())


def timed(folder: Path) -> dict:
    """Microseconds of a run in bare ONNX Runtime, one thread."""
    from ..time_ort import time_bundle

    begun = time.perf_counter()
    found = time_bundle(folder, runs=20)
    each = (time.perf_counter() - begun) / 220
    runs = int(np.clip(1.0 / max(each, 1e-6), 50, 500))
    found = time_bundle(folder, runs=runs)
    return {"p50": found["us_p50"], "p99": found["us_p99"], "runs": runs}


def _joined(parts: list[Trials]) -> Trials:
    every = parts[0]
    for part in parts[1:]:
        every = every.joined(part)
    return every


def joined_live(found: list[dict]) -> dict:
    """What the daemon found in every fold, as one: trial by trial, and the audit pooled over folds."""
    classes = found[0]["classes"]
    trials = [t for f in found for t in f["per_trial"]]
    cued = np.array([classes.index(t["cued"]) for t in trials])
    means = np.array([t["mean_posterior"] if t["mean_posterior"] else [0.0] * len(classes) for t in trials], float)
    windows = sum(t["windows"] for t in trials)
    right = sum(round(f["window_accuracy"] * sum(t["windows"] for t in f["per_trial"])) for f in found if f["window_accuracy"] is not None)
    return Trials(cued, means, right, windows).figures() | {
        "window_shift": _pooled([f["audit"]["window_shift"] for f in found], "shift_s"),
        "regions": _pooled([f["audit"]["regions"] for f in found], "what"),
    }


def _pooled(folds: list[list[dict]], key: str) -> list[dict]:
    out = []
    for entries in zip(*folds, strict=True):
        n = sum(e["trials"] for e in entries)
        right = round(sum((e["accuracy"] or 0.0) * e["trials"] for e in entries))
        out.append({key: entries[0][key], "correct": right, "trials": n, "accuracy": right / n if n else None})
    return out
