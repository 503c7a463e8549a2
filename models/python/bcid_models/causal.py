"""The daemon's signal path: causal band-pass, common average, sliding windows."""

from dataclasses import dataclass

import numpy as np

from . import preprocess
from .contract import Step
from .recording import Recording

RATE_HZ = 160.0
LOW_HZ, HIGH_HZ, ORDER = 8.0, 30.0, 4
WINDOW, HOP = 160, 10
"""Frames of a window and between two windows: 1 s and 62.5 ms."""


@dataclass(frozen=True)
class SignalPath:
    """What happens between the recording and the model: channels picked, band-pass, perhaps a common average."""

    channels: tuple[str, ...]
    common_average: bool

    def steps(self) -> tuple[Step, ...]:
        """It as the signal engine is told it."""
        band_pass: Step = {"band_pass": {"low_hz": LOW_HZ, "high_hz": HIGH_HZ, "order": ORDER}}
        return (band_pass, {"common_average": {}}) if self.common_average else (band_pass,)

    def filtered(self, recording: Recording) -> np.ndarray:
        """`[channels, frames]` uV. The filter starts as if the first sample had always been there, and runs on without reset."""
        if recording.rate_hz != RATE_HZ:
            raise ValueError(f"{recording.file} is sampled at {recording.rate_hz} Hz, not {RATE_HZ} Hz")
        rows = [recording.channels.index(label) for label in self.channels]
        return preprocess.run(self.steps(), recording.microvolts[rows], RATE_HZ)


def newest_frames(frames: int) -> np.ndarray:
    """The newest frame of every window of a recording that has `frames` frames: 159, 169, 179, ..."""
    return np.arange(WINDOW - 1, frames, HOP)


def windows(signal: np.ndarray, newest: np.ndarray) -> np.ndarray:
    """`[windows, channels, WINDOW]`: for each newest frame the window that ends with it."""
    return np.stack([signal[:, n - WINDOW + 1 : n + 1] for n in newest])
