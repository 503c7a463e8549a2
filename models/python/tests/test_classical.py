"""The classical family: against pyRiemann and scikit-learn, its graphs against itself, on the shipped recordings."""

import json

import numpy as np
import pytest
from onnx import TensorProto, checker, helper, numpy_helper

from bcid_models import onnx_run, preprocess
from bcid_models.causal import RATE_HZ, WINDOW
from bcid_models.classical import METHODS, CspLda, Mdm, TangentLr, bench_log, linear, logm, method, patterns, spd
from bcid_models.classical.methods import trial_weights
from bcid_models.classical.net import SIGNAL, Net
from bcid_models.eegmmidb import TEST, TRAIN
from bcid_models.montage import CENTRAL_9, CENTRAL_21
from bcid_models.recording import read
from bcid_models.trials import DECISION_SPAN_S, LABELS

ONE = ((8.0, 30.0),)
BANK = ((7.0, 11.0), (11.0, 16.0), (16.0, 28.0))
"""The daemon's own, of `bcid fit`."""
HOP = 16
"""100 ms."""
FORMS = {"csp-lda": ONE, "fbcsp-lda": BANK, "ts-lr": ONE, "fbts-lr": BANK, "mdm": ONE}


def cut(recording, channels, bands, first_group=0):
    """Windows of 1 s, one every 100 ms, of 0.5 to 4 s after each cue; labels; trials."""
    signal = recording.microvolts[[recording.channels.index(label) for label in channels]]
    steps = [{"band_pass": {"low_hz": low, "high_hz": high, "order": 4}} for low, high in bands]
    banked = np.concatenate([preprocess.run((step,), signal, RATE_HZ) for step in steps])
    found = []
    for group, cue in enumerate(recording.cues, first_group):
        first, last = (int(np.ceil((cue.onset_s + s) * RATE_HZ)) for s in DECISION_SPAN_S)
        starts = range(first, min(last, banked.shape[1]) - WINDOW + 1, HOP)
        found += [(banked[:, at : at + WINDOW], LABELS[cue.label], group) for at in starts]
    windows, labels, groups = zip(*found, strict=True)
    return np.stack(windows), np.array(labels), np.array(groups)


def joined(parts):
    return tuple(np.concatenate(each) for each in zip(*parts, strict=True))


def right(fitted, windows, labels, groups):
    """Trials decided rightly by the mean posterior."""
    posteriors = fitted.posteriors(windows)
    return sum(posteriors[groups == t].mean(axis=0).argmax() == labels[groups == t][0] for t in np.unique(groups))


@pytest.fixture(scope="module")
def recordings(data):
    return [read(data / file) for file in (*TRAIN, TEST)]


@pytest.fixture(scope="module")
def wide(recordings):
    """21 channels of run 5: one band and the bank."""
    return {bands: cut(recordings[0], CENTRAL_21, bands) for bands in (ONE, BANK)}


@pytest.fixture(scope="module")
def coloured():
    """Synthetic: three classes, each loud in a direction of its own; one window a trial."""
    rng = np.random.default_rng(3)
    labels = np.arange(90) % 3
    sources = rng.normal(size=(90, 6, 200))
    sources[np.arange(90), labels] *= 1.6
    return rng.normal(size=(6, 6)) @ sources, labels, np.arange(90)


def test_covariances_and_their_mean_are_those_of_pyriemann(wide):
    estimation = pytest.importorskip("pyriemann.estimation")
    from pyriemann.geometry.mean import mean_riemann
    from pyriemann.tangentspace import TangentSpace

    windows = wide[ONE][0]
    wanted = estimation.Covariances("oas").fit_transform(windows)
    cov = spd.covariances(windows, 1)[:, 0]
    assert np.abs(cov - wanted).max() < 1e-9 * np.abs(wanted).max()
    weights = np.linspace(0.5, 1.5, len(cov))
    mean = spd.mean(cov, weights)
    assert np.abs(mean - mean_riemann(wanted, tol=1e-9, sample_weight=weights)).max() < 1e-6 * np.abs(mean).max()
    space = TangentSpace()
    space.reference_ = mean
    whitener = spd.inverse_root(mean)
    assert np.abs(spd.vectors(spd.log(whitener @ cov @ whitener)) - space.transform(cov)).max() < 1e-9


def test_the_covariances_of_a_bank_are_those_of_its_bands(wide):
    windows = wide[BANK][0][:20]
    parts = np.split(windows, len(BANK), axis=1)
    apart = np.stack([spd.covariances(part, 1)[:, 0] for part in parts], axis=1)
    assert np.abs(spd.covariances(windows, len(BANK)) - apart).max() < 1e-9 * np.abs(apart).max()


@pytest.mark.parametrize("which", ["real", "three classes"])
def test_tangent_space_and_mdm_are_those_of_pyriemann(wide, coloured, which):
    estimation = pytest.importorskip("pyriemann.estimation")
    from pyriemann.classification import MDM
    from pyriemann.tangentspace import TangentSpace
    from sklearn.linear_model import LogisticRegression

    (windows, labels, groups), classes = (wide[ONE], 2) if which == "real" else (coloured, 3)
    weights = trial_weights(groups)
    cov = estimation.Covariances("oas").fit_transform(windows)
    vectors = TangentSpace().fit(cov, sample_weight=weights).transform(cov)
    model = LogisticRegression(C=1.0, tol=1e-10, max_iter=10_000).fit(vectors, labels, sample_weight=weights)
    own = TangentLr().fit(windows, labels, groups, classes).posteriors(windows)
    assert np.abs(own - model.predict_proba(vectors)).max() < 1e-6
    nearest = MDM().fit(cov, labels, sample_weight=weights)
    own = Mdm().fit(windows, labels, groups, classes).posteriors(windows)
    assert np.abs(own - nearest.predict_proba(cov)).max() < 1e-6


def test_csp_and_lda_are_those_of_pyriemann_and_scikit_learn(wide):
    estimation = pytest.importorskip("pyriemann.estimation")
    from pyriemann.geometry.covariance import normalize
    from pyriemann.spatialfilters import CSP
    from sklearn.covariance import OAS
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    windows, labels, _ = wide[ONE]
    alone = np.arange(len(windows))
    cov = estimation.Covariances("oas").fit_transform(windows)
    fitted = CspLda(pairs=3).fit(windows, labels, alone, 2)
    # pyRiemann sorts by how far from even a filter is: ours are found among all of its filters by their direction.
    theirs = CSP(nfilter=len(CENTRAL_21)).fit(normalize(cov, "trace"), labels).filters_
    theirs /= np.linalg.norm(theirs, axis=1, keepdims=True)
    alike = np.abs(fitted.filters @ theirs.T)
    assert np.abs(alike.max(axis=1) - 1).max() < 1e-6
    features = np.log(np.einsum("fi,nij,fj->nf", *(theirs[alike.argmax(axis=1)], cov, theirs[alike.argmax(axis=1)])))
    model = LinearDiscriminantAnalysis(solver="lsqr", covariance_estimator=OAS(store_precision=False))
    wanted = model.fit(features, labels).predict_proba(features)
    assert np.abs(fitted.posteriors(windows) - wanted).max() < 1e-6


def test_windows_of_a_trial_share_its_weight(coloured):
    windows, labels, groups = coloured
    again = np.concatenate([windows, windows[:30], windows[:10]])
    of = np.concatenate([groups, groups[:30], groups[:10]])
    for each in (TangentLr(), Mdm(), CspLda(pairs=2)):
        once = each.fit(windows, labels, groups, 3).posteriors(windows)
        assert np.abs(each.fit(again, labels[of], of, 3).posteriors(windows) - once).max() < 1e-5


def test_mutual_information_is_a_bit_where_classes_lie_apart_and_nothing_where_they_are_one():
    rng = np.random.default_rng(5)
    labels = np.repeat([0, 1], 500)
    noise = rng.normal(size=1000)
    assert patterns.information(noise + 20 * labels, labels, 2) > 0.99
    assert abs(patterns.information(noise, labels, 2)) < 0.02
    # Two normal distributions two deviations apart: 0.486 bits, by numerical integration. Smoothing takes some of it.
    assert patterns.information(noise + 2 * labels, labels, 2) == pytest.approx(0.486, abs=0.04)


def test_of_a_bank_the_band_that_tells_is_kept():
    # Synthetic: four bands of noise, the third with a source whose power says the class.
    rng = np.random.default_rng(6)
    labels = np.arange(60) % 2
    windows = rng.normal(size=(60, 4, 5, 160))
    windows[labels == 1, 2, 1] *= 2.0
    fitted = CspLda(bands=4, pairs=2, best=1).fit(windows.reshape(60, 20, 160), labels, np.arange(60), 2)
    # The best feature and its partner.
    assert fitted.band_of.tolist() == [2, 2]
    assert np.abs(fitted.filters[:, 1]).max() > 0.95


@pytest.mark.parametrize("name", METHODS)
def test_a_graph_says_what_numpy_does_on_real_windows(wide, name):
    bands = FORMS[name]
    windows, labels, groups = wide[bands]
    fitted = method(name, len(bands)).fit(windows, labels, groups, 2)
    model = fitted.to_onnx(WINDOW)
    checker.check_model(model, full_check=True)
    assert model.SerializeToString(deterministic=True) == fitted.to_onnx(WINDOW).SerializeToString(deterministic=True)
    again = method(name, len(bands)).fit(windows, labels, groups, 2)
    assert again.to_onnx(WINDOW).SerializeToString(deterministic=True) == model.SerializeToString(deterministic=True)
    found = onnx_run.Graph(model, SIGNAL).posteriors(windows)
    wanted = fitted.posteriors(windows)
    # Measured 1e-7, what single precision leaves of the answer.
    assert np.abs(found - wanted).max() < 1e-6
    assert np.abs(found.sum(axis=1) - 1).max() < 1e-6
    assert wanted.std() > 0.1


def test_a_graph_of_three_classes_and_two_bands_says_what_numpy_does(coloured):
    windows, labels, groups = coloured
    both = np.concatenate([windows, 3.0 * windows[:, ::-1] + np.roll(windows, 1, axis=2)], axis=1)
    for each in (CspLda(bands=2, pairs=2), CspLda(bands=2, pairs=2, best=3), TangentLr(bands=2), Mdm(bands=2)):
        fitted = each.fit(both, labels, groups, 3)
        found = onnx_run.Graph(fitted.to_onnx(200), SIGNAL).posteriors(both)
        assert np.abs(found - fitted.posteriors(both)).max() < 1e-6
        assert (found.argmax(axis=1) == labels).mean() > 0.9


@pytest.mark.parametrize("name", METHODS)
def test_no_window_is_too_strange_for_a_graph(wide, name):
    bands = FORMS[name]
    windows, labels, groups = (part[::8] for part in wide[bands])
    fitted = method(name, len(bands)).fit(windows, labels, groups, 2)
    graph = onnx_run.Graph(fitted.to_onnx(WINDOW), SIGNAL)
    jump, spike, flat, one_flat = (windows[0].copy() for _ in range(4))
    jump[3] += 5e4 * (np.arange(WINDOW) > 80)
    spike[::7, 40] = 1e7
    flat[:], one_flat[4] = 0.0, 0.0
    strange = np.stack([jump, spike, flat, one_flat, 1e-3 * windows[0], 1e5 * windows[0]])
    found = graph.posteriors(strange)
    assert np.isfinite(found).all()
    assert np.abs(found.sum(axis=1) - 1).max() < 1e-5
    # A channel that is flat, and a signal in another unit, are still decoded as numpy does.
    assert np.abs(found[3:] - fitted.posteriors(strange[3:].astype(np.float32).astype(float))).max() < 1e-5


def logs_of(matrices):
    """The graph's logarithms, double in and out."""
    batch, width, _ = matrices.shape
    net = Net(1, width, 1)
    # The values are exact: the input of a graph would be single precision.
    name = logm.matrix_log(net, net.constant(matrices, "given"), batch, width)
    held = [numpy_helper.from_array(value, key) for key, value in net.constants.items()]
    info = helper.make_tensor_value_info(name, TensorProto.DOUBLE, matrices.shape)
    graph = helper.make_graph(net.nodes, "log", [], [info], held)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return onnx_run.session(model).run([name], {})[0]


@pytest.mark.parametrize("shape", ["even", "one small", "one large", "halves"])
@pytest.mark.parametrize("condition", [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 3e5])
def test_logarithms_over_condition_numbers(shape, condition):
    rng = np.random.default_rng(int(np.log10(condition) * 10))
    width = 22
    values = {
        "even": np.geomspace(1, condition, width),
        "one small": np.r_[1.0, np.full(width - 1, condition)],
        "one large": np.r_[np.ones(width - 1), condition],
        "halves": np.repeat([1.0, condition], width // 2),
    }[shape]
    turns = np.linalg.qr(rng.normal(size=(3, width, width)))[0]
    # Three scales: the Frobenius norm is what the graph begins with.
    logs = np.log(values) + np.log([1e-3, 1.0, 1e3])[:, None] - np.log(condition) / 2
    matrices, wanted = ((turns * v[:, None, :]) @ turns.transpose(0, 2, 1) for v in (np.exp(logs), logs))
    # Measured 6e-9 to 1e5 and 9e-6 beyond: the Frobenius norm lies up to the root of 22 above the largest eigenvalue.
    assert np.abs(logs_of(matrices) - wanted).max() < (1e-7 if condition <= 1e5 else 1e-4)


def test_beyond_its_range_a_logarithm_is_finite_and_too_large():
    values = np.array([1e-12, 1e-9, 1e-7, 1e-6, 1e-3, 1.0])
    found = np.diagonal(logs_of(np.diag(values)[None])[0])
    assert np.abs(found[4:] - np.log(values[4:])).max() < 1e-7
    assert np.isfinite(found).all() and (np.diff(found) >= -1e-6).all() and found[0] > np.log(1e-8)


def test_the_steps_bring_six_orders_of_magnitude_to_less_than_one():
    (low_m, high_m), (low_x, high_x) = logm._ranges()
    assert 0.15 < low_m < high_m < 1 and 0.85 < low_x < high_x < 2.2


RIGHT = {"csp-lda": 59, "fbcsp-lda": 58, "ts-lr": 58, "fbts-lr": 58, "mdm": 59}
"""Measured, of 60 trials."""


@pytest.mark.parametrize("name", METHODS)
def test_each_run_is_decoded_by_what_the_others_taught(recordings, name):
    bands = FORMS[name]
    runs = [cut(recording, CENTRAL_9, bands, 100 * n) for n, recording in enumerate(recordings)]
    found = []
    for run in runs:
        fitted = method(name, len(bands)).fit(*joined([other for other in runs if other is not run]), 2)
        found.append(right(fitted, *run))
    told = dict(zip((*TRAIN, TEST), found, strict=True))
    # By chance 42 of 60 or more in 1.3 of a thousand cases, and 13 of 15 or more in 3.7.
    assert sum(found) >= max(42, RIGHT[name] - 2), told
    assert told[TEST] >= 13, told


def test_what_is_wrong_is_refused(coloured):
    windows, labels, groups = coloured
    with pytest.raises(ValueError, match="csp-lda takes one band, not 2"):
        method("csp-lda", 2)
    with pytest.raises(ValueError, match="no method of csp-lda, .*: svm"):
        method("svm")
    with pytest.raises(ValueError, match="6 channels are not those of 4 bands"):
        TangentLr(bands=4).fit(windows, labels, groups, 3)
    with pytest.raises(ValueError, match=r"labels must be each of 0 to 1, are \[0, 1, 2\]"):
        Mdm().fit(windows, labels, groups, 2)
    with pytest.raises(ValueError, match="90 windows have 89 labels"):
        Mdm().fit(windows, labels[1:], groups, 3)
    with pytest.raises(ValueError, match="NaN"):
        Mdm().fit(np.where(windows > 3, np.nan, windows), labels, groups, 3)


def test_logistic_regression_without_features_says_how_frequent_classes_are():
    labels, weights = np.repeat([0, 1, 2], [20, 10, 30]), np.ones(60)
    for classes, of in ((3, labels), (2, np.minimum(labels, 1))):
        found = linear.logistic(np.zeros((60, 1)), of, classes, weights, 1.0).posteriors(np.zeros((1, 1)))
        assert np.abs(found - np.bincount(of) / 60).max() < 1e-6


def test_the_bench_prints_its_figures(data, capsys, monkeypatch):
    monkeypatch.setattr(bench_log, "RUNS", 40)
    monkeypatch.setattr("sys.argv", ["bench_log", "--data", str(data), "--channels", "9", "--json"])
    bench_log.main()
    [told] = json.loads(capsys.readouterr().out)
    assert told["channels"] == 9 and 0 < told["graph"]["p50_us"] <= told["graph"]["p99_us"]
