"""Writes the reference vectors beside this file.

    python make.py S001R10.edf        # Python 3.11.7, numpy 2.4.6, scipy 1.17.1

The argument is run 10 of subject 1 of the PhysioNet EEG Motor Movement/Imagery Database (see README.md).
"""

import json
import sys
from pathlib import Path

import numpy as np
import scipy
from scipy import signal

HERE = Path(__file__).parent
CHANNELS = ["C3..", "Cz..", "C4..", "Fpz.", "O1..", "Oz..", "O2..", "Cpz."]
SECONDS = 4


def read_edf(path, labels, seconds):
    """The digital values of some channels, `[frames x channels]`, their rate and their scale to uV."""
    raw = Path(path).read_bytes()
    header = raw[: int(raw[184:192])]
    records, duration, count = int(raw[236:244]), float(raw[244:252]), int(raw[252:256])

    def field(offset, width):
        at = 256 + offset * count
        return [header[at + i * width : at + (i + 1) * width].decode().strip() for i in range(count)]

    names = field(0, 16)
    phys_min, phys_max, dig_min, dig_max = (np.array(field(o, 8), float) for o in (104, 112, 120, 128))
    per_record = np.array(field(216, 8), int)
    data = np.frombuffer(raw[len(header) :], "<i2")[: records * per_record.sum()].reshape(records, -1)
    starts = np.concatenate(([0], np.cumsum(per_record)))
    picks = [names.index(label) for label in labels]
    columns = [data[:, starts[i] : starts[i + 1]].ravel() for i in picks]
    rate = per_record[picks[0]] / duration
    scale = (phys_max - phys_min)[picks] / (dig_max - dig_min)[picks]
    assert np.all(phys_min[picks] == dig_min[picks] * scale), "the scale has no offset"
    assert all(field(96, 8)[i] == "uV" for i in picks)
    return np.stack(columns, axis=1)[: int(seconds * rate)], rate, scale


def write(name, value):
    (HERE / name).write_text(json.dumps(value, separators=(",", ":")) + "\n")


def design(kind, rate, order=None, edges=None, freq=None, q=None):
    if kind == "notch":
        b, a = signal.iirnotch(freq, q, fs=rate)
        sos = np.concatenate((b, a))[None]
        spec = {"freq_hz": freq, "q": q}
    else:
        sos = signal.butter(order, edges, kind, fs=rate, output="sos")
        spec = {"order": order, "edges_hz": np.atleast_1d(edges).tolist()}
    return sos, {"kind": kind, "rate_hz": rate, **spec}


def designs():
    # No band is centred on a quarter of its rate: there rounding decides the order of the sections (see responses).
    specs = []
    for rate, cutoffs in [(160.0, [1.0, 40.0, 79.0]), (999.41, [0.5, 250.0]), (30000.0, [0.5, 300.0, 14000.0])]:
        for cutoff in cutoffs:
            for order in (1, 2, 3, 4, 5, 7, 8, 16):
                specs += [dict(kind=k, rate=rate, order=order, edges=cutoff) for k in ("lowpass", "highpass")]
    bands = [
        (160.0, (8.0, 30.0)), (160.0, (0.5, 79.0)), (250.0, (49.0, 51.0)), (1000.0, (70.0, 170.0)),
        (30000.0, (300.0, 6000.0)), (2000.0, (1.0, 990.0)),
    ]
    for rate, band in bands:
        for order in (1, 2, 3, 4, 5, 8):
            specs += [dict(kind=k, rate=rate, order=order, edges=band) for k in ("bandpass", "bandstop")]
    specs += [dict(kind="bandpass", rate=160.0, order=16, edges=(8.0, 30.0))]
    specs += [dict(kind="bandpass", rate=1000.0, order=2, edges=(0.1, 1.0))]
    for rate, freq in [(160.0, 60.0), (250.0, 50.0), (1000.0, 50.0), (30000.0, 60.0), (200.0, 50.0)]:
        specs += [dict(kind="notch", rate=rate, freq=freq, q=q) for q in (0.9, 5.0, 30.0, 200.0)]
    out = []
    for spec in specs:
        sos, row = design(**spec)
        row["sos"] = sos.tolist()
        out.append(row)
    write("designs.json", out)


def responses():
    """Complex response and group delay of whole cascades, the delay summed over sections."""
    out = []
    for spec in [
        dict(kind="bandpass", rate=160.0, order=4, edges=(8.0, 30.0)),
        dict(kind="bandpass", rate=160.0, order=3, edges=(0.5, 79.5)),
        dict(kind="bandpass", rate=160.0, order=4, edges=(30.0, 50.0)),
        dict(kind="bandstop", rate=160.0, order=3, edges=(30.0, 50.0)),
        dict(kind="bandstop", rate=250.0, order=3, edges=(45.0, 55.0)),
        dict(kind="lowpass", rate=30000.0, order=5, edges=6000.0),
        dict(kind="highpass", rate=999.41, order=2, edges=0.5),
        dict(kind="notch", rate=1000.0, freq=50.0, q=30.0),
    ]:
        sos, row = design(**spec)
        at = np.linspace(0.013, 0.481, 13) * row["rate_hz"]
        _, h = signal.freqz_sos(sos, at, fs=row["rate_hz"])
        delay = sum(signal.group_delay((s[:3], s[3:]), at, fs=row["rate_hz"])[1] for s in sos)
        row |= {"at_hz": at.tolist(), "re": h.real.tolist(), "im": h.imag.tolist(), "delay": delay.tolist()}
        out.append(row)
    write("responses.json", out)


def outputs(path):
    digital, rate, scale = read_edf(path, CHANNELS, SECONDS)
    write("../eeg/eeg.json", {
        "rate_hz": rate, "labels": [c.strip(".") for c in CHANNELS], "microvolts_per_digit": scale.tolist(),
        "frames": digital.tolist(),
    })
    x = digital * scale
    chains = {
        "band_pass": [("bandpass", dict(order=4, edges=(8.0, 30.0)))],
        "high_pass": [("highpass", dict(order=2, edges=0.5))],
        "low_pass": [("lowpass", dict(order=5, edges=40.0))],
        "band_stop": [("bandstop", dict(order=3, edges=(55.0, 65.0)))],
        "notch": [("notch", dict(freq=60.0, q=30.0))],
        "chain": [
            ("notch", dict(freq=60.0, q=30.0)), ("highpass", dict(order=2, edges=1.0)), ("average", {}),
            ("bandpass", dict(order=4, edges=(8.0, 30.0))),
        ],
    }
    for name, steps in chains.items():
        y, rows = x, []
        for kind, spec in steps:
            if kind == "average":
                y = y - y.mean(axis=1, keepdims=True)
                rows.append({"kind": "average"})
            else:
                sos, row = design(kind, rate, **spec)
                # From the state of a signal that had always been its first frame.
                y, _ = signal.sosfilt(sos, y, axis=0, zi=signal.sosfilt_zi(sos)[:, :, None] * y[0])
                rows.append(row)
        # Channels share the filters: two tell as much as eight.
        write(f"output_{name}.json", {"steps": rows, "columns": [0, 3], "frames": y[:, [0, 3]].tolist()})


if __name__ == "__main__":
    assert np.__version__ == "2.4.6", np.__version__
    assert scipy.__version__ == "1.17.1", scipy.__version__
    designs()
    responses()
    outputs(sys.argv[1])
