"""Covariances as points of the space of symmetric positive definite matrices.

Barachant, Bonnet, Congedo, Jutten, Multiclass Brain-Computer Interface Classification by Riemannian Geometry, IEEE
TBME 59(4), 2012. What is computed equals pyRiemann's function of the same purpose.
"""

from collections.abc import Callable

import numpy as np

TINY = 1e-60
"""What an eigenvalue below it is taken for: a signal that is nothing but zeros gives a finite number."""
MOST_STEPS, TOLERANCE = 100, 1e-9


def covariances(windows: np.ndarray, bands: int) -> np.ndarray:
    """`[windows, bands, channels, channels]` of `[windows, bands * channels, samples]`, shrunk.

    Oracle approximating shrinkage (Chen, Wiesel, Eldar, Hero, IEEE TSP 58(10), 2010) without the terms of 2/p of its
    equation 23, as scikit-learn's and pyRiemann's `oas`; each channel's mean over the window is taken away first.
    """
    count, rows, samples = windows.shape
    split = windows.reshape(count, bands, rows // bands, samples)
    centred = split - split.mean(axis=3, keepdims=True)
    cov = centred @ centred.transpose(0, 1, 3, 2) / samples
    width = cov.shape[-1]
    mu = np.trace(cov, axis1=2, axis2=3)[..., None, None] / width
    alpha = (cov**2).mean(axis=(2, 3), keepdims=True)
    share = (alpha + mu**2) / np.maximum((samples + 1) * (alpha - mu**2 / width), TINY**4)
    return cov + np.minimum(share, 1.0) * (mu * np.eye(width) - cov)


def function(matrices: np.ndarray, of: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """The function `of` of symmetric `[..., n, n]`, by their eigenvalues."""
    values, vectors = np.linalg.eigh(matrices)
    return (vectors * of(values)[..., None, :]) @ np.swapaxes(vectors, -1, -2)


def log(matrices: np.ndarray) -> np.ndarray:
    """The logarithm of positive definite `[..., n, n]`."""
    return function(matrices, lambda x: np.log(np.maximum(x, TINY)))


def inverse_root(matrices: np.ndarray) -> np.ndarray:
    """The inverse of the symmetric root of positive definite `[..., n, n]`."""
    return function(matrices, lambda x: 1 / np.sqrt(np.maximum(x, TINY)))


def mean(matrices: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The mean of `[m, n, n]` under the affine-invariant metric: Karcher's, by gradient descent.

    Step sizes as in Congedo, Afsari, Barachant, Moakher, PLOS ONE 10(4), 2015, and in pyRiemann's `mean_riemann`.
    """
    weights = weights / weights.sum()
    found = np.einsum("i,ijk->jk", weights, matrices)
    step, least = 1.0, np.inf
    for _ in range(MOST_STEPS):
        whitener = inverse_root(found)
        gradient = np.einsum("i,ijk->jk", weights, log(whitener @ matrices @ whitener))
        root = function(found, lambda x: np.sqrt(np.maximum(x, 0.0)))
        found = root @ function(step * gradient, np.exp) @ root
        size = np.linalg.norm(gradient)
        if size <= TOLERANCE:
            return found
        step, least = (0.95 * step, step * size) if step * size < least else (0.5 * step, least)
    raise ValueError(f"the mean of {len(matrices)} covariances was not found in {MOST_STEPS} steps")


def vectors(symmetric: np.ndarray) -> np.ndarray:
    """`[..., n (n + 1) / 2]`: upper triangles row by row, what is beside the diagonal times the root of 2."""
    rows, columns = np.triu_indices(symmetric.shape[-1])
    return symmetric[..., rows, columns] * np.where(rows == columns, 1.0, np.sqrt(2.0))


def squares(vectors: np.ndarray, width: int) -> np.ndarray:
    """`[..., width, width]` whose products with a symmetric matrix add up to that of the `vectors` with its vector."""
    rows, columns = np.triu_indices(width)
    out = np.zeros((*vectors.shape[:-1], width, width))
    out[..., rows, columns] = vectors / np.where(rows == columns, 1.0, np.sqrt(2.0))
    out[..., columns, rows] = out[..., rows, columns]
    return out
