"""Temperature scaling (Guo, Pleiss, Sun, Weinberger, ICML 2017)."""

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax


def log_loss(scores: np.ndarray, labels: np.ndarray, temperature: float = 1.0) -> float:
    """Mean negative log-likelihood of `labels` `[n]` under `scores` `[n, 2]`, in nats; ln 2 says nothing."""
    return float(-log_softmax(scores / temperature, axis=1)[np.arange(len(labels)), labels].mean())


def fit(scores: np.ndarray, labels: np.ndarray) -> float:
    """The temperature of least log loss on predictions for data that did not train the model."""
    best = minimize_scalar(
        lambda log_t: log_loss(scores, labels, np.exp(log_t)),
        bounds=(-2.0, 4.0),
        method="bounded",
        options={"xatol": 1e-7},
    )
    return round(float(np.exp(best.x)), 3)
