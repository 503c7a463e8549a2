"""Figures of trials that were decided: each accuracy with its interval, chance and a permutation test."""

from dataclasses import dataclass

import numpy as np

from ..stats import wilson95

PERMUTATIONS, SEED = 10_000, 1


@dataclass(frozen=True)
class Trials:
    """`posteriors` `[trials, classes]` are means over a trial's windows, all 0 where none could be trusted; that, and NaN, is a wrong trial."""

    cued: np.ndarray
    posteriors: np.ndarray
    windows_right: int
    windows: int

    def decided(self) -> np.ndarray:
        """The class of each, the first of equal ones; -1 where nothing was decided."""
        there = self.posteriors.any(axis=1) & np.isfinite(self.posteriors).all(axis=1)
        return np.where(there, self.posteriors.argmax(axis=1), -1)

    def joined(self, other: "Trials") -> "Trials":
        """Both, one after the other."""
        return Trials(
            np.concatenate([self.cued, other.cued]),
            np.concatenate([self.posteriors, other.posteriors]),
            self.windows_right + other.windows_right,
            self.windows + other.windows,
        )

    def figures(self) -> dict:
        """What a table says of them. Of windows no interval is given: they overlap."""
        decided, n = self.decided(), len(self.cued)
        right = int((decided == self.cued).sum())
        counts = np.bincount(self.cued, minlength=self.posteriors.shape[1])
        return {
            "correct": right,
            "trials": n,
            "undecided": int((decided < 0).sum()),
            "accuracy": right / n,
            "accuracy_ci95": list(wilson95(right, n)),
            "chance": int(counts.max()) / n,
            "balanced_accuracy": balanced(self.cued, decided),
            "kappa": kappa(self.cued, decided),
            "roc_auc": roc_auc(self.cued, self.posteriors),
            "p_permutation": p_permutation(self.cued, decided),
            "window_accuracy": self.windows_right / self.windows if self.windows else None,
        }


def balanced(cued: np.ndarray, decided: np.ndarray) -> float:
    """The mean over the classes of the part of each decided right."""
    return float(np.mean([np.mean(decided[cued == k] == k) for k in np.unique(cued)]))


def kappa(cued: np.ndarray, decided: np.ndarray) -> float:
    """Cohen, Educ. Psychol. Meas. 20(1), 1960; no decision is one of its own."""
    observed = float(np.mean(cued == decided))
    by_chance = sum(float(np.mean(cued == k) * np.mean(decided == k)) for k in np.unique(cued))
    return (observed - by_chance) / (1 - by_chance) if by_chance < 1 else float("nan")


def roc_auc(cued: np.ndarray, posteriors: np.ndarray) -> float:
    """The area under the receiver operating characteristic: of each class against the rest, their mean; ties count half."""
    areas = []
    for k in np.unique(cued):
        own, others = posteriors[cued == k, k], posteriors[cued != k, k]
        if len(own) and len(others):
            above = (own[:, None] > others).mean() + 0.5 * (own[:, None] == others).mean()
            areas.append(float(above))
    return float(np.mean(areas)) if areas else float("nan")


def p_permutation(cued: np.ndarray, decided: np.ndarray) -> float:
    """How likely as many would be right were cues and decisions unrelated: of random orders of the cues, and the one that was."""
    rng = np.random.default_rng(SEED)
    right = int((cued == decided).sum())
    as_many = sum(int((rng.permutation(cued) == decided).sum() >= right) for _ in range(PERMUTATIONS))
    return (as_many + 1) / (PERMUTATIONS + 1)
