"""The shipped bundle is what the code makes of the shipped data."""

import json
import shutil
import tomllib

import numpy as np
import onnx
import pytest

from bcid_models import bundle as bundles
from bcid_models import onnx_graph
from bcid_models.choose_csp_lda import candidates, choose
from bcid_models.crossval import leave_one_run_out
from bcid_models.decoder import CspLda
from bcid_models.eegmmidb import TEST, TRAIN
from bcid_models.onnx_run import Graph
from bcid_models.recording import read, sha256_of
from bcid_models.train_csp_lda import PATH, RECIPE, train, write_bundle
from bcid_models.write_oracle import oracle


@pytest.fixture(scope="module")
def toml(bundle):
    return tomllib.loads((bundle / "decoder.toml").read_text(encoding="utf-8"))


def test_training_twice_gives_the_same_bytes_and_they_are_the_shipped_ones(data, bundle, tmp_path):
    for folder in ("one", "two"):
        write_bundle(data, tmp_path / folder)
    for file in ("model.onnx", "decoder.toml", "README.md", bundles.SEGMENT, bundles.EXPECTED):
        one, two = (tmp_path / folder / file for folder in ("one", "two"))
        assert one.read_bytes() == two.read_bytes(), file
        if file not in ("decoder.toml", bundles.EXPECTED):
            assert one.read_bytes() == (bundle / file).read_bytes(), file
    # What ONNX Runtime yields differs in the last digit from one kind of processor to another.
    expected = [np.load(folder / bundles.EXPECTED) for folder in (tmp_path / "one", bundle)]
    assert np.abs(expected[0] - expected[1]).max() < 1e-6
    told = [tomllib.loads((f / "decoder.toml").read_text(encoding="utf-8")) for f in (tmp_path / "one", bundle)]
    for toml in told:
        toml["golden"].pop("expected_sha256")
    assert told[0] == told[1]


def test_the_model_and_every_choice_come_from_the_training_runs_alone(data, bundle, training, tmp_path):
    for file in TRAIN:
        shutil.copy(data / file, tmp_path / file)
    decoder, _ = train(tmp_path)
    assert onnx_graph.model(decoder).graph == onnx.load(bundle / "model.onnx").graph
    chosen = choose(list(candidates(training)))
    assert (chosen.path, chosen.recipe) == (PATH, RECIPE)


def test_the_recordings_are_named_with_their_hashes_and_the_test_run_trains_nothing(data, toml):
    assert TEST not in TRAIN
    used = {r["file"]: (r["use"], r["sha256"]) for r in toml["provenance"]["recordings"]}
    assert used == {
        **{file: ("train", sha256_of(data / file)) for file in TRAIN},
        TEST: ("test", sha256_of(data / TEST)),
    }
    listed = (data / "README.md").read_text(encoding="utf-8")
    for file, (_, digest) in used.items():
        assert f"{digest}  {file}" in listed


def test_the_figures_stated_are_those_of_a_new_run(runs, toml, oracle_file):
    cross_validated, tested = toml["provenance"]["metrics"]
    pooled = leave_one_run_out(runs, RECIPE).pooled
    assert cross_validated["value"] == pytest.approx(pooled.accuracy, abs=1e-4)
    assert cross_validated["ci95"] == pytest.approx(pooled.ci95, abs=1e-4)
    assert cross_validated["trials"] == pooled.trials == 45
    trials = json.loads(oracle_file.read_text(encoding="utf-8"))["trials"]
    assert tested["trials"] == len(trials) == 15
    assert tested["value"] == pytest.approx(sum(t["right"] for t in trials) / 15, abs=1e-4)
    assert sum(t["right"] for t in trials) >= 13


def test_the_toml_names_the_model_it_lies_beside(bundle, toml):
    assert toml["model"]["sha256"] == sha256_of(bundle / toml["model"]["file"])
    model = onnx.load(bundle / "model.onnx")
    (tensor,) = model.graph.input
    shape = [d.dim_value for d in tensor.type.tensor_type.shape.dim]
    assert tensor.name == toml["input"]["tensor"]
    assert shape == [1, len(toml["input"]["channels"]), toml["input"]["window_samples"]]
    assert [(o.domain, o.version) for o in model.opset_import] == [("", 17)]
    assert toml["input"]["channels"] == list(PATH.channels)


def test_the_graph_computes_what_numpy_computes(bundle, runs):
    model = onnx.load(bundle / "model.onnx")
    value = {i.name: onnx.numpy_helper.to_array(i).astype(float) for i in model.graph.initializer}
    decoder = CspLda(value["csp_filters"], value["lda_weights"], value["lda_bias"])
    windows = np.concatenate([t.windows for t in runs[1].decision])
    windows = np.concatenate([windows, windows + 5.0])  # an offset, for variance is not power
    posteriors = Graph(bundle / "model.onnx").posteriors(windows)
    assert np.abs(posteriors - decoder.posteriors(windows)).max() < 1e-5
    assert np.abs(posteriors.sum(axis=1) - 1).max() < 1e-6
    assert posteriors[:, 0].std() > 0.3, "they say something"


def test_a_flat_window_gives_a_probability(bundle):
    posteriors = Graph(bundle / "model.onnx").posteriors(np.zeros((1, len(PATH.channels), 160)))
    assert np.isfinite(posteriors).all()
    assert posteriors.sum() == pytest.approx(1.0)


def test_another_decoder_makes_another_graph():
    # So that equal bytes above mean something.
    decoder = CspLda(np.eye(2, 9), np.eye(2), np.zeros(2))
    one, other = onnx_graph.model(decoder), onnx_graph.model(decoder.tempered(1.001))
    assert one.SerializeToString(deterministic=True) != other.SerializeToString(deterministic=True)


def test_the_golden_segment_is_the_start_of_the_test_run(data, bundle, oracle_file):
    segment, expected = np.load(bundle / bundles.SEGMENT), np.load(bundle / bundles.EXPECTED)
    recording = read(data / TEST)
    rows = [recording.channels.index(label) for label in PATH.channels]
    assert np.array_equal(segment, recording.microvolts[rows, :640].T.astype(np.float32))
    oracle_rows = json.loads(oracle_file.read_text(encoding="utf-8"))["posterior"][: len(expected)]
    assert len(expected) == 1 + (640 - 160) // 10
    assert np.abs(expected - np.array(oracle_rows)).max() < 1e-5


def test_the_oracle_is_what_the_bundle_yields(data, bundle, oracle_file):
    written, now = json.loads(oracle_file.read_text(encoding="utf-8")), oracle(data, bundle)
    assert np.abs(np.array(written.pop("posterior")) - np.array(now.pop("posterior"))).max() < 1e-5
    assert written.pop("newest_frame") == now.pop("newest_frame") == list(range(159, 20000, 10))
    for ours, theirs in zip(written.pop("trials"), now.pop("trials"), strict=True):
        assert ours.pop("mean_posterior") == pytest.approx(theirs.pop("mean_posterior"), abs=1e-5)
        assert ours == theirs
    assert written == now
