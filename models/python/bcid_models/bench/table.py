"""`python -m bcid_models.bench.table`: what the benchmark found, as tables and plots in `models/bench/README.md`.

Rows are read from the files that the benchmark wrote; nothing is decided anew. Where there are several seeds, intervals and audits are the first one's.
"""

import argparse
import json
import sys
from collections import defaultdict
from pathlib import Path

from ..daemon import ROOT
from ..stats import poisson95, wilson95
from . import plots
from .methods import METHODS, Native
from .tasks import PROTOCOLS

BEGIN, END = "<!-- benchmark: begin -->", "<!-- benchmark: end -->"
Rows = dict[tuple[str, str], list[dict]]
"""By protocol and model, one a seed."""


def read(folder: Path) -> Rows:
    """Every row in the folder, in the order of seeds."""
    rows: Rows = defaultdict(list)
    for file in sorted(folder.glob("*.json")):
        row = json.loads(file.read_text(encoding="utf-8"))
        if "model" in row and "protocol" in row:
            rows[row["protocol"], row["model"]].append(row)
    for found in rows.values():
        found.sort(key=lambda row: row["seed"])
    return rows


def markdown(rows: Rows, streams: dict[str, dict] | None = None) -> str:
    """The tables."""
    protocols = [p for p in PROTOCOLS if any(key[0] == p for key in rows)]
    models = [m for m in METHODS if any(key[1] == m for key in rows)]
    return "\n".join(
        [
            *_accuracies(rows, protocols, models),
            *_intents(rows, protocols, models),
            "",
            *_costs(rows, protocols, models, streams or {}),
            "",
            *_audit(rows, protocols, models),
        ]
    )


def _accuracies(rows: Rows, protocols: list[str], models: list[str]) -> list[str]:
    out = []
    for name in protocols:
        protocol = PROTOCOLS[name]
        some = next(found[0] for key, found in rows.items() if key[0] == name)["offline"]
        out += [
            f"### {name}: {protocol.about}; {protocol.task}",
            "",
            f"{some['trials']} trials, chance {some['chance']:.3f}. `--protocols {name}`{_undecided(rows, name)}",
            "",
            "| model | right, live | accuracy, 95 % | balanced | kappa | ROC-AUC | p | offline; otherwise | seeds |",
            "|---|---|---|---|---|---|---|---|---|",
        ]
        own = [(m, rows[name, m]) for m in models if (name, m) in rows]
        own.sort(key=lambda entry: -sum((r["live"] or r["offline"])["correct"] for r in entry[1]) / len(entry[1]))
        out += [_accuracy_row(model, found) for model, found in own]
        out.append("")
    return out


def _undecided(rows: Rows, protocol: str) -> str:
    """Of how many trials nothing could be trusted, where that differs between models: they count as wrong."""
    many = {
        (r["live"] or r["offline"]).get("undecided", 0)
        for key, found in rows.items()
        if key[0] == protocol
        for r in found
    }
    return (
        f" Undecided, for nothing of them could be trusted, and counted as wrong: {min(many)} to {max(many)}."
        if max(many)
        else ""
    )


def _accuracy_row(model: str, found: list[dict]) -> str:
    live, off = found[0]["live"], found[0]["offline"]
    said = live or off
    low, high = said["accuracy_ci95"]
    p = "< 0.0002" if said["p_permutation"] < 0.0002 else f"{said['p_permutation']:.3g}"
    if live:
        otherwise = str(sum(f["agreement"]["otherwise"] for row in found for f in row["folds"]))
    else:
        otherwise = "not run"
    seeds = "1" if len(found) == 1 else ", ".join(str((row["live"] or row["offline"])["correct"]) for row in found)
    return (
        f"| {model} | {live['correct'] if live else '-'} | {said['accuracy']:.3f} ({low:.3f} to {high:.3f}) | {said['balanced_accuracy']:.3f} | {said['kappa']:.2f} "
        f"| {said['roc_auc']:.3f} | {p} | {off['correct']}; {otherwise} | {seeds} |"
    )


def stating(rows: Rows, protocol: str, models: list[str]) -> list[tuple[str, dict, list[dict]]]:
    """Models of which a row is of a threshold that the decoder states: the row's figures without cues, and its folds; seed by seed."""
    return [
        (model if row["seed"] == 0 else f"{model}, seed {row['seed']}", row["live"]["asynchronous"], row["folds"])
        for model in models
        for row in rows.get((protocol, model), [])
        if ((row["live"] or {}).get("asynchronous") or {}).get("chosen_by") == "decoder"
        and "between_min" in row["live"]["asynchronous"]
    ]


def _intents(rows: Rows, protocols: list[str], models: list[str]) -> list[str]:
    """Without cues, at the threshold and smoothing that the decoder states, chosen on what taught it."""
    out = [
        "### Without cues: at a threshold chosen on training recordings",
        "",
        "Imagery trials in which the first intent is of the cued class, and false activations in rest, through `bcid evaluate`. Threshold and smoothing are chosen on *training* recordings, each left out once: the most",
        'detected with at most one false activation a minute. What that comes to on those recordings, where the choice, too, is made without what it is tried on, stands under "training". Of several folds the threshold is the median. What is',
        "aimed at: 80 % with 2 a minute or fewer. Were cues drawn by lot, half of the detected and misdetected would still be right, of two classes. Between trials nobody is asked to rest or to imagine; what is set off there is told, not judged.",
        "",
        "| protocol | model | threshold, smoothing | training | detected, 95 % | misdetected | missed | false activations a minute of rest, 95 % | a minute between trials |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name in protocols:
        own = stating(rows, name, models)
        own.sort(key=lambda entry: -entry[1]["detected"] / max(1, entry[1]["imagery_trials"]))
        out += [_intent_row(name, model, found, folds) for model, found, folds in own]
    return [] if out[-1].startswith("|---") else [*out, ""]


def _intent_row(protocol: str, model: str, found: dict, folds: list[dict]) -> str:
    points = sorted(tuple(p) for p in found["points"])
    threshold, smoothing_ms = points[len(points) // 2]
    held = [f["trained"]["intent"]["unseen"] for f in folds if "unseen" in f["trained"].get("intent", {})]
    there = "-"
    # Folds share their training recordings: a sum over them would say nothing.
    if len(held) == len(folds) == 1:
        total = {key: sum(h[key] for h in held) for key in held[0]}
        there = f"{total['detected']} of {total['imagery']} at {total['false'] / total['rest_min']:.2f}"
    low, high = wilson95(found["detected"], found["imagery_trials"])
    share, rest = found["detected"] / found["imagery_trials"], found["rest_min"]
    few, many = poisson95(found["false_activations"])
    return (
        f"| {protocol} | {model} | {threshold:.2f}, {smoothing_ms:.0f} ms | {there} | {found['detected']} of {found['imagery_trials']}: {share:.2f} ({low:.2f} to {high:.2f}) "
        f"| {found['misdetected']} | {found['missed']} | {found['false_activations'] / rest:.2f} ({few / rest:.2f} to {many / rest:.2f}; {found['false_activations']} in {rest:.1f} min) "
        f"| {found['between_trials'] / found['between_min']:.2f} |"
    )


def _streaming(found: dict | None) -> str:
    """A hop's time where there is a streaming form, and by how much it differs."""
    if found is None:
        return "-"
    return "none" if "refused" in found else f"{found['us']['p50']:.0f}; {found['largest_difference']:.0e}"


def _costs(rows: Rows, protocols: list[str], models: list[str], streams: dict[str, dict]) -> list[str]:
    out = [
        "### What they cost",
        "",
        'Of the model alone, in ONNX Runtime, one thread of a shared machine. "Streaming" is fed by the hop on `s1-ff-10`: us a hop, and how far apart from the window\'s outputs.',
        "",
        "| model | parameters | multiply-accumulates a window | us a window, p50; p99 | streaming | trained in, s | ONNX and original apart |",
        "|---|---|---|---|---|---|---|",
    ]
    for model in models:
        found = next((rows[p, model] for p in ("a7-a8-idle", *protocols) if (p, model) in rows), None)
        if found is None or found[0]["live"] is None:
            continue
        fold, trained = found[0]["folds"][-1], found[0]["folds"][-1]["trained"]
        worst = max(
            f["onnx_difference"] for key, each in rows.items() if key[1] == model for row in each for f in row["folds"]
        )

        # Of the daemon's own, offline is the same graph in Python.
        apart = "-" if isinstance(METHODS[model], Native) else f"{worst:.1e}"

        def count(key: str, trained: dict = trained) -> str:
            return f"{trained[key]:,}".replace(",", " ") if key in trained else "-"

        us = fold["us"]
        out.append(
            f"| {model} | {count('parameters')} | {count('macs')} | {us['p50']:.0f}; {us['p99']:.0f} | {_streaming(streams.get(model))} | {trained.get('train_s', '-')} | {apart} |"
        )
    return out


def _audit(rows: Rows, protocols: list[str], models: list[str]) -> list[str]:
    out = ["### Audit: windows moved against the cue, and parts of the head", ""]
    for name in protocols:
        own = [(m, rows[name, m][0]["live"]) for m in models if (name, m) in rows and rows[name, m][0]["live"]]
        if not own:
            continue
        shifts = [f"{s['shift_s']:+.2f} s" for s in own[0][1]["window_shift"]]
        regions = [r["what"] for r in own[0][1]["regions"]]
        out += [
            f"{name}:",
            "",
            f"| model | {' | '.join(shifts + regions)} |",
            "|---" * (1 + len(shifts) + len(regions)) + "|",
        ]
        for model, live in own:
            cells = [f"{e['accuracy']:.2f}" for e in (*live["window_shift"], *live["regions"])]
            out.append(f"| {model} | {' | '.join(cells)} |")
        out.append("")
    return out


def insert(readme: Path, text: str) -> None:
    """Puts `text` between the marks of a page; nothing else of it changes."""
    page = readme.read_text(encoding="utf-8")
    if page.count(BEGIN) != 1 or page.count(END) != 1:
        raise ValueError(f"{readme} must hold {BEGIN} and {END} once each")
    before, after = page.split(BEGIN)[0], page.split(END)[1]
    readme.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}", encoding="utf-8")


def page(folder: Path) -> str:
    """All tables of the rows in the folder."""
    audits, bundles, streams = others(folder)
    return f"{markdown(read(folder), streams)}\n{_others_markdown(audits, bundles)}"


def others(folder: Path) -> tuple[list[dict], list[dict], dict[str, dict]]:
    """Audits of splits, bundles that were there already, and streaming forms by model."""
    found = [json.loads(file.read_text(encoding="utf-8")) for file in sorted(folder.glob("*.json"))]
    streams = {f["streaming_of"]: f for f in found if "streaming_of" in f}
    return [f for f in found if "audit_of" in f], [f for f in found if "bundle" in f], streams


def _others_markdown(audits: list[dict], bundles: list[dict]) -> str:
    out = []
    if audits:
        out += ["### Audit: how trials are split", ""]
        out += [
            "Right of all trials where whole recordings are left out, where shuffled trials are, and where the cues that teach and try are in random order (what is then above chance would leak).",
            "",
        ]
        out += [
            "| protocol | model | recordings left out | shuffled | permuted labels, each draw | chance |",
            "|---|---|---|---|---|---|",
        ]
        for found in audits:
            ways = found["ways"]
            cells = [
                f"{', '.join(map(str, w['draws']))} of {w['trials']}"
                if "draws" in w
                else f"{w['correct']} of {w['trials']} ({w['accuracy']:.3f})"
                for w in ways.values()
            ]
            out.append(
                f"| {found['audit_of']} | {found['model']} | {' | '.join(cells)} | {ways['recordings left out']['chance']:.3f} |"
            )
        out.append("")
    if bundles:
        shifts = [f"{s['shift_s']:+.2f} s" for s in bundles[0]["live"]["window_shift"]]
        out += ["### Bundles that were there already, windows moved against the cue", ""]
        out += [
            f"| bundle | task and span, s | right | chance | {' | '.join(shifts)} |",
            "|---" * (4 + len(shifts)) + "|",
        ]
        for found in bundles:
            live = found["live"]
            cells = " | ".join(f"{s['accuracy']:.2f}" for s in live["window_shift"])
            out.append(
                f"| {found['bundle']} | {found['task']} | {live['correct']} of {live['trials']} | {live['chance']:.3f} | {cells} |"
            )
        out.append("")
    return "\n".join(out)


def _curves(rows: Rows, bundles: list[dict]) -> dict[str, list[dict]]:
    """One line for each bundle at the cue, and for the best of each day's decoders."""
    curves = {b["bundle"]: b["live"]["window_shift"] for b in bundles if "2class" in b["bundle"]}
    for protocol, model in (("a7-a8-idle", "ts-lr"), ("a7-a8-idle", "shallow"), ("s1-ff-10", "ts-lr")):
        if (protocol, model) in rows:
            curves[f"{model}, {protocol}"] = rows[protocol, model][0]["live"]["window_shift"]
    return curves


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=Path, default=ROOT / "models" / "bench", metavar="FOLDER")
    parser.add_argument("--readme", type=Path, default=ROOT / "models" / "bench" / "README.md", metavar="FILE")
    parser.add_argument("--print", action="store_true", help="print the tables, change nothing")
    asked = parser.parse_args()
    rows, (_, bundles, _) = read(asked.rows), others(asked.rows)
    if not rows:
        raise ValueError(f"{asked.rows} has no row")
    text = page(asked.rows)
    if asked.print:
        print(text)
        return 0
    models = [m for m in METHODS if any(key[1] == m for key in rows)]
    plots.accuracies(rows, ["a7-a8-idle", "a7-a8-lr", "s1-ff-10"], models, asked.rows / "accuracies.svg")
    plots.shifts(_curves(rows, bundles), asked.rows / "shifts.svg")
    plots.intents({m: found for m, found, _ in stating(rows, "a7-a8-idle", models)}, asked.rows / "intents.svg")
    insert(asked.readme, text)
    print(f"{sum(map(len, rows.values()))} rows into {asked.readme}, with plots beside them")
    return 0


if __name__ == "__main__":
    sys.exit(main())
