"""Writes mne.json: what MNE-Python reads from the recordings, for tests/mne.rs to compare with.

    pip install mne==1.13.2
    python make.py

Values are in the unit that the file states (MNE's volts divided by MNE's own factor). `frames` and `values` are a
few whole frames; `mean` and `rms` go over all frames, so that no sample escapes.
"""

import json
import pathlib
import re

import mne
import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[3]
# Relative to the root of the project. Those under ../shared are not part of it.
FILES = [
    "drivers/playback/tests/data/chtypes_edf.edf",
    "drivers/playback/tests/data/subsecond_starttime.edf",
    "drivers/playback/tests/data/test_bdf_stim_channel.bdf",
    "drivers/playback/tests/data/test_utf8_annotations.edf",
    "models/data/eegmmidb/S001R10.edf",
    "../shared/data/formats/edf-bdf/test.bdf",
    "../shared/data/formats/edf-bdf/test.edf",
    "../shared/data/formats/brainvision/test.vhdr",
    "../shared/data/formats/brainvision/test_NO.vhdr",
    "../shared/data/formats/gdf/test_1ch.gdf",
    "../shared/data/ieeg/sample_ecog.edf",
    "../shared/data/ieeg/sample_seeg.edf",
]


def factors(path, raw):
    """What MNE multiplies physical values with, by channel."""
    if path.suffix != ".vhdr":
        return np.asarray(raw._raw_extras[0]["units"])
    # By the header's own word: MNE forgets the units that it does not know by name.
    written = re.findall(r"^Ch\d+=[^,\n]*,[^,\n]*,[^,\n]*,?(.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    plain = (unit.strip().replace("\N{MICRO SIGN}", "u").replace("\N{GREEK SMALL LETTER MU}", "u") for unit in written)
    return np.asarray([{"": 1e-6, "uV": 1e-6, "uS": 1e-6}.get(unit, 1.0) for unit in plain])


def read(name):
    path = (ROOT / name).resolve()
    if path.suffix == ".vhdr":
        raw = mne.io.read_raw_brainvision(path, preload=True, verbose="error")
    elif path.suffix == ".gdf":
        raw = mne.io.read_raw_gdf(path, stim_channel=[], preload=True, verbose="error")
    else:
        reader = mne.io.read_raw_bdf if path.suffix == ".bdf" else mne.io.read_raw_edf
        # An unlikely name: no channel is singled out as a trigger channel, whose bits MNE would mask.
        raw = reader(path, stim_channel=["none of them"], preload=True, verbose="error")
    data = raw.get_data() / factors(path, raw)[:, None]
    frames = [0, 1, int(raw.n_times) // 3, int(raw.n_times) - 1]
    notes = [] if path.suffix == ".bdf" else mne.read_annotations(path) if path.suffix == ".edf" else raw.annotations
    return {
        "file": name,
        "rate": float(raw.info["sfreq"]),
        "frames_total": int(raw.n_times),
        "start": raw.info["meas_date"].strftime("%Y-%m-%dT%H:%M:%S.%f") if raw.info["meas_date"] else None,
        "labels": raw.ch_names,
        "frames": frames,
        "values": [[float(f"{v:.15g}") for v in data[:, f]] for f in frames],
        "mean": [float(f"{v:.13g}") for v in data.mean(axis=1)],
        "rms": [float(f"{v:.13g}") for v in np.sqrt((data**2).mean(axis=1))],
        "annotations": [[float(a["onset"]), float(a["duration"]), str(a["description"])] for a in notes],
    }


def main():
    found = [name for name in FILES if (ROOT / name).exists()]
    for name in sorted(set(FILES) - set(found)):
        print("absent:", name)
    lines = ",\n".join(json.dumps(read(name), ensure_ascii=False) for name in found)
    (HERE / "mne.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main()
