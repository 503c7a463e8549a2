"""`python -m bcid_models.bench`: every model over every shared task under one protocol; goes on where it was broken off.

    python -m bcid_models.bench --recordings FOLDER... [--models NAME...] [--protocols NAME...] [--seeds N...] [--out FOLDER]

A row is one model, one protocol, one seed; it is a file of its own in `--out`, and is not made again while what it was made of is
the same: settings, splits, task, recordings. `--anew` makes it again all the same. Recordings are looked for in the folders and one below; protocols of which some are missing are left out, and told.
"""

import argparse
import json
import sys
import time
from pathlib import Path

from ..daemon import ROOT, Bcid, DaemonError, find
from .methods import METHODS, TUNED
from .run import Bench
from .tasks import PROTOCOLS, locate


def main() -> int:
    asked = _arguments()
    asked.out.mkdir(parents=True, exist_ok=True)
    files = {name: locate(asked.recordings, PROTOCOLS[name].files()) for name in asked.protocols}
    short = [name for name in asked.protocols if len(files[name]) < len(PROTOCOLS[name].files())]
    for name in short:
        missing = [f for f in PROTOCOLS[name].files() if f not in files[name]]
        print(f"left out: {name}, of which {', '.join(missing)} is not there", file=sys.stderr)
    bench = Bench(Bcid(find()), {f: path for found in files.values() for f, path in found.items()}, asked.work)
    rows = [(m, p, s) for p in asked.protocols if p not in short for m in asked.models for s in asked.seeds]
    sourceless = sorted({m for m, p, _ in rows if m in TUNED and not all(fold.source for fold in PROTOCOLS[p].folds)})
    if sourceless and asked.named:
        print(f"left out where a protocol has no source to learn from first: {', '.join(sourceless)}", file=sys.stderr)
    rows = [(m, p, s) for m, p, s in rows if m not in TUNED or all(fold.source for fold in PROTOCOLS[p].folds)]
    if not rows:
        print("there is no row to make", file=sys.stderr)
        return 66
    differs = failed = there = 0
    for n, (model, protocol, seed) in enumerate(rows):
        method, file = METHODS[model], asked.out / f"{protocol}--{model}--{seed}.json"
        made_of = bench.made_of(method, PROTOCOLS[protocol])
        if not asked.anew and file.is_file() and json.loads(file.read_text(encoding="utf-8")).get("made_of") == made_of:
            there += 1
            continue
        begun = time.perf_counter()
        try:
            row = bench.row(method, PROTOCOLS[protocol], seed, bar(f"{n + 1}/{len(rows)} {protocol} {model} {seed}"))
        except (ValueError, FloatingPointError, DaemonError) as why:
            print(f"no row: {protocol} {model} seed {seed}: {why}", file=sys.stderr, flush=True)
            failed += 1
            continue
        row["made_of"] = made_of
        row["took_s"] = round(time.perf_counter() - begun, 1)
        part = file.with_suffix(".part")
        part.write_text(json.dumps(row, indent=1) + "\n", encoding="utf-8")
        part.replace(file)
        print(_line(row), flush=True)
        differs += any(f["agreement"]["otherwise"] for f in row["folds"] if row["live"])
    if there:
        print(f"{there} rows were there already, in {asked.out}; --anew makes them again", file=sys.stderr)
    if differs:
        print(
            f"{differs} of the rows made now decide trials otherwise through the daemon than offline", file=sys.stderr
        )
    return 1 if differs or failed else 0


def _line(row: dict) -> str:
    off, live = row["offline"], row["live"]
    low, high = off["accuracy_ci95"]
    told = (
        f"{row['protocol']:<13} {row['model']:<17} seed {row['seed']}: {off['correct']} of {off['trials']} right = {off['accuracy']:.3f} "
        f"(95 % {low:.3f} to {high:.3f}; chance {off['chance']:.3f})"
    )
    if live is not None:
        otherwise = sum(f["agreement"]["otherwise"] for f in row["folds"])
        told += f", live {live['correct']}, {otherwise} otherwise; {row['folds'][-1]['us']['p50']:.0f} us"
    return f"{told}; {row['took_s']:.0f} s"


def bar(what: str):
    """A line that is written over and over, where somebody looks."""

    def told(done: int, of: int) -> None:
        if sys.stderr.isatty():
            filled = 30 * done // max(of, 1)
            print(
                f"\r{what:<44} [{'#' * filled}{'.' * (30 - filled)}] {done}/{of} ",
                end="\n" if done == of else "",
                file=sys.stderr,
                flush=True,
            )

    return told


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bcid-models bench",
        description="Every model over every shared task under one protocol; goes on where it was broken off.",
        epilog=f"Models: {', '.join(METHODS)}. Protocols: {', '.join(PROTOCOLS)}.",
    )
    shipped = ROOT / "models" / "data" / "eegmmidb"
    parser.add_argument(
        "--recordings",
        type=Path,
        nargs="+",
        default=[shipped],
        metavar="FOLDER",
        help="where recordings are, or one below; by default those that are shipped",
    )
    parser.add_argument(
        "--models", nargs="+", default=list(METHODS), choices=list(METHODS), metavar="NAME", help="by default all"
    )
    parser.add_argument(
        "--protocols",
        nargs="+",
        default=list(PROTOCOLS),
        choices=list(PROTOCOLS),
        metavar="NAME",
        help="by default all of which the recordings are there",
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], metavar="N", help="by default 0")
    parser.add_argument("--anew", action="store_true", help="make rows again that are there")
    parser.add_argument(
        "--out", type=Path, default=ROOT / "models" / "bench", metavar="FOLDER", help="where rows are kept"
    )
    parser.add_argument(
        "--work",
        type=Path,
        default=ROOT / "target" / "bench-models",
        metavar="FOLDER",
        help="for what may be made anew",
    )
    asked = parser.parse_args()
    asked.named = "--models" in sys.argv
    return asked


if __name__ == "__main__":
    sys.exit(main())
