"""What a window of tangent space and logistic regression costs, in the graph and in the daemon's own steps.

    python -m bcid_models.classical.bench_log --data models/data/eegmmidb [--bcid target/release/bcid] [--json]

One thread throughout; the decoder is learned from S001R05, one band of 8 to 30 Hz, windows of 1 s. `graph` is the
median and 99th percentile of a run in ONNX Runtime, input and output bound. With `--bcid` the same decoder is packed
twice: windows are fed to the graph, or the step `align` recentres their covariances and takes the logarithm, which
leaves a linear readout to the graph. `bcid decoder verify` decodes a minute of signal with each: a window costs what
processor time a window each frame takes beyond one each 100 frames, over the windows. The band-pass is in both, and
drops out. Of that there is a mean only; for percentiles `tests/bench` would have to time `AlignCovariances` itself.
"""

import argparse
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
from onnx import ModelProto, helper

from .. import bundle, onnx_run
from ..causal import RATE_HZ, WINDOW, SignalPath, windows
from ..contract import Contract, Identity, Input, Output, Provenance, Step, document, to_toml
from ..export.graph import build
from ..montage import CENTRAL_9, CENTRAL_21
from ..recording import Recording, read
from ..trials import CLASSES, LABELS
from . import spd
from .fitted import Tangent
from .methods import TangentLr
from .net import POSTERIOR, SIGNAL

MONTAGES = {9: CENTRAL_9, 21: CENTRAL_21}
RUNS, WARM_UP = 5000, 500
SEGMENT = WINDOW + 9_800
"""Frames that the daemon decodes; it takes no more than 10,000 windows of a golden segment."""
SPARSE = 100
ROUNDS = 5
"""Of the processor time of a command the least is taken: whatever else runs only adds to it."""


def learned(recording: Recording, path: SignalPath) -> tuple[Tangent, np.ndarray]:
    """A decoder, and the windows that it was learned from."""
    signal = path.filtered(recording)
    newest = [np.arange(0, 16 * 26, 16) + round((cue.onset_s + 0.5) * RATE_HZ) + WINDOW - 1 for cue in recording.cues]
    labels = np.repeat([LABELS[cue.label] for cue in recording.cues], 26)
    taken = windows(signal, np.concatenate(newest))
    return TangentLr().fit(taken, labels, np.repeat(np.arange(len(newest)), 26), len(CLASSES)), taken


def time_graph(model: ModelProto, taken: np.ndarray) -> dict[str, float]:
    """Microseconds of a run."""
    session = onnx_run.session(model)
    bound = []
    for window in taken[:64]:
        binding = session.io_binding()
        value = onnxruntime.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(window[None], np.float32))
        binding.bind_ortvalue_input(SIGNAL, value)
        binding.bind_output(POSTERIOR)
        bound.append(binding)
    return _percentiles(lambda n: session.run_with_iobinding(bound[n % len(bound)]))


def time_numpy(fitted: Tangent, taken: np.ndarray) -> dict[str, float]:
    """Microseconds of a window in numpy."""
    return _percentiles(lambda n: fitted.posteriors(taken[n % len(taken)][None]))


def readout(fitted: Tangent) -> ModelProto:
    """The linear readout alone: `features` `[1, features, 1]`, a logarithm's triangle, -> `posterior`."""
    count = fitted.readout.weights.shape[1]
    nodes = [
        helper.make_node("Reshape", ["features", "flat"], ["row"]),
        helper.make_node("Gemm", ["row", "weights", "bias"], ["scores"], transB=1),
        helper.make_node("Softmax", ["scores"], [POSTERIOR], axis=1),
    ]
    constants = {
        "flat": np.array([1, count]),
        "weights": fitted.readout.weights.astype(np.float32),
        "bias": fitted.readout.bias.astype(np.float32),
    }
    return build("readout", nodes, {"features": (1, count, 1)}, {POSTERIOR: (1, len(CLASSES))}, constants)


class Daemon:
    """The daemon's decoding of `segment` `[frames, channels]`, in the processor time of commands."""

    def __init__(self, bcid: Path, folder: Path, path: SignalPath, segment: np.ndarray) -> None:
        self.bcid, self.folder, self.path = bcid.resolve(), folder, path
        self.segment = folder / "segment.npy"
        self.segment.write_bytes(bundle.npy(segment))

    def window_us(self, name: str, model: ModelProto, tensor: str, steps: Callable[[int], tuple[Step, ...]],
                  window: int, files: dict[str, str]) -> tuple[float, np.ndarray]:  # fmt: skip
        """Microseconds a window, and what is decoded at each frame; `steps` takes the frames between two windows."""
        packed = {}
        for hop in (1, SPARSE):
            given = Input(tensor, self.path.channels, "uV", RATE_HZ, window, hop if window > 1 else 1)
            packed[hop] = self._packed(f"{name}-{hop}", model, given, steps(hop), files)
        rows = np.load(packed[1] / bundle.EXPECTED)
        extra = len(rows) - len(np.load(packed[SPARSE] / bundle.EXPECTED))
        # One after the other, so that a machine that slows down does so for both.
        took = [[_cpu_s(self._verify(packed[hop])) for hop in (1, SPARSE)] for _ in range(ROUNDS)]
        dense, sparse = np.min(took, axis=0)
        return round(float((dense - sparse) / extra * 1e6), 1), rows

    def run_us(self, name: str) -> dict[str, float]:
        """Microseconds of a run of the model of what was packed as `name`, in the daemon's ONNX Runtime."""
        out = self.folder / "times.json"
        command = [*self._verify(self.folder / f"{name}-1-packed"), "--json", out]
        subprocess.run(command, check=True, capture_output=True)
        told = json.loads(out.read_text(encoding="utf-8"))
        return {"p50_us": round(told["p50_us"], 1), "p99_us": round(told["p99_us"], 1)}

    def _packed(
        self, name: str, model: ModelProto, given: Input, steps: tuple[Step, ...], files: dict[str, str]
    ) -> Path:
        stage, out = self.folder / name, self.folder / f"{name}-packed"
        stage.mkdir()
        contract = Contract(
            identity=Identity(name, "1.0.0", "For timing only.", "none"),
            input=given,
            preprocessing=(*self.path.steps(), *steps),
            output=Output(POSTERIOR, "class_posteriors", CLASSES),
            provenance=Provenance("bcid_models.classical.bench_log", "none", "S001 of eegmmidb", "none"),
        )
        bundle.write_model(stage / bundle.MODEL, model, contract)
        for file, text in {"decoder.toml": to_toml(document(contract)), **files}.items():
            (stage / file).write_text(text, encoding="utf-8")
        segment = ["--segment", self.segment, "--origin", "S001R05.edf"]
        subprocess.run([self.bcid, "decoder", "pack", stage, "--out", out, *segment], check=True, capture_output=True)
        return out

    def _verify(self, folder: Path) -> list[str | Path]:
        return [self.bcid, "decoder", "verify", folder]


def native_steps(mode: str, yields: str) -> Callable[[int], tuple[Step, ...]]:
    """The step that recentres covariances on a reference that stays (`fixed`) or goes on learning (`running`)."""
    usual = {"metric": "riemann", "mode": mode, "yields": yields, "reference": "align.toml", "shrinkage": "oas"}
    ms = 1e3 / RATE_HZ
    return lambda hop: ({"align": {**usual, "window_ms": WINDOW * ms, "hop_ms": hop * ms}},)


def reference_file(fitted: Tangent, path: SignalPath) -> str:
    """The decoder's reference as `bcid learn` writes it."""
    mean = np.linalg.inv(fitted.whiteners[0] @ fitted.whiteners[0])
    entry = {
        "name": "align", "kind": "align", "channels": list(path.channels), "rate_hz": RATE_HZ, "learned_s": 60.0,
        "recordings": ["S001R05.edf"], "sha256": ["0" * 64], "window_ms": WINDOW * 1e3 / RATE_HZ,
        "shape": list(mean.shape), "metric": "riemann", "shrinkage": "oas", "windows": 390,
        "reference": ((mean + mean.T) / 2).tolist(),
    }  # fmt: skip
    return "schema = 1\n\n[[step]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in entry.items())


def measure(data: Path, channels: int, bcid: Path | None) -> dict:
    """All figures for a montage."""
    path = SignalPath(MONTAGES[channels], common_average=False)
    recording = read(data / "S001R05.edf")
    fitted, taken = learned(recording, path)
    model = fitted.to_onnx(WINDOW)
    values = np.linalg.eigvalsh(fitted.whiteners @ spd.covariances(taken, 1) @ fitted.whiteners)
    found: dict = {
        "channels": channels,
        "largest condition number, recentred": round(float((values[..., -1] / values[..., 0]).max()), 1),
        "graph": time_graph(model, taken),
        "numpy": time_numpy(fitted, taken),
    }
    if bcid is None:
        return found
    rows = [recording.channels.index(label) for label in path.channels]
    segment = recording.microvolts[rows, :SEGMENT].T.astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        daemon = Daemon(bcid, Path(folder), path, segment)
        us, of_graph = daemon.window_us("graph", model, SIGNAL, lambda hop: (), WINDOW, {})
        found["daemon, graph"] = {"window_us": us, "run": daemon.run_us("graph")}
        files, linear = {"align.toml": reference_file(fitted, path)}, readout(fitted)
        for mode, yields in (("fixed", "log_covariance"), ("running", "log_covariance"), ("fixed", "covariance")):
            name = f"{mode}-{yields}"
            us, own = daemon.window_us(name, linear, "features", native_steps(mode, yields), 1, files)
            found[f"daemon, align {mode} {yields}"] = {"window_us": us, "run": daemon.run_us(name)}
            if (mode, yields) == ("fixed", "log_covariance"):
                found["largest difference of posteriors"] = float(np.abs(own[-len(of_graph) :] - of_graph).max())
    return found


def _percentiles(run: Callable[[int], object]) -> dict[str, float]:
    """Of the time that passes, and of the thread's own processor time, which does not count what else runs."""
    took_ns = np.empty((2, WARM_UP + RUNS))
    for n in range(took_ns.shape[1]):
        before, own = time.perf_counter_ns(), time.thread_time_ns()
        run(n)
        took_ns[:, n] = time.perf_counter_ns() - before, time.thread_time_ns() - own
    (p50, p99), (cpu_p50, cpu_p99) = np.percentile(took_ns[:, WARM_UP:] / 1000, [50, 99], axis=1).T.round(1).tolist()
    return {"p50_us": p50, "p99_us": p99, "cpu_p50_us": cpu_p50, "cpu_p99_us": cpu_p99}


def _cpu_s(command: list[str | Path]) -> float:
    """Processor time of a command, its own and the system's for it, s."""
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(running.pid, 0)
    running.returncode = os.waitstatus_to_exitcode(status)
    if running.returncode:
        raise subprocess.CalledProcessError(running.returncode, command)
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the EDF runs")
    parser.add_argument("--bcid", type=Path, help="the daemon's program, as it is released")
    parser.add_argument("--channels", type=int, nargs="+", choices=MONTAGES, default=list(MONTAGES))
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    found = [measure(arguments.data, channels, arguments.bcid) for channels in arguments.channels]
    if arguments.json:
        print(json.dumps(found))
        return
    for row in found:
        print(f"{row.pop('channels')} channels")
        for what, figures in row.items():
            print(f"  {what}: {figures}")


if __name__ == "__main__":
    main()
