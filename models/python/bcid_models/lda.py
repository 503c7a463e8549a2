"""Linear discriminant analysis with an analytically shrunk covariance."""

import numpy as np


def oas(centred: np.ndarray) -> np.ndarray:
    """Oracle approximating shrinkage of `[samples, features]` (Chen, Wiesel, Eldar, Hero, IEEE TSP 58(10), 2010)."""
    n, p = centred.shape
    cov = centred.T @ centred / n
    mu = np.trace(cov) / p
    alpha = (cov**2).mean()
    rho = min(1.0, (alpha + mu**2) / ((n + 1) * (alpha - mu**2 / p)))
    return (1 - rho) * cov + rho * mu * np.eye(p)


def fit(features: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights `[2, features]` and bias `[2]` of the class scores; equal priors, one covariance for both classes."""
    means = np.stack([features[labels == k].mean(axis=0) for k in (0, 1)])
    cov = oas(features - means[labels])
    weights = np.linalg.solve(cov, means.T).T
    return weights, -0.5 * (weights * means).sum(axis=1)
