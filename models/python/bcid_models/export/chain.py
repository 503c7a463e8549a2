"""The time-local beginning of a graph as a chain of stages.

A stage works on rows, `[rows, frames]`: whatever axes a tensor has besides time, in their order, are its rows. Every
stage treats all frames alike, so that away from the window's edges a frame depends on when it was alone, and not on
where in the window it lies. What is not so (a mean over time, a normalisation over the window, a dense layer) ends the
chain; the reason is kept.
"""

from dataclasses import dataclass, field, replace

import numpy as np
from onnx import NodeProto

from .graph import Graph, Refused, along_time, attributes

POINTWISE = {
    "Abs", "Ceil", "Celu", "Elu", "Erf", "Exp", "Gelu", "HardSigmoid", "HardSwish", "LeakyRelu", "Log", "Mish", "Neg",
    "Reciprocal", "Relu", "Selu", "Sigmoid", "Sign", "Softplus", "Softsign", "Sqrt", "Tanh",
}  # fmt: skip
WITH_CONSTANT = {"Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "PRelu", "Clip"}
MOVES = {"Unsqueeze", "Squeeze", "Reshape", "Transpose"}


@dataclass(frozen=True)
class Pointwise:
    """A node that works on each number by itself; its constants are one number, or one a row: `[1, rows, 1]`.

    `takes` lists its inputs: `None` is the signal, an empty text one that is left out, else a constant.
    """

    op: str
    rows: int
    takes: tuple[np.ndarray | str | None, ...]
    settings: dict = field(default_factory=dict)
    kernel: int = 1
    stride: int = 1


@dataclass(frozen=True)
class Conv:
    """A convolution: `weight` `[outputs, inputs of a group, across, kernel]`, on `planes` x `height` rows."""

    weight: np.ndarray
    bias: np.ndarray | None
    group: int
    planes: int
    height: int
    stride: int
    dilation: int
    before: int
    after: int

    @property
    def kernel(self) -> int:
        """Taps along time."""
        return self.weight.shape[3]

    @property
    def rows(self) -> int:
        """Rows that it yields."""
        return len(self.weight) * (self.height - self.weight.shape[2] + 1)


@dataclass(frozen=True)
class Pool:
    """Average or maximum over frames."""

    op: str
    rows: int
    kernel: int
    stride: int
    before: int
    after: int
    settings: dict = field(default_factory=dict)
    dilation: int = 1


Stage = Pointwise | Conv | Pool


@dataclass(frozen=True)
class Chain:
    """Stages, after each the tensor of the graph that it yields, and what came next and is no stage."""

    stages: tuple[Stage, ...]
    tensors: tuple["Place", ...]
    ended_by: str


@dataclass(frozen=True)
class Place:
    """A tensor of the graph, its shape, and which axis is time."""

    tensor: str
    shape: tuple[int, ...]
    time: int

    @property
    def rows(self) -> int:
        return int(np.prod(self.shape)) // self.shape[self.time]


def read(graph: Graph, time_axis: int) -> Chain:
    """Follows `graph` from its input, whose axis `time_axis` is time, as far as all frames are treated alike."""
    at = Place(graph.input, graph.shapes[graph.input], time_axis)
    stages: list[Stage] = []
    tensors: list[Place] = []
    while True:
        try:
            node = _next(graph, at)
            at, stage = _read(graph, node, at)
        except Refused as why:
            return Chain(tuple(stages), tuple(tensors), str(why))
        if stage is not None:
            stages.append(stage)
            tensors.append(at)


def _next(graph: Graph, at: Place) -> NodeProto:
    if at.tensor == graph.output:
        raise Refused("the output is reached")
    nodes = graph.consumers(at.tensor)
    if len(nodes) != 1:
        raise Refused(f"{at.tensor} branches")
    return nodes[0]


def _read(graph: Graph, node: NodeProto, at: Place) -> tuple[Place, Stage | None]:
    out = Place(node.output[0], graph.shapes[node.output[0]], at.time)
    if node.op_type in MOVES:
        return _moved(node, at, out), None
    if node.op_type in POINTWISE:
        return out, Pointwise(node.op_type, at.rows, (None,), attributes(node))
    if node.op_type in WITH_CONSTANT:
        return out, _with_constant(graph, node, at)
    if node.op_type == "Conv":
        return out, _conv(graph, node, at)
    if node.op_type in ("AveragePool", "MaxPool"):
        return out, _pool(node, at)
    raise Refused(f"{node.op_type} ({node.name or node.output[0]}) does not treat each frame alike")


def _moved(node: NodeProto, at: Place, out: Place) -> Place:
    frames = at.shape[at.time]
    if node.op_type == "Transpose":
        order = list(attributes(node).get("perm", range(len(at.shape))[::-1]))
        rows = [axis for axis in order if axis != at.time and at.shape[axis] > 1]
        if rows == sorted(rows):
            return replace(out, time=order.index(at.time))
        raise Refused(f"{node.name or node.output[0]} changes the order of rows")
    before = int(np.prod(at.shape[: at.time]))
    for axis, length in enumerate(out.shape):
        if length == frames and int(np.prod(out.shape[:axis])) == before:
            return replace(out, time=axis)
    raise Refused(f"{node.op_type} ({node.name or node.output[0]}) mixes time with other axes")


def _with_constant(graph: Graph, node: NodeProto, at: Place) -> Pointwise:
    takes: list[np.ndarray | str | None] = []
    for index, name in enumerate(node.input):
        value = graph.constant(node, index)
        if name in ("", at.tensor):
            takes.append(None if name else "")
        elif value is None:
            raise Refused(f"{node.op_type} ({node.name or node.output[0]}) takes a second signal")
        else:
            takes.append(_by_row(value, at, node))
    return Pointwise(node.op_type, at.rows, tuple(takes), attributes(node))


def _by_row(value: np.ndarray, at: Place, node: NodeProto) -> np.ndarray:
    if value.size == 1:
        return value.reshape(()) if node.op_type == "Clip" else value.reshape(1, 1, 1)
    aligned = value.reshape((1,) * (len(at.shape) - value.ndim) + value.shape)
    if aligned.shape[at.time] != 1:
        raise Refused(f"{node.op_type} ({node.name or node.output[0]}) has a constant for each frame of the window")
    like = [1 if axis == at.time else length for axis, length in enumerate(at.shape)]
    return np.broadcast_to(aligned, like).reshape(1, -1, 1)


def _conv(graph: Graph, node: NodeProto, at: Place) -> Conv:
    weight, rank = graph.constant(node, 1), len(at.shape)
    bias = graph.constant(node, 2)
    if weight is None or at.time < 2 or rank not in (3, 4):
        raise Refused(f"convolution {node.name or node.output[0]} is not along time with constant weights")
    kernel, stride, dilation, before, after = along_time(node, at.time, rank)
    height = 1
    if rank == 3:
        weight = weight[:, :, None]
    else:
        across = 5 - at.time
        height = at.shape[across]
        if along_time(node, across, rank)[1:] != (1, 1, 0, 0):
            raise Refused(f"convolution {node.name or node.output[0]} strides or pads across channels")
        weight = weight.swapaxes(2, 3) if at.time == 2 else weight
    assert weight.shape[3] == kernel
    group = attributes(node).get("group", 1)
    return Conv(weight, bias, group, at.shape[1], height, stride, dilation, before, after)


def _pool(node: NodeProto, at: Place) -> Pool:
    rank, found = len(at.shape), attributes(node)
    if at.time < 2 or rank not in (3, 4) or found.get("ceil_mode", 0):
        raise Refused(f"{node.op_type} {node.name or node.output[0]} is not along time, or rounds its length up")
    kernel, stride, dilation, before, after = along_time(node, at.time, rank)
    if rank == 4 and along_time(node, 5 - at.time, rank)[:2] != (1, 1):
        raise Refused(f"{node.op_type} {node.name or node.output[0]} pools across channels")
    if before or after or dilation != 1:
        raise Refused(f"{node.op_type} {node.name or node.output[0]} pads or is dilated")
    return Pool(node.op_type, at.rows, kernel, stride, before, after)
