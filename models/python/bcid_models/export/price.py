"""What a graph costs, from a price list: it only decides which of several exact graphs is written."""

import math

from onnx import ModelProto, shape_inference

from .graph import attributes

NODE_US = 0.6
"""What ONNX Runtime spends on a node whatever it does."""
MULTIPLICATIONS_PER_US = 30000.0
NUMBERS_PER_US = {"Elu": 600.0, "Exp": 600.0, "Log": 600.0, "Sigmoid": 600.0, "Tanh": 600.0, "Softmax": 600.0}
COPIED_PER_US = 4000.0
POOLED_PER_US = 2500.0
FREE = {"Flatten", "Reshape", "Squeeze", "Unsqueeze"}


def of(model: ModelProto) -> float:
    """Microseconds of a run, roughly."""
    inferred = shape_inference.infer_shapes(model, data_prop=True).graph
    infos = [*inferred.value_info, *inferred.input, *inferred.output]
    shapes = {i.name: [d.dim_value for d in i.type.tensor_type.shape.dim] for i in infos}
    shapes |= {i.name: list(i.dims) for i in inferred.initializer}
    total = 0.0
    for node in inferred.node:
        numbers = math.prod(shapes.get(node.output[0], [1]))
        total += NODE_US + _multiplications(node, shapes, numbers) / MULTIPLICATIONS_PER_US
        if node.op_type not in FREE:
            total += numbers / NUMBERS_PER_US.get(node.op_type, COPIED_PER_US)
    return total


def _multiplications(node, shapes: dict[str, list[int]], numbers: int) -> float:
    if node.op_type == "Conv":
        return numbers * math.prod(shapes[node.input[1]][1:])
    if node.op_type in ("Gemm", "MatMul"):
        return numbers * math.prod(shapes.get(node.input[0], [1])) / max(1, shapes.get(node.output[0], [1])[0])
    if node.op_type in ("AveragePool", "MaxPool"):
        return numbers * math.prod(attributes(node)["kernel_shape"]) * MULTIPLICATIONS_PER_US / POOLED_PER_US
    return 0.0
