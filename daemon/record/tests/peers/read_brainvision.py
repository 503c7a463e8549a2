"""Reads a BrainVision recording with MNE: prints what it says as JSON, and writes its samples, in volts, frame after frame."""

import json
import sys

import mne

header, samples = sys.argv[1:]
raw = mne.io.read_raw_brainvision(header, preload=True, verbose="error")
raw.get_data().T.astype("<f8").tofile(samples)
print(
    json.dumps(
        {
            "names": raw.ch_names,
            "rate": raw.info["sfreq"],
            "begun": raw.info["meas_date"] and raw.info["meas_date"].isoformat(),
            "annotations": [[float(a["onset"]), float(a["duration"]), a["description"]] for a in raw.annotations],
        }
    )
)
