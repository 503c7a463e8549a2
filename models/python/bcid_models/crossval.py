"""Leave one run out: every fold is tested on a whole recording that did not train it."""

from dataclasses import dataclass

import numpy as np

from . import temperature
from .causal import SignalPath
from .decoder import CspLda, Recipe, fit
from .recording import Recording
from .stats import wilson95
from .trials import DECISION_SPAN_S, TRAIN_SPAN_S, Trial, decide, trials


@dataclass(frozen=True)
class Score:
    """How a decoder did on the trials `on`."""

    on: str
    right: int
    trials: int
    windows_right: int
    windows: int
    log_loss: float
    decisions: tuple[int, ...]

    @property
    def accuracy(self) -> float:
        return self.right / self.trials

    @property
    def ci95(self) -> tuple[float, float]:
        return wilson95(self.right, self.trials)

    @property
    def window_accuracy(self) -> float:
        return self.windows_right / self.windows

    def __str__(self) -> str:
        low, high = self.ci95
        return (
            f"{self.on}: {self.right} of {self.trials} trials right = {self.accuracy:.3f} "
            f"(95 % {low:.3f} to {high:.3f}; chance 0.5); "
            f"windows {self.window_accuracy:.3f} of {self.windows}, log loss {self.log_loss:.3f}"
        )


@dataclass(frozen=True)
class CrossValidation:
    """`temperature` is fitted on the predictions of all folds; each fold's own score uses that of the others."""

    folds: tuple[Score, ...]
    pooled: Score
    log_loss_untempered: float
    temperature: float


def score(on: str, decoder: CspLda, tested: list[Trial]) -> Score:
    """Applies `decoder` to the windows of the trials `tested`."""
    posteriors = [decoder.posteriors(t.windows) for t in tested]
    decisions = tuple(decide(p) for p in posteriors)
    return Score(
        on=on,
        right=sum(d == t.label for d, t in zip(decisions, tested, strict=True)),
        trials=len(tested),
        windows_right=sum(int((p.argmax(axis=1) == t.label).sum()) for p, t in zip(posteriors, tested, strict=True)),
        windows=sum(len(p) for p in posteriors),
        log_loss=temperature.log_loss(*_stacked(decoder, tested)),
        decisions=decisions,
    )


def pooled(on: str, scores: list[Score]) -> Score:
    """All trials of several scores as one."""
    windows = sum(s.windows for s in scores)
    return Score(
        on=on,
        right=sum(s.right for s in scores),
        trials=sum(s.trials for s in scores),
        windows_right=sum(s.windows_right for s in scores),
        windows=windows,
        log_loss=sum(s.log_loss * s.windows for s in scores) / windows,
        decisions=tuple(d for s in scores for d in s.decisions),
    )


@dataclass(frozen=True)
class Run:
    """A recording's trials: `train` with the windows to learn from, `decision` with those that decide."""

    file: str
    train: list[Trial]
    decision: list[Trial]


def run_of(recording: Recording, path: SignalPath) -> Run:
    """Cuts a recording into trials as the causal path yields them."""
    return Run(recording.file, trials(recording, path, TRAIN_SPAN_S), trials(recording, path, DECISION_SPAN_S))


def leave_one_run_out(runs: list[Run], recipe: Recipe) -> CrossValidation:
    """Trains without each run in turn and tests on it."""
    decoders = [fit([t for other in runs if other is not run for t in other.train], recipe) for run in runs]
    held_out = [_stacked(d, run.decision) for d, run in zip(decoders, runs, strict=True)]
    folds = []
    for k, run in enumerate(runs):
        others = _joined([h for j, h in enumerate(held_out) if j != k])
        folds.append(score(run.file, decoders[k].tempered(temperature.fit(*others)), run.decision))
    every = _joined(held_out)
    return CrossValidation(
        folds=tuple(folds),
        pooled=pooled("training runs, each left out once", folds),
        log_loss_untempered=temperature.log_loss(*every),
        temperature=temperature.fit(*every),
    )


def _stacked(decoder: CspLda, tested: list[Trial]) -> tuple[np.ndarray, np.ndarray]:
    scores = np.concatenate([decoder.scores(t.windows) for t in tested])
    return scores, np.repeat([t.label for t in tested], [len(t.windows) for t in tested])


def _joined(parts: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    return np.concatenate([s for s, _ in parts]), np.concatenate([labels for _, labels in parts])
