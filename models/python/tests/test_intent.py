"""The operating point that is chosen in Python: definitions and smoothing are the daemon's."""

import dataclasses

import numpy as np
import pytest

from bcid_models.bench import intent
from bcid_models.bench.fed import Cued, Fed
from bcid_models.contract import OperatingPoint

HOP_MS = 500.0
SILENT = OperatingPoint(0.6, 0.001)
"""Of next to no smoothing."""


def session(letters: str, trials: list[tuple[float, int, bool]]) -> tuple[np.ndarray, Fed]:
    """A window every half a second, surely `l`eft, `r`ight or `i`dle, or none; `x` cannot be trusted. Trials of 5.5 s."""
    newest = 0.5 * np.arange(len(letters))
    posteriors = np.array([np.eye(3)["lri".index(c)] if c in "lri" else np.full(3, 1 / 3) for c in letters])
    valid = np.array([c != "x" for c in letters])
    zeros = np.zeros(len(letters), int)
    cued = tuple(Cued(label, 0, at, rest) for at, label, rest in trials)
    return posteriors, Fed(
        zeros, newest - 0.5, newest, valid, valid, zeros, zeros, ("left", "right", "idle"), cued, (0.5, 5.5)
    )


def test_an_intent_begins_alike_and_anew_after_what_cannot_be_trusted():
    posteriors, fed = session("llllxl", [])
    # 1/3 + 2/3 (1 - exp(-t / 1 s)) passes 0.6 at 0.51 s: the second window of half a second.
    found = intent.intents(posteriors, fed, OperatingPoint(0.6, 1000.0), HOP_MS)
    assert found.tolist() == [-1, 0, 0, 0, -1, -1]


def test_the_first_activation_counts_and_one_held_from_before_the_cue_does_not():
    letters = "....rr....l.r...." + "." * 14 + "ll........"
    posteriors, fed = session(letters, [(3.0, 0, False), (16.0, 0, False)])
    found = intent.outcome(intent.intents(posteriors, fed, SILENT, HOP_MS), fed)
    # Of the first trial left began first; the second was cued when left was held from before, and nothing began.
    assert (found.detected, found.misdetected, found.imagery) == (1, 0, 2)
    other = dataclasses.replace(fed, trials=(Cued(1, 0, 4.0),))
    wrong = intent.outcome(intent.intents(posteriors, other, SILENT, HOP_MS), other)
    assert (wrong.detected, wrong.misdetected, wrong.imagery) == (0, 1, 1)


def test_activations_at_rest_are_onsets_of_other_classes_and_one_held_when_it_begins():
    posteriors, fed = session("ll..r.i.l..........", [(0.0, 2, True)])
    found = intent.outcome(intent.intents(posteriors, fed, SILENT, HOP_MS), fed)
    # Held at half a second, then right, then left; idle is none.
    assert (found.false, found.imagery) == (3, 0)
    assert found.rest_min == pytest.approx(5 / 60)
    assert found.false_per_min == pytest.approx(36.0)


def test_the_point_with_most_detected_at_the_rate_allowed_is_chosen():
    # Surely left in the trial; at rest left with 0.7, which a threshold above that leaves out.
    posteriors, fed = session("." * 4 + "l" * 10 + "." * 8 + "l" * 11, [(2.0, 0, False), (11.0, 2, True)])
    weak = posteriors.copy()
    weak[22:] = [0.7, 0.15, 0.15]
    point, found = intent.choose([(weak, fed, {0})], HOP_MS)
    assert (found.detected, found.false) == (1, 0)
    assert point.threshold > 0.7
    assert intent.choose([(weak, dataclasses.replace(fed, trials=fed.trials[:1]), {0})], HOP_MS) is None
