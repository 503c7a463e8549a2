"""Small made-up networks for the tests of surgery and streaming."""

import numpy as np
from onnx import ModelProto, helper, shape_inference

from bcid_models.export.graph import build


class Net:
    """A chain of nodes on `[1, channels, samples]`; weights are random, of a fixed seed."""

    def __init__(self, channels: int, samples: int, seed: int = 1, plane: bool = True) -> None:
        self.rng = np.random.default_rng(seed)
        self.shape = (1, channels, samples)
        self.nodes, self.constants, self.at = [], {}, "window"
        if plane:
            self.add("Unsqueeze", self.constant(np.array([1], np.int64)))

    def constant(self, value: np.ndarray) -> str:
        name = f"c{len(self.constants)}"
        self.constants[name] = value
        return name

    def add(self, op: str, *inputs: str, **settings) -> "Net":
        name = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, [self.at, *inputs], [name], name, **settings))
        self.at = name
        return self

    def conv(self, *shape: int, bias: bool = False, **settings) -> "Net":
        scale = np.sqrt(2 / np.prod(shape[1:]))
        given = [self.constant((self.rng.normal(size=shape) * scale).astype(np.float32))]
        if bias:
            given.append(self.constant(self.rng.normal(size=shape[0]).astype(np.float32)))
        return self.add("Conv", *given, **settings)

    def norm(self, size: int) -> "Net":
        values = (self.rng.uniform(0.5, 1.5, size), self.rng.normal(size=size), self.rng.normal(size=size),
                  self.rng.uniform(0.5, 2, size))  # fmt: skip
        return self.add("BatchNormalization", *[self.constant(v.astype(np.float32)) for v in values])

    def pool(self, kernel: int, stride: int, op: str = "AveragePool") -> "Net":
        return self.add(op, kernel_shape=[1, kernel], strides=[1, stride])

    def number(self, value) -> str:
        return self.constant(np.array(value, np.float32))

    def axes(self, *values: int) -> str:
        return self.constant(np.array(values, np.int64))

    def model(self, numbers: int, inputs: int | None = None) -> ModelProto:
        """With a dense layer of so many `inputs`, or as it is."""
        if inputs is not None:
            self.add("Flatten", axis=1)
            weight = self.rng.normal(size=(inputs, numbers)) / np.sqrt(inputs)
            self.add("Gemm", self.constant(weight.astype(np.float32)), self.number(self.rng.normal(size=numbers)))
        self.nodes[-1].output[0] = "out"
        return build("net", self.nodes, {"window": self.shape}, {"out": (1, numbers)}, self.constants)


def drawn(seed: int) -> tuple[ModelProto, int] | None:
    """A network drawn at random and a hop that divides its window; `None` where nothing would be left of the window."""
    rng = np.random.default_rng(seed)
    channels, samples = int(rng.integers(2, 7)), int(rng.choice([60, 64, 96, 100, 120, 125]))
    net = Net(channels, samples, seed)
    rows, taps = int(rng.integers(2, 6)), int(rng.integers(1, 12))
    settings = {"strides": [1, int(rng.choice([1, 1, 1, 2, 3]))], "pads": _pads(rng, taps)}
    if rng.random() < 0.4:
        net.conv(rows, 1, channels, taps, bias=True, **settings)
    else:
        net.conv(rows, 1, 1, taps, bias=True, **settings).norm(rows)
        if rng.random() < 0.3:
            net.add("Tanh")
        net.conv(rows * 2, 1, channels, 1, bias=True, group=rows)
        rows *= 2
    for _ in range(int(rng.integers(1, 5))):
        rows = _drawn_layer(net, rng, rows)
    shape = _shape(net)
    hops = [hop for hop in range(2, samples // 2 + 1) if samples % hop == 0]
    if min(shape) < 1:
        return None
    return net.model(2, int(np.prod(shape))), int(rng.choice(hops))


def _drawn_layer(net: Net, rng: np.random.Generator, rows: int) -> int:
    kind, taps = rng.integers(4), int(rng.integers(1, 6))
    if kind == 0:
        net.add(str(rng.choice(["Elu", "Relu", "Sigmoid"])))
    elif kind == 1:
        net.pool(taps, int(rng.integers(1, 5)), str(rng.choice(["AveragePool", "MaxPool"])))
    elif kind == 2:
        dilation, outputs = int(rng.integers(1, 4)), int(rng.integers(2, 6))
        stride, pads = int(rng.choice([1, 1, 2, 3])), _pads(rng, (taps - 1) * dilation + 1)
        net.conv(outputs, rows, 1, taps, bias=True, dilations=[1, dilation], strides=[1, stride], pads=pads)
        rows = outputs
    else:
        net.conv(rows, 1, 1, taps, group=rows, bias=True, pads=[0, taps // 2, 0, taps // 2]).conv(rows, rows, 1, 1)
    return rows


def _pads(rng: np.random.Generator, span: int) -> list[int]:
    return [0, int(rng.integers(0, span)), 0, int(rng.integers(0, span))] if rng.random() < 0.6 else [0] * 4


def _shape(net: Net) -> list[int]:
    model = shape_inference.infer_shapes(build("net", net.nodes, {"window": net.shape}, {net.at: None}, net.constants))
    return [d.dim_value for d in model.graph.output[0].type.tensor_type.shape.dim]
