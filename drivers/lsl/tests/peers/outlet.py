"""A pylsl outlet under command.

Argument: the stream as JSON {name, type, source_id, format, rate, channels: [{label, unit, type}] or a count}.
Then a command a line on stdin, each answered by a line "ok":
  {"push": [[...], ...], "stamps": [...]}   waits for a reader, pushes these samples
  {"run": {"hz": 500}}                      pushes a ramp from now on: sample i has i in every channel
End of input ends it.
"""

import json
import sys
import threading
import time

import pylsl

FORMATS = {
    "int8": pylsl.cf_int8,
    "int16": pylsl.cf_int16,
    "int32": pylsl.cf_int32,
    "int64": pylsl.cf_int64,
    "float32": pylsl.cf_float32,
    "double64": pylsl.cf_double64,
    "string": pylsl.cf_string,
}

spec = json.loads(sys.argv[1])
described = spec["channels"] if isinstance(spec["channels"], list) else []
count = spec.get("count", len(described) or spec["channels"])
info = pylsl.StreamInfo(
    spec["name"], spec["type"], count, spec["rate"], FORMATS[spec["format"]], spec["source_id"]
)
if described:
    channels = info.desc().append_child("channels")
    for channel in described:
        node = channels.append_child("channel")
        for key, value in channel.items():
            node.append_child_value(key, value)
outlet = pylsl.StreamOutlet(info)


def wait_for_reader():
    while not outlet.have_consumers():
        time.sleep(0.005)


def run(hz):
    wait_for_reader()
    begun = pylsl.local_clock()
    sent = 0
    while True:
        due = int((pylsl.local_clock() - begun) * hz)
        while sent < due:
            outlet.push_sample([sent] * count, begun + sent / hz)
            sent += 1
        time.sleep(0.002)


print("ok", flush=True)
for line in sys.stdin:
    command = json.loads(line)
    if "push" in command:
        wait_for_reader()
        for sample, stamp in zip(command["push"], command["stamps"]):
            outlet.push_sample(sample, stamp)
    else:
        threading.Thread(target=run, args=(command["run"]["hz"],), daemon=True).start()
    print("ok", flush=True)
