"""Writes the reference vectors beside this file.

    python make.py ../../../../../models/data/eegmmidb/S001R06.edf     # numpy 2.4.6, SciPy 1.17.1, pyRiemann 0.12

The argument is run 6 of subject 1 of the PhysioNet EEG Motor Movement/Imagery Database (see README.md).
"""

import json
import sys
import warnings
from pathlib import Path

import numpy as np
import pyriemann
import scipy
from scipy import linalg, signal

warnings.filterwarnings("ignore", category=DeprecationWarning)
from pyriemann.utils.base import invsqrtm, logm, powm, sqrtm  # noqa: E402
from pyriemann.utils.covariance import covariances  # noqa: E402
from pyriemann.utils.geodesic import geodesic_riemann  # noqa: E402
from pyriemann.utils.mean import mean_euclid, mean_riemann  # noqa: E402
from pyriemann.utils.tangentspace import tangent_space  # noqa: E402

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "iir"))
from make import read_edf  # noqa: E402

CHANNELS = ["Fpz.", "C3..", "Cz..", "C4..", "O1..", "Oz.."]
WINDOW, HOP, COUNT = 160, 80, 60


def write(name, value):
    (HERE / name).write_text(json.dumps(value, separators=(",", ":")) + "\n")


def flat(a):
    return np.asarray(a).ravel().tolist()


def functions():
    file = json.loads((HERE / "../eeg/eeg.json").read_text())
    x = np.array(file["frames"]) * file["microvolts_per_digit"]
    c = x.T @ x / len(x)
    from sklearn.covariance import oas

    shrunk, share = oas(x, assume_centered=True)
    write("functions.json", {
        "covariance": flat(c), "eigenvalues": flat(np.linalg.eigvalsh(c)), "sqrt": flat(sqrtm(c)),
        "inverse_sqrt": flat(invsqrtm(c)), "log": flat(logm(c)), "power_0_3": flat(powm(c, 0.3)),
        "oas": flat(shrunk), "oas_share": share,
    })


def alignment(path):
    digital, rate, scale = read_edf(path, CHANNELS, 60)
    sos = signal.butter(4, (8.0, 30.0), "bandpass", fs=rate, output="sos")
    x = signal.sosfilt(sos, digital * scale, axis=0)
    windows = np.stack([x[i * HOP : i * HOP + WINDOW] for i in range(COUNT)])
    out = {"labels": [c.strip(".") for c in CHANNELS], "run": Path(path).stem, "window": WINDOW, "hop": HOP,
           "count": COUNT}
    for estimator in ("scm", "oas"):
        cov = covariances(windows.transpose(0, 2, 1), estimator=estimator)
        # The recursion, in numpy's and pyRiemann's own operations.
        running, forgetting = [cov[0]], [cov[0]]
        for i, c in enumerate(cov[1:], start=2):
            running.append(geodesic_riemann(running[-1], c, 1 / i))
            forgetting.append(geodesic_riemann(forgetting[-1], c, max(1 / i, 1 / 20)))
        euclid = [mean_euclid(cov[: i + 1]) for i in range(COUNT)]
        batch = mean_riemann(cov, tol=1e-14, maxiter=500)
        at = [0, 1, 9, COUNT - 1]
        out[estimator] = {
            "at": at,
            "covariance": [flat(cov[i]) for i in at],
            "euclid": [flat(euclid[i]) for i in at],
            "riemann": [flat(running[i]) for i in at],
            "riemann_horizon_20": [flat(forgetting[i]) for i in at],
            "riemann_batch": flat(batch),
            # Two frames of each of these windows, aligned.
            "frames": [0, 100],
            "aligned_euclid": [flat((windows[i] @ linalg.inv(linalg.sqrtm(euclid[i])).T)[[0, 100]]) for i in at],
            "aligned_riemann": [flat((windows[i] @ linalg.inv(linalg.sqrtm(running[i])).T)[[0, 100]]) for i in at],
            "recentred_riemann": [flat(invsqrtm(running[i]) @ cov[i] @ invsqrtm(running[i])) for i in at],
            "tangent_riemann": [flat(tangent_space(cov[i : i + 1], running[i])) for i in at],
            "tangent_euclid": [flat(tangent_space(cov[i : i + 1], euclid[i])) for i in at],
        }
    write("alignment.json", out)


if __name__ == "__main__":
    assert np.__version__ == "2.4.6", np.__version__
    assert scipy.__version__ == "1.17.1", scipy.__version__
    assert pyriemann.__version__ == "0.12", pyriemann.__version__
    functions()
    alignment(sys.argv[1])
