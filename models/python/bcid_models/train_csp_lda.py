"""Trains the fists-or-feet decoder of eegmmidb S001 and writes its bundle.

    python -m bcid_models.train_csp_lda --data models/data/eegmmidb --out models/zoo/eegmmidb-s001-fists-feet

The settings below are those of `choose_csp_lda`, which sees the training runs alone. The test run is opened after the
model is written, and nothing depends on its result. Running twice gives the same bytes.
"""

import argparse
from pathlib import Path

import numpy as np

from . import __version__, bundle, card, causal, onnx_graph
from .causal import SignalPath
from .contract import Contract, Identity, Input, Metric, Output, Provenance, RecordingUse
from .crossval import CrossValidation, Score, leave_one_run_out, run_of, score
from .decoder import CspLda, Recipe, fit
from .eegmmidb import SUBJECT, TEST, TRAIN
from .montage import CENTRAL_9
from .recording import Recording, read
from .stats import CHANCE
from .trials import CLASSES

PATH = SignalPath(CENTRAL_9, common_average=False)
RECIPE = Recipe(filters=6, shrinkage=0.01)

IDENTITY = Identity(
    name="eegmmidb-s001-fists-feet",
    version="1.0.0",
    description=(
        "Both fists or both feet, moved or imagined, from one person's EEG (eegmmidb S001): CSP, log-variance, "
        "shrinkage LDA on sliding 1 s windows, 8 to 30 Hz. For demonstration; not for clinical use."
    ),
    licence="MIT OR Apache-2.0; trained on eegmmidb v1.0.0, ODC-By-1.0",
)
SPLIT = (
    "By run: R05, R06 and R09 train, and everything is chosen by leaving one of them out; R10 took no part in any "
    "choice made here; that CSP and LDA on 1 s windows do well on it was known beforehand."
)


GOLDEN_S = 4
"""Seconds of the test run, from its start on, in the golden segment."""


def contract(train: list[Recording], test: Recording, scores: list[Score]) -> Contract:
    """What the daemon must feed the model, what it yields, and where it comes from."""
    uses = [(recording, "train") for recording in train] + [(test, "test")]
    return Contract(
        identity=IDENTITY,
        input=Input(onnx_graph.INPUT, PATH.channels, "uV", causal.RATE_HZ, causal.WINDOW, causal.HOP),
        preprocessing=PATH.steps(),
        output=Output(onnx_graph.OUTPUT, "class_posteriors", CLASSES),
        provenance=Provenance(
            trained_by="models/python/bcid_models/train_csp_lda.py",
            code_version=f"bcid_models {__version__}",
            subjects=f"{SUBJECT} of EEG Motor Movement/Imagery v1.0.0 (PhysioNet)",
            split=SPLIT,
            recordings=tuple(RecordingUse(r.file, r.sha256, use) for r, use in uses),
            metrics=tuple(map(_metric, scores)),
        ),
    )


def golden(recording: Recording) -> bundle.Golden:
    """The first seconds of `recording`."""
    frames = round(GOLDEN_S * recording.rate_hz)
    rows = [recording.channels.index(label) for label in PATH.channels]
    segment = np.ascontiguousarray(recording.microvolts[rows, :frames].T, np.float32)
    return bundle.Golden(segment, f"{recording.file} of eegmmidb v1.0.0, its first {GOLDEN_S} s")


def train(data: Path) -> tuple[CspLda, CrossValidation]:
    """Cross-validates and fits on all training runs. Opens the training runs only."""
    runs = [run_of(read(data / file), PATH) for file in TRAIN]
    result = leave_one_run_out(runs, RECIPE)
    fitted = fit([t for run in runs for t in run.train], RECIPE)
    return fitted.tempered(result.temperature).as_shipped(), result


def write_bundle(data: Path, out: Path) -> tuple[CrossValidation, Score]:
    """Trains, then evaluates the test run, and writes the whole bundle into the folder `out`."""
    decoder, result = train(data)
    test = read(data / TEST)
    tested = score(f"{TEST}, never seen", decoder, run_of(test, PATH).decision)
    whole = contract([read(data / file) for file in TRAIN], test, [result.pooled, tested])
    bundle.write(out, onnx_graph.model(decoder), whole, golden(test))
    card.write(out / "README.md", IDENTITY, PATH, RECIPE, result, tested)
    return result, tested


def _metric(found: Score) -> Metric:
    low, high = (round(edge, 4) for edge in found.ci95)
    return Metric("trial_accuracy", found.on, round(found.accuracy, 4), (low, high), found.trials, CHANCE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the EDF runs")
    parser.add_argument("--out", type=Path, required=True, help="folder of the bundle")
    arguments = parser.parse_args()
    result, tested = write_bundle(arguments.data, arguments.out)
    print("Cross-validation on the training runs:")
    for line in (*result.folds, result.pooled):
        print(" ", line)
    print(f"  temperature {result.temperature}; log loss without it {result.log_loss_untempered:.3f}")
    print("Test:")
    print(" ", tested)


if __name__ == "__main__":
    main()
