"""The shared tasks, and what is kept from what.

A protocol is a task with its folds. Decoders never see a recording that they are tried on, nor a person or a day where the
protocol is about those.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from ..daemon import ROOT


@dataclass(frozen=True)
class Task:
    """A task as `bcid fit` takes it; of those that come along with the daemon `file` is in `calibration/tasks`."""

    name: str
    classes: tuple[str, ...]
    channels: tuple[str, ...]
    rate_hz: float
    from_s: float
    to_s: float
    file: Path | None = None
    text: str = ""
    """Its file's."""

    @property
    def source(self) -> str:
        """What `--task` of the daemon's commands is given."""
        return str(self.file) if self.file is not None else self.name


@dataclass(frozen=True)
class Fold:
    """Recordings, by file name, that teach, and those that are tried; `source` are those of other days or people, learned from first."""

    train: tuple[str, ...]
    test: tuple[str, ...]
    source: tuple[str, ...] = ()


@dataclass(frozen=True)
class Protocol:
    """`adapt` as `bcid evaluate` has it: `running` begins from nothing, as on another day; `onwards` from the training reference."""

    name: str
    about: str
    task: str
    folds: tuple[Fold, ...]
    adapt: str

    def files(self) -> tuple[str, ...]:
        """All recordings that it needs."""
        return tuple(sorted({file for fold in self.folds for file in (*fold.train, *fold.test, *fold.source)}))


def task(name: str, rate_hz: float | None = None) -> Task:
    """Reads a task of the repository, or a file of one's own, whose recordings have `rate_hz`, nominally.

    Raises `ValueError` in words where it does not say what a network needs.
    """
    file = Path(name) if name.endswith(".toml") else SHIPPED / f"{name}.toml"
    if not file.is_file():
        shipped = ", ".join(sorted(f.stem for f in SHIPPED.glob("*.toml")))
        raise ValueError(f"no task {name}: a file that ends in .toml, or one of {shipped}")
    text = file.read_text(encoding="utf-8")
    found = tomllib.loads(text)
    channels = found.get("decoder", {}).get("channels")
    if not channels:
        raise ValueError(f"{file}: [decoder] channels are missing: a network has to be told which it is fed")
    known = RATES_HZ.get(file.stem.split("-")[0]) if file.parent == SHIPPED else None
    if rate_hz is None and known is None:
        raise ValueError(f"{file}: the nominal sampling rate of its recordings is not known; give it as --rate-hz")
    return Task(
        name=found.get("name", file.stem),
        classes=tuple(dict.fromkeys(cue["class"] for cue in found["cue"])),
        channels=tuple(channels),
        rate_hz=rate_hz or known,
        from_s=found["window"]["from_s"],
        to_s=found["window"]["to_s"],
        file=file.resolve() if file.parent != SHIPPED else None,
        text=text,
    )


SHIPPED = ROOT / "calibration" / "tasks"
RATES_HZ = {"openbci16": 125.0, "eegmmidb": 160.0}
"""Nominal sampling rates of the data sets."""


def _a(*numbers: int) -> tuple[str, ...]:
    return tuple(f"sub-A_rec-{n:03}.xdf" for n in numbers)


def _b(*numbers: int) -> tuple[str, ...]:
    return tuple(f"sub-B_rec-{n:03}.xdf" for n in numbers)


def _s(subject: int, *runs: int) -> tuple[str, ...]:
    return tuple(f"S{subject:03}R{run:02}.edf" for run in runs)


def _each_left_out(files: tuple[str, ...]) -> tuple[Fold, ...]:
    return tuple(Fold(tuple(f for f in files if f != left), (left,)) for left in files)


APRIL_7, APRIL_8, SUB_B = _a(*range(2, 8)), _a(*range(8, 13)), _b(2, 3, 4)
_OTHERS = tuple(file for subject in (2, 3, 4, 5) for file in _s(subject, 3, 4))

PROTOCOLS = {
    p.name: p
    for p in (
        Protocol(
            "a7-idle",
            "sub-A, 7 April, each recording left out once",
            "openbci16-left-right-idle",
            _each_left_out(APRIL_7),
            "onwards",
        ),
        Protocol(
            "a8-idle",
            "sub-A, 8 April, each recording left out once",
            "openbci16-left-right-idle",
            _each_left_out(APRIL_8),
            "onwards",
        ),
        Protocol(
            "a7-a8-idle", "sub-A, 7 April -> 8 April", "openbci16-left-right-idle", (Fold(APRIL_7, APRIL_8),), "running"
        ),
        Protocol(
            "a7-lr",
            "sub-A, 7 April, each recording left out once",
            "openbci16-left-right",
            _each_left_out(APRIL_7),
            "onwards",
        ),
        Protocol(
            "a8-lr",
            "sub-A, 8 April, each recording left out once",
            "openbci16-left-right",
            _each_left_out(APRIL_8),
            "onwards",
        ),
        Protocol("a7-a8-lr", "sub-A, 7 April -> 8 April", "openbci16-left-right", (Fold(APRIL_7, APRIL_8),), "running"),
        Protocol(
            "b-idle",
            "sub-B, each recording left out once",
            "openbci16-left-right-idle",
            _each_left_out(SUB_B),
            "onwards",
        ),
        Protocol(
            "b-lr", "sub-B, each recording left out once", "openbci16-left-right", _each_left_out(SUB_B), "onwards"
        ),
        Protocol(
            "a-b-idle",
            "sub-A, both days -> sub-B",
            "openbci16-left-right-idle",
            (Fold(APRIL_7 + APRIL_8, SUB_B),),
            "running",
        ),
        Protocol(
            "s1-ff",
            "S001, runs 6 and 10, each left out once",
            "eegmmidb-fists-feet",
            _each_left_out(_s(1, 6, 10)),
            "onwards",
        ),
        Protocol(
            "s1-ff-10", "S001, runs 5, 6, 9 -> 10", "eegmmidb-fists-feet", (Fold(_s(1, 5, 6, 9), _s(1, 10)),), "onwards"
        ),
        Protocol(
            "s1-lr",
            "S001, runs 4 and 8, each left out once",
            "eegmmidb-left-right",
            _each_left_out(_s(1, 4, 8)),
            "onwards",
        ),
        Protocol(
            "s1-lr-8", "S001, runs 3, 4, 7 -> 8", "eegmmidb-left-right", (Fold(_s(1, 3, 4, 7), _s(1, 8)),), "onwards"
        ),
        Protocol(
            "others-s1-lr",
            "S002 to S005, runs 3 and 4 -> S001, runs 4 and 8",
            "eegmmidb-left-right",
            (Fold(_OTHERS, _s(1, 4, 8)),),
            "running",
        ),
        Protocol(
            "a8-tune-idle",
            "sub-A, 7 April, tuned on recording 8 of 8 April -> 9 to 12",
            "openbci16-left-right-idle",
            (Fold(APRIL_8[:1], APRIL_8[1:], APRIL_7),),
            "onwards",
        ),
        Protocol(
            "s1-tune-lr",
            "S002 to S005, tuned on S001, runs 3, 4, 7 -> 8",
            "eegmmidb-left-right",
            (Fold(_s(1, 3, 4, 7), _s(1, 8), _OTHERS),),
            "onwards",
        ),
    )
}


def sessions(files: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """Recordings of one person and day together: an alignment that learned of one says nothing of another."""
    groups: dict[tuple[str, int], list[str]] = {}
    for file in files:
        person = file.split("_")[0] if file.startswith("sub-") else file[:4]
        number = int(file.split("-")[-1].split(".")[0]) if file.startswith("sub-A") else 0
        day = next((k for k, first in enumerate(_DAYS_OF_A) if number < first), len(_DAYS_OF_A))
        groups.setdefault((person, day), []).append(file)
    return tuple(map(tuple, groups.values()))


_DAYS_OF_A = (2, 8, 101)
"""The first recordings of sub-A's second, third and fourth day."""


def locate(folders: list[Path], files: tuple[str, ...]) -> dict[str, Path]:
    """Where each recording is, in the folders or one below; those that are missing are left out."""
    found = {}
    for file in files:
        for folder in folders:
            hits = [folder / file, *sorted(folder.glob(f"*/{file}")), *upstream(folder, file)]
            there = next((hit for hit in hits if hit.is_file()), None)
            if there is not None:
                found[file] = there
                break
    return found


def upstream(folder: Path, file: str) -> list[Path]:
    """Where bci4als-online has a recording of the OpenBCI people, `folder` being its `3.recordings`."""
    person = {"sub-A": "tomer", "sub-B": "omri"}.get(file.split("_")[0])
    return [] if person is None else [folder / person / file.split("-")[-1].removesuffix(".xdf") / "EEG.xdf"]
