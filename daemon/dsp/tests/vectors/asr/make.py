"""Writes the reference vectors beside this file.

    python make.py ../../../../../models/data/eegmmidb S002     # numpy 2.4.6, SciPy 1.17.1, asrpy 0.0.8

The arguments are the folder of runs 5 and 6 of subject 1 of the PhysioNet EEG Motor Movement/Imagery Database, and that of
runs 1 and 2 of subject 2 (see README.md).
"""

import json
import sys
from pathlib import Path

import numpy as np
import scipy
from asrpy import asr_utils
from asrpy.asr import asr_calibrate, asr_process
from asrpy.asr_utils import yulewalk
from scipy import signal

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "iir"))
from make import read_edf  # noqa: E402

CHANNELS = ["Fp1.", "Fpz.", "Fp2.", "C3..", "Cz..", "C4..", "O1..", "O2.."]
CALIBRATE, PROCESS, SECONDS = "S001R06", "S001R05", 60
WINDOW_S, LOOKAHEAD_S, STEP, MAX_DIMS = 0.5, 0.25, 16, 0.66


class Numpy:
    """What asrpy 0.0.8 sees of numpy, with two changes.

    It takes arrays of one element for numbers, which numpy 2.4 no longer does: `diff` of a pair is a number here.

    It scales amplitudes so that the largest lies on the upper edge of the last bin, and whether it is counted there or
    in no bin depends on how the last digit happens to round; which fit is best can hang on that one count. Here it is
    always counted, as in the MATLAB original (clean_rawdata's fit_eeg_distribution, whose last bin has no upper edge).
    """

    def __getattr__(self, name):
        return getattr(np, name)

    @staticmethod
    def diff(a):
        return np.diff(a)[0] if len(a) == 2 else np.diff(a)

    @staticmethod
    def histogram(a, bins):
        return np.histogram(np.minimum(a, bins[-1]), bins)


asr_utils.np = Numpy()


def write(name, value):
    (HERE / name).write_text(json.dumps(value, separators=(",", ":")) + "\n")


def shaping(rate):
    # The frequencies and magnitudes of asrpy.ASR.
    f = np.array([0, 2, 3, 13, 16, 40, np.minimum(80.0, rate / 2.0 - 1.0), rate / 2.0]) * 2.0 / rate
    return yulewalk(8, f, np.array([3, 0.75, 0.33, 0.33, 1, 1, 3, 3]))


def recording(folder, run):
    digital, rate, scale = read_edf(Path(folder) / f"{run}.edf", CHANNELS, SECONDS)
    sos = signal.butter(2, 1.0, "highpass", fs=rate, output="sos")
    x = digital * scale
    y, _ = signal.sosfilt(sos, x, axis=0, zi=signal.sosfilt_zi(sos)[:, :, None] * x[0])
    return y.T, rate


def designs():
    rows = []
    for rate in (100.0, 125.0, 160.0, 250.0, 256.0, 500.0, 512.0):
        b, a = shaping(rate)
        rows.append({"rate_hz": rate, "b": b.tolist(), "a": a.tolist()})
    write("shaping.json", rows)


def cleaned(folder):
    calm, rate = recording(folder, CALIBRATE)
    x, _ = recording(folder, PROCESS)
    b, a = shaping(rate)
    out = {"labels": [c.strip(".") for c in CHANNELS], "calibrate": CALIBRATE, "process": PROCESS,
           "seconds": SECONDS, "step": STEP, "columns": [1, 3], "every": 10, "cutoffs": []}
    for cutoff in (20.0, 5.0):
        m, t = asr_calibrate(calm.copy(), rate, cutoff=cutoff, ab=(a, b), win_len=WINDOW_S)
        ahead = int(round(LOOKAHEAD_S * rate))
        y = asr_process(
            x.copy(), rate, m, t, WINDOW_S, LOOKAHEAD_S, STEP, MAX_DIMS, (a, b),
            Zi=np.zeros((len(x), 8)), carry=np.zeros((len(x), ahead)), mem_splits=1,
        )
        delayed = np.concatenate((np.zeros((len(x), ahead)), x), axis=1)[:, : x.shape[1]]
        # asrpy decides on the very first frame too, which by itself is no artefact.
        assert np.all(y[:, :STEP] == delayed[:, :STEP])
        out["cutoffs"].append({
            "cutoff": cutoff, "mixing": m.ravel().tolist(), "thresholds": t.ravel().tolist(),
            "output": y[[1, 3]][:, :: out["every"]].T.tolist(),
            "share_of_frames_changed": float(np.mean(np.any(y != delayed, axis=0))),
        })
        print(cutoff, out["cutoffs"][-1]["share_of_frames_changed"])
    write("cleaned.json", out)


def excerpts(folder):
    """Someone who blinks rarely: eyes closed to calibrate on, then eyes open."""
    channels = ["Fp1.", "Fp2.", "C3..", "Cz..", "O1..", "O2.."]
    for name, run, seconds in (("calm", "S002R02", 40), ("blinks", "S002R01", 30)):
        digital, rate, scale = read_edf(Path(folder) / f"{run}.edf", channels, seconds)
        assert np.all(scale == 1.0)
        write(f"{name}.json", {"run": run, "rate_hz": rate, "labels": [c.strip(".") for c in channels],
                               "differences": np.diff(digital.astype(int), axis=0, prepend=0).ravel().tolist()})


if __name__ == "__main__":
    assert np.__version__ == "2.4.6", np.__version__
    assert scipy.__version__ == "1.17.1", scipy.__version__
    designs()
    cleaned(sys.argv[1])
    excerpts(sys.argv[2])
