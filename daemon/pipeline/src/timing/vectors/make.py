"""Writes the stamp series beside this file.

    python make.py clock_resets.xdf       # pyxdf 1.17.5, numpy 2.4.6

The argument is the recording of that name of the xdf-modules project's example files (MIT licence, LICENSE-xdf): a stream
that states 100 Hz and came at about 93, whose source started anew in the middle, its clock at 0. Only when samples were
taken is kept, not what they were.
"""

import sys
from pathlib import Path

import numpy as np
import pyxdf

HERE = Path(__file__).parent
BEFORE, AFTER = 6000, 6000

streams, _ = pyxdf.load_xdf(sys.argv[1], synchronize_clocks=False, dejitter_timestamps=False)
stamps = next(s["time_stamps"] for s in streams if s["info"]["name"][0] == "BioSemi")
reset = int(np.argmin(np.diff(stamps))) + 1
ticks = np.round(stamps[reset - BEFORE : reset + AFTER] * 1e5).astype(np.int64)
with open(HERE / "clock_resets.txt", "w") as file:
    # Differences in 10 us, the first from 0; 20 in a line.
    steps = np.concatenate((ticks[:1], np.diff(ticks)))
    for i in range(0, len(steps), 20):
        file.write(" ".join(map(str, steps[i : i + 20])) + "\n")
for name, part in [("before", ticks[:BEFORE]), ("after", ticks[BEFORE:])]:
    t = (part - part[0]) / 1e5
    n = np.arange(len(t))
    print(name, "rate by least squares", 1 / np.polyfit(n, t, 1)[0], "by the ends", (len(t) - 1) / t[-1])
    weights = 2.0 ** (-(n[-1] - n) / 6000 / 2)
    print("  with weights that halve in 60 s of 100 Hz", 1 / np.polyfit(n, t, 1, w=weights)[0])
