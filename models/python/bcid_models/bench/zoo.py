"""`bcid-models zoo`: bundles that are there already, each recording by itself through `bcid evaluate`, pooled.

    bcid-models zoo --recordings FOLDER... [--bundles FOLDER...] [--task NAME] [--span FROM_S TO_S] [--files NAME...]

The audit of each row says whether a decoder reads the response to the cue: where windows begin a quarter of a second later, one
that does falls towards chance. `--span` takes the place of the task's own: of windows of 3 s, 0 to 3.1 s is what begins at the cue.
"""

import argparse
import json
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..daemon import ROOT, Bcid, DaemonError, find
from .judge import joined_live
from .tasks import SHIPPED, locate

LEFT_RIGHT = tuple(f"S{s:03}R{r:02}.edf" for s, r in ((1, 4), (1, 8), (2, 4), (3, 4), (4, 4), (5, 4)))
"""Imagined fists of people whom the published weights have not seen."""


@contextmanager
def _task(name: str, span_s: list[float] | None) -> Iterator[str]:
    """The task, or a file of it with another span."""
    if span_s is None:
        yield name
        return
    text = (SHIPPED / f"{name}.toml").read_text(encoding="utf-8")
    for key, seconds in zip(("from_s", "to_s"), span_s, strict=True):
        text = re.sub(rf"^{key} = .*$", f"{key} = {seconds!r}", text, flags=re.MULTILINE)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"{name}.toml"
        file.write_text(text, encoding="utf-8")
        yield str(file)


def main() -> int:
    parser = argparse.ArgumentParser(prog="bcid-models zoo", description=__doc__.splitlines()[0])
    zoo = ROOT / "models" / "zoo"
    usual = [zoo / f"eegnet-physionet-{n}class" for n in (2, 3, 4)]
    parser.add_argument("--bundles", type=Path, nargs="+", default=usual, metavar="FOLDER")
    parser.add_argument("--recordings", type=Path, nargs="+", required=True, metavar="FOLDER")
    parser.add_argument("--task", default="eegmmidb-left-right", metavar="NAME")
    parser.add_argument("--span", type=float, nargs=2, metavar=("FROM_S", "TO_S"))
    parser.add_argument("--files", nargs="+", default=list(LEFT_RIGHT), metavar="NAME")
    parser.add_argument("--out", type=Path, default=ROOT / "models" / "bench", metavar="FOLDER")
    asked = parser.parse_args()
    files = locate(asked.recordings, tuple(asked.files))
    missing = [file for file in asked.files if file not in files]
    if missing:
        print(f"missing: {', '.join(missing)}", file=sys.stderr)
        return 66
    bcid, failed = Bcid(find()), False
    shown = asked.task if asked.span is None else f"{asked.task}-{asked.span[0]:g}-{asked.span[1]:g}"
    asked.out.mkdir(parents=True, exist_ok=True)
    for bundle in asked.bundles:
        try:
            with _task(asked.task, asked.span) as task:
                found = joined_live([bcid.evaluate(bundle, task, [files[file]], None) for file in asked.files])
        except DaemonError as error:
            print(error, file=sys.stderr)
            failed = True
            continue
        row = {"bundle": bundle.name, "task": shown, "files": asked.files, "live": found}
        (asked.out / f"zoo--{shown}--{bundle.name}.json").write_text(json.dumps(row, indent=1) + "\n", encoding="utf-8")
        shifts = ", ".join(f"{s['shift_s']:+.2f} s {s['accuracy']:.3f}" for s in found["window_shift"])
        print(
            f"{bundle.name}: {found['correct']} of {found['trials']}, chance {found['chance']:.3f}; moved {shifts}",
            flush=True,
        )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
