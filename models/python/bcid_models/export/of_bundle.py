"""Surgery and streaming export of a whole bundle: the contract follows the model.

    python -m bcid_models.export.of_bundle BUNDLE OUT              after graph surgery
    python -m bcid_models.export.of_bundle BUNDLE OUT --hop 20     streaming

Equality is proven on the bundle's own golden segment, through its preprocessing, and on random input of the same size.
"""

import argparse
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np

from .. import bundle, preprocess
from . import streaming, surgery
from .graph import Refused


def export(source: Path, out: Path, hop: int | None) -> surgery.Report | streaming.Report:
    """Writes the bundle `source` anew into the folder `out`, fed by a hop of so many samples where one is given."""
    model, contract, golden = bundle.read(source)
    given = contract.input
    if given.feed != "window" or given.layout != "channels_samples" or contract.states:
        raise Refused(f"{contract.identity.name} is not fed a window [1, channels, samples], or has states already")
    signal = preprocess.run(contract.preprocessing, golden.segment.T.astype(float), given.rate_hz)
    scales = (float(np.std(signal)),)
    if hop is None:
        windows = streaming.cut(signal, given.window_samples, given.hop_samples)
        result, report = surgery.operate(model, windows, scales)
        form = "surgery"
    else:
        made = streaming.export(model, hop, signal, scales)
        result, report, contract, form = made.model, made.report, made.contract(contract), "streaming"
    identity = replace(contract.identity, name=f"{contract.identity.name}-{form}")
    bundle.write(out, result, replace(contract, identity=identity), golden)
    for file in ("LICENSE", "README.md"):
        if (source / file).exists():
            shutil.copyfile(source / file, out / file)
    return report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundle", type=Path, help="folder of the bundle")
    parser.add_argument("out", type=Path, help="folder of the bundle to write")
    parser.add_argument("--hop", type=int, help="samples of a hop; left out, the bundle is fed the window as before")
    arguments = parser.parse_args()
    print(export(arguments.bundle, arguments.out, arguments.hop))


if __name__ == "__main__":
    main()
