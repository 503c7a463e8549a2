"""Recordings: EDF+ files as microvolts with their cues."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import mne
import numpy as np


@dataclass(frozen=True)
class Cue:
    """A cued trial: `onset_s` after the recording's first sample, `label` as the file annotates it (`T1`)."""

    onset_s: float
    label: str


@dataclass(frozen=True)
class Recording:
    """`microvolts` is `[channels, frames]`; `cues` are in order of time, rest (`T0`) left out."""

    file: str
    sha256: str
    rate_hz: float
    channels: tuple[str, ...]
    microvolts: np.ndarray
    cues: tuple[Cue, ...]


def clean_label(label: str) -> str:
    """The 10-10 spelling of a padded label: `Fc5.` -> `FC5`, `Cz..` -> `Cz`, `Fp1.` -> `Fp1`, `Afz.` -> `AFz`."""
    upper = label.strip().rstrip(".").upper()
    if upper.startswith("FP"):
        upper = "Fp" + upper[2:]
    return upper[:-1] + "z" if upper.endswith("Z") else upper


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, lower-case hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def read(path: Path) -> Recording:
    """Reads a whole EDF+ file."""
    raw = mne.io.read_raw_edf(path, preload=True, verbose="error")
    cues = tuple(
        Cue(float(a["onset"]), str(a["description"]))
        for a in sorted(raw.annotations, key=lambda a: a["onset"])
        if a["description"] in ("T1", "T2")
    )
    return Recording(
        file=path.name,
        sha256=sha256_of(path),
        rate_hz=float(raw.info["sfreq"]),
        channels=tuple(clean_label(name) for name in raw.ch_names),
        microvolts=raw.get_data() * 1e6,
        cues=cues,
    )
