"""Scores linear in features, and two ways to learn them from windows that weigh differently."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax


@dataclass(frozen=True)
class Linear:
    """`weights` `[classes, features]`, `bias` `[classes]`; the softmax of the scores is the posterior."""

    weights: np.ndarray
    bias: np.ndarray

    def posteriors(self, features: np.ndarray) -> np.ndarray:
        """`[n, classes]` of `[n, features]`."""
        return softmax(features @ self.weights.T + self.bias, axis=1)


def lda(features: np.ndarray, labels: np.ndarray, classes: int, weights: np.ndarray) -> Linear:
    """Linear discriminant analysis, classes as frequent as they were cued.

    Each class's covariance is shrunk (OAS, of as many examples as the weights add up to) and their mean taken: with
    weights of 1 that is scikit-learn's `LinearDiscriminantAnalysis(solver="lsqr", covariance_estimator=OAS())`.
    """
    totals = np.bincount(labels, weights, classes)
    means = np.stack([weights[labels == k] @ features[labels == k] for k in range(classes)]) / totals[:, None]
    within = np.zeros((features.shape[1],) * 2)
    for k in range(classes):
        centred = features[labels == k] - means[k]
        cov = (weights[labels == k] * centred.T) @ centred / totals[k]
        within += totals[k] / totals.sum() * _oas(cov, totals[k])
    found = np.linalg.lstsq(within, means.T, rcond=None)[0].T
    return Linear(found, np.log(totals / totals.sum()) - 0.5 * (found * means).sum(axis=1))


def logistic(features: np.ndarray, labels: np.ndarray, classes: int, weights: np.ndarray, c: float) -> Linear:
    """Logistic regression: least half squares of the weights, not of the bias, and `c` times the weighed log loss.

    scikit-learn's `LogisticRegression(C=c)`: one vector of weights for two classes, of more one each. `bcid fit` has
    one each for two classes too, and so the same at half the `c`.
    """
    rows = 1 if classes == 2 else classes
    target = np.eye(classes)[labels]

    def scores(found: np.ndarray) -> np.ndarray:
        raw = features @ found[:, :-1].T + found[:, -1]
        return np.hstack([-raw / 2, raw / 2]) if rows == 1 else raw

    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        found = flat.reshape(rows, -1)
        logs = log_softmax(scores(found), axis=1)
        off = c * weights[:, None] * (np.exp(logs) - target)
        off = off[:, 1:] if rows == 1 else off
        gradient = np.column_stack([off.T @ features + found[:, :-1], off.sum(axis=0)])
        loss = 0.5 * (found[:, :-1] ** 2).sum() - c * (weights * logs[target > 0]).sum()
        return loss, gradient.ravel()

    start = np.zeros(rows * (features.shape[1] + 1))
    settings = {"maxiter": 20_000, "maxfun": 40_000, "maxcor": 30, "gtol": 1e-8, "ftol": 0.0}
    found = minimize(objective, start, jac=True, method="L-BFGS-B", options=settings).x.reshape(rows, -1)
    both = np.vstack([-found / 2, found / 2]) if rows == 1 else found
    return Linear(both[:, :-1], both[:, -1])


def _oas(cov: np.ndarray, count: float) -> np.ndarray:
    """Oracle approximating shrinkage of the covariance of `count` examples (Chen et al., IEEE TSP 58(10), 2010)."""
    size = len(cov)
    if size == 1:
        return cov
    mu, alpha = np.trace(cov) / size, (cov**2).mean()
    apart = (count + 1) * (alpha - mu**2 / size)
    share = min(1.0, (alpha + mu**2) / apart) if apart > 0 else 1.0
    return (1 - share) * cov + share * mu * np.eye(size)
