"""From where on a class is an intent where nothing tells when a trial runs: chosen on what decoders were not taught by.

Definitions and smoothing are those of `bcid evaluate` and the daemon's policy. An activation is the onset of an intent of a class that is
not a resting one. A trial of another class is detected where the first activation between its cue and its span's end is of the cued
class. Activations at rest are counted within the spans of resting trials; one that holds when a span begins counts.
"""

from dataclasses import dataclass

import numpy as np

from ..contract import OperatingPoint
from .fed import Fed

SMOOTHING_MS = (500.0, 750.0, 1000.0, 1500.0, 2000.0)
THRESHOLDS = np.round(np.arange(0.34, 0.96, 0.01), 2)
FALSE_PER_MIN = 1.0
"""Half of what is asked for: on another day there are more."""


@dataclass(frozen=True)
class Outcome:
    """What a session, or several, come to at one operating point."""

    detected: int = 0
    misdetected: int = 0
    imagery: int = 0
    false: int = 0
    rest_min: float = 0.0

    def __add__(self, other: "Outcome") -> "Outcome":
        return Outcome(*(a + b for a, b in zip(vars(self).values(), vars(other).values(), strict=True)))

    @property
    def false_per_min(self) -> float:
        """Activations a minute of rest; none of none."""
        return self.false / self.rest_min if self.rest_min else 0.0


def intents(posteriors: np.ndarray, fed: Fed, point: OperatingPoint, hop_ms: float) -> np.ndarray:
    """The class of each window's intent, -1 for none: an exponentially weighted mean that begins alike for all, and anew after a hole.

    `hop_ms` is nominal, as the policy has it: stamps may come in bursts.
    """
    classes = posteriors.shape[1]
    kept = np.exp(-hop_ms / point.smoothing_ms)
    state, out = np.full(classes, 1.0 / classes), np.full(len(posteriors), -1)
    for i, posterior in enumerate(posteriors):
        if not fed.valid[i]:
            state = np.full(classes, 1.0 / classes)
            continue
        state = kept * state + (1.0 - kept) * posterior
        best = int(state.argmax())
        out[i] = best if state[best] >= point.threshold else -1
    return out


def outcome(found: np.ndarray, fed: Fed, recordings: set[int] | None = None) -> Outcome:
    """What the intents come to in trials of these recordings, or of all."""
    resting = {trial.label for trial in fed.trials if trial.rest}
    active = np.array([label >= 0 and label not in resting for label in found])
    onset = active & (found != np.concatenate([[-1], found[:-1]]))
    total = Outcome()
    for trial in fed.trials:
        if recordings is not None and trial.recording not in recordings:
            continue
        begin = trial.time_s + (fed.span_s[0] if trial.rest else 0.0)
        first, last = np.searchsorted(fed.newest_s, [begin, trial.time_s + fed.span_s[1]], side="left")
        if trial.rest:
            held = int(last > first and active[first] and not onset[first])
            minutes = (fed.span_s[1] - fed.span_s[0]) / 60.0
            total += Outcome(false=int(onset[first:last].sum()) + held, rest_min=minutes)
            continue
        began = np.flatnonzero(onset[first:last])
        right = len(began) > 0 and found[first + began[0]] == trial.label
        total += Outcome(detected=int(right), misdetected=int(len(began) > 0 and not right), imagery=1)
    return total


def choose(held: list[tuple[np.ndarray, Fed, set[int]]], hop_ms: float) -> tuple[OperatingPoint, Outcome] | None:
    """The point with the most trials detected at no more than `FALSE_PER_MIN`; of equal ones the surer, then the quicker.

    `held` has posteriors of a session's windows, the session, and the recordings of it that did not teach. `None` where nobody rests.
    """
    best = None
    for smoothing_ms in SMOOTHING_MS:
        for threshold in THRESHOLDS:
            point = OperatingPoint(float(threshold), smoothing_ms)
            found = sum((outcome(intents(p, fed, point, hop_ms), fed, own) for p, fed, own in held), Outcome())
            if not found.rest_min or found.false_per_min > FALSE_PER_MIN:
                continue
            rank = (found.detected, point.threshold, -smoothing_ms)
            if best is None or rank > best[0]:
                best = (rank, point, found)
    return None if best is None else best[1:]
