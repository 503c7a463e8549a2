"""The contract as TOML and as JSON, and every bundle of the zoo against its own."""

import json
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from scipy.signal import butter, lfilter

from bcid_models import bundle, onnx_run, preprocess
from bcid_models.contract import (
    METADATA_KEY,
    Contract,
    Identity,
    Input,
    Metric,
    OperatingPoint,
    Output,
    Provenance,
    RecordingUse,
    State,
    document,
    from_document,
    metadata,
    to_toml,
)
from bcid_models.recording import sha256_of

ZOO = Path(__file__).resolve().parents[2] / "zoo"
FOLDERS = sorted(file.parent for file in ZOO.glob("*/decoder.toml"))


def is_known_here(folder: Path) -> bool:
    """Whether SciPy does all that stands before the model; an alignment is the daemon's."""
    steps = tomllib.loads((folder / "decoder.toml").read_text(encoding="utf-8")).get("preprocessing", [])
    return all(name in preprocess.STEPS for step in steps for name in step)


INDEPENDENT = [folder for folder in FOLDERS if is_known_here(folder)]

IDENTITY = Identity("n", "1.0.0", 'It says "no".', "MIT")
PROVENANCE = Provenance("code", "1", "nobody", "none")


def counter(feed: str = "hop") -> tuple[onnx.ModelProto, Contract]:
    """A made-up decoder that adds up what it was fed: `sum` += the tensor's total."""
    helper, number = onnx.helper, onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        [
            helper.make_node("ReduceSum", ["hop", "axes"], ["total"], keepdims=1),
            helper.make_node("Reshape", ["total", "flat"], ["number"]),
            helper.make_node("Add", ["number", "sum"], ["sum_out"]),
            helper.make_node("Identity", ["sum_out"], ["out"]),
        ],
        "counter",
        [helper.make_tensor_value_info("hop", number, [1, 2, 5]), helper.make_tensor_value_info("sum", number, [1, 1])],
        [helper.make_tensor_value_info(name, number, [1, 1]) for name in ("out", "sum_out")],
        [
            onnx.numpy_helper.from_array(np.array(value, np.int64), name)
            for name, value in (("axes", [1, 2]), ("flat", [1, 1]))
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    contract = Contract(
        identity=IDENTITY,
        input=Input("hop", ("a", "b"), "uV", 250.0, 10, 5, feed=feed),
        output=Output("out", "embedding", size=1, settle_samples=10),
        provenance=PROVENANCE,
        states=(State("sum", "sum_out", (1, 1), initial=2.0),),
    )
    return model, contract


def test_toml_says_what_json_says():
    contract = Contract(
        identity=IDENTITY,
        input=Input("x", ("C3", "C4"), "uV", 250.0, 100, 20, layout="samples_channels"),
        output=Output("y", "velocity", axes=("x", "y"), unit="m/s"),
        provenance=Provenance(
            "code", "1", "S1", "by run",
            (RecordingUse("a.edf", "0" * 64, "train"), RecordingUse("b.edf", "1" * 64, "test")),
            (Metric("r2", "b.edf", 0.5, (0.4, 0.6), 20, 0.0),),
        ),
        preprocessing=({"notch": {"freq_hz": 50.0, "q": 30.0}}, {"common_average": {}}),
        states=(State("h", "h_out", (1, 4), initial=0.5), State("m", "m_out", (2, 3), reset="attachment")),
    )  # fmt: skip
    told = tomllib.loads(to_toml(document(contract)))
    assert told == json.loads(metadata(contract)[METADATA_KEY])
    assert told["preprocessing"][1] == {"common_average": {}}
    assert told["state"][1] == {"input": "m", "output": "m_out", "shape": [2, 3], "reset": "attachment"}
    assert told["input"]["layout"] == "samples_channels" and "feed" not in told["input"]
    assert [r["use"] for r in told["provenance"]["recordings"]] == ["train", "test"]
    assert told["description"] == 'It says "no".'
    assert from_document(told) == contract
    with pytest.raises(ValueError, match="schema 1"):
        from_document(told | {"schema": 1})


def test_an_operating_point_is_written_and_read_where_there_is_one():
    given, yields = Input("x", ("C3",), "uV", 250.0, 100, 20), Output("y", "class_logits", ("a", "b"))
    plain = Contract(IDENTITY, given, yields, PROVENANCE)
    assert "intent" not in document(plain) and from_document(document(plain)) == plain
    stated = replace(plain, intent=OperatingPoint(0.62, 750.0))
    told = tomllib.loads(to_toml(document(stated)))
    assert told["intent"] == {"threshold": 0.62, "smoothing_ms": 750.0}
    assert told == json.loads(metadata(stated)[METADATA_KEY])
    assert from_document(told) == stated


def test_states_are_carried_from_hop_to_hop_and_begin_at_their_initial_value(tmp_path):
    model, contract = counter()
    segment = np.arange(46, dtype=np.float32).reshape(23, 2)
    bundle.write(tmp_path, model, contract, bundle.Golden(segment, "made up"))
    rows = np.load(tmp_path / bundle.EXPECTED)
    assert rows.tolist() == [[2 + segment[:end].sum()] for end in (5, 10, 15, 20)]


def test_a_segment_too_short_or_of_other_channels_is_refused(tmp_path):
    model, contract = counter()
    with pytest.raises(ValueError, match="no finite window"):
        bundle.write(tmp_path, model, contract, bundle.Golden(np.zeros((4, 2)), ""))
    with pytest.raises(ValueError, match=r"\[frames, 2\]"):
        bundle.write(tmp_path, model, contract, bundle.Golden(np.zeros((20, 3)), ""))


def test_preprocessing_begins_in_the_steady_state_and_is_the_textbook_filter():
    signal = np.random.default_rng(3).normal(size=(2, 400)) + 50
    chain = ({"band_pass": {"low_hz": 8.0, "high_hz": 30.0, "order": 2}}, {"common_average": {}})
    flat = preprocess.run(chain[:1], np.full((1, 100), 40.0), 160.0)
    assert np.abs(flat).max() < 1e-9, "a constant never was anything else"
    b, a = butter(2, [8, 30], "bandpass", fs=160)
    filtered = lfilter(b, a, signal - signal[:, :1], axis=1)  # which has no gain at 0 Hz
    assert np.abs(preprocess.run(chain, signal, 160.0) - (filtered - filtered.mean(axis=0))).max() < 1e-8
    notched = preprocess.run(({"notch": {"freq_hz": 50.0, "q": 30.0}},), np.full((1, 9), 7.0), 1000.0)
    assert np.abs(notched - 7.0).max() < 1e-9
    with pytest.raises(ValueError, match="detrend"):
        preprocess.run(({"detrend": {}},), signal, 160.0)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_shipped_bundle_is_whole(folder):
    toml = tomllib.loads((folder / "decoder.toml").read_text(encoding="utf-8"))
    golden, digest = toml.pop("golden"), toml["model"].pop("sha256")
    assert digest == sha256_of(folder / toml["model"]["file"])
    model = onnx.load(folder / toml["model"]["file"])
    assert {p.key: json.loads(p.value) for p in model.metadata_props} == {METADATA_KEY: toml}
    for file in ("segment", "expected"):
        assert golden[f"{file}_sha256"] == sha256_of(folder / golden[file])
    assert (folder / "LICENSE").exists() and (folder / "README.md").exists()
    inputs = {i.name: [d.dim_value for d in i.type.tensor_type.shape.dim] for i in model.graph.input}
    fed = toml["input"]["hop_samples" if toml["input"].get("feed") == "hop" else "window_samples"]
    states = {s["input"]: s["shape"] for s in toml.get("state", [])}
    assert inputs == {toml["input"]["tensor"]: [1, len(toml["input"]["channels"]), fed], **states}


def test_most_shipped_bundles_are_held_against_scipy():
    assert len(INDEPENDENT) >= 20


@pytest.mark.parametrize("folder", [f for f in FOLDERS if f not in INDEPENDENT], ids=lambda folder: folder.name)
def test_a_bundle_that_aligns_yields_its_golden_rows_in_the_daemon(bcid, folder):
    bcid.verify(folder)


@pytest.mark.parametrize("folder", INDEPENDENT, ids=lambda folder: folder.name)
def test_a_shipped_bundle_yields_its_golden_rows(folder):
    toml = tomllib.loads((folder / "decoder.toml").read_text(encoding="utf-8"))
    segment, expected = (np.load(folder / toml["golden"][key]) for key in ("segment", "expected"))
    assert segment.dtype == expected.dtype == np.float32
    contract = from_document(toml)
    signal = preprocess.run(contract.preprocessing, segment.T.astype(float), contract.input.rate_hz)
    rows = onnx_run.decode(folder / toml["model"]["file"], contract, signal)
    assert rows.shape == expected.shape
    assert np.abs(rows - expected).max() <= toml["golden"]["atol"]
    assert rows.std(axis=0).max() > 1e-3, "they say something"
