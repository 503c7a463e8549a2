"""Real EEG as a plain signal.

Argument: JSON {recording, from_s, to_s, labels, scale, round, out}. Takes that part of the EDF, these channels (all where
`labels` is null) in uV, times `scale`, to whole numbers within int8 where `round` is true; writes it to `out` as
`[frames x channels]` float64 (.npy), unless that is null, and prints {labels}.
"""

import json
import sys

import mne
import numpy as np


def signal(o):
    """Labels, and `[frames x channels]` in uV."""
    raw = mne.io.read_raw_edf(o["recording"], verbose="error")
    raw.rename_channels(lambda name: name.rstrip("."))
    there = {name.lower(): name for name in raw.ch_names}
    labels = o["labels"] or raw.ch_names
    rate = raw.info["sfreq"]
    volts = raw.get_data(picks=[there[label.lower()] for label in labels])
    part = volts[:, round(o["from_s"] * rate) : round(o["to_s"] * rate)] * 1e6 * o["scale"]
    samples = (np.clip(np.round(part), -128, 127) if o["round"] else part).T
    if o["out"]:
        np.save(o["out"], samples)
    return labels, samples


if __name__ == "__main__":
    print(json.dumps({"labels": signal(json.loads(sys.argv[1]))[0]}))
