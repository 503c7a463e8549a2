"""The benchmark's bundles and the timing of them."""

import json
import tomllib

import numpy as np
import pytest

from bcid_models import bench_models, bundle, time_ort


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    out = tmp_path_factory.mktemp("bench")
    return out, bench_models.write_all(out)


def test_each_network_is_written_in_three_forms_that_agree(written):
    out, told = written
    assert sorted(f.name for f in out.iterdir()) == sorted(
        f"bench-{name}-{form}" for name in ("eegnet", "basenet") for form in ("window", "surgery", "streaming")
    )
    for name in ("eegnet", "basenet"):
        window, surgery, streaming = (
            np.load(out / f"bench-{name}-{form}" / bundle.EXPECTED) for form in ("window", "surgery", "streaming")
        )
        settled = bench_models.SAMPLES // bench_models.HOP - 1
        assert len(window) == len(surgery) == len(streaming) - settled == 26
        assert np.abs(surgery - window).max() < 1e-5
        assert np.abs(streaming[settled:] - window).max() < 1e-5
        assert window.std() > 1e-2
        toml = tomllib.loads((out / f"bench-{name}-streaming" / "decoder.toml").read_text(encoding="utf-8"))
        assert toml["input"]["feed"] == "hop" and toml["state"] and "UNTRAINED" in toml["description"]
    assert any("spatial filters before temporal ones" in text for text in told)


def test_they_are_the_same_bytes_each_time(written, tmp_path):
    bench_models.write_all(tmp_path)
    files = [f.relative_to(tmp_path) for f in tmp_path.rglob("*") if f.is_file()]
    assert len(files) == 6 * 4
    for file in files:
        assert (tmp_path / file).read_bytes() == (written[0] / file).read_bytes(), file


def test_timing_prints_a_row_a_bundle(written, capsys, monkeypatch):
    folders = [str(written[0] / f"bench-eegnet-{form}") for form in ("window", "streaming")]
    monkeypatch.setattr("sys.argv", ["time_ort", *folders, "--runs", "60", "--json"])
    time_ort.main()
    told = json.loads(capsys.readouterr().out)
    assert (told["provider"], told["threads"]) == ("CPUExecutionProvider", 1)
    window, streaming = told["rows"]
    assert window["model"] == "bench-eegnet-window" and window["runs"] == 60
    assert 0 < streaming["us_p50"] <= streaming["us_p99"]
    # What the export is for; measured 1/37, so that a busy machine does not matter.
    assert streaming["us_p50"] < window["us_p50"] / 5


def test_states_are_carried_while_timing(written):
    folder = written[0] / "bench-eegnet-streaming"
    toml = tomllib.loads((folder / "decoder.toml").read_text(encoding="utf-8"))
    session = time_ort.onnx_run.session(folder / toml["model"]["file"])
    one, other = time_ort._bindings(session, toml)
    results = []
    for binding in (one, other, one):
        session.run_with_iobinding(binding)
        results.append(binding.get_outputs()[0].numpy().copy())
    assert not np.array_equal(results[0], results[1]) and not np.array_equal(results[1], results[2])
