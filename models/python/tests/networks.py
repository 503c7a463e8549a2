"""Small made-up networks for the tests of surgery and streaming."""

import numpy as np
from onnx import ModelProto, helper

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
