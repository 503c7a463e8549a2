"""What a decoder is fed, as `bcid windows` wrote it, and which windows belong to which trial."""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

TOLERANCE_S = 5e-4
"""Clock correction may differ by this between streams; as the daemon has it."""


@dataclass(frozen=True)
class Cued:
    """A trial that was recorded to its end: the class that was cued, the recording it is of, and whether the person rests in it."""

    label: int
    recording: int
    time_s: float
    rest: bool = False


@dataclass(frozen=True)
class Fed:
    """`numbers` is `[windows, channels, samples]`; the rest says of each window when and whether, times in s of the session."""

    numbers: np.ndarray
    oldest_s: np.ndarray
    newest_s: np.ndarray
    valid: np.ndarray
    teaches: np.ndarray
    generation: np.ndarray
    recording: np.ndarray
    classes: tuple[str, ...]
    trials: tuple[Cued, ...]
    span_s: tuple[float, float]

    @classmethod
    def read(cls, folder: Path) -> "Fed":
        """Reads a folder of `bcid windows`; the numbers stay on disk."""
        about = json.loads((folder / "windows.json").read_text(encoding="utf-8"))
        classes, span_s = tuple(about["classes"]), (about["from_s"], about["to_s"])
        whole = [
            Cued(classes.index(cue["class"]), cue["recording"], cue["time_s"], cue["rest"])
            for cue in about["cues"]
            if cue["class"] is not None and cue["time_s"] + span_s[1] <= cue["end_s"] + TOLERANCE_S
        ]
        of = {key: np.array(values) for key, values in about["windows"].items()}
        numbers = np.load(folder / "windows.npy", mmap_mode="r", allow_pickle=False).reshape(about["shape"])
        of.pop("epoch")
        return cls(numbers=numbers, classes=classes, trials=tuple(whole), span_s=span_s, **of)

    @classmethod
    def joined(cls, parts: list["Fed"]) -> "Fed":
        """Sessions one after the other, each as it was by itself; of the same classes and span."""
        if len(parts) == 1:
            return parts[0]
        apart, at_s, recordings, generations = [], 0.0, 0, 0
        for part in parts:
            trials = tuple(
                dataclasses.replace(t, recording=t.recording + recordings, time_s=t.time_s + at_s) for t in part.trials
            )
            apart.append(
                dataclasses.replace(
                    part, trials=trials, oldest_s=part.oldest_s + at_s, newest_s=part.newest_s + at_s,
                    recording=part.recording + recordings, generation=part.generation + generations,
                )
            )  # fmt: skip
            at_s = apart[-1].newest_s[-1] + 60.0
            recordings = int(apart[-1].recording.max()) + 1
            generations = int(apart[-1].generation.max()) + 1
        one = {f: np.concatenate([getattr(p, f) for p in apart]) for f in _EACH}
        return dataclasses.replace(apart[0], trials=tuple(t for p in apart for t in p.trials), **one)

    def within(self, trial: Cued, shift_s: float = 0.0) -> np.ndarray:
        """Which windows lie wholly within the trial's span, moved by `shift_s`, and can be trusted."""
        begin = trial.time_s + self.span_s[0] + shift_s - TOLERANCE_S
        end = trial.time_s + self.span_s[1] + shift_s + TOLERANCE_S
        first, last = np.searchsorted(self.newest_s, [begin, end], side="left")
        own = np.arange(first, min(last + 1, len(self.newest_s)))
        inside = (self.oldest_s[own] >= begin) & (self.newest_s[own] <= end)
        return own[inside & self.valid[own]]

    def labels(self) -> np.ndarray:
        """The cued class of each trial."""
        return np.array([trial.label for trial in self.trials])

    def alike(self) -> bool:
        """Whether classes are cued about equally often: levelling presumes it."""
        counts = np.bincount(self.labels(), minlength=len(self.classes))
        return bool(2 * counts.max() <= 3 * counts.min())


_EACH = ("numbers", "oldest_s", "newest_s", "valid", "teaches", "generation", "recording")
