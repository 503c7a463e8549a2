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
ROUNDING = 1e-6
"""Of an activation: minutes of rest are sums."""

RULES = (SMOOTHING_MS, (float(THRESHOLDS[0]), float(THRESHOLDS[-1]), len(THRESHOLDS)), FALSE_PER_MIN, "with unseen")
"""What a point follows from besides the decoder."""


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


@dataclass(frozen=True)
class Chosen:
    """A point; what it comes to on what it was chosen on, and what points come to that were chosen without what they are tried on."""

    point: OperatingPoint
    held: Outcome
    unseen: Outcome


def choose(posteriors: np.ndarray, fed: Fed, hop_ms: float) -> Chosen | None:
    """The point with the most trials detected at no more than `FALSE_PER_MIN`; of equal ones the surer, then the quicker.

    `posteriors` are of a session's windows, none of which taught what made them. `None` where nobody rests, or where there is no such
    point that detects anything.
    """
    recordings = sorted({trial.recording for trial in fed.trials})
    tried = []
    for smoothing_ms in SMOOTHING_MS:
        for threshold in THRESHOLDS:
            point = OperatingPoint(float(threshold), smoothing_ms)
            found = intents(posteriors, fed, point, hop_ms)
            tried.append((point, {r: outcome(found, fed, {r}) for r in recordings}))
    best = _best(tried, recordings)
    if best is None:
        return None
    unseen = Outcome()
    for left in recordings:
        # Where the others offer nothing to choose there would be no intents.
        other = _best(tried, [r for r in recordings if r != left])
        own = tried[0][1][left]
        unseen += other[1][left] if other else Outcome(imagery=own.imagery, rest_min=own.rest_min)
    return Chosen(best[0], sum(best[1].values(), Outcome()), unseen)


def _best(tried: list[tuple[OperatingPoint, dict]], recordings: list[int]) -> tuple[OperatingPoint, dict] | None:
    best = None
    for point, each in tried:
        found = sum((each[r] for r in recordings), Outcome())
        allowed = FALSE_PER_MIN * found.rest_min + ROUNDING
        if not found.rest_min or found.false > allowed or not found.detected:
            continue
        rank = (found.detected, point.threshold, -point.smoothing_ms)
        if best is None or rank > best[0]:
            best = (rank, (point, each))
    return None if best is None else best[1]
