"""Trains the fists-or-feet decoder of eegmmidb S001 and writes its bundle.

    python -m bcid_models.train_csp_lda --data models/data/eegmmidb --out models/zoo/eegmmidb-s001-fists-feet

The settings below are those of `choose_csp_lda`, which sees the training runs alone. The test run is opened after the
model is written, and nothing depends on its result. Running twice gives the same bytes.
"""

import argparse
from pathlib import Path

from . import bundle, card, onnx_graph
from .causal import SignalPath
from .crossval import CrossValidation, Score, leave_one_run_out, run_of, score
from .decoder import CspLda, Recipe, fit
from .eegmmidb import SUBJECT, TEST, TRAIN
from .montage import CENTRAL_9
from .recording import read

PATH = SignalPath(CENTRAL_9, common_average=False)
RECIPE = Recipe(filters=6, shrinkage=0.01)

IDENTITY = bundle.Identity(
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


def train(data: Path, model: Path) -> tuple[CspLda, CrossValidation]:
    """Cross-validates, fits on all training runs, writes `model`. Opens the training runs only."""
    runs = [run_of(read(data / file), PATH) for file in TRAIN]
    result = leave_one_run_out(runs, RECIPE)
    fitted = fit([t for run in runs for t in run.train], RECIPE)
    decoder = fitted.tempered(result.temperature).as_shipped()
    onnx_graph.write(model, decoder, bundle.metadata(IDENTITY, PATH))
    return decoder, result


def write_bundle(data: Path, out: Path) -> tuple[CrossValidation, Score]:
    """Trains, then evaluates the test run, and writes the whole bundle into the folder `out`."""
    out.mkdir(parents=True, exist_ok=True)
    decoder, result = train(data, out / "model.onnx")
    test = read(data / TEST)
    tested = score(f"{TEST}, never seen", decoder, run_of(test, PATH).decision)
    train_recordings = [read(data / file) for file in TRAIN]
    provenance = bundle.Provenance(
        trained_by="models/python/bcid_models/train_csp_lda.py",
        subjects=f"{SUBJECT} of EEG Motor Movement/Imagery v1.0.0 (PhysioNet)",
        split=SPLIT,
        train=train_recordings,
        test=[test],
        scores=[result.pooled, tested],
    )
    bundle.write_toml(out, IDENTITY, PATH, provenance)
    card.write(out / "README.md", IDENTITY, PATH, RECIPE, result, tested)
    return result, tested


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
