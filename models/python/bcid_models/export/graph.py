"""An ONNX graph to be rewritten: static shapes, constants as arrays, who makes and who takes a tensor."""

from collections.abc import Iterable

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, helper, numpy_helper, shape_inference

OPSET, IR_VERSION = 17, 8
OPSETS = range(13, 23)
"""The versions of ONNX whose operators mean what is assumed of them here."""


class Refused(ValueError):
    """What was asked cannot be done exactly, or not at a gain; the message says why."""


class Graph:
    """The nodes, in order, of a model with one input of fixed shape whose first axis is a batch of 1."""

    def __init__(self, model: ModelProto) -> None:
        given = model.graph
        initial = {i.name: numpy_helper.to_array(i) for i in given.initializer}
        free = [i for i in given.input if i.name not in initial]
        if len(free) != 1:
            raise Refused(f"one input is expected, there are {[i.name for i in free]}")
        self.opset = _opset(model)
        self.constants: dict[str, np.ndarray] = initial
        self.nodes: list[NodeProto] = []
        for node in given.node:
            copy = NodeProto()
            copy.CopyFrom(node)
            self.nodes.append(copy)
        self.input = free[0].name
        self.input_shape = (1, *(d.dim_value for d in free[0].type.tensor_type.shape.dim[1:]))
        self.output = given.output[0].name
        self.name = given.name
        self._constants_out_of_nodes()
        self._without_what_does_nothing()
        self._kernel_shapes_stated()
        self.drop_unused()
        self.infer()

    def infer(self) -> None:
        """Finds the shape of every tensor anew."""
        try:
            model = shape_inference.infer_shapes(self.model(), strict_mode=True, data_prop=True)
        except shape_inference.InferenceError as why:
            raise Refused(f"the shapes of the graph's tensors cannot be found: {why}") from why
        infos = [*model.graph.value_info, *model.graph.input, *model.graph.output]
        self.shapes = {i.name: tuple(d.dim_value for d in i.type.tensor_type.shape.dim) for i in infos}
        self.shapes |= {name: value.shape for name, value in self.constants.items()}

    def model(self) -> ModelProto:
        """The model as it is now."""
        return build(
            self.name,
            self.nodes,
            {self.input: self.input_shape},
            {self.output: getattr(self, "shapes", {}).get(self.output)},
            {name: value for name, value in self.constants.items() if any(name in n.input for n in self.nodes)},
            self.opset,
        )

    def consumers(self, tensor: str) -> list[NodeProto]:
        """The nodes that take `tensor`."""
        return [node for node in self.nodes if tensor in node.input]

    def only_consumer(self, tensor: str) -> NodeProto | None:
        """The node that takes `tensor`, where it is one and the tensor is not the output too."""
        found = self.consumers(tensor)
        return found[0] if len(found) == 1 and tensor != self.output else None

    def constant(self, node: NodeProto, index: int) -> np.ndarray | None:
        """The value of an input of `node` that is a constant; `None` when it is not, or is left out."""
        return self.constants.get(node.input[index]) if index < len(node.input) else None

    def fresh(self, stem: str) -> str:
        """A name that no tensor has yet."""
        taken = set(self.constants) | {name for node in self.nodes for name in (*node.input, *node.output)}
        names = (stem if n == 0 else f"{stem}_{n}" for n in range(len(taken) + 1))
        return next(name for name in names if name not in taken)

    def add_constant(self, stem: str, value: np.ndarray) -> str:
        """Notes a constant; returns its name."""
        name = self.fresh(stem)
        self.constants[name] = value
        return name

    def replace(self, old: list[NodeProto], new: list[NodeProto]) -> None:
        """Puts `new` where the first of `old` stands."""
        at = min(self.nodes.index(node) for node in old)
        kept = [node for node in self.nodes if all(node is not gone for gone in old)]
        self.nodes = [*kept[:at], *new, *kept[at:]]

    def drop_unused(self) -> None:
        """Drops the nodes on which the output does not depend."""
        needed, kept = {self.output}, []
        for node in reversed(self.nodes):
            if needed & set(node.output):
                needed |= set(node.input)
                kept.append(node)
        self.nodes = kept[::-1]

    def _constants_out_of_nodes(self) -> None:
        for node in [n for n in self.nodes if n.op_type == "Constant"]:
            self.constants[node.output[0]] = numpy_helper.to_array(attributes(node)["value"])
            self.nodes.remove(node)

    def _kernel_shapes_stated(self) -> None:
        for node in [n for n in self.nodes if n.op_type == "Conv" and "kernel_shape" not in attributes(n)]:
            shape = self.constants[node.input[1]].shape[2:]
            node.attribute.append(helper.make_attribute("kernel_shape", shape))

    def _without_what_does_nothing(self) -> None:
        for node in [n for n in self.nodes if n.op_type in ("Identity", "Dropout")]:
            source, target = node.input[0], node.output[0]
            if target == self.output:
                continue
            for other in self.consumers(target):
                other.input[:] = [source if name == target else name for name in other.input]
            self.nodes.remove(node)


def attributes(node: NodeProto) -> dict:
    """The attributes of `node` as Python values."""
    return {a.name: helper.get_attribute_value(a) for a in node.attribute}


def _opset(model: ModelProto) -> int:
    versions = {entry.domain: entry.version for entry in model.opset_import if entry.domain != "ai.onnx"}
    used = {node.domain for node in model.graph.node} - {"", "ai.onnx"}
    version = versions.get("", 0)
    if used or version not in OPSETS:
        what = f"opset {version}" if not used else f"operators of {', '.join(sorted(used))}"
        raise Refused(f"{what}: export the network with plain ONNX operators, opset {OPSETS[0]} to {OPSETS[-1]}")
    return version


def build(
    name: str,
    nodes: Iterable[NodeProto],
    inputs: dict[str, tuple[int, ...]],
    outputs: dict[str, tuple[int, ...] | None],
    constants: dict[str, np.ndarray],
    opset: int = OPSET,
) -> ModelProto:
    """A model of float32 inputs and outputs; the same arguments give the same bytes."""

    def info(tensors: dict) -> list[onnx.ValueInfoProto]:
        return [helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, shape) for n, shape in tensors.items()]

    held = [numpy_helper.from_array(np.array(value, order="C"), key) for key, value in constants.items()]
    graph = helper.make_graph(list(nodes), name, info(inputs), info(outputs), held)
    opsets = [helper.make_opsetid("", opset)]
    ir_version = max(IR_VERSION, helper.find_min_ir_version_for(opsets))
    return helper.make_model(graph, opset_imports=opsets, ir_version=ir_version)


def along_time(node: NodeProto, axis: int, rank: int) -> tuple[int, int, int, int, int]:
    """Kernel, stride, dilation and padding before and after of a convolution or pooling along `axis` of `rank` axes."""
    found, spatial, at = attributes(node), rank - 2, axis - 2
    if found.get("auto_pad", b"NOTSET") not in (b"NOTSET", b"VALID"):
        raise Refused(f"{node.op_type} {node.name or node.output[0]} has auto_pad: state its padding")
    pads = found.get("pads", [0] * 2 * spatial)
    stride, dilation = (found.get(key, [1] * spatial)[at] for key in ("strides", "dilations"))
    return found["kernel_shape"][at], stride, dilation, pads[at], pads[at + spatial]
