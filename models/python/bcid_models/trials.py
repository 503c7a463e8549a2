"""Cued trials, the windows that belong to them, and the decision on a trial."""

from dataclasses import dataclass

import numpy as np

from .causal import RATE_HZ, WINDOW, SignalPath, newest_frames, windows
from .recording import Recording

CLASSES = ("fists", "feet")
LABELS = {"T1": 0, "T2": 1}

TRAIN_SPAN_S = (0.5, 3.5)
"""A training window lies entirely within this span after the cue."""
DECISION_SPAN_S = (0.5, 4.0)
"""A trial is decided by the windows that lie entirely within this span after the cue."""


@dataclass(frozen=True)
class Trial:
    """`label` indexes `CLASSES`; `newest` are the newest frames of its windows, `[windows, channels, WINDOW]` in uV."""

    file: str
    onset_s: float
    label: int
    newest: np.ndarray
    windows: np.ndarray


def newest_within(frames: int, onset_s: float, span_s: tuple[float, float]) -> np.ndarray:
    """Newest frames of the windows on the hop grid whose oldest and newest frame both lie in the span, ends included."""
    first = round((onset_s + span_s[0]) * RATE_HZ, 6)
    last = round((onset_s + span_s[1]) * RATE_HZ, 6)
    newest = newest_frames(frames)
    return newest[(newest - WINDOW + 1 >= first) & (newest <= last)]


def trials(recording: Recording, path: SignalPath, span_s: tuple[float, float]) -> list[Trial]:
    """The trials of a recording as the causal path yields them."""
    signal = path.filtered(recording)
    out = []
    for cue in recording.cues:
        newest = newest_within(signal.shape[1], cue.onset_s, span_s)
        out.append(Trial(recording.file, cue.onset_s, LABELS[cue.label], newest, windows(signal, newest)))
    return out


def decide(posteriors: np.ndarray) -> int:
    """The class of a trial from its windows' posteriors `[windows, classes]`: the largest mean. Fixed beforehand."""
    return int(np.argmax(posteriors.mean(axis=0)))
