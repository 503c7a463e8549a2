"""Writes the reference vectors beside this file.

    python make.py sample_ecog.edf        # Python 3.11.7, numpy 2.4.6, scipy 1.17.1, mne 1.13.2

The argument is the ECoG clip of Rockhill et al. (see README.md one folder up); the EEG is `../eeg/eeg.json`.
"""

import json
import sys
from pathlib import Path

import mne
import numpy as np
import scipy
from scipy import signal

HERE = Path(__file__).parent
COLUMNS = [0, 3]


def write(name, value):
    (HERE / name).write_text(json.dumps(value, separators=(",", ":")) + "\n")


def eeg():
    file = json.loads((HERE / "../eeg/eeg.json").read_text())
    return np.array(file["frames"]) * file["microvolts_per_digit"], file["rate_hz"]


def taps(up, down, half_width=10, beta=5.0):
    """What `resample_poly` designs when its window is ("kaiser", 5.0)."""
    half = half_width * max(up, down)
    return up * signal.firwin(2 * half + 1, 1 / max(up, down), window=("kaiser", beta))


def designs():
    rows = []
    for up, down, half_width, beta, every in [
        (1, 2, 10, 5.0, 1), (2, 1, 10, 5.0, 1), (25, 16, 10, 5.0, 7), (1, 120, 10, 5.0, 17), (125, 1024, 10, 5.0, 97),
        (4, 5, 16, 9.0, 3),
    ]:
        h = taps(up, down, half_width, beta)
        rows.append({
            "up": up, "down": down, "half_width": half_width, "beta": beta, "len": len(h), "every": every,
            "taps": h[::every].tolist(),
        })
    write("designs.json", rows)


def outputs():
    """Causal outputs, the delay left in, from the steady state of the first frame."""
    x, rate = eeg()
    rows = []
    for up, down, every in [(1, 2, 1), (5, 8, 3), (25, 16, 7), (2, 1, 7), (1, 16, 1)]:
        h = taps(up, down)
        # As many frames of the first before it as the filter remembers, in whole periods of the phases.
        before = -(-len(h) // (up * down)) * down
        y = signal.upfirdn(h, np.concatenate((np.repeat(x[:1], before, axis=0), x)), up, down, axis=0)
        start, n = before * up // down, -(-len(x) * up // down)
        y = y[start : start + n]
        rows.append({
            "rate_hz": rate * up / down, "up": up, "down": down, "len": n, "every": every, "columns": COLUMNS,
            "frames": y[::every][:, COLUMNS].tolist(),
        })
    write("outputs.json", rows)


def trimmed():
    """`resample_poly` itself, from rest, centred."""
    x, _ = eeg()
    rows = []
    for up, down, every in [(1, 2, 3), (5, 8, 5), (25, 16, 11), (3, 2, 11)]:
        y = signal.resample_poly(x, up, down, axis=0)
        rows.append({
            "up": up, "down": down, "len": len(y), "every": every, "columns": COLUMNS,
            "frames": y[::every][:, COLUMNS].tolist(),
        })
    write("resample_poly.json", rows)


def fourier(path):
    """Real signals without anything above 0.8 of the lower Nyquist frequency, and `scipy.signal.resample` of them, delayed."""
    ecog = mne.io.read_raw_edf(path, verbose="error")
    # 424/1695 is 250/999.41 but for 4e-7: Fourier resampling needs whole numbers.
    clip = ecog.get_data(picks=["C2", "C5"], start=2000, stop=2000 + 1695).T * 1e6
    x, rate = eeg()
    rows = []
    for name, x, rate, n in [
        ("ECoG", clip, 999.41, 424), ("EEG", x[:, COLUMNS], rate, 401), ("EEG", x[:, COLUMNS], rate, 1001),
    ]:
        x = x - x.mean(axis=0)
        spectrum = np.fft.rfft(x, axis=0)
        spectrum[int(0.8 * min(n, len(x)) / 2) :] = 0
        x = np.round(np.fft.irfft(spectrum, len(x), axis=0), 4)
        # As late as a filter of 14 frames of the lower rate makes it: whole frames of the input or of the output.
        if n > len(x):
            y = signal.resample(np.roll(x, 14, axis=0), n, axis=0)
        else:
            y = np.roll(signal.resample(x, n, axis=0), 14, axis=0)
        rows.append({
            "signal": name, "rate_hz": rate, "input": x.tolist(), "len": n, "every": 1 + n // 500,
            "frames": y[:: 1 + n // 500].tolist(),
        })
    write("fourier.json", rows)


if __name__ == "__main__":
    assert np.__version__ == "2.4.6", np.__version__
    assert scipy.__version__ == "1.17.1", scipy.__version__
    assert mne.__version__ == "1.13.2", mne.__version__
    designs()
    outputs()
    trimmed()
    fourier(sys.argv[1])
