"""The signal path: labels, windows, causality."""

from dataclasses import replace

import numpy as np
import pytest

from bcid_models.causal import SignalPath, newest_frames, windows
from bcid_models.decoder import fit
from bcid_models.recording import clean_label
from bcid_models.train_csp_lda import PATH, RECIPE
from bcid_models.trials import newest_within, trials


@pytest.mark.parametrize(
    "padded, clean",
    [("Fc5.", "FC5"), ("C3..", "C3"), ("Cz..", "Cz"), ("Fcz.", "FCz"), ("Fp1.", "Fp1"), ("Fpz.", "Fpz"),
     ("Afz.", "AFz"), ("T10.", "T10"), ("Poz.", "POz"), ("Iz..", "Iz")],
)  # fmt: skip
def test_labels_take_the_standard_spelling(padded, clean):
    assert clean_label(padded) == clean


def test_a_run_has_microvolts_labels_and_fifteen_cues(training):
    for recording in training:
        assert recording.microvolts.shape == (64, 20000)
        assert 20 < recording.microvolts.std() < 200
        assert np.abs(recording.microvolts - recording.microvolts.round()).max() < 1e-9, "1 uV a bit"
        assert len(set(recording.channels)) == 64
        assert len(recording.cues) == 15


def test_windows_of_a_span_lie_within_it_and_none_is_left_out():
    assert list(newest_frames(200)) == [159, 169, 179, 189, 199]
    newest = newest_within(20000, onset_s=4.2, span_s=(0.5, 4.0))
    assert newest[0] - 159 >= 752 > newest[0] - 159 - 10
    assert newest[-1] <= 1312 < newest[-1] + 10
    assert set(np.diff(newest)) == {10}
    # A span that fits one window exactly, ends included: frames 160 to 319.
    assert list(newest_within(20000, 0.0, (1.0, 319 / 160))) == [319]


@pytest.mark.parametrize("common_average", [False, True])
def test_the_future_changes_nothing(training, runs, common_average):
    path = SignalPath(PATH.channels, common_average)
    recording = training[1]
    cut = 9999
    altered = recording.microvolts.copy()
    altered[:, cut + 1 :] = np.random.default_rng(1).normal(0, 1e4, altered[:, cut + 1 :].shape)
    other = replace(recording, microvolts=altered)
    decoder = fit(runs[0].train, RECIPE)
    newest = newest_frames(recording.microvolts.shape[1])
    then = decoder.posteriors(windows(path.filtered(recording), newest))
    now = decoder.posteriors(windows(path.filtered(other), newest))
    assert np.array_equal(then[newest <= cut], now[newest <= cut])
    assert not np.array_equal(then[newest > cut], now[newest > cut])


def test_before_the_cue_nothing_is_known(training, runs):
    right, count = {"before": 0, "after": 0}, {"before": 0, "after": 0}
    for k, recording in enumerate(training):
        decoder = fit([t for j, run in enumerate(runs) if j != k for t in run.train], RECIPE)
        for when, span in (("before", (-2.0, 0.0)), ("after", (0.5, 2.5))):
            for trial in trials(recording, PATH, span):
                right[when] += int((decoder.posteriors(trial.windows).argmax(axis=1) == trial.label).sum())
                count[when] += len(trial.windows)
    assert 0.35 < right["before"] / count["before"] < 0.65
    assert right["after"] / count["after"] > 0.9
