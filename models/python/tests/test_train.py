"""`bcid-models train`: a bundle of one's own recordings is what the benchmark's row is, and mistakes are told before anything is made."""

import shutil
import sys

import pytest

from bcid_models import onnx_run
from bcid_models.bench import tasks, train

RUNS = ("S001R05.edf", "S001R06.edf", "S001R09.edf")


def trained(monkeypatch, *words: object) -> int:
    monkeypatch.setattr(sys, "argv", ["bcid-models train", *map(str, words)])
    return train.main()


def asked(data, out, *more: object) -> list[object]:
    return [
        "--model",
        "ts-lr",
        "--task",
        "eegmmidb-fists-feet",
        "--recordings",
        *(data / r for r in RUNS),
        "--out",
        out,
        *more,
    ]


def test_a_decoder_of_ones_own_is_a_bundle_that_the_daemon_takes(monkeypatch, bcid, data, tmp_path, capsys):
    monkeypatch.setenv("BCID_BIN", str(bcid.program))
    out = tmp_path / "mine"
    assert trained(monkeypatch, *asked(data, out, "--subjects", "me")) == 0
    told = capsys.readouterr().out
    assert "45 trials (23 fists, 22 feet)" in told and "states no threshold" in told and str(out) in told
    bcid.verify(out)
    text = (out / "decoder.toml").read_text(encoding="utf-8")
    assert all(run in text for run in RUNS) and '"me"' in text
    found = bcid.evaluate(out, "eegmmidb-fists-feet", [data / "S001R10.edf"], None)
    # Measured 15; chance 8.
    assert found["trials"] == 15 and found["correct"] >= 13


def test_a_task_and_names_of_ones_own(monkeypatch, bcid, data, tmp_path, capsys):
    monkeypatch.setenv("BCID_BIN", str(bcid.program))
    own = tmp_path / "own.toml"
    shutil.copy(tasks.SHIPPED / "eegmmidb-fists-feet.toml", own)
    for day, run in enumerate(RUNS):
        (tmp_path / f"day{day}").mkdir()
        shutil.copy(data / run, tmp_path / f"day{day}" / "run.edf")
    days = [word for day in range(3) for word in ("--recordings", tmp_path / f"day{day}" / "run.edf")]
    words = ["--model", "csp-lda", "--task", own, *days]
    assert trained(monkeypatch, *words, "--out", tmp_path / "a") == 1
    assert "the nominal sampling rate of its recordings is not known" in capsys.readouterr().err
    assert trained(monkeypatch, *words, "--rate-hz", 160, "--out", tmp_path / "b") == 0
    graph = onnx_run.Graph(tmp_path / "b" / "model.onnx", "signal", "posterior")
    assert graph.session.get_outputs()[0].shape == [1, 2]
    assert trained(monkeypatch, *words, "--rate-hz", 128, "--out", tmp_path / "c") == 1
    assert "runs at 160 Hz" in capsys.readouterr().err and not (tmp_path / "c").exists()


def test_mistakes_are_told(monkeypatch, data, tmp_path, capsys):
    out = tmp_path / "out"

    def refused(*words: object) -> str:
        assert trained(monkeypatch, *words) == 1
        return capsys.readouterr().err

    assert "no task nope" in refused("--model", "ts-lr", "--task", "nope", "--recordings", data / RUNS[0], "--out", out)
    assert "no such file: x.edf, y.edf" in refused(*asked(data, out), "--recordings", "x.edf", "y.edf")
    assert "named more than once" in refused(*asked(data, out), "--recordings", data / RUNS[1])
    assert "takes no --source" in refused(*asked(data, out), "--source", data / RUNS[1])
    assert "is there already" in refused(*asked(data, tmp_path))
    with pytest.raises(SystemExit):
        trained(monkeypatch, *asked(data, out), "--model", "fit-ts-lr")
