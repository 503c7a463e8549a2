"""How good a decoder is on what it was fed, and whether the daemon finds the same."""

import time
from pathlib import Path

import numpy as np

from .. import onnx_run
from ..time_ort import time_bundle
from .fed import Fed
from .level import level
from .measures import Trials
from .methods import Trained


def posteriors(trained: Trained, fed: Fed, prior: int | None) -> np.ndarray:
    """`[windows, classes]` of a whole session, levelled as the daemon does; 0 where a window cannot be trusted."""
    found = np.zeros((len(fed.valid), len(fed.classes)), np.float32)
    valid = np.flatnonzero(fed.valid)
    for part in np.array_split(valid, max(1, len(valid) // 512)):
        found[part] = trained.posteriors(np.asarray(fed.numbers[part]))
    return level(found, fed, prior)


def decide(trained: Trained, fed: Fed, prior: int | None) -> tuple[Trials, np.ndarray]:
    """Trials by the mean posterior over their windows; those means, too."""
    found = posteriors(trained, fed, prior)
    own = [fed.within(trial) for trial in fed.trials]
    means = np.array([found[o].mean(axis=0, dtype=float) if len(o) else np.zeros(len(fed.classes)) for o in own])
    labels = fed.labels()
    right = sum(int((found[o].argmax(axis=1) == label).sum()) for o, label in zip(own, labels, strict=True))
    return Trials(labels, means, right, sum(map(len, own))), means


def agreement(means: np.ndarray, found: dict) -> dict:
    """How the daemon's trials differ from those offline: how many are decided otherwise, and the largest difference of a mean posterior."""
    trials = found["per_trial"]
    if len(trials) != len(means):
        raise ValueError(f"offline there are {len(means)} trials, through the daemon {len(trials)}")
    classes = found["classes"]
    live = np.array([t["mean_posterior"] if t["mean_posterior"] else [0.0] * len(classes) for t in trials], float)
    otherwise = sum(
        t["decided"] != (classes[int(m.argmax())] if m.any() else None) for t, m in zip(trials, means, strict=True)
    )
    return {"trials": len(means), "otherwise": int(otherwise), "largest_difference": float(np.abs(live - means).max())}


def parity(trained: Trained, model: Path, tensor: str, windows: np.ndarray) -> float:
    """The largest difference of a posterior between ONNX Runtime and the original, on real windows."""
    graph = onnx_run.Graph(model, "signal", tensor)
    found = graph.posteriors(windows)
    if trained.kind == "class_logits":
        scaled = found.astype(float) / trained.temperature
        found = np.exp(scaled - scaled.max(axis=1, keepdims=True))
        found /= found.sum(axis=1, keepdims=True)
    return float(np.abs(found - trained.posteriors(windows)).max())


def timed(folder: Path) -> dict:
    """Microseconds of a run in bare ONNX Runtime, one thread."""
    begun = time.perf_counter()
    found = time_bundle(folder, runs=20)
    each = (time.perf_counter() - begun) / 220
    runs = int(np.clip(1.0 / max(each, 1e-6), 50, 500))
    found = time_bundle(folder, runs=runs)
    return {"p50": found["us_p50"], "p99": found["us_p99"], "runs": runs}


def joined(parts: list[Trials]) -> Trials:
    every = parts[0]
    for part in parts[1:]:
        every = every.joined(part)
    return every


def joined_live(found: list[dict]) -> dict:
    """What the daemon found in every fold, as one: trial by trial, and the audit pooled over folds."""
    classes = found[0]["classes"]
    trials = [t for f in found for t in f["per_trial"]]
    cued = np.array([classes.index(t["cued"]) for t in trials])
    means = np.array([t["mean_posterior"] if t["mean_posterior"] else [0.0] * len(classes) for t in trials], float)
    windows = sum(t["windows"] for t in trials)
    right = sum(
        round(f["window_accuracy"] * sum(t["windows"] for t in f["per_trial"]))
        for f in found
        if f["window_accuracy"] is not None
    )
    return Trials(cued, means, right, windows).figures() | {
        "window_shift": _pooled([f["audit"]["window_shift"] for f in found], "shift_s"),
        "regions": _pooled([f["audit"]["regions"] for f in found], "what"),
        "asynchronous": _without_cues([f["asynchronous"] for f in found if f.get("asynchronous")]),
    }


def _without_cues(found: list[dict]) -> dict | None:
    """What intents come to where nothing tells when a trial runs, of every fold at its own operating point; and the whole curve of one."""
    if not found:
        return None
    rest = sum(f["rest_min"] or 0.0 for f in found)
    false = sum(round((f["false_activations_per_min"] or 0.0) * (f["rest_min"] or 0.0)) for f in found)
    sums = {key: sum(f[key] for f in found) for key in ("detected", "misdetected", "missed", "imagery_trials")}
    between_min = sum(f["between_trials_min"] or 0.0 for f in found)
    between = sum(round((f["between_trials_per_min"] or 0.0) * (f["between_trials_min"] or 0.0)) for f in found)
    by = {f["chosen_by"] for f in found}
    told = {
        "false_activations": false, "rest_min": rest, "between_trials": between, "between_min": between_min,
        "chosen_by": by.pop() if len(by) == 1 else "mixed",
    }  # fmt: skip
    curve = [[c["threshold"], c["detected"], c["false_activations_per_min"]] for c in found[0]["curve"]]
    points = [[f["threshold"], f["smoothing_ms"]] for f in found]
    return sums | told | {"points": points, "curve": curve if len(found) == 1 else None}


def _pooled(folds: list[list[dict]], key: str) -> list[dict]:
    out = []
    for entries in zip(*folds, strict=True):
        n = sum(e["trials"] for e in entries)
        right = round(sum((e["accuracy"] or 0.0) * e["trials"] for e in entries))
        out.append({key: entries[0][key], "correct": right, "trials": n, "accuracy": right / n if n else None})
    return out
