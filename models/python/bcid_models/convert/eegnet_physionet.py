"""The cue-locked EEGNets of Wang, Hersche et al. (MeMeA 2020), trained on eegmmidb, as bundles.

    python -m bcid_models.convert.eegnet_physionet --weights DIR --data DIR --out models/zoo

`--weights` holds `eegnet_physionet_{2,3,4}class_split0.onnx` and LICENSE; `--data` the runs S001R03, R04, R07, R08,
R11 and S002 to S005 R03, R04 of eegmmidb. The graphs are shipped after graph surgery, which is proven.
"""

import argparse
from pathlib import Path

import numpy as np
import onnx

from ..bundle import Golden
from ..contract import Contract, Identity, Input, Output, Provenance
from ..export import parity, surgery
from ..recording import Recording, sha256_of
from .common import CODE_VERSION, Runs, Tried, tried, write

CLASSES = ("left", "right", "rest", "feet")
RATE_HZ, WINDOW, HOP = 160.0, 480, 16
GOLDEN_RUN, GOLDEN_HOPS = (1, 4), 2
LEFT_RIGHT = [(1, run) for run in (3, 4, 7, 8, 11)] + [(subject, run) for subject in range(2, 6) for run in (3, 4)]

BODY = """
| | |
|---|---|
| input | `eeg`, float32 `[1, 64, 480]`, raw uV at 160 Hz, the 64 channels of eegmmidb in its files' order |
| before it | nothing |
| output | `probs`, float32 `[1, {count}]`: {classes} |
| accuracy | {right} of {trials} left/right trials of subjects S001 to S005, none of whom trained it, at the cue; 95 % {low:.2f} to {high:.2f}, chance 0.50 |

**Cue-locked: not for sliding windows.** The network saw the 3 s from the cue on and reads the response to the cue too.
Started a quarter of a second late it falls towards chance. It shows real weights running; as a free-running decoder it
must not be used.

## What was changed

The weights are those published; the graph was rewritten so that the spatial filters run before the temporal ones, with
batch norm folded in and the second output (the logits) dropped:

{done}

The largest difference from the published graph over {windows} windows of S001R04 and of noise is {difference:.1e} of the
largest output.
"""


def windows_at_cues(recording: Recording) -> np.ndarray:
    """`[cues, 64, 480]` uV: the 3 s from each cue on."""
    starts = [round(cue.onset_s * RATE_HZ) for cue in recording.cues]
    return np.stack([recording.microvolts[:, s : s + WINDOW] for s in starts])


def convert(weights: Path, runs: Runs, count: int, out: Path) -> surgery.Report:
    """Writes the bundle of the network of so many classes into a folder of `out`."""
    file = weights / f"eegnet_physionet_{count}class_split0.onnx"
    original = onnx.load(file)
    real = windows_at_cues(runs.get(*GOLDEN_RUN))
    model, report = surgery.operate(original, real)
    accuracy = _left_right(model, runs)
    recording = runs.get(*GOLDEN_RUN)
    contract = Contract(
        identity=Identity(
            f"eegnet-physionet-{count}class",
            "1.0.0",
            f"{', '.join(CLASSES[:count])} from the 3 s after a cue, 64 channels of raw EEG: EEGNet of Wang, Hersche et al. "
            "2020. Cue-locked: not for sliding windows. Not for clinical use.",
            "Apache-2.0",
        ),
        input=Input("eeg", recording.channels, "uV", RATE_HZ, WINDOW, HOP),
        output=Output("probs", "class_posteriors", CLASSES[:count]),
        provenance=Provenance(
            trained_by="Wang, Hersche et al., An Accurate EEGNet-based Motor-Imagery BCI for Low-Power Edge Computing, MeMeA 2020",
            code_version=f"{file.name}, SHA-256 {sha256_of(file)}; converted by {CODE_VERSION}",
            subjects="eegmmidb v1.0.0 (PhysioNet) but S001 to S021",
            split="By subject: S001 to S005, on whom it is tried here, took no part in training.",
            recordings=accuracy.uses(),
            metrics=(accuracy.metric(0.5),),
        ),
    )
    start = round(recording.cues[0].onset_s * RATE_HZ)
    segment = recording.microvolts[:, start : start + WINDOW + GOLDEN_HOPS * HOP].T
    golden = Golden(
        segment, f"{recording.file} of eegmmidb v1.0.0, from its first cue at {recording.cues[0].onset_s:g} s on"
    )
    low, high = accuracy.metric(0.5).ci95
    body = BODY.format(
        low=low,
        high=high,
        count=count,
        classes=", ".join(CLASSES[:count]),
        right=accuracy.right,
        trials=accuracy.trials,
        done="\n".join(f"- {line}" for line in report.done),
        windows=report.parity.windows,
        difference=report.parity.difference,
    )
    command = "python -m bcid_models.convert.eegnet_physionet"
    write(out / contract.identity.name, model, contract, golden, weights / "LICENSE", command, body)
    return report


def _left_right(model: onnx.ModelProto, runs: Runs) -> Tried:
    """Left against right at the cue; what a network of more classes says of others does not count here."""
    recordings = [runs.get(*run) for run in LEFT_RIGHT]

    def decide(recording: Recording, onset_s: float) -> int:
        start = round(onset_s * RATE_HZ)
        return int(parity.outputs(model, recording.microvolts[None, :, start : start + WINDOW])[0, :2].argmax())

    return tried("left or right fist, executed and imagined, S001 to S005 at the cue", recordings, decide)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, what in (
        ("weights", "folder of the networks"),
        ("data", "folder of the runs"),
        ("out", "folder for the bundles"),
    ):
        parser.add_argument(f"--{name}", type=Path, required=True, help=what)
    arguments = parser.parse_args()
    runs = Runs(arguments.data)
    for count in (2, 3, 4):
        print(f"{count} classes\n{convert(arguments.weights, runs, count, arguments.out)}")


if __name__ == "__main__":
    main()
