"""Training of the decoders that bcid ships, and their export as ONNX bundles.

Whatever is trained here sees the signal as the daemon does: causal filters, run from a recording's first sample
in its steady state, and sliding windows on the daemon's hop grid. Samples are float64 microvolts, `[channels, frames]`.
"""

import os

# The matrices are small: more threads only wait for each other, and one thread adds in one order.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

__version__ = "0.1.0"
