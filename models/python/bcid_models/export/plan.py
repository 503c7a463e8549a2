"""Which frames of each tensor a hop must compute, which it can remember, and which are computed anew at the edges.

A tensor of `frames` frames belongs to a window. At the next hop its frames are the same, `shift` frames on, save near
the window's edges: where a convolution pads, the first `left` and the last `right` frames depend on where the window
begins and ends. Those are computed at every hop; the `shift` newest of the others too; the rest is remembered.
"""

from dataclasses import dataclass

from .chain import Stage
from .graph import Refused


@dataclass(frozen=True)
class Level:
    """A tensor of the window: its frames, how many of them near each edge depend on it, and the frames of a hop."""

    frames: int
    left: int
    right: int
    shift: int

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


def levels(stages: tuple[Stage, ...], frames: int, hop: int) -> tuple[list[Level], str]:
    """The level before the first stage and after each one, as far as it goes; and why it goes no further, or nothing."""
    found = [Level(frames, 0, 0, hop)]
    for stage in stages:
        if is_local(stage):
            found.append(found[-1])
            continue
        try:
            found.append(_after(stage, found[-1]))
        except Refused as why:
            return found, str(why)
    return found, ""


def _after(stage: Stage, level: Level) -> Level:
    stride, before, span = stage.stride, stage.before, (stage.kernel - 1) * stage.dilation + 1
    if level.shift % stride:
        raise Refused(f"a stride of {stride} does not divide the {level.shift} frames by which a hop advances there")
    frames = (level.frames + before + stage.after - span) // stride + 1
    left = -(-(level.left + before) // stride)
    last = (level.frames - level.right + before - span) // stride
    right = frames - 1 - last
    shift = level.shift // stride
    if frames - left - right <= shift:
        raise Refused(f"{left} of {frames} frames depend on where the window begins and {right} on where it ends")
    return Level(frames, left, right, shift)


def memories(stages: tuple[Stage, ...], found: list[Level]) -> tuple[list[Memory | None], Memory]:
    """For each stage what it must remember, `None` where it needs nothing; and what the head behind them remembers."""
    end = found[len(stages)]
    head = Memory(end, True, end.left, 0, 0, end.frames)
    wanted, edge = end.newest, end.left > 0
    kept: list[Memory | None] = []
    for stage, level, after in zip(stages[::-1], found[-2::-1], found[:0:-1], strict=True):
        if is_local(stage):
            kept.append(None)
            continue
        tail = max(0, wanted * stage.stride - stage.before)
        first = (after.left - 1) * stage.stride - stage.before + (stage.kernel - 1) * stage.dilation + 1 if edge else 0
        first = max(0, first) if after.left else 0
        # A few frames more are computed again rather than remembered: that saves two nodes.
        spare = 0 if level is found[0] or level == found[0] else level.shift // 4
        if first == 0 and tail >= level.newest - spare:
            kept.append(Memory(level, False, level.newest, tail, wanted, 0))
            wanted, edge = min(tail, level.newest), False
        else:
            whole = first > 0 or tail < level.left
            kept.append(Memory(level, whole, level.left if whole else tail, tail, wanted, first))
            wanted, edge = level.newest, whole and level.left > 0
    return kept[::-1], head
