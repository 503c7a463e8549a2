"""Graph surgery: less work for the same outputs.

    python -m bcid_models.export.surgery model.onnx out.onnx

Two rewrites, each exact but for rounding:

- Batch norm of inference is folded into the convolution before it, or after it where that one does not pad.
- A convolution along time of the lone input plane, followed by one across all channels with only linear layers between:
  the one across channels goes first. Time filters then run on a few spatial sources and no longer on every channel.
  Done only where it saves multiplications. Zero padding along time is no obstacle: the padding of a source is zero too.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, helper

from . import parity
from .graph import Graph, Refused, attributes
from .parity import Parity

SCALES = (1.0, 20.0)
"""Standard deviations of the random input with which equality is proven, in the input's unit."""


@dataclass(frozen=True)
class Report:
    """What was done, what was not and why, and the proof."""

    done: tuple[str, ...]
    left: tuple[str, ...]
    parity: Parity

    def __str__(self) -> str:
        lines = [*(f"done: {line}" for line in self.done), *(f"left: {line}" for line in self.left), str(self.parity)]
        return "\n".join(lines)


def operate(
    model: ModelProto, real: np.ndarray | None = None, scales: tuple[float, ...] = SCALES
) -> tuple[ModelProto, Report]:
    """The rewritten model and what was done to it.

    Equality with `model` is proven on random windows and on `real`, `[windows, channels, samples]`. Raises `Refused`
    when it fails.
    """
    graph = Graph(model)
    done, left = fold_batch_norm(graph)
    moved, kept = spatial_first(graph)
    result = graph.model()
    random = [parity.noise((8, *graph.input_shape[1:]), scale) for scale in scales]
    windows = np.concatenate([*random, *([real] if real is not None else [])])
    proof = parity.compare(parity.outputs(result, windows), parity.outputs(Graph(model).model(), windows))
    return result, Report((*done, *moved), (*left, *kept), proof)


def fold_batch_norm(graph: Graph) -> tuple[list[str], list[str]]:
    """Folds each batch norm into a convolution beside it. Returns what was done and what was left, with the reason."""
    done, left = [], []
    for norm in [n for n in graph.nodes if n.op_type == "BatchNormalization"]:
        scale, shift = _scale_and_shift(graph, norm)
        before = next((n for n in graph.nodes if norm.input[0] in n.output), None)
        after = graph.only_consumer(norm.output[0])
        if before is not None and before.op_type == "Conv" and graph.only_consumer(before.output[0]) is norm:
            weight, bias = _weights(graph, before)
            by_output = scale.reshape(-1, *[1] * (weight.ndim - 1))
            _set_weights(graph, before, weight * by_output, bias * scale + shift)
            before.output[0] = norm.output[0]
            graph.nodes.remove(norm)
            done.append(f"batch norm folded into the convolution before it ({_name(before)})")
        elif after is not None and after.op_type == "Conv" and not any(attributes(after).get("pads", [0])):
            _fold_into_next(graph, after, scale, shift)
            after.input[0] = norm.input[0]
            graph.nodes.remove(norm)
            done.append(f"batch norm folded into the convolution after it ({_name(after)})")
        else:
            left.append(f"batch norm {_name(norm)}: no convolution beside it that could take it up")
    graph.infer()
    return done, left


def spatial_first(graph: Graph) -> tuple[list[str], list[str]]:
    """Puts the convolution across channels before the one along time, wherever that is possible and saves work."""
    done, left = [], []
    for temporal in [n for n in graph.nodes if n.op_type == "Conv"]:
        shape = graph.shapes[temporal.input[0]]
        kernel = attributes(temporal)["kernel_shape"]
        if len(shape) != 4 or shape[1] != 1 or shape[2] == 1 or kernel[0] != 1 or kernel[1] == 1:
            continue
        spatial = graph.only_consumer(temporal.output[0])
        try:
            done.append(_swap(graph, temporal, spatial))
        except Refused as why:
            left.append(f"{_name(temporal)} stays before what follows it: {why}")
    graph.infer()
    if not (done or left):
        left.append("no convolution along time of a lone plane of channels: there is nothing to put first")
    return done, left


def _swap(graph: Graph, temporal: NodeProto, spatial: NodeProto | None) -> str:
    channels, samples = graph.shapes[temporal.input[0]][2:]
    if spatial is None:
        raise Refused("more than one node takes its output")
    found, along = attributes(spatial), attributes(temporal)
    if spatial.op_type != "Conv":
        raise Refused(f"{spatial.op_type} stands between it and any convolution across channels")
    trivial = not any(found.get("pads", [0])) and set(found.get("strides", [1]) + found.get("dilations", [1])) == {1}
    if list(found["kernel_shape"]) != [channels, 1] or not trivial:
        raise Refused(f"the next convolution does not take exactly the {channels} channels")
    if along.get("strides", [1, 1])[0] != 1 or any(along.get("pads", [0] * 4)[axis] for axis in (0, 2)):
        raise Refused("it strides or pads across channels")
    time_weight, time_bias = _weights(graph, temporal)
    space_weight, space_bias = _weights(graph, spatial)
    filters, (outputs, per_group) = len(time_weight), space_weight.shape[:2]
    sources = outputs * per_group
    if sources >= filters * channels:
        raise Refused(f"{sources} spatial sources are no fewer than {filters} filters on {channels} channels")
    group_of = np.arange(outputs) // (outputs // (filters // per_group))
    takes = group_of[:, None] * per_group + np.arange(per_group)  # [outputs, per_group]: the time filter of a source
    bias = space_bias + (space_weight[..., 0].sum(axis=2) * time_bias[takes]).sum(axis=1)
    plane = graph.add_constant("as_channels", np.array([1, channels, 1, samples], np.int64))
    across = graph.add_constant("spatial_weight", space_weight.reshape(sources, channels, 1, 1).astype(np.float32))
    filtered = graph.add_constant("temporal_weight", time_weight[takes, 0].astype(np.float32))
    offset = graph.add_constant("temporal_bias", bias.astype(np.float32))
    by_channel, source = graph.fresh("by_channel"), graph.fresh("sources")
    along |= {"group": outputs}
    graph.replace(
        [temporal, spatial],
        [
            helper.make_node("Reshape", [temporal.input[0], plane], [by_channel], "plane_to_channels"),
            helper.make_node("Conv", [by_channel, across], [source], "spatial_filters", kernel_shape=[1, 1]),
            helper.make_node("Conv", [source, filtered, offset], [spatial.output[0]], "temporal_filters", **along),
        ],
    )
    was, now = (
        filters * channels * time_weight.shape[3] + sources * channels,
        sources * (channels + time_weight.shape[3]),
    )
    return (
        f"spatial filters before temporal ones: {sources} sources instead of {filters} filters on {channels} channels, "
        f"{now} multiplications a frame instead of {was}"
    )


def _fold_into_next(graph: Graph, conv: NodeProto, scale: np.ndarray, shift: np.ndarray) -> None:
    weight, bias = _weights(graph, conv)
    groups = attributes(conv).get("group", 1)
    per_group = weight.shape[1]
    inputs = (np.arange(len(weight)) // (len(weight) // groups))[:, None] * per_group + np.arange(per_group)
    rest = weight.reshape(*weight.shape[:2], -1)
    bias = bias + (rest.sum(axis=2) * shift[inputs]).sum(axis=1)
    _set_weights(graph, conv, (rest * scale[inputs][..., None]).reshape(weight.shape), bias)


def _scale_and_shift(graph: Graph, norm: NodeProto) -> tuple[np.ndarray, np.ndarray]:
    gamma, beta, mean, variance = (graph.constants[name].astype(float) for name in norm.input[1:5])
    scale = gamma / np.sqrt(variance + attributes(norm).get("epsilon", 1e-5))
    return scale, beta - mean * scale


def _weights(graph: Graph, conv: NodeProto) -> tuple[np.ndarray, np.ndarray]:
    """Weight and bias in double precision; a bias that is left out is zero."""
    weight, bias = graph.constant(conv, 1), graph.constant(conv, 2)
    if weight is None:
        raise Refused(f"the weights of {_name(conv)} are not constants")
    return weight.astype(float), np.zeros(len(weight)) if bias is None else bias.astype(float)


def _set_weights(graph: Graph, conv: NodeProto, weight: np.ndarray, bias: np.ndarray) -> None:
    names = [graph.add_constant(f"{_name(conv)}_{what}", value.astype(np.float32)) for what, value in
             (("weight", weight), ("bias", bias))]  # fmt: skip
    conv.input[1:] = names


def _name(node: NodeProto) -> str:
    return node.name or node.output[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, help="the ONNX file")
    parser.add_argument("out", type=Path, help="the ONNX file to write")
    arguments = parser.parse_args()
    result, report = operate(onnx.load(arguments.model))
    arguments.out.write_bytes(result.SerializeToString(deterministic=True))
    print(report)


if __name__ == "__main__":
    main()
