"""Recordings, read by pyxdf.

Argument: JSON {files: [FILE, ...], signal: FILE.npy or null}. Prints {FILE: {streams: {NAME: {type, format, rate, samples, first_s,
last_s, in_order, texts, like_signal}}} or {error}}. `texts` are the samples of a stream of texts, as [STAMP, TEXT]. `like_signal`
says whether the samples are the first ones of `signal` (`[frames x channels]`), in the stream's own format, bit for bit.
"""

import json
import sys

import numpy as np
import pyxdf

DTYPES = {"float32": np.float32, "double64": np.float64}


def told(stream, signal):
    info, stamps, values = stream["info"], stream["time_stamps"], stream["time_series"]
    name = {key: info[key][0] for key in ("type", "channel_format")}
    texts = None
    like = None
    if name["channel_format"] == "string":
        texts = [[float(stamp), row[0]] for stamp, row in zip(stamps, values)]
    elif signal is not None and name["channel_format"] in DTYPES:
        sent = signal.astype(DTYPES[name["channel_format"]])
        like = values.shape[1] == sent.shape[1] and len(values) <= len(sent)
        like = bool(like and np.array_equal(values, sent[: len(values)]))
    return {
        "type": name["type"],
        "format": name["channel_format"],
        "rate": float(info["nominal_srate"][0]),
        "samples": len(stamps),
        "first_s": float(stamps[0]) if len(stamps) else None,
        "last_s": float(stamps[-1]) if len(stamps) else None,
        "in_order": bool(np.all(np.diff(stamps) >= 0)),
        "texts": texts,
        "like_signal": like,
    }


def read(file, signal):
    try:
        streams, _ = pyxdf.load_xdf(file, dejitter_timestamps=False)
    except Exception as e:  # noqa: BLE001 - whatever it is, the test tells it
        return {"error": repr(e)}
    return {"streams": {s["info"]["name"][0]: told(s, signal) for s in streams}}


asked = json.loads(sys.argv[1])
signal = np.load(asked["signal"]) if asked.get("signal") else None
print(json.dumps({file: read(file, signal) for file in asked["files"]}))
