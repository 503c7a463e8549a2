"""Posteriors levelled by how frequent classes seem, as the daemon does it where trials teach.

Saerens, Latinne and Decaestecker, Adjusting the outputs of a classifier to new a priori probabilities, Neural Computation
14(1), 2002, with a running mean over windows of trials.
"""

import numpy as np

from .fed import Fed

LEAST_SHARE = 0.25
"""No class is held to be rarer than this part of its share."""


def level(posteriors: np.ndarray, fed: Fed, prior_windows: int | None) -> np.ndarray:
    """`[windows, classes]` of all windows of a session, in order. At first no class counts as more frequent, as `prior_windows` windows."""
    if prior_windows is None:
        return posteriors
    classes = posteriors.shape[1]
    levelled = posteriors.astype(np.float32).copy()
    mean, windows, generation = np.full(classes, 1.0 / classes), float(prior_windows), None
    for i in np.flatnonzero(fed.valid):
        if fed.generation[i] != generation:
            mean, windows, generation = np.full(classes, 1.0 / classes), float(prior_windows), fed.generation[i]
        if fed.teaches[i]:
            windows += 1.0
            mean = mean + (levelled[i] - mean) / windows
        if windows > prior_windows:
            share = levelled[i] / np.maximum(mean, LEAST_SHARE / classes)
            levelled[i] = share / share.sum()
    return levelled
