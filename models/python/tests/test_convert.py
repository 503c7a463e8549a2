"""Converted weights: the checkpoint reader, the shipped bundles, and, where the originals are at hand, the conversion.

Set BCID_PRETRAINED to the folder of the published weights and BCID_EEGMMIDB to that of the runs for the last.
"""

import io
import os
import pickle
import sys
import types
import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest

from bcid_models import bundle, onnx_run, preprocess
from bcid_models.convert import basenet_online, checkpoint, eegnet_physionet
from bcid_models.convert.common import Runs, resampled
from bcid_models.eegmmidb import TEST
from bcid_models.export import of_bundle, parity, streaming
from bcid_models.export.graph import Refused
from bcid_models.recording import read

ZOO = Path(__file__).resolve().parents[2] / "zoo"
WINDOWED = [folder.name for folder in sorted(ZOO.glob("basenet-*-v?"))]
PRETRAINED, EEGMMIDB = (os.environ.get(name) for name in ("BCID_PRETRAINED", "BCID_EEGMMIDB"))
originals = pytest.mark.skipif(not (PRETRAINED and EEGMMIDB), reason="BCID_PRETRAINED and BCID_EEGMMIDB are not set")


class Storage:
    """Stands for a tensor's numbers while a checkpoint is made up."""

    def __init__(self, numbers: np.ndarray) -> None:
        self.numbers = numbers


def made_up_checkpoint(path: Path, monkeypatch, numbers: np.ndarray, shape: tuple, strides: tuple, offset: int) -> None:
    """A file as PyTorch writes it, without PyTorch."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    torch.FloatStorage = type("FloatStorage", (), {"__module__": "torch", "__qualname__": "FloatStorage"})

    def rebuild(*_):
        raise AssertionError("is never called")

    rebuild.__module__, rebuild.__qualname__, rebuild.__name__ = (
        "torch._utils",
        "_rebuild_tensor_v2",
        "_rebuild_tensor_v2",
    )
    utils._rebuild_tensor_v2 = rebuild
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)

    class Tensor:
        def __reduce__(self):
            return rebuild, (Storage(numbers), offset, shape, strides, False, {})

    class Pickler(pickle.Pickler):
        def persistent_id(self, found):
            return (
                ("storage", torch.FloatStorage, "0", "cpu", found.numbers.size) if isinstance(found, Storage) else None
            )

    with zipfile.ZipFile(path, "w") as archive:
        with archive.open("archive/data.pkl", "w") as file:
            Pickler(file, protocol=2).dump({"state_dict": {"weight": Tensor()}, "epoch": 3})
        archive.writestr("archive/data/0", numbers.astype("<f4").tobytes())


def test_a_tensor_is_read_with_its_offset_and_strides(tmp_path, monkeypatch):
    numbers = np.arange(20, dtype=np.float32)
    made_up_checkpoint(tmp_path / "a.ckpt", monkeypatch, numbers, (2, 3), (1, 4), 5)
    held = checkpoint.read(tmp_path / "a.ckpt")
    assert held["epoch"] == 3
    assert held["state_dict"]["weight"].tolist() == [[5, 9, 13], [6, 10, 14]]


def test_what_a_checkpoint_would_run_is_not_run(tmp_path):
    class Hostile:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "made"),)

    with zipfile.ZipFile(tmp_path / "a.ckpt", "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({"state_dict": {}, "hook": Hostile()}))
    assert checkpoint.read(tmp_path / "a.ckpt")["state_dict"] == {}
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("name", WINDOWED)
def test_each_basenet_says_the_same_by_the_hop_as_by_the_window(name, data):
    forms = []
    for folder in (ZOO / name, ZOO / f"{name}-streaming"):
        _, contract, _ = bundle.read(folder)
        raw = resampled(read(data / TEST), contract.input.channels, contract.input.rate_hz)[:, : 10 * 256] * 1e-6
        signal = preprocess.run(contract.preprocessing, raw, contract.input.rate_hz)
        forms.append(onnx_run.decode(folder / "model.onnx", contract, signal))
    window, hop = forms
    settled = 256 // 16 - 1
    assert len(hop) == settled + len(window) == 160
    assert np.abs(hop[settled:] - window).max() < 1e-5
    assert window[:, 0].std() > 0.01


def test_all_ten_basenets_are_shipped_and_differ():
    assert len(WINDOWED) == 10
    models = [onnx.load(ZOO / name / "model.onnx").graph.SerializeToString(deterministic=True) for name in WINDOWED]
    assert len(set(models)) == 10


@pytest.mark.parametrize("count", [2, 3, 4])
def test_the_physionet_eegnets_know_the_cue_of_their_golden_segment(count):
    # The segment begins with the cue to the right fist; the first row is of the window from the cue on.
    first = np.load(ZOO / f"eegnet-physionet-{count}class/golden/expected.npy")[0]
    assert first.shape == (count,)
    assert first.argmax() == eegnet_physionet.CLASSES.index("right")


def test_the_physionet_eegnet_streams_in_spite_of_its_padding_and_says_what_that_costs():
    model = onnx.load(ZOO / "eegnet-physionet-2class/model.onnx")
    real = read(ZOO.parent / "data/eegmmidb" / TEST).microvolts[:, :1600]
    made = streaming.export(model, 16, real, scales=())
    assert made.report.parity.difference < 1e-5
    assert any("63 + 64 of 480" in line for line in made.report.done)
    # Edges of 128 taps are a good part of 480 frames: far from a hop's share of the window, but less than all of it.
    assert 0.1 < made.report.hop_price_us / made.report.window_price_us < 0.75


def test_a_bundle_is_exported_with_its_contract(tmp_path):
    source = ZOO / "eegnet-physionet-2class"
    of_bundle.export(source, tmp_path / "hop", 16)
    _, contract, golden = bundle.read(tmp_path / "hop")
    _, window, _ = bundle.read(source)
    assert contract.identity.name == "eegnet-physionet-2class-streaming"
    assert (contract.input.feed, contract.input.hop_samples) == ("hop", 16)
    assert (contract.output, contract.provenance) == (window.output, window.provenance)
    rows, expected = (np.load(folder / bundle.EXPECTED) for folder in (tmp_path / "hop", source))
    assert np.abs(rows[480 // 16 - 1 :] - expected).max() < 1e-5
    assert (tmp_path / "hop/LICENSE").read_bytes() == (source / "LICENSE").read_bytes()
    of_bundle.export(source, tmp_path / "again", None)
    assert np.abs(np.load(tmp_path / "again" / bundle.EXPECTED) - expected).max() < 1e-5
    with pytest.raises(Refused, match="has states already"):
        of_bundle.export(tmp_path / "hop", tmp_path / "more", 16)


@pytest.mark.parametrize("dynamo", [False, True])
@pytest.mark.parametrize("mode", [None, "se", "eca"])
def test_braindecodes_basenet_streams(mode, dynamo):
    torch, models = pytest.importorskip("torch"), pytest.importorskip("braindecode.models")
    torch.manual_seed(0)
    net = models.AttentionBaseNet(
        n_chans=64, n_times=500, n_outputs=2, sfreq=250, pool_length_inp=8, pool_stride_inp=8, attention_mode=mode
    )
    file = io.BytesIO()
    torch.onnx.export(net.eval(), (torch.randn(1, 64, 500),), file, opset_version=18 if dynamo else 17, dynamo=dynamo)
    made = streaming.export(onnx.load_from_string(file.getvalue()), 20, scales=(1.0,))
    assert made.report.parity.difference < 1e-5
    assert made.report.hop_price_us < made.report.window_price_us * 0.6


@originals
def test_the_shipped_bundles_are_what_the_converters_write(tmp_path):
    runs, weights = Runs(Path(EEGMMIDB)), Path(PRETRAINED)
    eegnet_physionet.convert(weights / "eegnet-physionet", runs, 3, tmp_path)
    for source in basenet_online.SOURCES:
        basenet_online.convert(weights / f"basenet-online/{source.name}_source_v1.ckpt", source, runs, tmp_path)
    folders = sorted(folder.name for folder in tmp_path.iterdir())
    assert len(folders) == 5
    for file in (f for f in tmp_path.rglob("*") if f.is_file()):
        assert file.read_bytes() == (ZOO / file.relative_to(tmp_path)).read_bytes(), file


@originals
@pytest.mark.parametrize("source", basenet_online.SOURCES, ids=lambda source: source.name)
def test_basenet_is_that_of_braindecode(source):
    pytest.importorskip("torch")
    pytest.importorskip("braindecode")
    file = Path(PRETRAINED) / f"basenet-online/{source.name}_source_v0.ckpt"
    windows = parity.noise((8, len(source.channels), 256), basenet_online.NOISE_V / 5)
    assert basenet_online.against_torch(file, source, windows) < 1e-5


@originals
@pytest.mark.parametrize("subject", [1, 2, 3])
def test_atcnet_is_that_of_keras(subject):
    pytest.importorskip("h5py")
    pytest.importorskip("tensorflow")
    from bcid_models.convert import atcnet_2a, atcnet_keras

    weights = atcnet_2a.read_weights(Path(PRETRAINED) / f"atcnet-2a/subject-{subject}.h5")
    windows = parity.noise((8, 22, 1125), 10.0)
    ours = parity.outputs(atcnet_2a.network(weights), windows)
    assert parity.compare(ours, atcnet_keras.outputs(weights, windows / 10.0)).difference < 1e-5
