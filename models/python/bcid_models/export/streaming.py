"""Streaming export: a hop costs the hop and not the window.

    python -m bcid_models.export.streaming model.onnx out.onnx --hop 20

Takes a network of a window and writes one that is fed the newest hop alone. Convolutions, pooling and what works on
each number advance by the hop; their context is in state tensors. What comes behind (a dense layer, a mean or attention
over time) runs on the feature frames remembered. Padding inside the window makes the frames near its edges depend on
where it begins and ends: those few are computed anew at every hop from what is remembered, exactly. Where that, or
what stands before any convolution, leaves too little to be gained, the export is refused with the reason.

Equality with the window's outputs is proven at every hop once the states are settled, that is after one window.
"""

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx
from onnx import ModelProto, helper

from .. import onnx_run
from ..contract import Contract, State
from . import affine, chain, parity, plan, price, surgery
from .chain import Chain, Conv
from .emit import Emitter, Piece
from .graph import Graph, Refused, build
from .parity import Parity
from .plan import Level, Memory

MOST_OF_WINDOW = 0.75
"""Refused where a hop costs more than this share of the window, by the price list."""
INPUT = "hop"


@dataclass(frozen=True)
class Report:
    """What was done in words, the price of a hop beside that of the window, and the proof."""

    done: tuple[str, ...]
    hop_price_us: float
    window_price_us: float
    parity: Parity

    def __str__(self) -> str:
        priced = f"priced at {self.hop_price_us:.0f} us a hop, {self.window_price_us:.0f} us a window"
        return "\n".join([*(f"done: {line}" for line in self.done), priced, str(self.parity)])


@dataclass(frozen=True)
class Streaming:
    """A model fed by the hop, its states, and how it was made."""

    model: ModelProto
    states: tuple[State, ...]
    report: Report

    def contract(self, of_window: Contract) -> Contract:
        """The contract of the window's decoder, changed to this one's."""
        fed = replace(of_window.input, tensor=INPUT, hop_samples=self._hop(), feed="hop")
        return replace(of_window, input=fed, states=self.states)

    def _hop(self) -> int:
        return self.model.graph.input[0].type.tensor_type.shape.dim[2].dim_value


def export(
    model: ModelProto, hop: int, real: np.ndarray | None = None, scales: tuple[float, ...] = (1.0, 20.0)
) -> Streaming:
    """The streaming form of `model`, whose input is `[1, channels, samples]`, at a hop of so many samples.

    Proven on random signals of the standard deviations `scales` and on `real`, `[channels, frames]`. Raises `Refused`.
    """
    graph = Graph(model)
    window = graph.input_shape[-1]
    if len(graph.input_shape) != 3 or hop < 1 or hop >= window or window % hop:
        raise Refused(f"the window of {window} samples must be a multiple of the hop, {hop}, and longer")
    windows = None if real is None else cut(real, window, hop)
    operated, surgical = surgery.operate(model, windows, scales)
    graph = Graph(operated)
    found = chain.read(graph, time_axis=2)
    stages, levels, stopped = plan.levels(found.stages, window, hop)
    made = _cheapest(graph, replace(found, stages=stages), levels, stopped)
    whole = price.of(operated)
    cost = price.of(made.model)
    ended = stopped or found.ended_by
    if cost > MOST_OF_WINDOW * whole:
        raise Refused(
            f"a hop would cost {cost:.0f} us of the window's {whole:.0f} by the price list. What can advance by the hop "
            f"ends after {len(stages)} of {len(found.stages)} stages: {ended}"
        )
    signals = [parity.noise((graph.input_shape[1], 3 * window), scale) for scale in scales]
    proofs = [prove(made.model, made.states, model, hop, s) for s in [*signals, *([real] if real is not None else [])]]
    proof = Parity(max(p.difference for p in proofs), sum(p.windows for p in proofs))
    if made.stages < len(stages):
        ended = "further on, edges and context cost more than they save"
    report = Report((*surgical.done, *made.done, f"the rest runs on what is remembered: {ended}"), cost, whole, proof)
    return Streaming(made.model, made.states, report)


def prove(model: ModelProto, states: tuple[State, ...], original: ModelProto, hop: int, signal: np.ndarray) -> Parity:
    """Runs `signal` `[channels, frames]` hop by hop, and holds every output of a settled hop against the window's."""
    shape = Graph(original).input_shape
    run, kept = onnx_run.session(model), {s.input: np.zeros(s.shape, np.float32) for s in states}
    names = [model.graph.output[0].name, *(s.output for s in states)]
    ours, windows = [], []
    for end in range(hop, signal.shape[1] + 1, hop):
        block = np.ascontiguousarray(signal[None, :, end - hop : end], np.float32)
        number, *passed = run.run(names, {INPUT: block, **kept})
        kept = dict(zip(kept, passed, strict=True))
        if end >= shape[-1]:
            ours.append(number.reshape(-1))
            windows.append(signal[:, end - shape[-1] : end])
    return parity.compare(np.stack(ours), parity.outputs(Graph(original).model(), np.stack(windows)))


def cut(signal: np.ndarray, window: int, hop: int) -> np.ndarray:
    """`[windows, channels, window]`: every window of a `[channels, frames]`, so many frames apart."""
    return np.stack([signal[:, end - window : end] for end in range(window, signal.shape[1] + 1, hop)])


@dataclass(frozen=True)
class _Made:
    model: ModelProto
    states: tuple[State, ...]
    done: tuple[str, ...]
    stages: int


def _cheapest(graph: Graph, found: Chain, levels: list[Level], stopped: str) -> _Made:
    """Of all the stages at which the streaming part may end, the one of the least price."""
    made = []
    for end in range(1, len(found.stages) + 1):
        if any(not plan.is_local(stage) for stage in found.stages[:end]):
            made += [_write(graph, found, levels, end, merge) for merge in (False, True)]
    if not made:
        reason = stopped or found.ended_by
        raise Refused(f"no convolution or pooling can advance by the hop: {reason}")
    return min(made, key=lambda m: price.of(m.model))


def _write(graph: Graph, found: Chain, levels: list[Level], end: int, merge: bool) -> _Made:
    stages, levels = found.stages[:end], levels[: end + 1]
    if merge:
        stages, levels = _merged(stages, levels)
    memories, last = plan.memories(stages, levels)
    out, states = Emitter(), []
    rows = out.node("Unsqueeze", [INPUT, out.constant("index", np.array([2], np.int64))], "rows")
    tail, left = Piece(rows, levels[0].newest, levels[0].shift), None
    for stage, memory, level, after in zip(stages, memories, levels[:-1], levels[1:], strict=True):
        if memory is None:
            tail = out.apply(stage, tail, tail.first, tail.frames)
            left = left and out.apply(stage, left, 0, left.frames)
            continue
        tail, left = _advance(out, states, stage, memory, level, after, tail, left)
    whole = _remember(out, states, last, tail, left, found.tensors[end - 1].rows)
    _head(out, graph, found.tensors[end - 1], out.every(whole, last.level.ratio))
    inputs = {INPUT: (1, graph.input_shape[1], levels[0].shift), **{s.input: s.shape for s in states}}
    outputs = {graph.output: graph.shapes[graph.output], **{s.output: s.shape for s in states}}
    edges = [f"{lv.left} + {lv.right} of {lv.frames}" for lv in levels if lv.left or lv.right]
    done = [f"{end} stages advance by the hop; {len(states)} states"]
    for stage, before, after in zip(stages, levels[:-1], levels[1:], strict=True):
        if after.ratio > before.ratio:
            nth = {2: "2nd", 3: "3rd"}.get(after.ratio, f"{after.ratio}th")
            done.append(
                f"a stride that does not divide the hop: one of {stage.stride} instead, of whose frames every {nth} counts"
            )
    if edges:
        done.append(f"frames near the window's edges computed anew at every hop: {', '.join(dict.fromkeys(edges))}")
    return _Made(
        build("streaming", out.nodes, inputs, outputs, out.constants, graph.opset), tuple(states), tuple(done), end
    )


def _advance(
    out: Emitter,
    states: list[State],
    stage: chain.Stage,
    memory: Memory,
    level: Level,
    after: Level,
    tail: Piece,
    left: Piece | None,
) -> tuple[Piece, Piece | None]:
    """A stage that looks at several frames: its context joined, then what is new, and the left edge where it is needed."""
    held = _remember(out, states, memory, tail, left, _rows_in(stage))
    wanted = memory.yields
    padded = max(0, stage.before - wanted * stage.stride)
    span = (stage.kernel - 1) * stage.dilation + 1
    beyond = (after.frames - 1) * stage.stride - stage.before + span - level.frames
    # What the network leaves unused at the window's end must not be made into frames by a finer stride.
    taken = out.cut(held, memory.tail, level.frames + min(0, beyond if stage.stride <= -beyond else 0))
    new = out.apply(stage, taken, wanted, after.frames - wanted, padded, max(0, beyond))
    if memory.head == 0:
        return new, None
    first = out.cut(held, 0, memory.head)
    return new, out.apply(stage, first, 0, after.left, stage.before, 0)


def _remember(out: Emitter, states: list[State], memory: Memory, tail: Piece, left: Piece | None, rows: int) -> Piece:
    """The frames that a stage or the head needs: edge, state and what is new; the state for the next hop is noted."""
    level = memory.level
    if memory.state_frames <= 0:
        return tail
    state = State(f"state_{len(states)}", f"state_{len(states)}_out", (1, rows, 1, memory.state_frames))
    states.append(state)
    tail = out.cut(tail, level.newest, level.frames)
    kept = Piece(state.input, memory.kept, memory.state_frames)
    edge = [left] if memory.whole and left is not None and level.left else []
    held = out.join([*edge, kept, tail], 0 if memory.whole else memory.kept)
    out.rename(out.cut(held, memory.kept + level.shift, level.frames - level.right).name, state.output)
    return held


def _rows_in(stage: chain.Stage) -> int:
    return stage.planes * stage.height if isinstance(stage, Conv) else stage.rows


def _merged(stages: tuple[chain.Stage, ...], levels: list[Level]) -> tuple[tuple[chain.Stage, ...], list[Level]]:
    """A convolution of each row by itself, and one across rows behind it, as one: more multiplications, fewer nodes."""
    out: list[chain.Stage] = []
    kept = [levels[0]]
    for stage, level in zip(stages, levels[1:], strict=True):
        before = out[-1] if out else None
        if (
            isinstance(before, Conv) and isinstance(stage, Conv) and plan.is_local(stage) and stage.group == 1
            and before.group == before.planes == len(before.weight) == stage.planes > 1
            and before.height == stage.height == 1
        ):  # fmt: skip
            across = stage.weight[:, :, 0, 0].astype(float)
            weight = across[:, :, None] * before.weight[None, :, 0, 0, :]
            bias = 0 if before.bias is None else across @ before.bias
            bias = bias + (np.zeros(len(across)) if stage.bias is None else stage.bias)
            out[-1], kept[-1] = replace(before, weight=weight[:, :, None], bias=bias, group=1), level
            continue
        out.append(stage)
        kept.append(level)
    return tuple(out), kept


def _head(out: Emitter, graph: Graph, place: chain.Place, whole: str) -> None:
    """What stands behind the streaming part, on the frames remembered; affine runs of it become one dense layer."""
    head = Graph(_behind(graph, place, whole))
    affine.fold(head)
    taken = {name for node in out.nodes for name in node.output} | set(out.constants) | {INPUT}
    clash = {name: f"head_{name}" for node in head.nodes for name in (*node.input, *node.output) if name in taken}
    clash.pop(whole, None)
    for node in head.nodes:
        node.input[:] = [clash.get(name, name) for name in node.input]
        node.output[:] = [clash.get(name, name) for name in node.output]
        out.nodes.append(node)
        out.constants |= {clash.get(n, n): v for n, v in head.constants.items() if clash.get(n, n) in node.input}


def _behind(graph: Graph, place: chain.Place, source: str) -> ModelProto:
    needed, nodes = {place.tensor}, []
    for node in graph.nodes:
        if needed & set(node.input):
            needed |= set(node.output)
            nodes.append(node)
    rows, frames = place.rows, place.shape[place.time]
    before, behind = place.shape[: place.time], place.shape[place.time + 1 :]
    order = [n for n in range(len(place.shape)) if n != place.time]
    shape = np.array([*before, *behind, frames], np.int64)
    constants = {name: graph.constants[name] for node in nodes for name in node.input if name in graph.constants}
    moved = place.time != len(place.shape) - 1
    view = helper.make_node("Reshape", [source, "head_shape"], [f"{place.tensor}_rows" if moved else place.tensor])
    views = [view]
    if moved:
        permutation = [order.index(n) if n != place.time else len(order) for n in range(len(place.shape))]
        views.append(helper.make_node("Transpose", list(view.output), [place.tensor], perm=permutation))
    if place.tensor == graph.output:
        raise Refused("the network has no head: its output is frames")
    shapes = {graph.output: graph.shapes[graph.output]}
    inputs = {source: (1, rows, 1, frames)}
    return build("head", [*views, *nodes], inputs, shapes, {**constants, "head_shape": shape}, graph.opset)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, help="the ONNX file of the window")
    parser.add_argument("out", type=Path, help="the ONNX file to write")
    parser.add_argument("--hop", type=int, required=True, help="samples of a hop")
    arguments = parser.parse_args()
    made = export(onnx.load(arguments.model), arguments.hop)
    arguments.out.write_bytes(made.model.SerializeToString(deterministic=True))
    print(made.report)
    for state in made.states:
        print(f"state: {state.input} -> {state.output}, {list(state.shape)}")


if __name__ == "__main__":
    main()
