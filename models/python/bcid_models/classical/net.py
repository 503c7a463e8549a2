"""A decoder's graph as it grows: from the signal to a covariance a band, from scores to posteriors; opset 17.

Computed in double precision, for which ONNX Runtime's CPU has every operator used, at no higher cost for matrices so
small: single precision leaves the logarithm of a matrix of condition number 100 an error of up to 1e-2.
"""

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper

from ..export.graph import build
from .spd import TINY

SIGNAL, POSTERIOR = "signal", "posterior"


class Net:
    """The graph of a decoder of `bands` bands of `width` channels, on windows of `samples` frames."""

    def __init__(self, bands: int, width: int, samples: int) -> None:
        self.bands, self.width, self.samples = bands, width, samples
        self.nodes: list[NodeProto] = []
        self.constants: dict[str, np.ndarray] = {}

    def add(self, op: str, *inputs: str, outputs: int = 1, **settings: object) -> str | list[str]:
        """Adds a node; the name of what it yields, or the names of several."""
        stem = f"{op.lower()}_{len(self.nodes)}"
        names = [stem] if outputs == 1 else [f"{stem}_{k}" for k in range(outputs)]
        self.nodes.append(helper.make_node(op, list(inputs), names, stem, **settings))
        return stem if outputs == 1 else names

    def constant(self, value: np.ndarray | float, stem: str) -> str:
        """Notes a constant, float64 or int64; its name, which the same constant shares."""
        value = np.array(value)
        for name, other in self.constants.items():
            if name.split(".")[0] == stem and np.array_equal(other, value):
                return name
        name = f"{stem}.{len(self.constants)}"
        self.constants[name] = value
        return name

    def reshaped(self, tensor: str, *shape: int) -> str:
        """The same numbers in another shape."""
        return self.add("Reshape", tensor, self.constant(np.array(shape, np.int64), "shape"))

    def covariances(self) -> str:
        """`[bands, channels, channels]` of the window, as `spd.covariances`."""
        double = self.add("Cast", SIGNAL, to=TensorProto.DOUBLE)
        split = self.reshaped(double, self.bands, self.width, self.samples)
        centred = self.add("Sub", split, self.add("ReduceMean", split, axes=[2], keepdims=1))
        product = self.add("MatMul", centred, self.add("Transpose", centred, perm=[0, 2, 1]))
        return self._shrunk(self.add("Mul", product, self.constant(1 / self.samples, "one_over_samples")))

    def recentred(self, cov: str, whiteners: np.ndarray) -> str:
        """The covariances between whiteners `[..., channels, channels]`."""
        transform = self.constant(whiteners, "whiteners")
        return self.add("MatMul", self.add("MatMul", transform, cov), transform)

    def linear(self, features: str, weights: np.ndarray, bias: np.ndarray) -> str:
        """Scores `[1, classes]` of features `[1, n]`."""
        product = self.add("MatMul", features, self.constant(weights.T, "weights"))
        return self.add("Add", product, self.constant(bias, "bias"))

    def model(self, name: str, scores: str, classes: int) -> ModelProto:
        """The graph whose posterior is the softmax of `scores`."""
        double = self.add("Softmax", scores, axis=1)
        self.nodes.append(helper.make_node("Cast", [double], [POSTERIOR], POSTERIOR, to=TensorProto.FLOAT))
        shape = (1, self.bands * self.width, self.samples)
        return build(name, self.nodes, {SIGNAL: shape}, {POSTERIOR: (1, classes)}, self.constants)

    def _shrunk(self, cov: str) -> str:
        """Oracle approximating shrinkage: `C + s (mu I - C)`."""
        unit, over_square = np.eye(self.width), {"axes": [1, 2], "keepdims": 1}
        squared = self.add("ReduceMean", self.add("Mul", cov, cov), **over_square)
        # The mean over all entries of what is on the diagonal.
        diagonal = self.add("Mul", cov, self.constant(self.width * unit, "diagonal"))
        mu = self.add("ReduceMean", diagonal, **over_square)
        mu_squared = self.add("Mul", mu, mu)
        spread = self.add("Sub", squared, self.add("Mul", mu_squared, self.constant(1 / self.width, "one_over_width")))
        below = self.add("Mul", spread, self.constant(self.samples + 1.0, "samples"))
        # Of a signal that is nothing but zeros there is nothing to divide by.
        below = self.add("Max", below, self.constant(TINY**4, "tiny"))
        share = self.add("Div", self.add("Add", squared, mu_squared), below)
        share = self.add("Min", share, self.constant(1.0, "one"))
        target = self.add("Mul", mu, self.constant(unit, "unit"))
        return self.add("Add", cov, self.add("Mul", share, self.add("Sub", target, cov)))
