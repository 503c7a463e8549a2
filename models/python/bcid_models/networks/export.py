"""Networks as ONNX graphs, and the proof that the graph computes what PyTorch does."""

import copy
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import onnxscript.optimizer
import torch
from onnx import ModelProto
from torch import nn

from ..export import parity as proof
from ..export.graph import Graph
from .shape import Shape

SIGNAL, LOGITS = "signal", "logits"
OPSET = 18
"""That which PyTorch's exporter writes without a conversion; ONNX Runtime 1.32 runs it, and graph surgery reads it."""
FOLDED = 1 << 24
"""Constants of up to so many numbers are computed beforehand: merged filters, weights of limited norm, embeddings."""


def to_onnx(module: nn.Module, shape: Shape) -> ModelProto:
    """`module` in `eval()`: input `signal` `[1, channels, samples]`, output `logits` `[1, classes]`, both float32.

    Nothing in it depends on the batch or on the machine's paths: the same weights give the same bytes. `module` itself
    is left as it was. Raises `torch.onnx.OnnxExporterError` where an operation has no ONNX form, and
    `bcid_models.export.graph.Refused` where a shape is not fixed.
    """
    still = copy.deepcopy(module).cpu().eval().requires_grad_(False)
    window = torch.zeros(1, len(shape.channels), shape.samples)
    asked = {
        "dynamo": True,
        "opset_version": OPSET,
        "verbose": False,
        "input_names": [SIGNAL],
        "output_names": [LOGITS],
    }
    with _quiet():
        program = torch.onnx.export(still, (window,), **asked)
        onnxscript.optimizer.fold_constants(program.model, input_size_limit=FOLDED, output_size_limit=FOLDED)
    model = program.model_proto
    for node in model.graph.node:
        node.ClearField("metadata_props")
        node.ClearField("doc_string")
    return Graph(model).model()


def parity(module: nn.Module, model: ModelProto, windows: np.ndarray) -> float:
    """The largest difference of `model` in ONNX Runtime from `module` in `eval()`, as a share of the largest output.

    `windows` is `[windows, channels, samples]`; make them real ones. Raises `Refused` where the difference is above
    1e-5, or where the outputs are not finite or hardly vary, so that equality would prove nothing.
    """
    still = copy.deepcopy(module).cpu().eval()
    with torch.no_grad():
        original = still(torch.from_numpy(windows.astype(np.float32))).numpy()
    return proof.compare(proof.outputs(model, windows), original).difference


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what the exporter tells of itself: no torchvision, what it does not fold, what is deprecated in it."""
    loggers = [logging.getLogger(name) for name in _CHATTER]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


_CHATTER = ("torch.onnx._internal.exporter._registration", "onnxscript.optimizer._constant_folding")
