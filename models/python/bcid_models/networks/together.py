"""Several graphs as one: what each is fed of a window, and the mean of their log-posteriors."""

from dataclasses import dataclass

import numpy as np
from onnx import ModelProto, NodeProto, helper, version_converter

from ..export.graph import Graph, build
from .export import LOGITS, OPSET, SIGNAL


@dataclass(frozen=True)
class Part:
    """A graph with the rows and the newest frames that it takes; its share in the mean; what it yields."""

    model: ModelProto
    rows: slice
    frames: int
    share: float
    kind: str
    temperature: float


def merged(parts: list[Part], tiny: float) -> ModelProto:
    """One graph of the whole window: `logits` is the mean by shares of tempered log-posteriors, none below that of `tiny`."""
    graphs = [Graph(version_converter.convert_version(part.model, OPSET)) for part in parts]
    window = (1, max(p.rows.stop for p in parts), max(p.frames for p in parts))
    nodes: list[NodeProto] = []
    constants: dict[str, np.ndarray] = {}

    def constant(name: str, value: object) -> str:
        constants[name] = np.array(value)
        return name

    for k, (part, graph) in enumerate(zip(parts, graphs, strict=True)):
        # Two names, so that no tensor of the member's own can have that of one added here.
        at, inner = f"member{k}_", f"member{k}/"
        taken = SIGNAL
        if graph.input_shape != window:
            begins, ends = [part.rows.start, window[2] - part.frames], [part.rows.stop, window[2]]
            bounds = [constant(f"{at}{end}", np.array(v, np.int64)) for end, v in (("begins", begins), ("ends", ends))]
            axes = constant("rows_and_frames", np.array([1, 2], np.int64))
            nodes.append(helper.make_node("Slice", [SIGNAL, *bounds, axes], [f"{at}fed"], f"{at}fed"))
            taken = f"{at}fed"
        constants |= {inner + name: value for name, value in graph.constants.items()}
        for node in graph.nodes:
            own = NodeProto()
            own.CopyFrom(node)
            own.name = inner + node.name
            own.input[:] = [taken if i == graph.input else i and inner + i for i in node.input]
            own.output[:] = [o and inner + o for o in node.output]
            nodes.append(own)
        yielded = inner + graph.output
        if part.kind == "class_posteriors":
            least = constant("tiny", np.float32(tiny))
            nodes.append(helper.make_node("Max", [yielded, least], [f"{at}positive"], f"{at}positive"))
            nodes.append(helper.make_node("Log", [f"{at}positive"], [f"{at}log"], f"{at}log"))
        else:
            heat = constant(f"{at}temperature", np.float32(part.temperature))
            nodes.append(helper.make_node("Div", [yielded, heat], [f"{at}tempered"], f"{at}tempered"))
            nodes.append(helper.make_node("LogSoftmax", [f"{at}tempered"], [f"{at}soft"], f"{at}soft", axis=1))
            least = constant("log_tiny", np.float32(np.log(tiny)))
            nodes.append(helper.make_node("Max", [f"{at}soft", least], [f"{at}log"], f"{at}log"))
        share = constant(f"{at}share", np.float32(part.share))
        nodes.append(helper.make_node("Mul", [f"{at}log", share], [f"{at}part"], f"{at}part"))
    nodes.append(helper.make_node("Sum", [f"member{k}_part" for k in range(len(parts))], [LOGITS], LOGITS))
    classes = graphs[0].shapes[graphs[0].output]
    return Graph(build("together", nodes, {SIGNAL: window}, {LOGITS: classes}, constants, OPSET)).model()
