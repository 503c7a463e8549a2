"""A pylsl source: the same signal in one or more streams, and a stream of markers beside them.

Argument: JSON {signal, labels, unit, rate, streams: [{name, source_id, format}], markers: {name, source_id} or null}.
`signal` is a .npy of `[frames x channels]`. A JSON object a line on stdin, each answered by one line:

  {"play": {loop, cues: [[FRAME, TEXT], ...]}}
      Waits until every stream has a reader, then sends in real time. Frame i is stamped begin + i / rate. A cue's marker
      goes out before its frame, with its stamp. With `loop` it goes on for ever, wrapping round, and where it was
      stopped for more than a second it leaves out what it then could not send, as an amplifier does. Answered once there
      are readers: {"begin": STAMP}.
  {"end": true}       waits for the last frame; answered {"sent": FRAMES, "left_out": FRAMES}. Of a loop: so far.
  {"flood": {"markers": N, "text": T}}    N markers "T i" at 1000 a second; answered when sent.

End of input ends it.
"""

import json
import sys
import threading
import time

import numpy as np
import pylsl

FORMATS = {
    "int8": (pylsl.cf_int8, int),
    "int16": (pylsl.cf_int16, int),
    "int32": (pylsl.cf_int32, int),
    "int64": (pylsl.cf_int64, int),
    "float32": (pylsl.cf_float32, float),
    "double64": (pylsl.cf_double64, float),
}
STALLED_S = 1.0

spec = json.loads(sys.argv[1])
samples = np.load(spec["signal"])
rate = spec["rate"]


def outlet(stream):
    info = pylsl.StreamInfo(
        stream["name"], "EEG", samples.shape[1], rate, FORMATS[stream["format"]][0], stream["source_id"]
    )
    channels = info.desc().append_child("channels")
    for label in spec["labels"]:
        channel = channels.append_child("channel")
        for key, value in (("label", label), ("unit", spec["unit"]), ("type", "EEG")):
            channel.append_child_value(key, value)
    return pylsl.StreamOutlet(info)


def marker_outlet(stream):
    info = pylsl.StreamInfo(stream["name"], "Markers", 1, 0, pylsl.cf_string, stream["source_id"])
    return pylsl.StreamOutlet(info)


outlets = [outlet(stream) for stream in spec["streams"]]
rows = [[[FORMATS[s["format"]][1](x) for x in row] for row in samples] for s in spec["streams"]]
markers = marker_outlet(spec["markers"]) if spec.get("markers") else None


class Playing(threading.Thread):
    def __init__(self, loop=False, cues=()):
        super().__init__(daemon=True)
        for each in [*outlets, *([markers] if markers else [])]:
            while not each.have_consumers():
                time.sleep(0.005)
        self.loop, self.cues = loop, list(cues)
        self.begin = pylsl.local_clock()
        self.sent = self.left_out = 0

    def run(self):
        frame = 0
        while self.loop or frame < len(samples):
            late = pylsl.local_clock() - self.begin - frame / rate
            if late < 0:
                time.sleep(min(-late, 0.1))
                continue
            if self.loop and late > STALLED_S:
                missing = int(late * rate)
                self.left_out += missing
                frame += missing
                continue
            while self.cues and self.cues[0][0] == frame:
                markers.push_sample([self.cues.pop(0)[1]], self.begin + frame / rate)
            for each, values in zip(outlets, rows):
                each.push_sample(values[frame % len(samples)], self.begin + frame / rate)
            frame += 1
            self.sent += 1


def flood(count, text):
    for i in range(count):
        markers.push_sample([f"{text} {i}"])
        if i % 100 == 99:
            time.sleep(0.1)


playing = None
print(json.dumps({"ready": True}), flush=True)
for line in sys.stdin:
    command = json.loads(line)
    answer = {}
    if "play" in command:
        playing = Playing(**command["play"])
        answer = {"begin": playing.begin}
        playing.start()
    elif "flood" in command:
        flood(command["flood"]["markers"], command["flood"]["text"])
    else:
        if not playing.loop:
            playing.join()
        answer = {"sent": playing.sent, "left_out": playing.left_out}
    print(json.dumps(answer), flush=True)
