"""Runs a bundle's graph as the daemon does: one window at a time, on CPU."""

from pathlib import Path

import numpy as np
import onnxruntime

from .onnx_graph import INPUT, OUTPUT


class Graph:
    """A loaded `model.onnx`."""

    def __init__(self, model: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def posteriors(self, windows: np.ndarray) -> np.ndarray:
        """`[windows, 2]` from `[windows, channels, frames]` uV; the graph computes in single precision."""
        return np.concatenate([self.session.run([OUTPUT], {INPUT: w[None].astype(np.float32)})[0] for w in windows])
