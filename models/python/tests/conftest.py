"""The shipped data and the shipped bundle."""

import os
from pathlib import Path

import pytest

import bcid_models  # noqa: F401  first, for it settles the number of threads before numpy is loaded
from bcid_models.crossval import run_of
from bcid_models.daemon import Bcid, DaemonError, find
from bcid_models.eegmmidb import TRAIN
from bcid_models.recording import read
from bcid_models.train_csp_lda import PATH

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def bcid() -> Bcid:
    """The daemon's program; where it was not built the test is left out, in CI it fails."""
    try:
        return Bcid(find())
    except DaemonError as missing:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def data() -> Path:
    return ROOT / "models/data/eegmmidb"


@pytest.fixture(scope="session")
def bundle() -> Path:
    return ROOT / "models/zoo/eegmmidb-s001-fists-feet"


@pytest.fixture(scope="session")
def oracle_file() -> Path:
    return ROOT / "tests/oracle/eegmmidb-s001-r10.json"


@pytest.fixture(scope="session")
def training(data):
    return [read(data / file) for file in TRAIN]


@pytest.fixture(scope="session")
def runs(training):
    return [run_of(recording, PATH) for recording in training]
