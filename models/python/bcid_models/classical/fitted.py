"""Decoders that were learned: in numpy, and as ONNX graphs of the same numbers."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from onnx import ModelProto
from scipy.special import softmax

from . import spd
from .linear import Linear
from .logm import matrix_log
from .net import Net


class Fitted(Protocol):
    """A decoder that was learned."""

    def posteriors(self, windows: np.ndarray) -> np.ndarray:
        """`[windows, classes]` of `[windows, bands * channels, samples]`; each row adds up to 1."""

    def to_onnx(self, samples: int) -> ModelProto:
        """`signal` `[1, bands * channels, samples]` -> `posterior` `[1, classes]`; the same bytes each time."""


@dataclass(frozen=True)
class LogPowers:
    """`filters` `[filters, channels]`, each of the band in `band_of`; the readout is of their log-powers."""

    bands: int
    filters: np.ndarray
    band_of: np.ndarray
    readout: Linear

    def posteriors(self, windows: np.ndarray) -> np.ndarray:
        return self.readout.posteriors(log_powers(spd.covariances(windows, self.bands), self.filters, self.band_of))

    def to_onnx(self, samples: int) -> ModelProto:
        count, width = self.filters.shape
        net = Net(self.bands, width, samples)
        own = net.add("Gather", net.covariances(), net.constant(self.band_of.astype(np.int64), "band_of"), axis=0)
        filters = net.constant(self.filters[:, None, :], "filters")
        products = net.add("Mul", net.add("MatMul", filters, own), filters)
        powers = net.reshaped(net.add("ReduceSum", products, net.constant(np.array([2]), "axis"), keepdims=0), 1, count)
        logs = net.add("Log", net.add("Max", powers, net.constant(spd.TINY, "tiny")))
        return net.model("csp_lda", net.linear(logs, self.readout.weights, self.readout.bias), len(self.readout.bias))


@dataclass(frozen=True)
class Tangent:
    """`whiteners` `[bands, channels, channels]`, the references' inverse roots; the readout is of tangent vectors."""

    whiteners: np.ndarray
    readout: Linear

    def vectors(self, cov: np.ndarray) -> np.ndarray:
        """`[n, features]` of `[n, bands, channels, channels]`: pyRiemann's `TangentSpace`, band after band."""
        logs = spd.log(self.whiteners @ cov @ self.whiteners)
        return spd.vectors(logs).reshape(len(cov), -1)

    def posteriors(self, windows: np.ndarray) -> np.ndarray:
        return self.readout.posteriors(self.vectors(spd.covariances(windows, len(self.whiteners))))

    def to_onnx(self, samples: int) -> ModelProto:
        bands, width, _ = self.whiteners.shape
        classes = len(self.readout.bias)
        net = Net(bands, width, samples)
        logs = matrix_log(net, net.recentred(net.covariances(), self.whiteners), bands, width)
        weights = spd.squares(self.readout.weights.reshape(classes, bands, -1), width).reshape(classes, -1)
        return net.model("tangent_lr", net.linear(net.reshaped(logs, 1, -1), weights, self.readout.bias), classes)


@dataclass(frozen=True)
class Distances:
    """`whiteners` `[classes, bands, channels, channels]`, the inverse roots of the classes' means."""

    whiteners: np.ndarray

    def posteriors(self, windows: np.ndarray) -> np.ndarray:
        cov = spd.covariances(windows, self.whiteners.shape[1])
        logs = [spd.log(whiteners @ cov @ whiteners) for whiteners in self.whiteners]
        return softmax(-np.stack([(one**2).sum(axis=(1, 2, 3)) for one in logs], axis=1), axis=1)

    def to_onnx(self, samples: int) -> ModelProto:
        classes, bands, width, _ = self.whiteners.shape
        net = Net(bands, width, samples)
        each = net.reshaped(net.recentred(net.covariances(), self.whiteners), -1, width, width)
        logs = matrix_log(net, each, classes * bands, width)
        squared = net.add("ReduceSumSquare", net.reshaped(logs, 1, classes, -1), axes=[2], keepdims=0)
        return net.model("mdm", net.add("Neg", squared), classes)


def log_powers(cov: np.ndarray, filters: np.ndarray, band_of: np.ndarray) -> np.ndarray:
    """`[n, filters]`: the logarithm of the power that each filter yields of its band's covariance."""
    powers = np.einsum("fi,nfij,fj->nf", filters, cov[:, band_of], filters, optimize=True)
    return np.log(np.maximum(powers, spd.TINY))
