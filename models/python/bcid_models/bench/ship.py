"""`bcid-models ship`: networks of the benchmark as bundles of the zoo, with cards; trained on the recordings that are shipped.

    bcid-models ship [--models NAME...] [--again]

Each is trained anew, as its row of the benchmark was, and refused where it does not decide every trial as that row says. Nothing in the zoo
changes before that, and what is there already only with `--again`.
"""

import argparse
import json
import shutil
import sys
from pathlib import Path

from ..contract import Metric
from ..daemon import ROOT, Bcid, find
from .methods import METHODS, NETWORKS
from .run import Bench
from .tasks import PROTOCOLS, locate
from .workshop import Stated

PROTOCOL, PREFIX = "s1-ff-10", "eegmmidb-s001-ff"
LICENCE = "MIT OR Apache-2.0; trained on eegmmidb v1.0.0, ODC-By-1.0"
SPLIT = "runs 5, 6 and 9 train, of which run 9 only told when to stop; run 10 decided nothing"

CARD = """# {name}

Both fists or both feet, moved or imagined, from one person's EEG (eegmmidb S001): {model} on windows of {window_s:g} s, {low:g} to {high:g} Hz, recentred on the person's own trials.
For demonstration; not for clinical use.

Written by `cargo xtask models ship --models {model}`; its row of the [benchmark](../../README.md#the-benchmark) is `{model}` under `{protocol}`.

| | |
|---|---|
| input | `signal`, float32 `[1, {channels}, {samples}]`, uV, {rate:g} Hz: {labels} |
| before it | causal Butterworth band-pass of order 4; alignment that begins with the reference in `align.toml` and goes on where trials teach (`[pipeline.adapt]`) |
| output | `{tensor}`, `[1, 2]`: fists, feet; tempered by {temperature:.3g} |
| cost | {parameters} parameters, {macs} multiply-accumulates a window |
| ONNX Runtime against the original | {difference:.1e} of a posterior, on real windows |

{own}One person, S001, one session. Runs 5, 6 and 9 train, and run 9 of them only tells when to stop. Run 10 decided nothing: {right} of {trials} trials right (95 % {low95:.3f} to {high95:.3f}, chance {chance:.3f}), through `bcid evaluate`.
There is no class for rest: it is for trials that are cued. Without cues its intents mean nothing: {false:.0f} a minute are set off while the person rests. Of anybody else nothing is known.

{shift}
"""


def main() -> int:
    parser = argparse.ArgumentParser(prog="bcid-models ship", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--models",
        nargs="+",
        default=["shallow", "basenet", "csbrain", "tcformer"],
        choices=[network.name for network in NETWORKS],
        metavar="NAME",
        help=f"of {', '.join(network.name for network in NETWORKS)}",
    )
    parser.add_argument("--again", action="store_true", help="replace bundles that are there")
    parser.add_argument("--rows", type=Path, default=ROOT / "models" / "bench", metavar="FOLDER")
    parser.add_argument("--zoo", type=Path, default=ROOT / "models" / "zoo", metavar="FOLDER")
    parser.add_argument("--work", type=Path, default=ROOT / "target" / "bench-models", metavar="FOLDER")
    asked = parser.parse_args()
    files = locate([ROOT / "models" / "data" / "eegmmidb"], PROTOCOLS[PROTOCOL].files())
    for model in asked.models:
        kept, folder = asked.rows / f"{PROTOCOL}--{model}--0.json", asked.zoo / f"{PREFIX}-{model}"
        if not kept.is_file():
            raise ValueError(f"no row: `bcid-models bench --models {model} --protocols {PROTOCOL}` makes it")
        if folder.exists() and not asked.again:
            raise ValueError(f"{folder} is there: --again replaces it")
        row = json.loads(kept.read_text(encoding="utf-8"))
        live = row["live"]
        test = Metric(
            "trial_accuracy",
            "S001R10.edf, never seen",
            live["accuracy"],
            tuple(live["accuracy_ci95"]),
            live["trials"],
            live["chance"],
        )
        stated = Stated(LICENCE, "S001 of eegmmidb", SPLIT, (test,))
        bench = Bench(Bcid(find()), files, asked.work, stated)
        made = asked.work / "ship" / folder.name
        made.parent.mkdir(parents=True, exist_ok=True)
        again = bench.row(METHODS[model], PROTOCOLS[PROTOCOL], 0, lambda done, of: None, keep=made)
        if again["folds"][0]["decided"] != row["folds"][0]["decided"]:
            print(
                f"{model} does not decide as its row says: this machine's arithmetic is another; nothing was changed",
                file=sys.stderr,
            )
            return 1
        (made / "README.md").write_text(_card(folder.name, model, row, again["live"]["asynchronous"]), encoding="utf-8")
        shutil.copy(asked.zoo / "eegmmidb-s001-fists-feet" / "LICENSE", made / "LICENSE")
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(made, folder)
        print(f"{folder.name}: {live['correct']} of {live['trials']} right on run 10")
    return 0


OWN = {
    "csbrain": "CSBrain reduced: 2 blocks of width 40 instead of 12 of 200, without the pre-training that its paper is about.\n"
}
"""What is to be said of a model alone."""


def _card(name: str, model: str, row: dict, uncued: dict) -> str:
    from . import tasks

    task, plan, fold, live = tasks.task(PROTOCOLS[PROTOCOL].task), METHODS[model].plan, row["folds"][0], row["live"]
    shift = ", ".join(f"{s['shift_s']:+.2f} s {s['accuracy']:.3f}" for s in live["window_shift"])
    low, high = plan.bands_hz[0]
    return CARD.format(
        name=name, model=model, protocol=PROTOCOL, window_s=plan.window_s, low=low, high=high, channels=len(task.channels),
        samples=plan.samples(task), rate=task.rate_hz, labels=" ".join(task.channels), tensor="logits",
        temperature=fold["trained"]["temperature"], parameters=fold["trained"]["parameters"], macs=fold["trained"]["macs"],
        difference=fold["onnx_difference"], right=live["correct"], trials=live["trials"], low95=live["accuracy_ci95"][0],
        own=OWN.get(model, ""), false=uncued["false_activations"] / uncued["rest_min"], high95=live["accuracy_ci95"][1], chance=live["chance"], shift=f"Accuracy where windows are moved against the cue: {shift}.",
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
