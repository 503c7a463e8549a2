"""Writes the reference vectors beside this file.

    python make.py S001R10.edf        # Python 3.11.7, numpy 2.4.6, scipy 1.17.1

The argument is run 10 of subject 1 of the PhysioNet EEG Motor Movement/Imagery Database (see README.md).
"""

import json
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import scipy
from scipy import optimize, signal

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


FAMILIES = {
    "butterworth": [{}],
    "chebyshev1": [{"ripple_db": r} for r in (0.5, 0.01, 3.0)],
    "chebyshev2": [{"attenuation_db": a} for a in (40.0, 20.0, 90.0)],
    "elliptic": [{"ripple_db": r, "attenuation_db": a} for r, a in ((0.5, 40.0), (0.05, 60.0), (1.0, 100.0))],
    "bessel": [{"norm": n} for n in ("phase", "mag", "delay")],
}


def band(kind, rate, order, edges, family="butterworth", ripple_db=None, attenuation_db=None, norm=None):
    common = dict(btype=kind, fs=rate, output="sos")
    if family == "butterworth":
        return signal.butter(order, edges, **common)
    if family == "chebyshev1":
        return signal.cheby1(order, ripple_db, edges, **common)
    if family == "chebyshev2":
        return signal.cheby2(order, attenuation_db, edges, **common)
    if family == "elliptic":
        return signal.ellip(order, ripple_db, attenuation_db, edges, **common)
    return signal.bessel(order, edges, norm=norm, **common)


def comb(rate, freq, harmonics=None, q=None, width=None):
    """One notch a harmonic, all of the same width."""
    q = q or freq / width
    count = harmonics or sum(k * freq < rate / 2 for k in range(1, int(rate)))
    return np.stack([np.concatenate(signal.iirnotch(k * freq, k * q, fs=rate)) for k in range(1, count + 1)])


def dc_block(rate, cutoff):
    """y[n] = x[n] - x[n-1] + r y[n-1], with r sought for half power at the cut-off."""
    def power(r):
        return abs(signal.freqz([1, -1], [1, -r], [cutoff], fs=rate)[1][0]) ** 2 - 0.5

    r = optimize.brentq(power, 1e-9 - 1, 1 - 1e-9, xtol=1e-16)
    return np.array([[1, -1, 0, 1, -r, 0]])


def design(kind, rate, **spec):
    edges = spec.pop("edges", None)
    row = {"kind": kind, "rate_hz": rate} | spec
    if kind == "notch":
        b, a = signal.iirnotch(spec["freq_hz"], spec["q"], fs=rate)
        return np.concatenate((b, a))[None], row
    if kind == "comb":
        return comb(rate, spec["freq_hz"], spec.get("harmonics"), spec.get("q"), spec.get("width_hz")), row
    if kind == "dc_block":
        return dc_block(rate, spec["cutoff_hz"]), row
    return band(kind, rate, edges=edges, **spec), row | {"edges_hz": np.atleast_1d(edges).tolist()}


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
        specs += [dict(kind="notch", rate=rate, freq_hz=freq, q=q) for q in (0.9, 5.0, 30.0, 200.0)]
    out = []
    for spec in specs:
        sos, row = design(**spec)
        row["sos"] = sos.tolist()
        out.append(row)
    write("designs.json", out)


def family_designs():
    """The bands that are used, at every rate, in every family."""
    lows = [(100.0, 40.0), (160.0, 40.0), (999.41, 300.0), (2000.0, 500.0), (30000.0, 300.0)]
    highs = [(100.0, 0.5), (160.0, 1.0), (250.0, 0.5), (999.41, 0.5), (2000.0, 80.0), (30000.0, 0.5), (30000.0, 300.0)]
    passes = [
        (100.0, (8.0, 30.0)), (160.0, (8.0, 30.0)), (250.0, (8.0, 30.0)), (999.41, (70.0, 170.0)),
        (1000.0, (70.0, 170.0)), (2000.0, (80.0, 500.0)), (30000.0, (300.0, 6000.0)),
    ]
    stops = [(160.0, (48.0, 52.0)), (250.0, (49.0, 51.0)), (1000.0, (57.0, 63.0)), (30000.0, (45.0, 55.0))]
    for family, settings in FAMILIES.items():
        out = []
        for number, setting in enumerate(settings):
            # The other settings of a family change the prototype only: fewer bands tell as much.
            some = slice(None, None, 1 if number == 0 else 3)
            orders = (1, 2, 3, 4, 5, 8) if number == 0 else (2, 3, 7)
            specs = [
                dict(kind=kind, rate=rate, order=order, edges=edges)
                for kind, cases in (("lowpass", lows), ("highpass", highs), ("bandpass", passes), ("bandstop", stops))
                for rate, edges in cases[some]
                for order in orders
                if order < 8 or kind in ("lowpass", "highpass")
            ]
            # The prototypes of the highest orders.
            specs += [
                dict(kind="lowpass", rate=1000.0, order=order, edges=100.0)
                for order in (6, 9, 10, 11, 12, 13, 14, 15, 16)
            ]
            for spec in specs:
                sos, row = design(**spec, family=family, **setting)
                out.append(row | {"sos": sos.tolist()})
        write(f"designs_{family}.json", out)
    out = []
    for spec in [
        dict(rate=160.0, freq_hz=20.0, q=30.0), dict(rate=250.0, freq_hz=50.0, width_hz=1.0),
        dict(rate=999.41, freq_hz=50.0, q=35.0), dict(rate=1000.0, freq_hz=60.0, harmonics=3, q=20.0),
        dict(rate=1000.0, freq_hz=50.0, width_hz=2.0), dict(rate=2000.0, freq_hz=60.0, harmonics=1, width_hz=0.5),
        dict(rate=30000.0, freq_hz=50.0, harmonics=40, width_hz=2.0),
        dict(rate=2000.0, freq_hz=16.7, harmonics=12, q=8.0),
    ]:
        sos, row = design("comb", **spec)
        out.append(row | {"sos": sos.tolist()})
    for rate, cutoff in [(100.0, 0.5), (160.0, 1.0), (250.0, 30.0), (999.41, 0.1), (30000.0, 0.5), (30000.0, 5000.0)]:
        sos, row = design("dc_block", rate, cutoff_hz=cutoff)
        out.append(row | {"sos": sos.tolist()})
    write("designs_comb.json", out)


def exact_zi(sos):
    """The state after an endless input of 1, in rational arithmetic: what `sosfilt_zi` rounds.

    At 0.5 Hz and 30 kHz the sum of a denominator is 1e-8 of its terms, so that many digits are lost in f64.
    """
    level, out = Fraction(1), []
    for section in sos:
        b0, b1, b2, _, a1, a2 = map(Fraction, section.tolist())
        y = level * (b0 + b1 + b2) / (1 + a1 + a2)
        z2 = b2 * level - a2 * y
        out.append([float(b1 * level - a1 * y + z2), float(z2)])
        level = y
    return np.array(out)


def primes():
    """What a filter that has always seen 1 gives when zeros follow."""
    out = []
    for family, settings in FAMILIES.items():
        for setting in settings:
            for kind, rate, edges, order in [
                ("lowpass", 250.0, 40.0, 4), ("highpass", 160.0, 0.5, 3), ("highpass", 160.0, 0.5, 4),
                ("bandpass", 160.0, (8.0, 30.0), 4), ("bandpass", 1000.0, (70.0, 170.0), 3),
                ("bandstop", 250.0, (45.0, 55.0), 3), ("bandpass", 30000.0, (300.0, 6000.0), 4),
                ("highpass", 30000.0, 0.5, 2), ("highpass", 30000.0, 0.5, 3),
            ]:
                sos, row = design(kind, rate, edges=edges, order=order, family=family, **setting)
                zi = exact_zi(sos)
                if rate < 10000:
                    assert np.allclose(zi, signal.sosfilt_zi(sos), rtol=1e-9, atol=1e-9 * abs(zi).max())
                y, _ = signal.sosfilt(sos, np.zeros(24), zi=zi)
                out.append(row | {"after": y.tolist()})
    for kind, rate, spec in [
        ("notch", 250.0, dict(freq_hz=50.0, q=30.0)), ("comb", 1000.0, dict(freq_hz=50.0, q=30.0)),
        ("dc_block", 160.0, dict(cutoff_hz=0.5)), ("dc_block", 30000.0, dict(cutoff_hz=0.5)),
    ]:
        sos, row = design(kind, rate, **spec)
        y, _ = signal.sosfilt(sos, np.zeros(24), zi=exact_zi(sos))
        out.append(row | {"after": y.tolist()})
    write("prime.json", out)


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
        dict(kind="notch", rate=1000.0, freq_hz=50.0, q=30.0),
        dict(kind="comb", rate=1000.0, freq_hz=60.0, q=20.0),
        dict(kind="dc_block", rate=160.0, cutoff_hz=0.5),
        dict(kind="bandpass", rate=1000.0, order=4, edges=(70.0, 170.0), family="chebyshev1", ripple_db=0.5),
        dict(kind="highpass", rate=250.0, order=5, edges=8.0, family="chebyshev2", attenuation_db=50.0),
        dict(kind="bandstop", rate=250.0, order=3, edges=(45.0, 55.0), family="elliptic", ripple_db=0.1,
             attenuation_db=60.0),
        dict(kind="bandpass", rate=160.0, order=4, edges=(8.0, 30.0), family="bessel", norm="phase"),
        dict(kind="lowpass", rate=30000.0, order=6, edges=6000.0, family="bessel", norm="mag"),
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
        "notch": [("notch", dict(freq_hz=60.0, q=30.0))],
        "chain": [
            ("notch", dict(freq_hz=60.0, q=30.0)), ("highpass", dict(order=2, edges=1.0)), ("average", {}),
            ("bandpass", dict(order=4, edges=(8.0, 30.0))),
        ],
    }
    for name, steps in chains.items():
        rows, y = run(steps, rate, x)
        # Channels share the filters: two tell as much as eight.
        write(f"output_{name}.json", {"steps": rows, "columns": [0, 3], "frames": y[:, [0, 3]].tolist()})

    chains = [
        [(kind, dict(edges=edges, order=order, family=family, **settings[0]))]
        for family, settings in FAMILIES.items() if family != "butterworth"
        for kind, edges, order in [
            ("bandpass", (8.0, 30.0), 4), ("highpass", 0.5, 3), ("lowpass", 40.0, 5), ("bandstop", (55.0, 65.0), 3),
        ]
    ]
    chains += [
        [("comb", dict(freq_hz=20.0, q=30.0))], [("comb", dict(freq_hz=10.0, harmonics=4, width_hz=1.0))],
        [("dc_block", dict(cutoff_hz=0.5))],
        [("dc_block", dict(cutoff_hz=0.5)), ("comb", dict(freq_hz=60.0, harmonics=1, width_hz=2.0)), ("average", {}),
         ("bandpass", dict(edges=(8.0, 30.0), order=3, family="elliptic", ripple_db=0.5, attenuation_db=60.0))],
    ]
    out = []
    for steps in chains:
        rows, y = run(steps, rate, x)
        out.append({"steps": rows, "columns": [0, 3], "every": 5, "frames": y[::5, [0, 3]].tolist()})
    write("output_families.json", out)


def run(steps, rate, x):
    """`x` through `steps`, each from the state of a signal that had always been its first frame."""
    y, rows = x, []
    for kind, spec in steps:
        if kind == "average":
            y = y - y.mean(axis=1, keepdims=True)
            rows.append({"kind": "average"})
        else:
            sos, row = design(kind, rate, **spec)
            y, _ = signal.sosfilt(sos, y, axis=0, zi=signal.sosfilt_zi(sos)[:, :, None] * y[0])
            rows.append(row)
    return rows, y


if __name__ == "__main__":
    assert np.__version__ == "2.4.6", np.__version__
    assert scipy.__version__ == "1.17.1", scipy.__version__
    designs()
    family_designs()
    primes()
    responses()
    outputs(sys.argv[1])
