"""How each decoder of the family is learned."""

from dataclasses import dataclass, replace
from typing import Protocol, Self

import numpy as np

from . import patterns, spd
from .fitted import Distances, Fitted, LogPowers, Tangent, log_powers
from .linear import Linear, lda, logistic


class Method(Protocol):
    """Settings of a decoder that is to be learned."""

    bands: int

    def of_bands(self, bands: int) -> Self:
        """The same for so many bands."""

    def fit(self, windows: np.ndarray, labels: np.ndarray, groups: np.ndarray, classes: int) -> Fitted:
        """Learns from `[windows, bands * channels, samples]`; see the package."""


@dataclass(frozen=True)
class _Banded:
    bands: int = 1

    def of_bands(self, bands: int) -> Self:
        return replace(self, bands=bands)

    def _covariances(self, windows: np.ndarray, labels: np.ndarray, groups: np.ndarray, classes: int) -> np.ndarray:
        """`[windows, bands, channels, channels]`, with all that is wrong with the examples refused."""
        count, rows, _ = windows.shape
        if rows % self.bands:
            raise ValueError(f"{rows} channels are not those of {self.bands} bands")
        if not len(labels) == len(groups) == count:
            raise ValueError(f"{count} windows have {len(labels)} labels and {len(groups)} groups")
        found = np.unique(labels)
        if not np.array_equal(found, np.arange(classes)):
            raise ValueError(f"labels must be each of 0 to {classes - 1}, are {found.tolist()}")
        if not np.isfinite(windows).all():
            raise ValueError("the windows hold NaN or infinity")
        return spd.covariances(windows.astype(float), self.bands)


@dataclass(frozen=True)
class CspLda(_Banded):
    """Common spatial patterns in each band, log-power, LDA; of a bank the `best` features by mutual information."""

    pairs: int = 3
    best: int | None = None

    def fit(self, windows: np.ndarray, labels: np.ndarray, groups: np.ndarray, classes: int) -> LogPowers:
        cov = self._covariances(windows, labels, groups, classes)
        weights = trial_weights(groups)
        each = [patterns.fit(cov[:, band], labels, classes, weights, self.pairs) for band in range(self.bands)]
        filters, band_of = np.concatenate(each), np.repeat(np.arange(self.bands), [len(f) for f in each])
        features = log_powers(cov, filters, band_of)
        if self.best is not None:
            partner = np.arange(len(filters)).reshape(self.bands, -1)
            partner = (partner[:, ::-1] if classes == 2 else partner).ravel()
            kept = patterns.choose(features, labels, classes, groups, self.best, partner)
            filters, band_of, features = filters[kept], band_of[kept], features[:, kept]
        return LogPowers(self.bands, filters, band_of, lda(features, labels, classes, weights))


@dataclass(frozen=True)
class TangentLr(_Banded):
    """Tangent vectors at each band's Riemannian mean (Barachant et al., IEEE TBME 59(4), 2012), logistic regression."""

    c: float = 1.0

    def fit(self, windows: np.ndarray, labels: np.ndarray, groups: np.ndarray, classes: int) -> Tangent:
        cov = self._covariances(windows, labels, groups, classes)
        weights = trial_weights(groups)
        whiteners = np.stack([spd.inverse_root(spd.mean(cov[:, band], weights)) for band in range(self.bands)])
        start = Tangent(whiteners, Linear(np.zeros((classes, 0)), np.zeros(classes)))
        return replace(start, readout=logistic(start.vectors(cov), labels, classes, weights, self.c))


@dataclass(frozen=True)
class Mdm(_Banded):
    """Minimum distance to the classes' Riemannian means (Barachant et al., LVA/ICA 2010); of bands squares add up."""

    def fit(self, windows: np.ndarray, labels: np.ndarray, groups: np.ndarray, classes: int) -> Distances:
        cov = self._covariances(windows, labels, groups, classes)
        weights = trial_weights(groups)

        def mean(k: int, band: int) -> np.ndarray:
            return spd.mean(cov[labels == k, band], weights[labels == k])

        means = np.array([[mean(k, band) for band in range(self.bands)] for k in range(classes)])
        return Distances(spd.inverse_root(means))


def trial_weights(groups: np.ndarray) -> np.ndarray:
    """`[windows]`: one over the windows of the same trial."""
    _, of_trial, counts = np.unique(groups, return_inverse=True, return_counts=True)
    return 1.0 / counts[of_trial]
