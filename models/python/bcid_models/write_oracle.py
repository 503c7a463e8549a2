"""Writes what the daemon must reproduce on the test run: every window's posterior, and the trials' decisions.

    python -m bcid_models.write_oracle --data models/data/eegmmidb \\
        --bundle models/zoo/eegmmidb-s001-fists-feet --out tests/oracle/eegmmidb-s001-r10.json

Computed by scipy and ONNX Runtime alone. Frame 0 is the file's first sample, where the filter starts in its steady state;
`newest_frame` is a window's last frame; `posterior` is fists, feet.
"""

import argparse
import json
from pathlib import Path

from .causal import newest_frames, windows
from .eegmmidb import TEST
from .onnx_run import Graph
from .recording import read, sha256_of
from .train_csp_lda import PATH
from .trials import CLASSES, DECISION_SPAN_S, LABELS, decide, newest_within


def oracle(data: Path, bundle: Path) -> dict:
    """The oracle as plain data."""
    recording = read(data / TEST)
    signal = PATH.filtered(recording)
    newest = newest_frames(signal.shape[1])
    posteriors = Graph(bundle / "model.onnx").posteriors(windows(signal, newest))
    at = {int(n): i for i, n in enumerate(newest)}
    trials = []
    for cue in recording.cues:
        mine = newest_within(signal.shape[1], cue.onset_s, DECISION_SPAN_S)
        own = posteriors[[at[int(n)] for n in mine]]
        label, decision = LABELS[cue.label], decide(own)
        trials.append(
            {
                "onset_s": cue.onset_s,
                "label": CLASSES[label],
                "first_newest_frame": int(mine[0]),
                "last_newest_frame": int(mine[-1]),
                "windows": len(mine),
                "mean_posterior": _rounded(own.mean(axis=0)),
                "decision": CLASSES[decision],
                "right": decision == label,
            }
        )
    return {
        "recording": recording.file,
        "recording_sha256": recording.sha256,
        "model_sha256": sha256_of(bundle / "model.onnx"),
        "rate_hz": recording.rate_hz,
        "classes": list(CLASSES),
        "decision_span_s": list(DECISION_SPAN_S),
        "trials": trials,
        "newest_frame": [int(n) for n in newest],
        "posterior": [_rounded(p) for p in posteriors],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the EDF runs")
    parser.add_argument("--bundle", type=Path, required=True, help="folder of the bundle")
    parser.add_argument("--out", type=Path, required=True, help="the JSON file to write")
    arguments = parser.parse_args()
    text = json.dumps(oracle(arguments.data, arguments.bundle), separators=(",", ":"))
    arguments.out.write_text(text + "\n", encoding="utf-8")


def _rounded(values) -> list[float]:
    return [round(float(v), 7) for v in values]


if __name__ == "__main__":
    main()
