"""What a row is made with: the daemon, the recordings, and a folder for what may be made anew."""

import hashlib
import json
import os
import shutil
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from .. import __version__, bundle
from ..contract import Contract, Identity, Input, Metric, Output, Provenance, RecordingUse, document, to_toml
from ..daemon import Bcid
from ..recording import sha256_of
from . import left_out, tasks
from .fed import Fed
from .intent import Chosen
from .judge import parity
from .methods import Method, Progress, Trained
from .signal import ALIGN, Plan, write_draft
from .tasks import Fold, Task

GOLDEN_S = 4.0
"""Of the golden segment, beyond two windows."""


@dataclass(frozen=True)
class Stated:
    """What a bundle is to say of itself beyond what is known here."""

    licence: str = "not stated: ask whoever made it"
    subjects: str = "not stated"
    split: str = "its recordings train; those named in no table are not known to it"
    metrics: tuple[Metric, ...] = ()


Sessions = tuple[tuple[str, ...], ...]
"""Recordings by file name, those of a person and day together."""


@dataclass(frozen=True)
class Learned:
    """What was learned from what; the reference that alignment begins with; as how many windows it counts that classes are as frequent."""

    trained: Trained
    fed: Fed
    align: Path | None
    prior: int | None
    point: Chosen | None
    """From where on a class is an intent, and what that came to on recordings left out; where it was asked for and there is rest."""

    def intents(self) -> dict:
        """The point as rows have it."""
        if self.point is None:
            return {}
        return {"intent": vars(self.point.point) | {"held": vars(self.point.held), "unseen": vars(self.point.unseen)}}


@cache
def _sha256(file: Path) -> str:
    return sha256_of(file)


@dataclass
class Workshop:
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

    def sha256(self, file: str) -> str:
        """Of a recording."""
        return _sha256(self.recordings[file])

    def fed(self, method: Method, task: Task, files: tuple[str, ...], adapt: str, align: Path | None) -> Path:
        """What a decoder of this method is fed."""
        return self.fed_by(method.plan, task, files, adapt, align)

    def fed_by(self, plan: Plan, task: Task, files: tuple[str, ...], adapt: str, align: Path | None) -> Path:
        """What a decoder of this plan is fed; made once."""
        reference = align.read_text(encoding="utf-8") if align else ""
        made_of = [task.text, [self.sha256(f) for f in files], reference, _sha256(self.bcid.program)]
        key = json.dumps([vars(plan), task.rate_hz, files, adapt, made_of], default=list)
        folder = self.work / "fed" / hashlib.sha256(key.encode()).hexdigest()[:16]
        if not folder.is_dir():
            draft, fresh = self.scratch / "draft", self.scratch / "fed"
            for old in (draft, fresh):
                shutil.rmtree(old, ignore_errors=True)
            write_draft(draft, plan, task, align)
            self.bcid.windows(
                draft, task.source, [self.recordings[f] for f in files], adapt if plan.align else None, fresh
            )
            folder.parent.mkdir(parents=True, exist_ok=True)
            try:
                fresh.rename(folder)
            except OSError:
                # Another process was sooner.
                if not folder.is_dir():
                    raise
        return folder

    def learn(
        self,
        method: Method,
        task: Task,
        taught: Sessions,
        source: Sessions,
        seed: int,
        progress: Progress,
        choose: bool,
    ) -> Learned:
        """Learns from recordings, those of a person and day together; `source` are those of other people or days, learned from first.

        `choose` threshold and smoothing of its intents, too: it then learns once more for each recording, without it.
        """
        own = [self.fed(method, task, files, "running", None) for files in taught]
        fed = Fed.joined([Fed.read(folder) for folder in own])
        others = Fed.joined([Fed.read(self.fed(method, task, f, "running", None)) for f in source]) if source else None

        def learned(some: Fed, told: Progress) -> Trained:
            if others is None:
                return method.fit(some, task, seed, told)
            return method.tune(others, some, task, seed, told)

        rounds = 1 + len(left_out.turns(fed)) if choose else 1
        trained = learned(fed, lambda done, of: progress(done, rounds * of))
        # Of several sessions the last one's: where a day begins from nothing, it is not used.
        align = own[-1] / ALIGN if (own[-1] / ALIGN).is_file() else None
        prior = method.plan.prior_windows(task) if method.plan.align and fed.alike() else None
        point = None
        if choose:
            hop_ms = 1e3 * method.plan.hop(task) / task.rate_hz

            def told(done: int, of: int) -> None:
                each = of // (rounds - 1)
                progress(each + done, rounds * each)

            point = left_out.operating_point(learned, fed, prior, hop_ms, told)
        return Learned(trained, fed, align, prior, point)

    def write(
        self,
        method: Method,
        task: Task,
        fold: Fold,
        learned: Learned,
        out: Path,
    ) -> float:
        """Writes the bundle, its golden rows computed by the daemon; returns by how much ONNX and the original differ on real windows."""
        trained, align = learned.trained, learned.align
        stage = self.scratch / "stage"
        shutil.rmtree(stage, ignore_errors=True)
        stage.mkdir(parents=True)
        tensor = "posterior" if trained.kind == "class_posteriors" else "logits"
        output = Output(
            tensor, trained.kind, task.classes, temperature=trained.temperature, prior_windows=learned.prior
        )
        uses = tuple(RecordingUse(f, self.sha256(f), "train") for f in (*fold.source, *fold.train))
        made_by = Provenance(
            "bcid-models", __version__, self.stated.subjects, self.stated.split, uses, self.stated.metrics
        )
        about = f"{task.name}: {method.name}, windows of {method.plan.window_s:g} s"
        contract = method.plan.contract(task, out.name, output, made_by, about, self.stated.licence, align is not None)
        contract = replace(contract, intent=learned.point and learned.point.point)
        model = trained.to_onnx()
        bundle.write_model(stage / bundle.MODEL, model, contract)
        found = document(contract)
        (stage / "decoder.toml").write_text(to_toml(found), encoding="utf-8")
        if align is not None:
            shutil.copy(align, stage / ALIGN)
        shutil.copy(task.file or tasks.SHIPPED / f"{task.name}.toml", stage / "task.toml")
        segment = self._segment(task, fold.train[0], 2 * method.plan.window_s + GOLDEN_S)
        np.save(self.scratch / "segment.npy", segment)
        self.bcid.pack(
            stage, self.scratch / "segment.npy", f"{fold.train[0]}, its first {len(segment) / task.rate_hz:.1f} s", out
        )
        some = np.asarray(learned.fed.numbers[np.flatnonzero(learned.fed.valid)[::97][:64]])
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
        self.bcid.windows(draft, task.source, [self.recordings[file]], None, out)
        return np.ascontiguousarray(Fed.read(out).numbers[0].T)


def _raw(task: Task, frames: int) -> Contract:
    given = Input("signal", task.channels, "uV", task.rate_hz, frames, frames)
    output = Output("logits", "class_logits", task.classes)
    return Contract(Identity("raw", "0", "-", "-"), given, output, Provenance("-", "-", "-", "-"))
