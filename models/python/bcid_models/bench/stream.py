"""`bcid-models stream`: networks of the benchmark fed by the hop, where their architecture allows it; else why not.

    bcid-models stream [--models NAME...]

Each is trained as its row under `s1-ff-10` was, rewritten by `export.streaming`, held against the window's outputs on the signal that
the daemon fed, packed, timed, and tried on run 10 through the daemon: trials are decided as the window form decides them.
"""

import argparse
import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .. import bundle
from ..contract import document, from_document, to_toml
from ..daemon import ROOT, Bcid, find
from ..export import streaming
from ..export.graph import Refused
from .fed import Fed
from .judge import timed
from .methods import METHODS, NETWORKS
from .run import Bench
from .tasks import PROTOCOLS, locate

PROTOCOL = "s1-ff-10"
REAL_S = 60.0
"""Of the signal on which the two forms are held against each other."""


@dataclass(frozen=True)
class Found:
    """What came of it, as it is written down."""

    told: dict
    bundle: Path | None


def stream(bench: Bench, of_window: Path, fed: Fed, out: Path) -> Found:
    """The streaming form of a bundle whose decoder was fed `fed`, written to `out`; or why there is none."""
    found = _toml(of_window)
    hop = found["input"]["hop_samples"]
    real = continuous(fed, hop)[:, : int(REAL_S * found["input"]["rate_hz"]) // hop * hop]
    model, _, _ = bundle.read(of_window)
    try:
        made = streaming.export(model, hop, real, scales=(1.0,))
    except Refused as why:
        return Found({"refused": str(why)}, None)
    contract = made.contract(from_document(found))
    stage = bench.scratch / "stream"
    shutil.rmtree(stage, ignore_errors=True)
    stage.mkdir(parents=True)
    bundle.write_model(stage / bundle.MODEL, made.model, contract)
    (stage / "decoder.toml").write_text(to_toml(document(contract)), encoding="utf-8")
    for file in ("align.toml", "task.toml", "LICENSE"):
        if (of_window / file).is_file():
            shutil.copy(of_window / file, stage / file)
    shutil.rmtree(out, ignore_errors=True)
    bench.bcid.pack(stage, of_window / found["golden"]["segment"], found["golden"]["origin"], out)
    report = made.report
    told = {
        "us": timed(out),
        "window_us": timed(of_window),
        "largest_difference": report.parity.difference,
        "windows": report.parity.windows,
    }
    return Found(told | {"priced_us": [report.hop_price_us, report.window_price_us]}, out)


def continuous(fed: Fed, hop: int) -> np.ndarray:
    """`[channels, frames]`: the signal of which windows are cut, put together from the newest hop of each, without a hole."""
    holes = np.flatnonzero(np.diff(fed.newest_s) > 1.5 * np.median(np.diff(fed.newest_s)))
    last = int(holes[0]) + 1 if len(holes) else len(fed.newest_s)
    return np.concatenate([np.asarray(fed.numbers[i, :, -hop:], float) for i in range(last)], axis=1)


def _toml(folder: Path) -> dict:
    import tomllib

    return tomllib.loads((folder / "decoder.toml").read_text(encoding="utf-8"))


def main() -> int:
    parser = argparse.ArgumentParser(prog="bcid-models stream", description=__doc__.splitlines()[0])
    names = [network.name for network in NETWORKS]
    parser.add_argument("--models", nargs="+", default=names, choices=names, metavar="NAME")
    parser.add_argument("--out", type=Path, default=ROOT / "models" / "bench", metavar="FOLDER")
    parser.add_argument("--work", type=Path, default=ROOT / "target" / "bench-models", metavar="FOLDER")
    asked = parser.parse_args()
    protocol = PROTOCOLS[PROTOCOL]
    files = locate([ROOT / "models" / "data" / "eegmmidb"], protocol.files())
    bench = Bench(Bcid(find()), files, asked.work)
    for model in asked.models:
        window, hop = bench.scratch / "window", bench.scratch / "hop"
        row = bench.row(METHODS[model], protocol, 0, lambda done, of: None, keep=window)
        found = stream(bench, window, bench.taught(METHODS[model], protocol), hop)
        told = {"streaming_of": model, "protocol": PROTOCOL} | found.told
        if found.bundle is not None:
            live = bench.bcid.evaluate(hop, protocol.task, [files[f] for f in protocol.folds[0].test], protocol.adapt)
            classes = live["classes"]
            decided = "".join(
                "-" if t["decided"] is None else str(classes.index(t["decided"])) for t in live["per_trial"]
            )
            told |= {
                "correct": live["correct"],
                "trials": live["trials"],
                "decided": decided,
                "window_decided": row["folds"][0]["decided"],
            }
        (asked.out / f"stream--{model}.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
        if found.bundle is None:
            print(f"{model}: none: {told['refused']}", flush=True)
        else:
            print(
                f"{model}: {told['us']['p50']} us a hop, {told['window_us']['p50']} us a window; apart {told['largest_difference']:.1e}; {told['decided']}",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
