"""The proof that a rewritten graph computes what the original does."""

from dataclasses import dataclass

import numpy as np
from onnx import ModelProto

from .. import onnx_run
from .graph import Refused

LIMIT = 1e-5
"""The largest difference permitted, as a share of the largest output."""


@dataclass(frozen=True)
class Parity:
    """The largest difference found, as a share of the largest output, over so many windows."""

    difference: float
    windows: int

    def __str__(self) -> str:
        return f"equal to the original within {self.difference:.1e} of the largest output, on {self.windows} windows"


def compare(ours: np.ndarray, original: np.ndarray) -> Parity:
    """Holds rows of numbers against those of the original.

    Raises `Refused` where they differ by more than `LIMIT`, are not finite, or do not vary and so prove nothing.
    """
    if ours.shape != original.shape or not (np.isfinite(original).all() and np.isfinite(ours).all()):
        raise Refused("the outputs are not finite, or not of the original's shape")
    largest = np.abs(original).max()
    if len(original) > 1 and np.ptp(original, axis=0).max() <= 1e-4 * largest:
        raise Refused("the output does not depend on the input given: equality would prove nothing")
    found = Parity(float(np.abs(ours - original).max() / largest), len(original))
    if found.difference > LIMIT:
        raise Refused(f"differs from the original by {found.difference:.1e} of the largest output")
    return found


def outputs(model: ModelProto, windows: np.ndarray) -> np.ndarray:
    """`[windows, numbers]`: the first output of `model` for each of `windows`."""
    run, tensor = onnx_run.session(model), model.graph.input[0].name
    rows = [run.run(None, {tensor: w[None].astype(np.float32)})[0].reshape(-1) for w in windows]
    return np.stack(rows)


def noise(shape: tuple[int, ...], scale: float, seed: int = 2) -> np.ndarray:
    """Random input that is not white: each row wanders, as a signal does."""
    rng = np.random.default_rng(seed)
    white = rng.normal(size=shape)
    return ((white + np.cumsum(white, axis=-1) / np.sqrt(shape[-1])) * scale).astype(np.float32)
