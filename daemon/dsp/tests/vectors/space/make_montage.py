"""Writes the table of template positions, `src/montage/table.rs`.

    python make_montage.py        # Python 3.11.7, numpy 2.4.6, MNE 1.13.2

Each position becomes a direction from the centre of the sphere that MNE fits to all of them (the origin that
`interpolate_bads(origin="auto")` finds for a recording of all these channels), in MNE's head coordinates.
"""

from pathlib import Path

import mne
import numpy as np
from mne.bem import fit_sphere_to_headshape

OUT = Path(__file__).parents[3] / "src/montage/table.rs"
RENAMED = {"T3": "T7", "T4": "T8", "T5": "P7", "T6": "P8"}

HEAD = '''//! Written by `tests/vectors/space/make_montage.py`.

/// Names in lower case, in order, and directions of unit length to 12 decimals; x to the right, y to the front, z up.
///
/// The places of the 10-05 system on the head of one man (Colin27), the template `colin27_1005` (formerly
/// `standard_1005`) of MNE-Python 1.13.2 (BSD-3-Clause), which is `standard_1005.elc` of FieldTrip, by Robert Oostenveld.
/// The system: Oostenveld & Praamstra, Clinical Neurophysiology 112:713-719, 2001.
pub(super) const DIRECTIONS: &[(&str, [f64; 3])] = &[
'''


def directions():
    """Names, directions of unit length, and the origin in metres."""
    montage = mne.channels.make_standard_montage("colin27_1005")
    info = mne.create_info(montage.ch_names, 100.0, "eeg").set_montage(montage)
    at = np.array([channel["loc"][:3] for channel in info["chs"]])
    _, origin, _ = fit_sphere_to_headshape(info, units="m", verbose=False)
    at = at - origin
    return montage.ch_names, at / np.linalg.norm(at, axis=1, keepdims=True), origin


if __name__ == "__main__":
    assert np.__version__ == "2.4.6", np.__version__
    assert mne.__version__ == "1.13.2", mne.__version__
    names, at, _ = directions()
    rows = dict(zip(names, at))
    for old, new in RENAMED.items():
        assert np.array_equal(rows.pop(old), rows[new]), old
    lines = [
        f'    ("{name}", [{", ".join(f"{x:.12f}" for x in rows_at)}]),\n'
        for name, rows_at in sorted((name.lower(), rows_at) for name, rows_at in rows.items())
    ]
    OUT.write_text(HEAD + "".join(lines) + "];\n")
