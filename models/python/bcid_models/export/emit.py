"""Writes the nodes of a streaming graph: stages applied to pieces of a window, memories joined and handed on.

Signals are `[1, rows, 1, frames]`: ONNX Runtime has its fast convolutions of single rows for two spatial axes only.
"""

from dataclasses import dataclass

import numpy as np
from onnx import NodeProto, helper

from .chain import Conv, Pointwise, Pool, Stage


@dataclass(frozen=True)
class Piece:
    """A tensor `[1, rows, 1, frames]` that holds frames `first` to `first + frames - 1` of its level."""

    name: str
    first: int
    frames: int


class Emitter:
    """Collects nodes and constants."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: dict[str, np.ndarray] = {}
        self._count = 0

    def node(self, op: str, inputs: list[str], stem: str, **settings: object) -> str:
        """Adds a node; returns its output's name."""
        self._count += 1
        name = f"{stem}_{self._count}"
        self.nodes.append(helper.make_node(op, inputs, [name], name, **settings))
        return name

    def constant(self, stem: str, value: np.ndarray) -> str:
        """Adds a constant, or finds the equal one of that stem; returns its name."""
        for name, held in self.constants.items():
            if name.rsplit("_", 1)[0] == stem and held.dtype == value.dtype and np.array_equal(held, value):
                return name
        self._count += 1
        name = f"{stem}_{self._count}"
        self.constants[name] = value
        return name

    def rename(self, old: str, new: str) -> None:
        """Gives the tensor `old` the name `new`."""
        for node in self.nodes:
            node.input[:] = [new if name == old else name for name in node.input]
            node.output[:] = [new if name == old else name for name in node.output]

    def cut(self, piece: Piece, first: int, end: int) -> Piece:
        """Frames `first` to `end - 1`; the piece itself where that is all of it."""
        if (first, end) == (piece.first, piece.first + piece.frames):
            return piece
        bounds = [self._index(n) for n in (first - piece.first, end - piece.first, 3)]
        return Piece(self.node("Slice", [piece.name, *bounds], "cut"), first, end - first)

    def every(self, piece: Piece, step: int) -> str:
        """The first frame of a piece and every `step`-th after it."""
        if step == 1:
            return piece.name
        bounds = [self._index(n) for n in (0, piece.frames, 3, step)]
        return self.node("Slice", [piece.name, *bounds], "every")

    def join(self, pieces: list[Piece], first: int) -> Piece:
        """Pieces one after the other; the first of them begins at `first`."""
        frames = sum(piece.frames for piece in pieces)
        if len(pieces) == 1:
            return Piece(pieces[0].name, first, frames)
        return Piece(self.node("Concat", [p.name for p in pieces], "joined", axis=3), first, frames)

    def apply(self, stage: Stage, piece: Piece, first: int, frames: int, before: int = 0, after: int = 0) -> Piece:
        """`stage` on a piece with so much zero padding; what it yields begins at `first` and has so many `frames`."""
        if isinstance(stage, Conv):
            name = self._conv(stage, piece, frames, before, after)
        elif isinstance(stage, Pool):
            shape = {"kernel_shape": [1, stage.kernel], "strides": [1, stage.stride]}
            shape |= {"dilations": [1, stage.dilation]} if stage.dilation > 1 else {}
            name = self.node(stage.op, [piece.name], "pooled", **shape)
        else:
            name = self._pointwise(stage, piece)
        return Piece(name, first, frames)

    def _pointwise(self, stage: Pointwise, piece: Piece) -> str:
        given = [piece.name if t is None else t if isinstance(t, str) else self._by_row(t) for t in stage.takes]
        return self.node(stage.op, given, stage.op.lower(), **stage.settings)

    def _conv(self, stage: Conv, piece: Piece, frames: int, before: int, after: int) -> str:
        outputs, inputs, across, kernel = stage.weight.shape
        settings = {
            "group": stage.group, "kernel_shape": [1, kernel], "strides": [1, stage.stride],
            "dilations": [1, stage.dilation], "pads": [0, before, 0, after],
        }  # fmt: skip
        weight, source = stage.weight, piece.name
        together = across == stage.height
        if together:
            weight = weight.reshape(outputs, inputs * across, 1, kernel)
        else:
            # Channels remain an axis of their own for as long as nothing has brought them together.
            planes = self._index(1, stage.planes, stage.height, piece.frames)
            source = self.node("Reshape", [source, planes], "planes")
            settings["kernel_shape"] = [across, kernel]
        names = [self.constant("weight", weight.astype(np.float32))]
        if stage.bias is not None:
            names.append(self.constant("bias", stage.bias.astype(np.float32)))
        name = self.node("Conv", [source, *names], "filtered", **settings)
        return name if together else self.node("Reshape", [name, self._index(1, stage.rows, 1, frames)], "rows")

    def _by_row(self, value: np.ndarray) -> str:
        return self.constant("by_row", value.reshape(1, -1, 1, 1) if value.ndim else value)

    def _index(self, *value: int) -> str:
        return self.constant("index", np.array(value, np.int64))
