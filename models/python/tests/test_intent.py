"""The operating point that is chosen in Python: definitions and smoothing are the daemon's."""

import dataclasses

import numpy as np
import pytest

from bcid_models.bench import intent, left_out
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
    chosen = intent.choose(weak, fed, HOP_MS)
    assert (chosen.held.detected, chosen.held.false) == (1, 0)
    assert chosen.point.threshold > 0.7
    assert intent.choose(weak, dataclasses.replace(fed, trials=fed.trials[:1]), HOP_MS) is None, "nobody rests"
    assert intent.choose(np.full_like(weak, 1 / 3), fed, HOP_MS) is None, "nothing is ever detected"


def test_the_choice_itself_is_tried_on_what_it_was_made_without():
    # Two recordings: sure in the first one's trial, at rest as sure in the second, whose own trial is surer still.
    letters = "." * 4 + "l" * 10 + "." * 8 + "i" * 12
    posteriors, fed = session(letters + letters, [(2.0, 0, False), (11.0, 2, True), (19.0, 0, False), (28.0, 2, True)])
    second = len(letters)
    posteriors[4:14] = [0.8, 0.1, 0.1]
    posteriors[second + 22 : second + 34] = [0.85, 0.1, 0.05]
    recording = np.repeat([0, 1], second)
    trials = tuple(dataclasses.replace(t, recording=int(t.time_s > 17)) for t in fed.trials)
    fed = dataclasses.replace(fed, recording=recording, trials=trials)
    chosen = intent.choose(posteriors, fed, HOP_MS)
    # Together: only above what rest reaches there, which the first one's trial never does.
    assert (chosen.held.detected, chosen.held.false) == (1, 0)
    # Of the first alone a lower threshold has its trial; on the second it sets rest off, and the other way round nothing is found.
    assert (chosen.unseen.detected, chosen.unseen.imagery) == (1, 2) and chosen.unseen.false >= 1


class Known:
    """Says left with the share of the recordings that taught it which are even."""

    def __init__(self, taught: set[int]) -> None:
        self.taught = taught

    def posteriors(self, windows: np.ndarray) -> np.ndarray:
        left = 0.5 + 0.1 * sum(2**r for r in self.taught) / 16
        return np.tile([left, 1 - left], (len(windows), 1))


def test_what_a_point_is_chosen_on_no_decoder_has_seen(monkeypatch):
    windows = 40
    recording = np.repeat(np.arange(4), 10)
    newest = 1.0 * np.arange(windows)
    trials = tuple(Cued(k % 2, k // 2, 5.0 * k, k % 2 == 1) for k in range(8))
    valid = np.arange(windows) % 7 != 3
    fed = Fed(
        np.zeros((windows, 1, 2)),
        newest - 1,
        newest,
        valid,
        valid,
        recording,
        recording,
        ("go", "rest"),
        trials,
        (0.5, 4.5),
    )
    taught, asked, steps = [], [], []

    def learn(some: Fed, progress) -> Known:
        taught.append({t.recording for t in some.trials})
        progress(1, 1)
        return Known(taught[-1])

    def chosen(*given):
        asked.append(given)
        return "the point"

    monkeypatch.setattr(left_out.intent, "choose", chosen)
    assert left_out.operating_point(learn, fed, None, HOP_MS, lambda done, of: steps.append((done, of))) == "the point"
    assert taught == [{1, 2, 3}, {0, 2, 3}, {0, 1, 3}, {0, 1, 2}]
    assert steps == [(1, 4), (2, 4), (3, 4), (4, 4)]
    [(found, whole, hop_ms)] = asked
    assert whole is fed and hop_ms == HOP_MS
    for left, own in enumerate(taught):
        assert found[(recording == left) & valid] == pytest.approx(
            Known(own).posteriors(found[(recording == left) & valid])
        )
    assert not found[~valid].any()
    # Nobody rests, or too few recordings.
    awake = dataclasses.replace(fed, trials=tuple(dataclasses.replace(t, rest=False) for t in trials))
    two = dataclasses.replace(fed, trials=trials[:4])
    assert all(left_out.operating_point(learn, some, None, HOP_MS, lambda *_: None) is None for some in (awake, two))
