"""Writes the reference vectors beside this file.

    python make.py S001R05.edf sample_seeg.edf sample_ecog.edf    # Python 3.11.7, numpy 2.4.6, scipy 1.17.1, MNE 1.13.2

The first argument is run 5 of subject 1 of the PhysioNet EEG Motor Movement/Imagery Database, the others are the sample
recordings of MNE's miscellaneous data (see README.md in the folder above).
"""

import json
import re
import sys
from pathlib import Path

import mne
import numpy as np
import scipy
from mne.channels.interpolation import _make_interpolation_matrix
from scipy import linalg, signal

from make_montage import RENAMED, directions

HERE = Path(__file__).parent
mne.set_log_level("error")

EVERY = 10  # Without memory, every tenth frame tells as much as all.
COLUMNS = 9  # Among as many outputs, evenly spread, one tells as much as its neighbour.
BANANA = [["Fp1", "F7", "T3", "T5", "O1"], ["Fp2", "F8", "T4", "T6", "O2"], ["Fp1", "F3", "C3", "P3", "O1"], ["Fz", "Cz"]]
SEEG = ["L'1", "L'2", "L'7", "L'8", "L'11", "N'1", "N'2", "L'9", "DC01", "O'16", "EKG1"]
ECOG = ["C1", "C2", "C7", "C8", "C9", "C10", "BTM1", "BTM2", "BTP6", "EKGL"]


def write(name, value):
    (HERE / name).write_text(json.dumps(value, separators=(",", ":"), ensure_ascii=False) + "\n")


def read_edf(path, labels, seconds):
    """Digital values `[frames x channels]`, rate, and gain and offset to uV."""
    raw = Path(path).read_bytes()
    header = raw[: int(raw[184:192])]
    duration, count = float(raw[244:252]), int(raw[252:256])

    def field(offset, width):
        at = 256 + offset * count
        return [header[at + i * width : at + (i + 1) * width].decode("latin-1").strip() for i in range(count)]

    names = field(0, 16)
    phys_min, phys_max, dig_min, dig_max = (np.array(field(o, 8), float) for o in (104, 112, 120, 128))
    per_record = np.array(field(216, 8), int)
    samples = (len(raw) - len(header)) // 2 // per_record.sum() * per_record.sum()
    data = np.frombuffer(raw[len(header) :], "<i2")[:samples].reshape(-1, per_record.sum())
    starts = np.concatenate(([0], np.cumsum(per_record)))
    picks = [names.index(label) for label in labels] if labels else list(range(count - 1))
    columns = [data[:, starts[i] : starts[i + 1]].ravel() for i in picks]
    rate = per_record[picks[0]] / duration
    gain = (phys_max - phys_min)[picks] / (dig_max - dig_min)[picks]
    offset = phys_min[picks] - dig_min[picks] * gain
    return np.stack(columns, axis=1)[: int(seconds * rate)], rate, gain, offset, [names[i] for i in picks]


def excerpt(name, path, labels, seconds):
    """Writes what a test reads; the same as MNE reads it, for the reference."""
    digital, rate, gain, offset, labels = read_edf(path, labels, seconds)
    raw = mne.io.read_raw_edf(path, preload=True, include=labels)
    raw.reorder_channels(labels)
    raw.crop(tmax=(len(digital) - 1) / raw.info["sfreq"])
    x = digital * gain + offset
    assert raw.info["sfreq"] == rate
    # The recorder's own inputs (DC01) are in mV.
    scale = np.array([{"mV": 1e3}.get(raw._orig_units[c], 1e6) for c in labels])
    off = np.abs(raw.get_data().T * scale - x).max(axis=0)
    assert (off <= 1e-9 * np.abs(x).max()).all(), off
    write(name, {
        "rate_hz": rate, "labels": labels, "gain": gain.tolist(), "offset": offset.tolist(), "frames": digital.tolist(),
    })
    return raw, x, rate


def row(spec, labels, y):
    """What a step must yield: all labels, some columns, every tenth frame."""
    columns = sorted({round(i) for i in np.linspace(0, y.shape[1] - 1, min(COLUMNS, y.shape[1]))})
    return {"step": spec, "labels": labels, "columns": columns, "every": EVERY, "frames": y[::EVERY, columns].tolist()}


def laplacian(x, name, around):
    """McFarland et al. 1997: minus the neighbours, weighted by inverse distance."""
    names, at, _ = directions()
    at = dict(zip(names, at))
    near = np.array([1 / np.linalg.norm(at[name] - at[n]) for n in around])
    return x[name] - sum(w * x[n] for w, n in zip(near / near.sum(), around))


def outputs(path):
    raw, x, _ = excerpt("eeg64.json", path, None, 1.0)
    labels = raw.ch_names
    mne.datasets.eegbci.standardize(raw)
    names = raw.ch_names
    column = {name: x[:, i] for i, name in enumerate(names)}
    # As a rig writes them; the labels of the file differ ("Fc5.").
    by = {old: column[new] for old, new in RENAMED.items()} | column

    def data(inst):
        return inst.get_data().T * 1e6

    def over(which):
        return x[:, [names.index(n) for n in which]]

    def but(which):
        return x[:, [i for i, n in enumerate(names) if n not in which]]

    rows = [
        row({"select": {"channels": ["Cz", "T3", "fc5"]}}, ["Cz..", "T7..", "Fc5."], over(["Cz", "T7", "FC5"])),
        row({"drop": {"channels": ["T9", "T10", "Iz"]}},
            [e for e, n in zip(labels, names) if n not in ("T9", "T10", "Iz")], but(["T9", "T10", "Iz"])),
        row({"common_average": {}}, labels, data(raw.copy().set_eeg_reference("average"))),
        row({"common_average": {"channels": ["C3", "Cz", "C4"]}}, labels,
            data(raw.copy().set_eeg_reference(["C3", "Cz", "C4"]))),
        row({"common_average": {"except": ["Fp1", "Fpz", "Fp2"]}}, labels,
            x - but(["Fp1", "Fpz", "Fp2"]).mean(axis=1, keepdims=True)),
        row({"common_median": {}}, labels, x - np.median(x, axis=1, keepdims=True)),
        row({"common_median": {"channels": ["C3", "Cz", "C4"]}}, labels,
            x - np.median(over(["C3", "Cz", "C4"]), axis=1, keepdims=True)),
        row({"common_median": {"except": ["Iz"]}}, labels, x - np.median(but(["Iz"]), axis=1, keepdims=True)),
        row({"reference": {"channels": ["T9", "T10"], "keep": True}}, labels,
            data(raw.copy().set_eeg_reference(["T9", "T10"]))),
        row({"reference": {"channels": ["T9", "T10"]}}, [e for e, n in zip(labels, names) if n not in ("T9", "T10")],
            data(raw.copy().set_eeg_reference(["T9", "T10"]).drop_channels(["T9", "T10"]))),
    ]
    small = {"C3": ["FC3", "CP3", "C5", "C1"], "Cz": ["FCz", "CPz", "C1", "C2"], "T7": ["FT7", "TP7", "T9", "C5"],
             "F8": ["AF8", "FT8", "F6"], "Oz": ["POz", "Iz", "O1", "O2"], "FT7": ["F7", "T7", "FC5"]}
    large = {"C3": ["F3", "P3", "T7", "Cz"], "C4": ["F4", "P4", "Cz", "T8"], "T7": ["F7", "P7", "C3"],
             "POz": ["CPz", "Iz", "PO3", "PO4"]}
    for size, wanted in (("small", small), ("large", large)):
        y = np.stack([laplacian(column, name, around) for name, around in wanted.items()], axis=1)
        spec = {"laplacian": {"size": size, "channels": list(wanted)}}
        rows.append(row(spec, [labels[names.index(n)] for n in wanted], y))
    pairs = [["C3", "C4"], ["Cz", "Pz"]]
    every = pairs + [list(p) for chain in BANANA for p in zip(chain, chain[1:])]
    ends = [[RENAMED.get(pair[i], pair[i]) for pair in every] for i in (0, 1)]
    derived = mne.set_bipolar_reference(raw, *ends, ch_name=["-".join(p) for p in every]).pick(["-".join(p) for p in every])
    assert np.allclose(data(derived)[:, 0], by["C3"] - by["C4"])
    rows.append(row({"bipolar": {"pairs": pairs, "chain": BANANA}}, derived.ch_names, data(derived)))

    # CSP: what has the most power in the first half of the excerpt beside the whole.
    half = len(x) // 2
    _, w = linalg.eigh(np.cov(x[:half].T), np.cov(x.T) + 1e-3 * np.eye(x.shape[1]))
    w = w.T[[0, 1, -2, -1]]
    rows.append(row({"spatial_filter": {"rows": w.tolist(), "names": ["a", "b", "c", "d"]}}, list("abcd"), x @ w.T))

    all_names, at, origin = directions()
    bads = ["T7", "Fp2", "Cz"]
    raw.set_montage("colin27_1005")
    raw.info["bads"] = bads
    mended = raw.copy().interpolate_bads(origin=origin, reset_bads=True)
    assert mended.ch_names == raw.ch_names
    mended = data(mended)
    # The interpolated columns are what matters; every other is as it was.
    bad = [names.index(n) for n in bads]
    at = dict(zip(all_names, at))
    good = [n for n in names if n not in bads]
    weights = _make_interpolation_matrix(np.array([at[n] for n in good]), np.array([at[n] for n in bads]))
    assert np.allclose(mended[:, bad], over(good) @ weights.T, rtol=0, atol=1e-9 * np.abs(x).max())
    rest = [i for i in range(x.shape[1]) if i not in bad]
    assert np.abs(mended - x)[:, rest].max() < 1e-9
    rows.append({
        "step": {"interpolate": {"channels": ["T3", "Fp2", "Cz"]}}, "labels": labels, "columns": bad + [0, 63],
        "every": EVERY, "frames": mended[::EVERY, bad + [0, 63]].tolist(),
    })
    write("outputs.json", rows)
    write("spline.json", {"from": good, "to": bads, "weights": weights.tolist()})


def shaft_pairs(labels):
    """Consecutive numbers of one name, in the order of first appearance; what is no contact is left out."""
    found = {}
    for label in labels:
        match = re.fullmatch(r"([A-Za-z]+'?) ?(\d+)", label)
        if match and match[1] not in ("DC", "EKG"):
            found.setdefault(match[1], {})[int(match[2])] = label
    return [(at[n], at[n + 1]) for at in found.values() for n in sorted(at) if n + 1 in at]


def high_gamma(name, path, labels, pairs, grids=None):
    raw, _, rate = excerpt(f"{name}.json", path, labels, 2.0)
    kept = [list(p) for p in pairs]
    ends = [[p[i] for p in kept] for i in (0, 1)]
    joined = ["-".join(p) for p in kept]
    y = mne.set_bipolar_reference(raw, *ends, ch_name=joined).pick(joined).get_data().T * 1e6
    sos = signal.butter(4, (70.0, 170.0), "bandpass", fs=rate, output="sos")
    band, _ = signal.sosfilt(sos, y, axis=0, zi=signal.sosfilt_zi(sos)[:, :, None] * y[0])
    every_label = mne.io.read_raw_edf(path).ch_names
    write(f"{name}_high_gamma.json", {
        "grids": grids or {}, "labels": joined, "every": 9, "bipolar": y[::9].tolist(), "band": band[::9].tolist(),
        "header": every_label, "header_pairs": ["-".join(p) for p in shaft_pairs(every_label)],
    })


if __name__ == "__main__":
    assert np.__version__ == "2.4.6", np.__version__
    assert scipy.__version__ == "1.17.1", scipy.__version__
    assert mne.__version__ == "1.13.2", mne.__version__
    eeg, seeg, ecog = sys.argv[1:]
    outputs(eeg)
    high_gamma("seeg", seeg, SEEG, [("L'1", "L'2"), ("L'7", "L'8"), ("L'8", "L'9"), ("N'1", "N'2")])
    # A grid of 8 by 8: contacts 8 and 9 lie at opposite edges.
    high_gamma("ecog", ecog, ECOG, [("C1", "C2"), ("C7", "C8"), ("C9", "C10"), ("BTM1", "BTM2")], {"C": 8})
