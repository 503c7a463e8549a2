"""Figures that go with an accuracy."""

from math import sqrt

CHANCE = 0.5
"""Two classes, 7 or 8 trials of each in a run: always naming one of them would be right on 8 of 15 at most."""


def wilson95(right: int, n: int) -> tuple[float, float]:
    """Wilson's score interval of 95 % (JASA 22, 1927) for `right` of `n` independent trials.

    Not to be had for windows: they overlap and are not independent.
    """
    z = 1.959963984540054
    p = right / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


def poisson95(count: int) -> tuple[float, float]:
    """The exact 95 % interval of the expectation behind so many events (Garwood, Biometrika 28, 1936)."""
    from scipy.stats import chi2

    low = float(chi2.ppf(0.025, 2 * count)) / 2 if count else 0.0
    return low, float(chi2.ppf(0.975, 2 * count + 2)) / 2
