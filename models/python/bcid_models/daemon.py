"""The daemon's own commands, so that decoders are learned from what they will be fed, and judged by the path that people use."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import onnxruntime

ROOT = Path(__file__).resolve().parents[3]
"""The repository, where the package lies in it."""


class DaemonError(RuntimeError):
    """A command failed; says which, and what it wrote."""


def find() -> Path:
    """`$BCID_BIN`, else what `cargo build --release -p bcid` made, else `bcid` of the `PATH`."""
    built = ROOT / "target" / "release" / "bcid"
    for candidate in (os.environ.get("BCID_BIN"), built if built.is_file() else None, shutil.which("bcid")):
        if candidate:
            return Path(candidate)
    raise DaemonError("no bcid: `cargo build --release -p bcid` makes it; or name it in $BCID_BIN")


@dataclass(frozen=True)
class Bcid:
    """The program `bcid`. Every method raises `DaemonError` where it fails."""

    program: Path

    def windows(self, draft: Path, task: str, recordings: Sequence[Path], adapt: str | None, out: Path) -> None:
        """Writes to `out` what a decoder of the contract in `draft` is fed: see `bcid windows --help`."""
        self._run(
            "windows", "--decoder", draft, "--task", task, *_adapt(adapt), "--out", out, "--recordings", *recordings
        )

    def fit(self, task: str, recordings: Sequence[Path], out: Path, *options: str) -> None:
        """Learns a decoder of the daemon's own: `bcid fit`."""
        self._run("fit", "--task", task, "--out", out, *options, "--recordings", *recordings)

    def pack(self, folder: Path, segment: Path, origin: str, out: Path) -> None:
        """Makes a bundle of a folder with a model and a decoder.toml: `bcid decoder pack`."""
        self._run("decoder", "pack", folder, "--segment", segment, "--origin", origin, "--out", out)

    def verify(self, bundle: Path) -> None:
        """Checks a bundle as the daemon would, its golden rows included: `bcid decoder verify`."""
        self._run("decoder", "verify", bundle)

    def evaluate(self, bundle: Path, task: str, recordings: Sequence[Path], adapt: str | None) -> dict:
        """What `bcid evaluate` finds."""
        with tempfile.TemporaryDirectory() as folder:
            found = Path(folder) / "found.json"
            words = ("--decoder", bundle, "--task", task, *_adapt(adapt), "--json", found)
            self._run("evaluate", *words, "--recordings", *recordings)
            return json.loads(found.read_text(encoding="utf-8"))

    def _run(self, *words: object) -> str:
        asked = [str(self.program), *map(str, words)]
        done = subprocess.run(asked, capture_output=True, text=True, env=_environment(), check=False)
        if done.returncode != 0:
            raise DaemonError(f"{' '.join(asked)}\nexit code {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout


def _adapt(how: str | None) -> tuple[str, ...]:
    return () if how is None else ("--adapt", how)


def _environment() -> dict[str, str]:
    """Where nothing is said of ONNX Runtime, the one that Python uses."""
    found = sorted((Path(onnxruntime.__file__).parent / "capi").glob("libonnxruntime.so.*"))
    usual = {"BCID_ONNXRUNTIME": str(found[0])} if found else {}
    return usual | dict(os.environ)
