"""Runs of affine nodes that end in few numbers become one dense layer: average pooling, flatten and dense in one."""

import numpy as np
from onnx import NodeProto, helper

from .. import onnx_run
from .graph import Graph, build

AFFINE = {
    "AveragePool", "Conv", "Flatten", "Gemm", "GlobalAveragePool", "ReduceMean", "ReduceSum", "Reshape", "Squeeze",
    "Transpose", "Unsqueeze",
}  # fmt: skip
WITH_CONSTANT = {"Add", "Div", "MatMul", "Mul", "Sub"}
VIEWS = {"Flatten", "Reshape", "Squeeze", "Transpose", "Unsqueeze"}
MOST_WEIGHTS = 32768
"""A dense layer no larger costs less than the nodes it replaces."""
PROBE = 1024.0
"""How far the input is moved to measure a weight: far, so that the offset's rounding is small beside it."""


def fold(graph: Graph) -> list[str]:
    """Replaces each run that can be; returns what was done."""
    done = []
    start = 0
    while start < len(graph.nodes):
        run = _run_from(graph, graph.nodes[start])
        if sum(node.op_type not in VIEWS for node in run) >= 2 and _weights(graph, run) <= MOST_WEIGHTS:
            done.append("one dense layer instead of " + ", ".join(node.op_type for node in run))
            _replace(graph, run)
            graph.infer()
        start += 1
    return done


def _run_from(graph: Graph, node: NodeProto) -> list[NodeProto]:
    run: list[NodeProto] = []
    following: NodeProto | None = node
    while following is not None and _is_affine(graph, following):
        if run and not any(name in following.input for name in run[-1].output):
            break
        run.append(following)
        following = graph.only_consumer(following.output[0])
    return run


def _is_affine(graph: Graph, node: NodeProto) -> bool:
    signals = [name for name in node.input if name and name not in graph.constants]
    divides = node.op_type == "Div" and node.input[1] in signals
    return len(signals) == 1 and not divides and node.op_type in AFFINE | WITH_CONSTANT


def _weights(graph: Graph, run: list[NodeProto]) -> int:
    return int(np.prod(graph.shapes[_source(graph, run)]) * np.prod(graph.shapes[run[-1].output[0]]))


def _source(graph: Graph, run: list[NodeProto]) -> str:
    return next(name for name in run[0].input if name and name not in graph.constants)


def _replace(graph: Graph, run: list[NodeProto]) -> None:
    source, target = _source(graph, run), run[-1].output[0]
    shape_in, shape_out = graph.shapes[source], graph.shapes[target]
    size = int(np.prod(shape_in))
    session = onnx_run.session(
        build("run", run, {source: shape_in}, {target: shape_out}, _constants(graph, run), graph.opset)
    )

    def at(point: np.ndarray) -> np.ndarray:
        return session.run(None, {source: point.reshape(shape_in).astype(np.float32)})[0].reshape(-1).astype(float)

    offset = at(np.zeros(size))
    weight = np.stack([(at(axis * PROBE) - offset) / PROBE for axis in np.eye(size)])
    names = [graph.add_constant(f"dense_{what}", value.astype(np.float32)) for what, value in
             (("weight", weight), ("bias", offset))]  # fmt: skip
    flat, plain = graph.fresh("flat"), shape_out == (1, len(offset))
    number = target if plain else graph.fresh("numbers")
    nodes = [helper.make_node("Flatten", [source], [flat], axis=1), helper.make_node("Gemm", [flat, *names], [number])]
    if not plain:
        shape = graph.add_constant("shape", np.array(shape_out, np.int64))
        nodes.append(helper.make_node("Reshape", [number, shape], [target]))
    graph.replace(run, nodes)


def _constants(graph: Graph, run: list[NodeProto]) -> dict[str, np.ndarray]:
    return {name: graph.constants[name] for node in run for name in node.input if name in graph.constants}
