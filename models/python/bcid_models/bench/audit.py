"""`bcid-models audit`: what accuracies would be that prove nothing, beside those that do.

Of one session's trials: whole recordings left out, the same number of parts of shuffled trials (neighbours in time teach and are tried:
what drifts slowly tells the class of none, and which trial it was near of many), and recordings left out with the cues of each in random
order, several times (nothing can be learned: what is above chance leaks).
Windows moved against the cue and parts of the head are in every row of the benchmark itself.
"""

import argparse
import dataclasses
import json
import sys
from pathlib import Path

import numpy as np

from ..daemon import ROOT, Bcid, find
from . import tasks
from .fed import Cued, Fed
from .judge import decide
from .methods import METHODS, TUNED, Method
from .tasks import PROTOCOLS, Protocol, locate
from .workshop import Workshop

DRAWS = 5
"""Random orders of the cues."""


def audit(bench: Workshop, method: Method, protocol: Protocol, seed: int) -> dict:
    """Figures of each way to split, by its name."""
    task = tasks.task(protocol.task)
    files = protocol.files()
    fed = Fed.read(bench.fed(method, task, files, "running", None))
    rng = np.random.default_rng(seed)
    by_recording = np.array([trial.recording for trial in fed.trials])
    shuffled = rng.permutation(by_recording)
    ways = {"recordings left out": (fed, by_recording), "shuffled": (fed, shuffled)}
    ways |= {f"permuted labels, {n}": (_permuted(fed, rng), by_recording) for n in range(DRAWS)}
    prior = method.plan.prior_windows(task) if method.plan.align and fed.alike() else None
    found = {}
    for name, (cued, parts) in ways.items():
        outcomes = []
        for part in np.unique(parts):
            teach = dataclasses.replace(
                cued, trials=tuple(t for t, p in zip(cued.trials, parts, strict=True) if p != part)
            )
            tried = dataclasses.replace(
                cued, trials=tuple(t for t, p in zip(cued.trials, parts, strict=True) if p == part)
            )
            outcomes.append(decide(method.fit(teach, task, seed, lambda done, of: None), tried, prior)[0])
        every = outcomes[0]
        for outcome in outcomes[1:]:
            every = every.joined(outcome)
        found[name] = every.figures()
    every = [found.pop(f"permuted labels, {n}") for n in range(DRAWS)]
    found["permuted labels"] = every[0] | {"draws": [each["correct"] for each in every]}
    return {"model": method.name, "audit_of": protocol.name, "seed": seed, "settings": method.settings(), "ways": found}


def _permuted(fed: Fed, rng: np.random.Generator) -> Fed:
    """The cues of each recording in another order."""
    trials: list[Cued] = []
    for recording in sorted({trial.recording for trial in fed.trials}):
        own = [trial for trial in fed.trials if trial.recording == recording]
        labels = rng.permutation([trial.label for trial in own])
        trials += [dataclasses.replace(trial, label=int(label)) for trial, label in zip(own, labels, strict=True)]
    return dataclasses.replace(fed, trials=tuple(trials))


def main() -> int:
    parser = argparse.ArgumentParser(prog="bcid-models audit", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--recordings", type=Path, nargs="+", default=[ROOT / "models" / "data" / "eegmmidb"], metavar="FOLDER"
    )
    parser.add_argument(
        "--models",
        nargs="+",
        default=["ts-lr", "eegnet"],
        choices=[n for n, m in METHODS.items() if hasattr(m, "fit") and n not in TUNED],
        metavar="NAME",
    )
    parser.add_argument("--protocol", default="a7-idle", choices=list(PROTOCOLS), metavar="NAME")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    parser.add_argument("--out", type=Path, default=ROOT / "models" / "bench", metavar="FOLDER")
    parser.add_argument("--work", type=Path, default=ROOT / "target" / "bench-models", metavar="FOLDER")
    asked = parser.parse_args()
    protocol = PROTOCOLS[asked.protocol]
    files = locate(asked.recordings, protocol.files())
    missing = [file for file in protocol.files() if file not in files]
    if missing:
        print(f"missing: {', '.join(missing)}", file=sys.stderr)
        return 66
    bench = Workshop(Bcid(find()), files, asked.work)
    asked.out.mkdir(parents=True, exist_ok=True)
    for model in asked.models:
        found = audit(bench, METHODS[model], protocol, asked.seed)
        file = asked.out / f"audit--{protocol.name}--{model}--{asked.seed}.json"
        file.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        ways = ", ".join(f"{name} {way['correct']} of {way['trials']}" for name, way in found["ways"].items())
        print(f"{model}: {ways}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
