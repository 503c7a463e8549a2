"""Common spatial patterns (Ramoser, Mueller-Gerking, Pfurtscheller, IEEE Trans Rehabil Eng 8(4), 2000), regularised."""

import numpy as np
from scipy.linalg import eigh


def covariances(windows: np.ndarray) -> np.ndarray:
    """`[windows, channels, channels]`, each over its window's time, of trace 1 so that loud windows do not rule."""
    centred = windows - windows.mean(axis=2, keepdims=True)
    cov = centred @ centred.transpose(0, 2, 1)
    return cov / np.trace(cov, axis1=1, axis2=2)[:, None, None]


def fit(windows: np.ndarray, labels: np.ndarray, filters: int, shrinkage: float) -> np.ndarray:
    """Spatial filters `[filters, channels]` for two classes, half of them from each end of the spectrum.

    Each class covariance is drawn towards a scaled identity by `shrinkage` (0..1), which also keeps the problem
    well posed where a common average has cost a rank. A filter has unit length and a positive largest weight,
    which makes it unique.
    """
    cov = covariances(windows)
    channels = cov.shape[1]
    mean = [cov[labels == k].mean(axis=0) for k in (0, 1)]
    mean = [(1 - shrinkage) * m + shrinkage * np.trace(m) / channels * np.eye(channels) for m in mean]
    _, vectors = eigh(mean[0], mean[0] + mean[1])
    half = filters // 2
    chosen = vectors[:, [*range(half), *range(channels - half, channels)]].T
    chosen = chosen / np.linalg.norm(chosen, axis=1, keepdims=True)
    strongest = chosen[np.arange(filters), np.abs(chosen).argmax(axis=1)]
    return chosen * np.sign(strongest)[:, None]
