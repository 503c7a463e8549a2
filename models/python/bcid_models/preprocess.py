"""The daemon's preprocessing in SciPy: causal, each filter begun in the steady state of its first frame.

Only the steps that shipped decoders use are known here; any other is refused.
"""

from collections.abc import Callable

import numpy as np
from scipy.signal import butter, iirnotch, sosfilt, sosfilt_zi, tf2sos

from .contract import Step


def run(steps: tuple[Step, ...], signal: np.ndarray, rate_hz: float) -> np.ndarray:
    """`[channels, frames]` through `steps`, in float64; the frames are taken to be the stream's first."""
    for step in steps:
        (name, settings), *more = step.items()
        if more or name not in STEPS:
            raise ValueError(f"no step of {', '.join(sorted(STEPS))}: {step}")
        signal = STEPS[name](signal, rate_hz, **settings)
    return signal


def from_steady_state(sos: np.ndarray, signal: np.ndarray) -> np.ndarray:
    """Filters `[channels, frames]` as if the first frame had always been there."""
    out, _ = sosfilt(sos, signal, axis=1, zi=sosfilt_zi(sos)[:, None, :] * signal[:, :1])
    return out


def _band_pass(signal: np.ndarray, rate_hz: float, low_hz: float, high_hz: float, order: int) -> np.ndarray:
    return from_steady_state(butter(order, [low_hz, high_hz], "bandpass", fs=rate_hz, output="sos"), signal)


def _high_pass(signal: np.ndarray, rate_hz: float, cutoff_hz: float, order: int) -> np.ndarray:
    return from_steady_state(butter(order, cutoff_hz, "highpass", fs=rate_hz, output="sos"), signal)


def _low_pass(signal: np.ndarray, rate_hz: float, cutoff_hz: float, order: int) -> np.ndarray:
    return from_steady_state(butter(order, cutoff_hz, "lowpass", fs=rate_hz, output="sos"), signal)


def _notch(signal: np.ndarray, rate_hz: float, freq_hz: float, q: float) -> np.ndarray:
    return from_steady_state(tf2sos(*iirnotch(freq_hz, q, rate_hz)), signal)


def _common_average(signal: np.ndarray, rate_hz: float) -> np.ndarray:
    return signal - signal.mean(axis=0)


STEPS: dict[str, Callable[..., np.ndarray]] = {
    "band_pass": _band_pass,
    "high_pass": _high_pass,
    "low_pass": _low_pass,
    "notch": _notch,
    "common_average": _common_average,
}
"""Each step by its name in the configuration."""
