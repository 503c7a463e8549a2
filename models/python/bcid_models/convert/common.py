"""What the converters share: recordings by name, golden segments, trial accuracies, cards and licences."""

import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from scipy.signal import resample_poly

from .. import __version__, bundle
from ..bundle import Golden
from ..contract import Contract, Metric, RecordingUse
from ..recording import Recording, read
from ..stats import wilson95

CODE_VERSION = f"bcid_models {__version__}"
CITATION = (
    "Golden segment: {file} of the EEG Motor Movement/Imagery Dataset v1.0.0 (PhysioNet, ODC-By 1.0; "
    "Schalk et al., IEEE TBME 51(6), 2004; Goldberger et al., Circulation 101(23), 2000)."
)


class Runs:
    """The runs of eegmmidb in a folder, wherever in it they are, each read once."""

    def __init__(self, folder: Path) -> None:
        self._files = {file.name: file for file in sorted(folder.rglob("S*R*.edf"))}
        self._read: dict[str, Recording] = {}

    def get(self, subject: int, run: int) -> Recording:
        """Run `run` of subject `subject`."""
        name = f"S{subject:03d}R{run:02d}.edf"
        if name not in self._files:
            raise FileNotFoundError(f"{name} is not in the folder of recordings")
        if name not in self._read:
            self._read[name] = read(self._files[name])
        return self._read[name]


def resampled(recording: Recording, channels: Iterable[str], rate_hz: float) -> np.ndarray:
    """`[channels, frames]` uV at `rate_hz`, by a polyphase filter."""
    rows = recording.microvolts[[recording.channels.index(label) for label in channels]]
    ratio = Fraction(rate_hz) / Fraction(recording.rate_hz)
    return rows if ratio == 1 else resample_poly(rows, ratio.numerator, ratio.denominator, axis=1)


@dataclass(frozen=True)
class Tried:
    """A decoder tried on cued trials of some recordings."""

    on: str
    right: int
    trials: int
    recordings: tuple[Recording, ...]

    def metric(self, chance: float) -> Metric:
        """As the contract states it."""
        low, high = (round(edge, 4) for edge in wilson95(self.right, self.trials))
        return Metric("trial_accuracy", self.on, round(self.right / self.trials, 4), (low, high), self.trials, chance)

    def uses(self) -> tuple[RecordingUse, ...]:
        """The recordings, as the contract lists them."""
        return tuple(RecordingUse(r.file, r.sha256, "test") for r in self.recordings)


def tried(on: str, recordings: list[Recording], decide: Callable[[Recording, float], int]) -> Tried:
    """Cued trials of `recordings`, T1 being class 0 and T2 class 1; `decide` is given each and its onset in seconds."""
    answers = [(decide(r, cue.onset_s), ("T1", "T2").index(cue.label)) for r in recordings for cue in r.cues]
    return Tried(on, sum(a == b for a, b in answers), len(answers), tuple(recordings))


CARD = """# {name}

{description}

This folder is written by `{command}`.

{body}

## Licence

{licence}. See LICENSE. {citation}
"""


def write(folder: Path, model, contract: Contract, golden: Golden, licence: Path, command: str, body: str) -> None:
    """The whole bundle: model, contract, golden segment, card and licence."""
    bundle.write(folder, model, contract, golden)
    shutil.copyfile(licence, folder / "LICENSE")
    identity = contract.identity
    text = CARD.format(
        name=identity.name,
        description=identity.description,
        command=command,
        body=body.strip(),
        licence=identity.licence,
        citation=CITATION.format(file=golden.origin.split(" ")[0]),
    )
    (folder / "README.md").write_text(text, encoding="utf-8")
