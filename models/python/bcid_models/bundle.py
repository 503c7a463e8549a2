"""Writes a bundle: the model with its contract inside, `decoder.toml`, and the golden segment."""

import io
import tomllib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import checker, helper

from . import onnx_run, preprocess
from .contract import Contract, document, from_document, metadata, to_toml
from .recording import sha256_of

MODEL = "model.onnx"
SEGMENT, EXPECTED = "golden/segment.npy", "golden/expected.npy"


@dataclass(frozen=True)
class Golden:
    """A raw stretch of the stream, `[frames, channels]` in the input's unit at its rate, and where it is from."""

    segment: np.ndarray
    origin: str
    atol: float = 1e-4


def with_contract(model: onnx.ModelProto, contract: Contract) -> onnx.ModelProto:
    """A copy of `model` whose metadata are the contract and nothing else."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    copy.producer_name, copy.producer_version = "bcid_models", ""
    copy.doc_string = contract.identity.description
    del copy.metadata_props[:]
    helper.set_model_props(copy, metadata(contract))
    checker.check_model(copy, full_check=True)
    return copy


def write_model(path: Path, model: onnx.ModelProto, contract: Contract) -> None:
    """Writes `model` with its contract; the same of both give the same bytes."""
    path.write_bytes(with_contract(model, contract).SerializeToString(deterministic=True))


def expected(model: Path | onnx.ModelProto, contract: Contract, segment: np.ndarray) -> np.ndarray:
    """What the decoder yields for each window of a raw `[frames, channels]`, as the daemon is to."""
    signal = preprocess.run(contract.preprocessing, segment.T.astype(float), contract.input.rate_hz)
    return onnx_run.decode(model, contract, signal)


def write(folder: Path, model: onnx.ModelProto, contract: Contract, golden: Golden) -> None:
    """Writes the whole bundle but its card and licence into `folder`."""
    channels = len(contract.input.channels)
    if golden.segment.ndim != 2 or golden.segment.shape[1] != channels:
        raise ValueError(f"the golden segment must be [frames, {channels}], is {golden.segment.shape}")
    (folder / "golden").mkdir(parents=True, exist_ok=True)
    write_model(folder / MODEL, model, contract)
    segment = np.ascontiguousarray(golden.segment, np.float32)
    rows = expected(folder / MODEL, contract, segment)
    if not (rows.size and np.isfinite(rows).all()):
        raise ValueError(f"the golden segment of {len(segment)} frames yields no finite window")
    for file, numbers in ((SEGMENT, segment), (EXPECTED, rows)):
        (folder / file).write_bytes(npy(numbers))
    found = document(contract, MODEL)
    found["model"]["sha256"] = sha256_of(folder / MODEL)
    found["golden"] = {
        "segment": SEGMENT,
        "segment_sha256": sha256_of(folder / SEGMENT),
        "expected": EXPECTED,
        "expected_sha256": sha256_of(folder / EXPECTED),
        "origin": golden.origin,
        "atol": golden.atol,
    }
    (folder / "decoder.toml").write_text(to_toml(found), encoding="utf-8")


def read(folder: Path) -> tuple[onnx.ModelProto, Contract, Golden]:
    """A bundle's model, contract and golden segment."""
    found = tomllib.loads((folder / "decoder.toml").read_text(encoding="utf-8"))
    model = onnx.load(folder / found["model"]["file"])
    told = found["golden"]
    segment = np.load(folder / told["segment"], allow_pickle=False)
    return model, from_document(found), Golden(segment, told["origin"], told.get("atol", 1e-4))


def npy(numbers: np.ndarray) -> bytes:
    """A `.npy` file, version 1.0, of float32 row by row."""
    file = io.BytesIO()
    np.lib.format.write_array(file, np.ascontiguousarray(numbers, "<f4"), version=(1, 0), allow_pickle=False)
    return file.getvalue()
