"""`bcid-models train`: a decoder of the benchmark, learned from recordings of one's own, as a bundle for the daemon.

    bcid-models train --model shallow-x5+ts --task openbci16-left-right-idle --recordings A.xdf B.xdf C.xdf --out my-decoder

Recordings after one `--recordings` are of one person and day, in the order in which they were made; give it again for another day. `--task`
is a file, as `bcid fit` takes it, or one that comes along. `--source` are other people or days, learned from first, for models `NETWORK@...`.
How good the decoder is, `bcid evaluate` tells, on recordings that are not named here.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from ..daemon import Bcid, DaemonError, find
from . import tasks
from .__main__ import bar
from .intent import Outcome
from .methods import METHODS, TUNED, Native
from .reference import Reference
from .tasks import Fold
from .workshop import Learned, Sessions, Stated, Workshop

MODELS = [name for name, m in METHODS.items() if not isinstance(m, Native | Reference)]


def main() -> int:
    asked = _arguments()
    try:
        return _train(asked)
    except (ValueError, FloatingPointError, DaemonError) as why:
        print(f"bcid-models train: {why}", file=sys.stderr)
        return 1


def _train(asked: argparse.Namespace) -> int:
    method, task = METHODS[asked.model], tasks.task(asked.task, asked.rate_hz)
    if (asked.model in TUNED) != bool(asked.source):
        wanted = "needs --source, which it learns from first" if asked.model in TUNED else "takes no --source"
        raise ValueError(f"{asked.model} {wanted}")
    if asked.out.exists():
        raise ValueError(f"{asked.out} is there already")
    files, taught, source = _named(asked.recordings, asked.source)
    begun = time.perf_counter()
    stated = Stated(asked.licence, asked.subjects, "all recordings named train; nothing was left to try it on")
    with tempfile.TemporaryDirectory(prefix="bcid-train-") as scratch:
        shop = Workshop(Bcid(find()), files, Path(scratch), stated)
        learned = shop.learn(method, task, taught, source, asked.seed, bar(asked.model), not asked.no_intents)
        fold = Fold(tuple(f for own in taught for f in own), (), tuple(f for own in source for f in own))
        difference = shop.write(method, task, fold, learned, asked.out)
    print(_told(asked, task.classes, learned, difference, time.perf_counter() - begun))
    return 0


def _named(*groups: list[list[Path]]) -> tuple[dict[str, Path], Sessions, Sessions]:
    """Recordings by file name, or by path where two have the same name; and the groups by those names."""
    every = [path for group in groups for session in group for path in session]
    missing = [str(path) for path in every if not path.is_file()]
    if missing:
        raise ValueError(f"no such file: {', '.join(missing)}")
    twice = [str(path) for path, count in Counter(path.resolve() for path in every).items() if count > 1]
    if twice:
        raise ValueError(f"named more than once: {', '.join(twice)}")
    common = {name for name, count in Counter(path.name for path in every).items() if count > 1}
    names = {path: str(path) if path.name in common else path.name for path in every}
    taught, source = (tuple(tuple(names[path] for path in session) for session in group) for group in groups)
    return {name: path for path, name in names.items()}, taught, source


def _told(
    asked: argparse.Namespace, classes: tuple[str, ...], learned: Learned, difference: float, took_s: float
) -> str:
    counts = Counter(trial.label for trial in learned.fed.trials)
    each = ", ".join(f"{counts[k]} {name}" for k, name in enumerate(classes))
    lines = [
        f"{asked.model}: {len(learned.fed.trials)} trials ({each}); {took_s:.0f} s; ONNX Runtime {difference:.1e} from the original"
    ]
    if learned.point is not None:
        point, held, unseen = learned.point.point, learned.point.held, learned.point.unseen
        lines.append(
            f"intents from {point.threshold:g} on, smoothed over {point.smoothing_ms:g} ms, as the bundle states; each recording left out once: {_figures(held)}"
        )
        lines.append(f"  with threshold and smoothing, too, chosen without what is left out: {_figures(unseen)}")
    else:
        lines.append(
            "it states no threshold for its intents: without cues, `[pipeline.intent]` or `bcid evaluate --threshold` has to"
        )
    adapt = " --adapt running" if METHODS[asked.model].plan.align else ""
    lines.append(
        f"written to {asked.out}; `bcid evaluate --decoder {asked.out} --recordings OTHERS...{adapt}` tries it on another day"
    )
    return "\n".join(lines)


def _figures(found: Outcome) -> str:
    return (
        f"{found.detected} of {found.imagery} imagery trials detected, {found.misdetected} misdetected, "
        f"{found.false_per_min:.2f} false activations a minute ({found.false} in {found.rest_min:.1f} min of rest)"
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bcid-models train",
        description=__doc__.splitlines()[0],
        epilog="What `fit-*` of the tables are, `bcid fit` makes.",
    )
    parser.add_argument("--model", required=True, choices=MODELS, metavar="NAME", help=f"one of {', '.join(MODELS)}")
    parser.add_argument("--task", required=True, metavar="NAME|FILE", help="which marker cues which class, and when")
    parser.add_argument(
        "--recordings",
        required=True,
        type=Path,
        nargs="+",
        action="append",
        metavar="FILE",
        help="of one day, in order; again for another day",
    )
    parser.add_argument(
        "--source",
        type=Path,
        nargs="+",
        action="append",
        default=[],
        metavar="FILE",
        help="of other people or days, learned from first",
    )
    parser.add_argument("--out", required=True, type=Path, metavar="BUNDLE", help="a folder that is not there yet")
    parser.add_argument(
        "--rate-hz", type=float, metavar="HZ", help="nominal sampling rate, where the task is a file of your own"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    parser.add_argument(
        "--no-intents",
        action="store_true",
        help="choose no threshold for intents: learns once, not once more for each recording without it",
    )
    parser.add_argument("--licence", default=Stated.licence, metavar="TEXT", help="of the decoder, for its bundle")
    parser.add_argument("--subjects", default=Stated.subjects, metavar="TEXT", help="of whom the recordings are")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
