"""pyRiemann's own decoders on whole trials: what the table is held against. They know no stream and are not run by the daemon.

A trial is what was recorded within its span and can be trusted, behind the same causal band-pass as the others'. On another day or person
covariances are recentred on their Riemannian mean (Zanini et al., IEEE TBME 65(5), 2018): those that teach on all of their session's, a
trial that is tried on the running mean of its session's trials up to itself, without labels. Within a day they are left as they are.
"""

from dataclasses import dataclass

import numpy as np

from .fed import Fed
from .measures import Trials
from .signal import Plan
from .tasks import Task

PIECE_S = 0.5
"""Trials are put together of pieces as long, one after the other: a hole in a recording costs the pieces that it touches."""


@dataclass(frozen=True)
class Reference:
    """`kind` is `csp-lda` or `ts-lr`."""

    name: str
    kind: str

    def settings(self) -> dict:
        return {
            "reference": self.kind,
            "band_hz": [8.0, 30.0],
            "covariance": "oas",
            "recentred": "where another day or person is tried",
            "pieces_s": PIECE_S,
        }

    def plan(self, task: Task) -> Plan:
        """Pieces; wherever the grid of them lies, all but one of a trial's fit its span."""
        return Plan(((8.0, 30.0),), PIECE_S, hop_s=PIECE_S, align=False)

    def decide(self, taught: list[Fed], tried: Fed, recentred: bool) -> Trials:
        """Learns from sessions, each recentred by itself or none, and decides the trials of another."""
        from pyriemann.spatialfilters import CSP
        from pyriemann.tangentspace import TangentSpace
        from pyriemann.utils.mean import mean_riemann
        from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline

        if self.kind == "csp-lda":
            model = make_pipeline(CSP(nfilter=6, log=True), LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto"))
        else:
            model = make_pipeline(TangentSpace(metric="riemann"), LogisticRegression(max_iter=5000))
        covariances, labels = [], []
        for fed in taught:
            cov, cued, _ = _trials(fed)
            covariances.append(_recentred(cov, np.broadcast_to(mean_riemann(cov), cov.shape)) if recentred else cov)
            labels.append(cued)
        model.fit(np.concatenate(covariances), np.concatenate(labels))
        cov, cued, whole = _trials(tried)
        posteriors = np.zeros((len(whole), len(tried.classes)))
        posteriors[whole] = model.predict_proba(_recentred(cov, _running(cov)) if recentred else cov)
        every = tried.labels()
        right = int((posteriors[whole].argmax(axis=1) == cued).sum())
        return Trials(every, posteriors, right, len(cued))


def _trials(fed: Fed) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Covariances `[trials, channels, channels]` of those of which anything can be trusted, their classes, and which they are."""
    from pyriemann.utils.covariance import covariances

    own = [fed.within(trial) for trial in fed.trials]
    whole = np.array([len(o) > 0 for o in own])
    joined = [np.concatenate(list(np.asarray(fed.numbers[o], float)), axis=1) for o in own if len(o)]
    return np.concatenate([covariances(one[None], estimator="oas") for one in joined]), fed.labels()[whole], whole


def _recentred(cov: np.ndarray, means: np.ndarray) -> np.ndarray:
    from pyriemann.utils.base import invsqrtm

    roots = invsqrtm(means)
    return roots @ cov @ roots


def _running(cov: np.ndarray) -> np.ndarray:
    """The mean of the first `k` covariances, for each `k`, a step along the geodesic at a time."""
    from pyriemann.utils.geodesic import geodesic_riemann

    means = [cov[0]]
    for k in range(1, len(cov)):
        means.append(geodesic_riemann(means[-1], cov[k], 1.0 / (k + 1)))
    return np.stack(means)
