"""Writes the reference vectors beside this file, from ../eeg/eeg.json.

    python make.py        # Python 3.11.7, numpy 2.4.6, scipy 1.17.1
"""

import json
from pathlib import Path

import numpy as np
import scipy
from scipy import signal

HERE = Path(__file__).parent
COLUMNS = [0, 3]
PASS_ZERO = {"lowpass": True, "highpass": False, "bandpass": False, "bandstop": True}


def write(name, value):
    (HERE / name).write_text(json.dumps(value, separators=(",", ":")) + "\n")


def windowed(kind, rate, taps, edges, window, beta=None):
    name = (window, beta) if window == "kaiser" else window
    h = signal.firwin(taps, edges, window=name, pass_zero=PASS_ZERO[kind], scale=True, fs=rate)
    spec = {"kind": kind, "rate_hz": rate, "taps": taps, "edges_hz": np.atleast_1d(edges).tolist(), "window": window}
    return h, spec | ({"beta": beta} if window == "kaiser" else {})


def least_squares(rate, taps, bands, gains, weights=None):
    h = signal.firls(taps, bands, gains, weight=weights, fs=rate)
    spec = {"kind": "least_squares", "rate_hz": rate, "taps": taps, "bands_hz": bands, "gains": gains}
    return h, spec | ({"weights": weights} if weights else {})


def half(h):
    """Symmetric: the first half and the middle tell it all."""
    assert np.allclose(h, h[::-1], rtol=0, atol=1e-15)
    return h[: (len(h) + 1) // 2].tolist()


def designs():
    out = []
    windows = [("hamming", None), ("hann", None), ("blackman", None), ("kaiser", 0.0), ("kaiser", 5.65), ("kaiser", 40.0)]
    for window, beta in windows:
        for rate, kind, edges, counts in [
            (160.0, "lowpass", 30.0, (1, 2, 33, 34)),
            (160.0, "highpass", 8.0, (1, 33, 101)),
            (250.0, "bandpass", [8.0, 30.0], (3, 64, 101)),
            (30000.0, "bandpass", [300.0, 6000.0], (51,)),
            (1000.0, "bandstop", [45.0, 55.0], (101,)),
            (999.41, "lowpass", 0.5, (21,)),
        ]:
            for taps in counts:
                # A window that is zero at both ends leaves nothing of two taps.
                if taps == 2 and window in ("hann", "blackman"):
                    continue
                h, spec = windowed(kind, rate, taps, edges, window, beta)
                out.append(spec | {"half": half(h)})
    for spec in [
        dict(rate=160.0, taps=33, bands=[0.0, 8.0, 12.0, 80.0], gains=[0.0, 0.0, 1.0, 1.0]),
        dict(rate=160.0, taps=33, bands=[0.0, 8.0, 12.0, 80.0], gains=[0.0, 0.0, 1.0, 1.0], weights=[10.0, 1.0]),
        dict(rate=250.0, taps=73, bands=[0.0, 5.0, 8.0, 30.0, 35.0, 125.0], gains=[0.0, 0.0, 1.0, 1.0, 0.0, 0.0]),
        dict(rate=250.0, taps=101, bands=[0.0, 5.0, 8.0, 30.0, 33.0, 125.0], gains=[0.0, 0.0, 1.0, 0.5, 0.0, 0.0],
             weights=[1.0, 2.0, 5.0]),
        dict(rate=1000.0, taps=201, bands=[0.0, 45.0, 48.0, 52.0, 55.0, 500.0], gains=[1.0, 1.0, 0.0, 0.0, 1.0, 1.0]),
        dict(rate=1000.0, taps=1, bands=[0.0, 100.0, 200.0, 500.0], gains=[1.0, 1.0, 0.0, 0.0]),
        # A differentiator's gain up to a low-pass that touches it.
        dict(rate=100.0, taps=41, bands=[0.0, 20.0, 20.0, 50.0], gains=[0.0, 1.0, 0.0, 0.0]),
    ]:
        h, row = least_squares(**spec)
        out.append(row | {"half": half(h)})
    write("designs.json", out)


def undecided():
    """Much free for many taps: taps differ with the solver, the gain over the bands does not."""
    out = []
    for spec in [
        dict(rate=250.0, taps=201, bands=[0.0, 10.0, 60.0, 125.0], gains=[1.0, 1.0, 0.0, 0.0]),
        dict(rate=250.0, taps=101, bands=[20.0, 60.0], gains=[1.0, 1.0]),
    ]:
        h, row = least_squares(**spec)
        bands = np.reshape(spec["bands"], (-1, 2))
        at = np.concatenate([np.linspace(*b, 12) for b in bands])
        _, response = signal.freqz(h, worN=at, fs=row["rate_hz"])
        out.append(row | {"at_hz": at.tolist(), "gain": np.abs(response).tolist()})
    write("undecided.json", out)


def responses():
    out = []
    rng = np.random.default_rng(7)
    for rate, h in [
        (160.0, signal.firwin(33, [8.0, 30.0], pass_zero=False, fs=160.0)),
        (160.0, signal.firwin(32, 30.0, fs=160.0)),
        (160.0, signal.firwin(33, [8.0, 30.0], pass_zero=False, fs=160.0) * np.sign(np.arange(33) - 16)),
        (250.0, rng.standard_normal(9)),
        (250.0, 0.8 ** np.arange(40)),
    ]:
        at = np.linspace(0.013, 0.481, 13) * rate
        _, response = signal.freqz(h, worN=at, fs=rate)
        _, delay = signal.group_delay((h, [1.0]), at, fs=rate)
        out.append({
            "rate_hz": rate, "taps": h.tolist(), "at_hz": at.tolist(), "re": response.real.tolist(),
            "im": response.imag.tolist(), "delay": delay.tolist(),
        })
    write("responses.json", out)


def outputs():
    eeg = json.loads((HERE / "../eeg/eeg.json").read_text())
    rate = eeg["rate_hz"]
    x = (np.array(eeg["frames"]) * eeg["microvolts_per_digit"])[:, COLUMNS]
    rows = []
    for h, spec in [
        windowed("bandpass", rate, 101, [8.0, 30.0], "hamming"),
        windowed("bandstop", rate, 33, [55.0, 65.0], "kaiser", 6.0),
        windowed("lowpass", rate, 12, 40.0, "hann"),
        least_squares(rate, 61, [0.0, 6.0, 8.0, 30.0, 34.0, 80.0], [0.0, 0.0, 1.0, 1.0, 0.0, 0.0]),
        (0.9 ** np.arange(50), {"kind": "taps"}),
    ]:
        spec = spec | {"kind": spec["kind"], "h": h.tolist()} if spec["kind"] == "taps" else spec
        # From the state of a signal that had always been its first frame, and from rest.
        primed, _ = signal.lfilter(h, 1.0, x, axis=0, zi=signal.lfilter_zi(h, 1.0)[:, None] * x[0])
        rest = signal.lfilter(h, 1.0, x, axis=0)
        # All of the beginning, then every fifth frame.
        at = np.concatenate((np.arange(110), np.arange(110, len(x), 5)))
        rows.append(spec | {"at": at.tolist(), "primed": primed[at].tolist(), "rest": rest[at].tolist()})
    write("outputs.json", {"columns": COLUMNS, "filters": rows})


if __name__ == "__main__":
    assert np.__version__ == "2.4.6", np.__version__
    assert scipy.__version__ == "1.17.1", scipy.__version__
    designs()
    undecided()
    responses()
    outputs()
