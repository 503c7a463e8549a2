"""Common spatial patterns of covariances, and which of a filter bank's are worth keeping."""

import numpy as np
from scipy.linalg import eigh

from .spd import TINY


def fit(cov: np.ndarray, labels: np.ndarray, classes: int, weights: np.ndarray, pairs: int) -> np.ndarray:
    """Spatial filters `[filters, channels]` of `[n, channels, channels]`; of unit length, the largest weight positive.

    Ramoser, Mueller-Gerking, Pfurtscheller, IEEE Trans Rehabil Eng 8(4), 2000, with covariances of trace 1, so that
    loud windows do not rule. Of two classes `pairs` from each end of the spectrum, filter `k` and the last but `k` a
    pair; of more, each against the mean of the others, its `pairs` strongest.
    """
    even = cov / np.maximum(np.trace(cov, axis1=1, axis2=2), TINY)[:, None, None]
    means = [np.average(even[labels == k], axis=0, weights=weights[labels == k]) for k in range(classes)]
    if classes == 2:
        vectors = eigh(means[0], means[0] + means[1])[1].T
        pairs = min(pairs, len(vectors) // 2)
        chosen = np.concatenate([vectors[len(vectors) - pairs :][::-1], vectors[:pairs][::-1]])
    else:
        rest = [np.mean([m for j, m in enumerate(means) if j != k], axis=0) for k in range(classes)]
        ends = [eigh(means[k], means[k] + rest[k])[1].T[::-1][:pairs] for k in range(classes)]
        chosen = np.concatenate(ends)
    chosen = chosen / np.linalg.norm(chosen, axis=1, keepdims=True)
    strongest = chosen[np.arange(len(chosen)), np.abs(chosen).argmax(axis=1)]
    return chosen * np.sign(strongest)[:, None]


def information(feature: np.ndarray, labels: np.ndarray, classes: int) -> float:
    """Mutual information, in bits, between `[n]` numbers and their classes, by Parzen windows.

    Ang, Chin, Zhang, Guan, Filter bank common spatial pattern (FBCSP) in brain-computer interface, IJCNN 2008, each
    class smoothed by `sigma (4 / 3n)^(1/5)`.
    """
    joint = np.empty((len(feature), classes))
    for k in range(classes):
        own = feature[labels == k]
        width = max(float(own.std()) * (4 / (3 * len(own))) ** 0.2, TINY)
        # The prior of the class times the mean kernel over its examples: their number drops out.
        joint[:, k] = np.exp(-0.5 * ((feature[:, None] - own) / width) ** 2).sum(axis=1) / width
    given = joint / joint.sum(axis=1, keepdims=True)
    prior = np.bincount(labels, minlength=classes) / len(labels)
    return _entropy(prior) - float(np.mean([_entropy(row) for row in given]))


def choose(
    features: np.ndarray, labels: np.ndarray, classes: int, groups: np.ndarray, best: int, partner: np.ndarray
) -> np.ndarray:
    """Which of `[n, features]` to keep, rising: the `best` by mutual information, with their partners.

    MIBIF, the selection of the best individual features, of Ang et al. 2008.
    Judged on the means over trials, as windows of one trial are no independent examples.
    """
    trials, first, of_trial = np.unique(groups, return_index=True, return_inverse=True)
    sums = np.zeros((len(trials), features.shape[1]))
    np.add.at(sums, of_trial, features)
    means = sums / np.bincount(of_trial)[:, None]
    told = np.array([information(column, labels[first], classes) for column in means.T])
    kept = np.argsort(-told, kind="stable")[:best]
    return np.unique(np.concatenate([kept, partner[kept]]))


def _entropy(chances: np.ndarray) -> float:
    some = chances[chances > 0]
    return float(-(some * np.log2(some)).sum())
