"""mne-lsl's own player of recordings: plays a part of an EDF once, in real time.

Argument: JSON {recording, from_s, to_s, name, source_id, chunk}. Prints {annotations: [[ONSET_S, TEXT], ...]}, onsets
in seconds of the recording; ends after the last sample, or
at the end of input.
"""

import json
import os
import sys
import threading
import time

import mne
from mne_lsl.player import PlayerLSL

o = json.loads(sys.argv[1])
raw = mne.io.read_raw_edf(o["recording"], preload=True, verbose="error").crop(o["from_s"], o["to_s"], include_tmax=False)
player = PlayerLSL(
    raw, o["chunk"], 1, name=o["name"], source_id=o["source_id"], annotations=True, annotations_encoding="string"
)


def listen():
    sys.stdin.read()
    os._exit(0)


threading.Thread(target=listen, daemon=True).start()
player.start()
annotations = list(zip(raw.annotations.onset.tolist(), raw.annotations.description.tolist()))
print(json.dumps({"annotations": annotations}), flush=True)
time.sleep(raw.n_times / raw.info["sfreq"] + 0.5)
