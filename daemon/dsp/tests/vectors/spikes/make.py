"""Writes the reference vectors beside this file.

    python make.py sample_seeg.edf        # Python 3.11.7, numpy 2.4.6, scipy 1.17.1

The argument is the sEEG of MNE's `mne-misc-data` (see README.md). `features` is the definition of threshold crossings and
spike-band power, written down plainly; the synthetic signals are made here and by the test from the same numbers.
"""

import json
import math
import sys
from pathlib import Path

import numpy as np
import scipy
from scipy import signal

assert (np.__version__, scipy.__version__) == ("2.4.6", "1.17.1")
HERE = Path(__file__).parent


def features(x, rate, bin_ms, trusted, refractory_ms=None, threshold_uv=None, threshold_rms=None,
             rms_time_constant_s=60.0, rms_start_s=1.0):
    """Counts and powers, `[bins x channels]`, of `x`, `[frames x channels]` in uV; `trusted` has one truth a frame."""
    frames = round(bin_ms / 1000 * rate)
    bins = len(x) // frames
    wait = 0 if refractory_ms is None else math.ceil(refractory_ms / 1000 * rate - 1e-6)
    alpha = 1 - math.exp(-frames / rate / rms_time_constant_s)
    start = math.ceil(rms_start_s * rate / frames - 1e-6)
    counts, powers = np.zeros((bins, x.shape[1]), int), np.zeros((bins, x.shape[1]))
    nearest = math.inf
    for c in range(x.shape[1]):
        started, estimate = [], None
        was_beyond, last = False, None
        for b in range(bins):
            if threshold_uv is not None:
                level = threshold_uv
            else:
                level = None if estimate is None else threshold_rms * math.sqrt(estimate)
            for n in range(b * frames, (b + 1) * frames):
                beyond = level is not None and (x[n, c] < level if level < 0 else x[n, c] > level)
                if level is not None:
                    nearest = min(nearest, abs(x[n, c] / level - 1))
                if beyond and not was_beyond and (last is None or n - last >= wait):
                    counts[b, c] += 1
                    last = n
                was_beyond = beyond
            powers[b, c] = power = np.add.accumulate(x[b * frames : (b + 1) * frames, c] ** 2)[-1] / frames
            if not all(trusted[b * frames : (b + 1) * frames]):
                continue
            if estimate is not None:
                estimate += alpha * (min(power, 4 * estimate) - estimate)
            else:
                started.append(power)
                if len(started) == start:
                    estimate = sum(started) / start
    # Counts can only be asked to be equal where rounding does not decide them.
    assert nearest > 1e-9, nearest
    return counts, powers


def uniform(seed, count):
    """Numbers in -1 to 1 (xorshift64*), to the bit those of the tests."""
    mask, state, out = (1 << 64) - 1, seed, np.empty(count)
    for i in range(count):
        state ^= state >> 12
        state ^= state << 25 & mask
        state ^= state >> 27
        out[i] = (state * 0x2545F4914F6CDD1D & mask) >> 11
    return out / 2.0**52 - 1.0


def synthetic(s):
    """Noise, the sum of eight uniform numbers a sample, of each channel's size, times the drift of each tenth of a second;
    spikes added at their samples; an artefact that overrides."""
    frames, channels = s["frames"], len(s["noise_uv"])
    noise = uniform(s["seed"], frames * channels * 8).reshape(frames, channels, 8)
    x = np.zeros((frames, channels))
    for k in range(8):
        x = x + noise[:, :, k]
    drift = np.array(s["drift"])[np.arange(frames) // (frames // len(s["drift"]))]
    x = x * (np.array(s["noise_uv"]) * drift[:, None])
    for channel, at in s["spikes"]:
        x[at : at + len(s["shape_uv"]), channel] += s["shape_uv"]
    a = s["artefact"]
    x[a["from"] : a["to"]] = a["uv"]
    return x


def read_edf(path, labels, first_s, seconds):
    """Digital values of some channels, `[frames x channels]`, their rate, and scale and offset to uV."""
    raw = Path(path).read_bytes()
    header = raw[: int(raw[184:192])]
    records, duration, count = int(raw[236:244]), float(raw[244:252]), int(raw[252:256])

    def field(offset, width):
        at = 256 + offset * count
        return [header[at + i * width : at + (i + 1) * width].decode().strip() for i in range(count)]

    names, units = field(0, 16), field(96, 8)
    phys_min, phys_max, dig_min, dig_max = (np.array(field(o, 8), float) for o in (104, 112, 120, 128))
    per_record = np.array(field(216, 8), int)
    data = np.frombuffer(raw[len(header) :], "<i2")[: records * per_record.sum()].reshape(records, -1)
    starts = np.concatenate(([0], np.cumsum(per_record)))
    picks = [names.index(label) for label in labels]
    assert all(units[i] == "uV" for i in picks), [units[i] for i in picks]
    rate = per_record[picks[0]] / duration
    columns = np.stack([data[:, starts[i] : starts[i + 1]].ravel() for i in picks], axis=1)
    scale = ((phys_max - phys_min) / (dig_max - dig_min))[picks]
    first = int(first_s * rate)
    return columns[first : first + int(seconds * rate)], rate, scale


def case(x, rate, settings, untrusted):
    trusted = np.ones(len(x), bool)
    for a, b in untrusted:
        trusted[a:b] = False
    counts, powers = features(x, rate, trusted=trusted, **settings)
    assert counts.sum() > 20, counts.sum()
    return {"settings": settings, "untrusted": untrusted, "crossings": counts.tolist(), "power": powers.tolist()}


def write(name, value):
    (HERE / name).write_text(json.dumps(value, separators=(",", ":")) + "\n")


def write_synthetic():
    rate, frames = 30000.0, 60000
    rng = np.random.default_rng(5)
    t = np.arange(36)
    shape = -42 * np.exp(-(((t - 8) / 3.0) ** 2)) + 14 * np.exp(-(((t - 18) / 6.0) ** 2))
    spikes = [[int(c), int(n)] for c in range(3) for n in np.sort(rng.integers(0, frames - 40, 60))]
    s = {
        "rate_hz": rate,
        "frames": frames,
        "seed": 20,
        "noise_uv": [3.0, 5.0, 4.0],
        "drift": [1.0] * 8 + [1.5] * 6 + [0.7] * 6,
        "shape_uv": [round(float(v), 2) for v in shape],
        "spikes": spikes,
        "artefact": {"from": 33000, "to": 33300, "uv": -1500.0},
    }
    x = synthetic(s)
    common = {"bin_ms": 20.0}
    s["cases"] = [
        case(x, rate, common | {"threshold_rms": -4.5, "rms_start_s": 0.5, "rms_time_constant_s": 1.0}, []),
        case(x, rate, common | {"threshold_rms": -4.5, "rms_start_s": 0.5, "rms_time_constant_s": 1.0},
             [[300, 301], [32500, 33400], [50000, 51000]]),
        case(x, rate, common | {"threshold_rms": 3.0, "rms_start_s": 0.13, "rms_time_constant_s": 0.2,
                                "refractory_ms": 1.0}, []),
        case(x, rate, {"bin_ms": 10.0, "threshold_uv": -32.0, "refractory_ms": 2.5}, []),
    ]
    write("synthetic.json", s)


def write_seeg(path):
    labels = ["L'1", "L'5", "L'12"]
    digits, rate, scale = read_edf(path, labels, 2, 6)
    sos = signal.butter(3, [70.0, 250.0], "bandpass", fs=rate, output="sos")
    x = digits * scale
    zi = signal.sosfilt_zi(sos)
    y = signal.sosfilt(sos, x, axis=0, zi=zi[:, :, None] * x[0])[0]
    cases = [
        case(y, rate, {"bin_ms": 20.0, "threshold_rms": -3.0}, []),
        case(y, rate, {"bin_ms": 50.0, "threshold_rms": -2.5, "rms_start_s": 0.4, "rms_time_constant_s": 2.0,
                       "refractory_ms": 8.0}, [[1000, 1200], [4000, 4001]]),
        case(y, rate, {"bin_ms": 20.0, "threshold_uv": 2.0}, []),
    ]
    write("seeg.json", {"rate_hz": rate, "labels": labels, "microvolts_per_digit": scale.tolist(),
                        "order": 3, "band_hz": [70.0, 250.0], "frames": digits.tolist(), "cases": cases})


if __name__ == "__main__":
    write_synthetic()
    write_seeg(sys.argv[1])
