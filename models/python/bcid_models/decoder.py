"""CSP, log-variance and LDA as one decoder, in numpy."""

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import softmax

from . import csp, lda
from .trials import Trial

EPSILON_UV2 = 1e-6
"""Added to a variance before its logarithm: a flat channel gives a finite number."""


@dataclass(frozen=True)
class Recipe:
    """What cross-validation may choose of the decoder itself."""

    filters: int
    shrinkage: float


@dataclass(frozen=True)
class CspLda:
    """`filters` `[filters, channels]`, `weights` `[2, filters]`, `bias` `[2]`."""

    filters: np.ndarray
    weights: np.ndarray
    bias: np.ndarray

    def scores(self, windows: np.ndarray) -> np.ndarray:
        """`[windows, 2]` from `[windows, channels, frames]` uV."""
        return log_variance(self.filters, windows) @ self.weights.T + self.bias

    def posteriors(self, windows: np.ndarray) -> np.ndarray:
        """`[windows, 2]`, each row adding up to 1."""
        return softmax(self.scores(windows), axis=1)

    def tempered(self, temperature: float) -> "CspLda":
        """The same decisions on a window, less (`temperature` > 1) or more confident."""
        return replace(self, weights=self.weights / temperature, bias=self.bias / temperature)

    def as_shipped(self) -> "CspLda":
        """The parameters as single precision holds them, which is what the graph computes with."""
        return CspLda(*(p.astype(np.float32).astype(float) for p in (self.filters, self.weights, self.bias)))


def log_variance(filters: np.ndarray, windows: np.ndarray) -> np.ndarray:
    """`[windows, filters]`, log of uV^2: the variance over the window's time of each spatially filtered signal."""
    return np.log((filters @ windows).var(axis=2) + EPSILON_UV2)


def fit(trials: list[Trial], recipe: Recipe) -> CspLda:
    """Trains on every window of `trials`."""
    windows = np.concatenate([t.windows for t in trials])
    labels = np.repeat([t.label for t in trials], [len(t.windows) for t in trials])
    filters = csp.fit(windows, labels, recipe.filters, recipe.shrinkage)
    return CspLda(filters, *lda.fit(log_variance(filters, windows), labels))
