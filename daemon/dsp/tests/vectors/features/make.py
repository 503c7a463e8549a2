"""Writes the reference vectors beside this file.

    python make.py sample_seeg.edf    # Python 3.11.7, numpy 2.4.6, scipy 1.17.1, pyRiemann 0.12, scikit-learn 1.9.1

The argument is the sEEG sample of the MNE-Python intracranial tutorials (see README.md); the EEG is `../eeg/eeg.json`.
"""

import importlib.metadata
import json
import sys
from pathlib import Path

import numpy as np
import scipy
from pyriemann.geometry.covariance import covariances
from scipy import signal, stats
from sklearn.covariance import shrunk_covariance

HERE = Path(__file__).parent
SEEG = ["O'3", "X'1"]
SEEG_FROM_S, SEEG_S = 5, 2


def write(name, value):
    (HERE / name).write_text(json.dumps(value, separators=(",", ":")) + "\n")


def eeg():
    file = json.loads((HERE / "../eeg/eeg.json").read_text())
    return np.array(file["frames"]) * np.array(file["microvolts_per_digit"]), file["rate_hz"]


def seeg(path):
    """`[frames x channels]` in uV and the rate. The excerpt is written as it is read."""
    raw = Path(path).read_bytes()
    header = raw[: int(raw[184:192])]
    records, duration, count = int(raw[236:244]), float(raw[244:252]), int(raw[252:256])

    def field(offset, width):
        at = 256 + offset * count
        return [header[at + i * width : at + (i + 1) * width].decode().strip() for i in range(count)]

    picks = [field(0, 16).index(label) for label in SEEG]
    assert all(field(96, 8)[i] == "uV" for i in picks), field(96, 8)
    low, high, dig_low, dig_high = (np.array(field(o, 8), float)[picks] for o in (104, 112, 120, 128))
    each = np.array(field(216, 8), int)
    data = np.frombuffer(raw[len(header) :], "<i2")[: records * each.sum()].reshape(records, -1)
    starts = np.concatenate(([0], np.cumsum(each)))
    digital = np.stack([data[:, starts[i] : starts[i + 1]].ravel() for i in picks], axis=1)
    rate = each[picks[0]] / duration
    digital = digital[int(SEEG_FROM_S * rate) : int((SEEG_FROM_S + SEEG_S) * rate)]
    scale = (high - low) / (dig_high - dig_low)
    offset = low - dig_low * scale
    write("seeg.json", {
        "rate_hz": rate, "labels": SEEG, "microvolts_per_digit": scale.tolist(), "offset_uv": offset.tolist(),
        "frames": digital.tolist(),
    })
    return digital * scale + offset, rate


def band_passed(x, band, order, rate):
    sos = signal.butter(order, band, "bandpass", fs=rate, output="sos")
    y, _ = signal.sosfilt(sos, x, axis=0, zi=signal.sosfilt_zi(sos)[:, :, None] * x[0])
    return y


def windows(x, window, hop):
    return [x[end - window : end] for end in range(window, len(x) + 1, hop)]


def bank():
    x, rate = eeg()
    bands = [[8, 12], [12, 16], [16.5, 30]]
    y = np.concatenate([band_passed(x, band, 3, rate) for band in bands], axis=1)
    columns = [0, 7, 9, 17]
    write("filter_bank.json", {
        "bands_hz": bands, "order": 3, "columns": columns, "every": 5, "frames": y[4::5, columns].tolist(),
    })


def power():
    x, rate = eeg()
    out = []
    for window, hop in [(80, 10), (37, 8), (16, 40)]:
        for bands in ([[8, 13], [13, 30]], None):
            y = x if bands is None else np.concatenate([band_passed(x, b, 4, rate) for b in bands], axis=1)
            means = np.array([np.mean(w**2, axis=0) for w in windows(y, window, hop)])
            out.append({
                "bands_hz": bands, "order": 4, "window_ms": window / rate * 1e3, "hop_ms": hop / rate * 1e3,
                "columns": [0, 5], "mean_square": means[:, [0, 5]].tolist(),
            })
    write("power.json", out)


def hilbert_taps(low, high, rate, ripple=1e-3):
    attenuation = -20 * np.log10(ripple / 4)
    margin = min(low, rate / 2 - high)
    half = int(np.ceil((attenuation - 7.95) / (2.285 * 4 * np.pi * margin / rate) / 2))
    half += (half + 1) % 2
    while True:
        n = np.arange(-half, half + 1)
        ideal = np.zeros(len(n))
        ideal[n % 2 == 1] = 2 / (np.pi * n[n % 2 == 1])
        h = ideal * signal.windows.kaiser(len(n), 0.1102 * (attenuation - 8.7))
        _, response = signal.freqz(h, worN=np.linspace(low, high, 101), fs=rate)
        if np.max(np.abs(np.abs(response) - 1)) <= ripple:
            return h
        half += 2


def taps():
    rows = [(70.0, 170.0, 1000.0), (8.0, 12.0, 160.0), (4.0, 8.0, 250.0), (60.0, 200.0, 999.41), (62.0, 63.0, 250.0)]
    write("hilbert.json", [
        {"low_hz": low, "high_hz": high, "rate_hz": rate, "taps": hilbert_taps(low, high, rate).tolist()}
        for low, high, rate in rows
    ])


def envelope(path):
    x, rate = seeg(path)
    low, high, order, every = 70.0, 170.0, 4, 5
    y = band_passed(x, [low, high], order, rate)
    h = hilbert_taps(low, high, rate)
    delay = len(h) // 2
    late = np.concatenate((np.zeros((delay, x.shape[1])), y[:-delay]))
    causal = np.hypot(late, signal.lfilter(h, 1, y, axis=0))
    # The whole excerpt's analytic signal, which knows the future, moved to where the causal one is.
    analytic = np.concatenate((np.zeros((delay, x.shape[1])), np.abs(signal.hilbert(y, axis=0))[:-delay]))
    smooth = signal.butter(2, 10.0, fs=rate, output="sos")
    slow = signal.butter(2, 20.0, fs=rate, output="sos")
    kept = slice(every - 1, None, every)
    write("envelope.json", {
        "low_hz": low, "high_hz": high, "order": order, "every": every,
        "hilbert": causal[kept].tolist(),
        "analytic": analytic[kept].tolist(),
        "hilbert_smoothed_20_hz_at_100_hz": signal.sosfilt(slow, causal, axis=0)[9::10].tolist(),
        "rectified": signal.sosfilt(smooth, np.abs(y), axis=0)[kept].tolist(),
    })


def covariance():
    x, rate = eeg()
    # An electrode offset, as amplifiers that are coupled directly show.
    x = x[:, [0, 2, 3, 5, 7]] + np.array([0.0, 1e3, -2e4, 30.0, 0.0])
    out = []
    for window, hop in [(160, 160), (8, 200)]:
        for centre in (True, False):
            for shrinkage in ("none", "ledoit_wolf", "oas", 0.1):
                rows = []
                for w in windows(x, window, hop):
                    name = {"none": "scm", "ledoit_wolf": "lwf", "oas": "oas"}.get(shrinkage)
                    plain = covariances(w.T[None], "scm", assume_centered=not centre)[0]
                    if name is None:
                        c = shrunk_covariance(plain, shrinkage=shrinkage)
                    else:
                        c = covariances(w.T[None], name, assume_centered=not centre)[0]
                    rows.append(c[np.triu_indices(5)].tolist())
                out.append({
                    "window_ms": window / rate * 1e3, "hop_ms": hop / rate * 1e3, "shrinkage": shrinkage,
                    "centre": centre, "triangles": rows,
                })
    write("covariance.json", {
        "columns": [0, 2, 3, 5, 7], "offsets_uv": [0.0, 1e3, -2e4, 30.0, 0.0], "rows": out,
    })


def z_score():
    x, rate = eeg()
    x = x[:, [0, 3]]
    time_constant_s, window = 0.25, 100
    weight = -np.expm1(-1 / (time_constant_s * rate))
    enough = int(np.ceil(1 / weight))
    mean, variance = np.zeros(2), np.zeros(2)
    exponential = []
    for n, frame in enumerate(x, 1):
        a = max(weight, 1 / n)
        d = frame - mean
        mean = mean + a * d
        variance = (1 - a) * (variance + a * d * d)
        exponential.append((frame - mean) / np.sqrt(variance) if n >= enough else np.zeros(2))
    rolling = np.zeros_like(x)
    for n in range(window - 1, len(x)):
        w = x[n - window + 1 : n + 1]
        rolling[n] = (x[n] - w.mean(axis=0)) / w.std(axis=0)
    write("z_score.json", {
        "columns": [0, 3], "time_constant_s": time_constant_s, "exponential": np.array(exponential).tolist(),
        "window_s": window / rate, "rolling": rolling.tolist(),
    })


def longest_run(x, eps):
    """Frames for which one column stays within eps of where each run begins, less the first of the run."""
    longest, begin = 0, 0
    for n in range(1, len(x)):
        if not abs(x[n] - x[begin]) <= eps:
            begin = n
        longest = max(longest, n - begin)
    return longest


def quality():
    x, rate = eeg()
    x = x[:, [0, 3, 6]].copy()
    # Runs and rails that this recording does not have: held, clipped and offset stretches of it.
    x[200:260, 1] = x[200, 1]
    x[:, 2] = np.clip(x[:, 2], -30.0, 40.0) + 2e4
    line_hz, eps = 60.0, 0.0
    out = []
    for window, hop in [(160, 40), (90, 35)]:
        rows = []
        for w in windows(x, window, hop):
            y = w - w.mean(axis=0)
            t = np.arange(window) / rate
            line = 0.0
            for hz in (line_hz * k for k in (1, 2, 3)):
                if hz < rate / 2:
                    line = line + 2 * np.abs(np.exp(-2j * np.pi * hz * t) @ y) ** 2 / window**2
            railed = []
            for column in w.T:
                counts = [np.sum(column == column.max()), np.sum(column == column.min())]
                railed.append(sum(int(c) for c in counts if c >= 5) / window)
            rows.append(np.stack([
                np.ptp(w, axis=0), np.abs(np.diff(w, axis=0)).max(axis=0) * rate / 1e3, stats.kurtosis(w, axis=0),
                np.minimum(line / y.var(axis=0), 1.0), [longest_run(c, eps) / rate * 1e3 for c in w.T], railed,
            ], axis=1).ravel().tolist())
        out.append({"window_ms": window / rate * 1e3, "hop_ms": hop / rate * 1e3, "measures": rows})
    write("quality.json", {"rate_hz": rate, "line_hz": line_hz, "input": x.tolist(), "rows": out})


if __name__ == "__main__":
    assert np.__version__ == "2.4.6", np.__version__
    assert scipy.__version__ == "1.17.1", scipy.__version__
    for package, version in [("pyriemann", "0.12"), ("scikit-learn", "1.9.1")]:
        assert importlib.metadata.version(package) == version, importlib.metadata.version(package)
    bank()
    power()
    taps()
    envelope(sys.argv[1])
    covariance()
    z_score()
    quality()
