"""What the decoder says of real EEG, by SciPy and ONNX Runtime alone.

Argument: JSON as of `eeg.py`, and {bundle, seen_from}. Prints {newest_frame, posterior}: the posterior of every window of
one second, a frame apart. The filter starts at frame `seen_from` as if that frame had always been there.
"""

import json
import sys
import tomllib
from pathlib import Path

import numpy as np
import onnxruntime
from eeg import signal
from scipy.signal import butter, sosfilt, sosfilt_zi

WINDOW = 160


def posteriors(bundle, labels, samples):
    """One a window that ends with frame 159, 160, ... of `samples`."""
    card = tomllib.loads((bundle / "decoder.toml").read_text())
    band = card["preprocessing"][0]["band_pass"]
    rate = card["input"]["rate_hz"]
    sos = butter(band["order"], [band["low_hz"], band["high_hz"]], "bandpass", fs=rate, output="sos")
    at = {label.lower(): i for i, label in enumerate(labels)}
    picked = samples[:, [at[label.lower()] for label in card["input"]["channels"]]]
    filtered, _ = sosfilt(sos, picked, axis=0, zi=sosfilt_zi(sos)[:, :, None] * picked[0])
    filtered = filtered.T.astype(np.float32)
    newest = range(WINDOW - 1, len(samples))
    windows = np.stack([filtered[:, n + 1 - WINDOW : n + 1] for n in newest])
    session = onnxruntime.InferenceSession(bundle / card["model"]["file"], providers=["CPUExecutionProvider"])
    output, tensor = card["output"]["tensor"], card["input"]["tensor"]
    return newest, [session.run([output], {tensor: window[np.newaxis]})[0][0].tolist() for window in windows]


def main():
    o = json.loads(sys.argv[1])
    labels, samples = signal(o)
    first = o["seen_from"]
    newest, posterior = posteriors(Path(o["bundle"]), labels, samples[first:])
    print(json.dumps({"newest_frame": [first + n for n in newest], "posterior": posterior}))


main()
