"""What a network costs: its parameters, and its multiplications for one window."""

import math
from dataclasses import dataclass

from onnx import ModelProto, NodeProto
from torch import nn

from ..export.graph import Graph, Refused, attributes

UNCOUNTED = {"Attention", "ConvTranspose", "GRU", "LSTM", "RNN", "STFT"}
"""Operators that multiply by weights or signals and that are not counted here."""


@dataclass(frozen=True)
class Cost:
    """`parameters` are those that training changes; `macs` multiply-accumulates of one window."""

    parameters: int
    macs: int


def of(module: nn.Module, model: ModelProto) -> Cost:
    """The cost of `module`, of which `model` is the ONNX form."""
    return Cost(sum(p.numel() for p in module.parameters() if p.requires_grad), macs(model))


def macs(model: ModelProto) -> int:
    """Multiply-accumulates of convolutions, dense layers, attention and transforms, without those element by element.

    Raises `Refused` for an operator whose multiplications are not known here.
    """
    graph = Graph(model)
    return sum(_of_node(node, graph.shapes) for node in graph.nodes)


def _of_node(node: NodeProto, shapes: dict[str, tuple[int, ...]]) -> int:
    if node.op_type in UNCOUNTED:
        raise Refused(f"the multiplications of {node.op_type} ({node.name or node.output[0]}) are not counted")
    if node.op_type == "Einsum":
        return _of_einsum(node, shapes)
    first, numbers = shapes[node.input[0]] if node.input else (), math.prod(shapes[node.output[0]])
    if node.op_type == "Conv":
        return numbers * math.prod(shapes[node.input[1]][1:])
    if node.op_type == "MatMul":
        return numbers * first[-1]
    if node.op_type == "Gemm":
        return numbers * first[0 if attributes(node).get("transA", 0) else 1]
    if node.op_type == "DFT":
        # As a product with a matrix of sines and cosines, of which real and imaginary part are two rows.
        return numbers * first[attributes(node).get("axis", 1)] * first[-1]
    return 0


def _of_einsum(node: NodeProto, shapes: dict[str, tuple[int, ...]]) -> int:
    terms = attributes(node)["equation"].decode().replace(" ", "").split("->")[0].split(",")
    if len(terms) == 1:
        return 0
    if len(terms) > 2 or any("." in term for term in terms):
        raise Refused(f"the multiplications of Einsum {','.join(terms)} are not counted")
    lengths: dict[str, int] = {}
    for term, name in zip(terms, node.input, strict=True):
        lengths |= dict(zip(term, shapes[name], strict=True))
    return math.prod(lengths.values())
