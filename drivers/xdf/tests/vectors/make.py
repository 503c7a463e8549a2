"""Writes pyxdf.json: what pyxdf reads from the recordings, for tests/pyxdf.rs to compare with.

    pip install pyxdf==1.17.5
    python make.py

Of each stream: a few samples whole, and means and sums over all, so that no sample escapes.
"""

import hashlib
import json
import pathlib

import numpy as np
import pyxdf

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[3]
# Relative to the root of the project. Those under ../shared are not part of it.
FILES = [
    *(f"drivers/xdf/tests/data/{name}.xdf" for name in ["clock_resets", "empty_streams", "minimal"]),
    *(
        f"../shared/data/formats/xdf/{name}.xdf"
        for name in ["MISwitch_run-002", "P300Checkboard_run-001", "ssvep_example_dsi7_300Hz"]
    ),
    *(f"../shared/data/openbci16-xdf/sub-A/sub-A_rec-{n:03}.xdf" for n in [*range(1, 13), 101, 102]),
    *(f"../shared/data/openbci16-xdf/sub-B/sub-B_rec-{n:03}.xdf" for n in [2, 3, 4]),
]


def by_id(path, **how):
    streams, header = pyxdf.load_xdf(path, **how)
    return {s["info"]["stream_id"]: s for s in streams}, header


def stamps(of, at):
    # Less the first: means of large numbers would hide what differs.
    return {"at": [float(of[i]) for i in at], "mean_above_first": float(np.mean(of - of[0])) if len(of) else 0.0}


def read(name):
    path = (ROOT / name).resolve()
    raw, header = by_id(path, synchronize_clocks=False, dejitter_timestamps=False)
    synced, _ = by_id(path, dejitter_timestamps=False)
    laid, _ = by_id(path)
    found = []
    for number, stream in raw.items():
        info, values = stream["info"], stream["time_series"]
        n = len(stream["time_stamps"])
        at = sorted({0, 1, n // 3, n - 1}) if n > 1 else list(range(n))
        entry = {
            "id": number,
            "name": info["name"][0],
            "type": info["type"][0],
            "channels": int(info["channel_count"][0]),
            "rate": float(info["nominal_srate"][0]),
            "format": info["channel_format"][0],
            "samples": n,
            "at": at,
            "raw": stamps(stream["time_stamps"], at),
            "corrected": stamps(synced[number]["time_stamps"], at),
            "laid": stamps(laid[number]["time_stamps"], at),
            "effective_rate": float(laid[number]["info"].get("effective_srate") or 0),
            "offsets": len(stream["clock_times"]) if n else None,
        }
        if isinstance(values, list):
            texts = [str(text) for sample in values for text in sample]
            entry["texts"] = texts[:5]
            entry["sha256"] = hashlib.sha256("\n".join(texts).encode()).hexdigest()
        else:
            whole = np.asarray(values, dtype=np.float64).reshape(n, -1) if n else np.zeros((0, entry["channels"]))
            entry["values"] = [[float(v) for v in whole[i]] for i in at]
            entry["sum"] = [float(v) for v in whole.sum(axis=0)]
        found.append(entry)
    return {"file": name, "datetime": (header["info"].get("datetime") or [None])[0], "streams": found}


def main():
    present = [name for name in FILES if (ROOT / name).exists()]
    for name in sorted(set(FILES) - set(present)):
        print("absent:", name)
    lines = ",\n".join(json.dumps(read(name), ensure_ascii=False) for name in present)
    (HERE / "pyxdf.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main()
