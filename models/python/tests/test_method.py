"""The method against what is known of it."""

import numpy as np
import pytest

from bcid_models import csp, lda, temperature
from bcid_models.stats import poisson95, wilson95


def test_csp_finds_the_sources_that_tell_the_classes_apart():
    # Synthetic: five mixed sources, the first strong in class 0, the second in class 1, the rest alike in both.
    rng = np.random.default_rng(7)
    labels = np.repeat([0, 1], 100)
    sources = rng.normal(size=(200, 5, 160))
    sources[labels == 0, 0] *= 3
    sources[labels == 1, 1] *= 3
    mixing = rng.normal(size=(5, 5))
    filters = csp.fit(mixing @ sources, labels, filters=2, shrinkage=0.0)
    seen = np.abs(filters @ mixing)
    seen /= np.linalg.norm(seen, axis=1, keepdims=True)
    assert sorted(seen.argmax(axis=1)) == [0, 1]
    assert seen.max(axis=1).min() > 0.99


def test_csp_stands_a_rank_lost_to_the_common_average():
    rng = np.random.default_rng(8)
    windows = rng.normal(size=(40, 6, 160))
    windows -= windows.mean(axis=1, keepdims=True)
    filters = csp.fit(windows, np.repeat([0, 1], 20), filters=4, shrinkage=0.01)
    assert np.isfinite(filters).all()
    assert np.linalg.matrix_rank(filters) == 4


def test_lda_with_many_samples_is_the_optimal_rule():
    # Synthetic: two Gaussians of known covariance; the optimal direction is known in closed form.
    rng = np.random.default_rng(9)
    cov = np.array([[2.0, 1.2], [1.2, 1.0]])
    labels = np.repeat([0, 1], 20000)
    means = np.array([[0.0, 0.0], [1.0, 0.0]])
    features = means[labels] + rng.multivariate_normal([0, 0], cov, labels.size)
    weights, bias = lda.fit(features, labels)
    ideal = np.linalg.solve(cov, means[1] - means[0])
    assert np.allclose(weights[1] - weights[0], ideal, rtol=0.05)
    assert abs((means.mean(axis=0) @ (weights[1] - weights[0])) + bias[1] - bias[0]) < 0.05


def test_shrinkage_grows_as_samples_get_few():
    rng = np.random.default_rng(10)
    scale = np.array([3.0, 1.0, 1.0, 0.3])

    def drawn(n):
        x = rng.normal(size=(n, 4)) * scale
        return np.linalg.cond(lda.oas(x)) / np.linalg.cond(x.T @ x / n)

    assert drawn(6) < 0.5 < 0.9 < drawn(5000) <= 1.0


def test_temperature_is_recovered():
    # Synthetic: labels drawn from softmax(scores), then the scores are exaggerated threefold.
    rng = np.random.default_rng(11)
    scores = rng.normal(size=(50000, 2))
    chance_of_1 = 1 / (1 + np.exp(scores[:, 0] - scores[:, 1]))
    labels = (rng.random(50000) < chance_of_1).astype(int)
    assert temperature.fit(3 * scores, labels) == pytest.approx(3.0, rel=0.05)


def test_wilson_intervals_are_those_of_the_tables():
    assert wilson95(14, 15) == pytest.approx((0.7018, 0.9881), abs=1e-4)
    assert wilson95(0, 10) == pytest.approx((0.0, 0.2775), abs=1e-4)
    assert wilson95(10, 10) == pytest.approx((0.7225, 1.0), abs=1e-4)


def test_the_interval_of_a_count_is_garwoods():
    # Of his table: 0 and 5 events.
    assert poisson95(0) == pytest.approx((0.0, 3.689), abs=1e-3)
    assert poisson95(5) == pytest.approx((1.623, 11.668), abs=1e-3)
