"""EEGNet and BaseNet as ONNX graphs, exactly as their papers draw them: batch norms and all.

EEGNet: Lawhern et al., J. Neural Eng. 15(5), 2018. BaseNet: Wimpff et al., arXiv 2310.11198 and 2507.06779.
"""

from collections.abc import Callable

import numpy as np
from onnx import ModelProto, NodeProto, helper

from .export.graph import build

WINDOW, POSTERIOR = "window", "posterior"
Weights = Callable[..., np.ndarray]
"""Yields a float32 array: called with what it is for and its shape."""


class _Net:
    """A graph as it grows."""

    def __init__(self, channels: int, samples: int, weights: Weights) -> None:
        self.weights, self.samples = weights, samples
        self.nodes: list[NodeProto] = []
        self.constants: dict[str, np.ndarray] = {}
        self.shape = (1, channels, samples)
        self.at = WINDOW
        self.add("Unsqueeze", "plane", self.constant("axis", np.array([1], np.int64)))

    def constant(self, name: str, value: np.ndarray) -> str:
        self.constants[name] = value
        return name

    def add(self, op: str, name: str, *inputs: str, **settings: object) -> None:
        self.nodes.append(helper.make_node(op, [self.at, *inputs], [name], name, **settings))
        self.at = name

    def conv(self, name: str, shape: tuple[int, ...], group: int = 1, pad: tuple[int, int] = (0, 0)) -> None:
        weight = self.constant(f"{name}_weight", self.weights(f"{name}.weight", shape))
        padding = [0, pad[0], 0, pad[1]]
        self.add("Conv", name, weight, kernel_shape=list(shape[2:]), group=group, pads=padding)

    def norm(self, name: str, size: int, epsilon: float) -> None:
        parts = ("weight", "bias", "running_mean", "running_var")
        held = [self.constant(f"{name}_{part}", self.weights(f"{name}.{part}", (size,))) for part in parts]
        self.add("BatchNormalization", name, *held, epsilon=epsilon)

    def pool(self, name: str, length: int, stride: int) -> None:
        self.add("AveragePool", name, kernel_shape=[1, length], strides=[1, stride])

    def dense(self, name: str, inputs: int, outputs: int) -> None:
        self.add("Flatten", "features", axis=1)
        weight = self.constant(f"{name}_weight", self.weights(f"{name}.weight", (outputs, inputs)))
        bias = self.constant(f"{name}_bias", self.weights(f"{name}.bias", (outputs,)))
        self.add("Gemm", name, weight, bias, transB=1)

    def model(self, name: str, classes: int) -> ModelProto:
        self.add("Softmax", POSTERIOR, axis=1)
        return build(name, self.nodes, {WINDOW: self.shape}, {POSTERIOR: (1, classes)}, self.constants)


def eegnet(channels: int, samples: int, classes: int, weights: Weights, kernel: int = 64) -> ModelProto:
    """EEGNet-8,2 with `kernel` taps and no padding along time; pooling by 4 and by 8."""
    filters, depth, separable = 8, 2, 16
    sources = filters * depth
    net = _Net(channels, samples, weights)
    net.conv("temporal", (filters, 1, 1, kernel))
    net.norm("temporal_norm", filters, 1e-3)
    net.conv("spatial", (sources, 1, channels, 1), group=filters)
    net.norm("spatial_norm", sources, 1e-3)
    net.add("Elu", "spatial_elu")
    net.pool("pool_4", 4, 4)
    net.conv("separable", (sources, 1, 1, separable), group=sources)
    net.conv("pointwise", (sources, sources, 1, 1))
    net.norm("pointwise_norm", sources, 1e-3)
    net.add("Elu", "pointwise_elu")
    net.pool("pool_8", 8, 8)
    frames = (((samples - kernel + 1) // 4) - separable + 1) // 8
    net.dense("dense", sources * frames, classes)
    return net.model("eegnet", classes)


def basenet(
    channels: int, samples: int, weights: Weights, pool: int = 8, filters: int = 40, width: int = 16
) -> ModelProto:
    """BaseNet as in the online decoders: 25 and 15 taps with zero padding, pooling by `pool`, then the mean over time.

    The network has one logit, that of the second class; it stands here beside a zero, so that the softmax of both is
    the sigmoid of the one.
    """
    net = _Net(channels, samples, weights)
    net.conv("input_block.1", (filters, 1, 1, 25), pad=(12, 12))
    net.norm("input_block.2", filters, 1e-5)
    net.conv("input_block.3", (filters, 1, channels, 1), group=filters)
    net.norm("input_block.4", filters, 1e-5)
    net.add("Elu", "input_elu")
    net.pool("input_pool", pool, pool)
    net.conv("channel_expansion.0", (width, filters, 1, 1))
    net.norm("channel_expansion.1", width, 1e-5)
    net.add("Elu", "expansion_elu")
    net.conv("fe.0", (width, 1, 1, 15), group=width, pad=(7, 7))
    net.conv("fe.1", (width, width, 1, 1))
    net.norm("fe.2", width, 1e-5)
    net.add("Elu", "fe_elu")
    net.pool("fe_pool", samples // pool, max(1, 16 // pool))
    net.dense("classifier.0", width, 2)
    return net.model("basenet", 2)
