"""Which frames of each tensor a hop must compute, which it can remember, and which are computed anew at the edges.

A tensor of `frames` frames belongs to a window. At the next hop its frames are the same, `shift` frames on, save near
the window's edges: where a convolution pads, the first `left` and the last `right` frames depend on where the window
begins and ends. Those are computed at every hop; the `shift` newest of the others too; the rest is remembered.

A stride that does not divide the frames of a hop is made finer until it does: pooling by 8 at a hop of 20 is computed
every 4 frames, and of what it yields the window takes every second frame, in one hop the even ones, in the next the odd
ones. What comes behind is dilated as much.
"""

from dataclasses import dataclass, replace
from math import gcd

import numpy as np

from .chain import Conv, Pool, Stage
from .graph import Refused


@dataclass(frozen=True)
class Level:
    """A tensor of the window: its frames, how many of them near each edge depend on it, and the frames of a hop.

    Of the frames the network itself has the first and every `ratio`-th after it.
    """

    frames: int
    left: int
    right: int
    shift: int
    ratio: int = 1

    @property
    def own_frames(self) -> int:
        """Frames that the network itself has."""
        return (self.frames - 1) // self.ratio + 1

    @property
    def newest(self) -> int:
        """The first frame that is new at this hop."""
        return self.frames - self.right - self.shift


@dataclass(frozen=True)
class Memory:
    """What is kept of a level for the stage that takes it.

    Frames `[kept, level.newest)` come from before; with `whole` the frames near the left edge are put before them.
    The stage takes frames from `tail` on for what is new, the first of which becomes its frame `yields`, and the first
    `head` frames for the left edge.
    """

    level: Level
    whole: bool
    kept: int
    tail: int
    yields: int
    head: int

    @property
    def state_frames(self) -> int:
        """Frames of the state; none when it is not above 0."""
        return self.level.newest - self.kept


def is_local(stage: Stage) -> bool:
    """Whether a frame rests on one frame alone."""
    return (
        stage.kernel == 1 and stage.stride == 1 and not getattr(stage, "before", 0) and not getattr(stage, "after", 0)
    )


def levels(stages: tuple[Stage, ...], frames: int, hop: int) -> tuple[tuple[Stage, ...], list[Level], str]:
    """The stages as they advance by the hop, the level before the first and after each, as far as that goes; and why no further."""
    found, made = [Level(frames, 0, 0, hop)], []
    for stage in stages:
        if is_local(stage):
            found.append(found[-1])
            made.append(stage)
            continue
        try:
            fine, level = _finer(stage, found[-1])
        except Refused as why:
            return tuple(made), found, str(why)
        made.append(fine)
        found.append(level)
    return tuple(made), found, ""


def _finer(stage: Stage, level: Level) -> tuple[Stage, Level]:
    """The stage on the frames of `level`, its stride made finer where it must be, and the level that it yields."""
    step = stage.stride * level.ratio
    stride = gcd(step, level.shift)
    span = (stage.kernel - 1) * stage.dilation + 1
    if stage.kernel == 1 and stride == 1 and not (stage.before or stage.after):
        # Nothing but frames left out, further on: what it yields is of the same frames.
        return replace(stage, stride=1), replace(level, ratio=step)
    own = (level.own_frames + stage.before + stage.after - span) // stage.stride + 1
    ratio = step // stride
    frames = (own - 1) * ratio + 1
    dilation, before = stage.dilation * level.ratio, stage.before * level.ratio
    span = (stage.kernel - 1) * dilation + 1
    left = -(-(level.left + before) // stride)
    last = (level.frames - level.right + before - span) // stride
    right = max(0, frames - 1 - last)
    shift = level.shift // stride
    if frames - left - right <= shift:
        raise Refused(f"{left} of {frames} frames depend on where the window begins and {right} on where it ends")
    settings = {"stride": stride, "dilation": dilation, "before": before}
    if isinstance(stage, Pool) and stage.op == "AveragePool" and dilation > 1:
        # ONNX has no dilated average before opset 19: it is a convolution of each row with equal weights.
        share = np.full((stage.rows, 1, 1, stage.kernel), 1 / stage.kernel, np.float32)
        stage = Conv(share, None, stage.rows, stage.rows, 1, stride, dilation, before, stage.after)
    return replace(stage, **settings), Level(frames, left, right, shift, ratio)


def memories(stages: tuple[Stage, ...], found: list[Level]) -> tuple[list[Memory | None], Memory]:
    """For each stage what it must remember, `None` where it needs nothing; and what the head behind them remembers."""
    end = found[len(stages)]
    head = Memory(end, True, end.left, 0, 0, end.frames)
    wanted, edge = end.newest, end.left > 0
    kept: list[Memory | None] = []
    for index, (level, after) in reversed(list(enumerate(zip(found, found[1:], strict=False)))):
        stage = stages[index]
        if is_local(stage):
            kept.append(None)
            continue
        tail = max(0, wanted * stage.stride - stage.before)
        first = (after.left - 1) * stage.stride - stage.before + (stage.kernel - 1) * stage.dilation + 1 if edge else 0
        first = max(0, first) if after.left else 0
        # A few frames more are computed again rather than remembered: that saves two nodes.
        spare = 0 if all(map(is_local, stages[:index])) else level.shift // 4
        if first == 0 and tail >= level.newest - spare:
            kept.append(Memory(level, False, level.newest, tail, wanted, 0))
            wanted, edge = min(tail, level.newest), False
        else:
            whole = first > 0 or tail < level.left
            kept.append(Memory(level, whole, level.left if whole else tail, tail, wanted, first))
            wanted, edge = level.newest, whole and level.left > 0
    return kept[::-1], head
