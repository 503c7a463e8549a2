"""Times bare ONNX Runtime on bundles: one thread that does not spin, bound and preallocated input and output.

    python -m bcid_models.time_ort BUNDLE... --json

Prints, for each bundle, microseconds of a run: median and 99th percentile. States are carried from one run to the next
in two sets of buffers that change places.
"""

import argparse
import json
import time
import tomllib
from pathlib import Path

import numpy as np
import onnxruntime

from . import __version__, onnx_run

RUNS, WARM_UP = 2000, 200


def time_bundle(folder: Path, runs: int = RUNS) -> dict:
    """Microseconds of a run of the bundle in `folder`, fed with what its tensor takes."""
    toml = tomllib.loads((folder / "decoder.toml").read_text(encoding="utf-8"))
    session = onnx_run.session(folder / toml["model"]["file"])
    bindings = _bindings(session, toml)
    took_ns = np.empty(WARM_UP + runs, np.int64)
    for n in range(len(took_ns)):
        binding = bindings[n % 2]
        before = time.perf_counter_ns()
        session.run_with_iobinding(binding)
        took_ns[n] = time.perf_counter_ns() - before
    p50, p99 = np.percentile(took_ns[WARM_UP:] / 1000, [50, 99])
    return {"model": toml["name"], "us_p50": round(float(p50), 1), "us_p99": round(float(p99), 1), "runs": runs}


def _bindings(session: onnxruntime.InferenceSession, toml: dict) -> list[onnxruntime.IOBinding]:
    """Two bindings: what the one yields as states the other takes."""
    states = {s["input"]: s["output"] for s in toml.get("state", [])}
    rng = np.random.default_rng(1)
    taken = {
        i.name: [_value(np.zeros(i.shape) if i.name in states else rng.normal(size=i.shape) * 20)]
        for i in session.get_inputs()
    }
    yielded = {o.name: _value(np.zeros(o.shape)) for o in session.get_outputs() if o.name == toml["output"]["tensor"]}
    for name in states:
        taken[name].append(_value(np.zeros(taken[name][0].shape())))
    bindings = []
    for turn in (0, 1):
        binding = session.io_binding()
        for name, buffers in taken.items():
            binding.bind_ortvalue_input(name, buffers[turn % len(buffers)])
        for name, value in yielded.items():
            binding.bind_ortvalue_output(name, value)
        for name, output in states.items():
            binding.bind_ortvalue_output(output, taken[name][1 - turn])
        bindings.append(binding)
    return bindings


def _value(array: np.ndarray) -> onnxruntime.OrtValue:
    return onnxruntime.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(array, np.float32))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundles", type=Path, nargs="+", metavar="BUNDLE", help="folder of a bundle")
    parser.add_argument("--runs", type=int, default=RUNS, help="runs timed, after a warm-up")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    rows = [time_bundle(folder, arguments.runs) for folder in arguments.bundles]
    if arguments.json:
        versions = {"onnxruntime": onnxruntime.__version__, "bcid_models": __version__}
        print(json.dumps({"provider": onnx_run.CPU[0], "threads": 1, **versions, "rows": rows}))
        return
    for row in rows:
        print(f"{row['model']}: {row['us_p50']} us, 99 % within {row['us_p99']} us")


if __name__ == "__main__":
    main()
