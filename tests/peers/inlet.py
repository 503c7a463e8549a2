"""Reads a stream of texts, named on the command line: a line of JSON a sample, with its stamp in ns on this machine's clock."""

import json
import sys

import pylsl

name = sys.argv[1]
found = pylsl.resolve_byprop("name", name, timeout=20)
if not found:
    sys.exit(f"no stream {name}")
inlet = pylsl.StreamInlet(found[0])
inlet.open_stream(timeout=10)
print(json.dumps({"type": found[0].type(), "channels": found[0].channel_count()}), flush=True)
while True:
    sample, stamp = inlet.pull_sample(timeout=1.0)
    if sample is not None:
        stamp += inlet.time_correction()
        print(json.dumps({"text": sample[0], "stamp_ns": round(stamp * 1e9)}), flush=True)
