"""A pylsl inlet: finds the stream with the source_id of the first argument, reads as many samples as the second says
(waiting up to 10 s for each) and prints one JSON object: its description, the samples, their stamps."""

import json
import sys

import pylsl

source_id, wanted = sys.argv[1], int(sys.argv[2])
found = pylsl.resolve_byprop("source_id", source_id, 1, 10.0)
inlet = pylsl.StreamInlet(found[0], recover=False)
info = inlet.info(5.0)
inlet.open_stream(5.0)

channels = []
node = info.desc().child("channels").child("channel")
while not node.empty():
    channels.append({k: node.child_value(k) for k in ("label", "unit", "type")})
    node = node.next_sibling("channel")

samples, stamps = [], []
while len(samples) < wanted:
    sample, stamp = inlet.pull_sample(10.0)
    if sample is None:
        break
    samples.append(sample)
    stamps.append(stamp)

print(
    json.dumps(
        {
            "name": info.name(),
            "type": info.type(),
            "rate": info.nominal_srate(),
            "format": info.channel_format(),
            "channels": channels,
            "manufacturer": info.desc().child("acquisition").child_value("manufacturer"),
            "samples": samples,
            "stamps": stamps,
        }
    )
)
