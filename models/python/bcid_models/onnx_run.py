"""Runs a decoder's graph as the daemon does: one window or hop at a time, on CPU, its states carried."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime

from .contract import Contract

CPU = ["CPUExecutionProvider"]


def session(model: Path | onnx.ModelProto) -> onnxruntime.InferenceSession:
    """One thread that does not spin, as in the daemon."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    source = model if isinstance(model, Path) else model.SerializeToString()
    return onnxruntime.InferenceSession(source, options, providers=CPU)


class Graph:
    """A loaded graph of one input and one output of interest."""

    def __init__(self, model: Path | onnx.ModelProto, tensor: str = "window", output: str = "posterior") -> None:
        self.session = session(model)
        self.tensor, self.output = tensor, output

    def posteriors(self, windows: np.ndarray) -> np.ndarray:
        """`[windows, numbers]` from `[windows, channels, frames]`; the graph computes in single precision."""
        feeds = ({self.tensor: w[None].astype(np.float32)} for w in windows)
        return np.concatenate([self.session.run([self.output], feed)[0].reshape(1, -1) for feed in feeds])


def decode(model: Path | onnx.ModelProto, contract: Contract, signal: np.ndarray) -> np.ndarray:
    """`float32 [windows, numbers]` of the preprocessed `[channels, frames]`: a row for every hop.

    Rows begin with the first full window where the window is fed, with the first hop where the hop is.
    """
    hop, fed = contract.input.hop_samples, contract.input.fed_samples()
    run = session(model)
    names = [contract.output.tensor, *(state.output for state in contract.states)]
    states = {state.input: np.full(state.shape, state.initial, np.float32) for state in contract.states}
    rows = []
    for end in range(fed, signal.shape[1] + 1, hop):
        block = signal[:, end - fed : end].astype(np.float32)
        block = block.T if contract.input.layout == "samples_channels" else block
        number, *kept = run.run(names, {contract.input.tensor: np.ascontiguousarray(block[None]), **states})
        states = dict(zip(states, kept, strict=True))
        rows.append(number.reshape(-1))
    return np.array(rows, np.float32).reshape(len(rows), contract.output.numbers())
