"""What may be acted upon now."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from ._clock import DaemonClock
from ._events import Event, Intent, Lost, Missed, Stream


@dataclass
class _Held:
    label: str | None = None
    velocity: dict[str, float] = field(default_factory=dict)
    until_ns: int | None = None
    begun: tuple[int, int] | None = None
    heard: bool = False

    def let_go(self) -> None:
        self.label, self.velocity, self.heard = None, {}, False


class Hold:
    """What a client may act upon: fed events as they come, asked at any time.

    It lets go by itself once an intent's validity has passed, on data that cannot be trusted, on missed events, and when nothing
    is heard any more. What a stopped process finds waiting when it goes on is long past its validity: none of it begins anything.
    """

    def __init__(self, clock: DaemonClock, now_ns=time.monotonic_ns):
        """With the daemon's clock, as `Client.clock()` finds it; `now_ns` reads this machine's."""
        self.clock = clock
        self._now_ns = now_ns
        self._pipelines: dict[str, _Held] = {}

    def take(self, event: Event) -> str | None:
        """Takes an event in; the class that begins with it, if one does: once an activation."""
        if isinstance(event, Intent):
            return None if event.replayed else self._intent(event)
        if isinstance(event, Missed | Lost):
            for held in self._pipelines.values():
                held.let_go()
        elif isinstance(event, Stream) and event.state != "streaming" and event.pipeline in self._pipelines:
            self._pipelines[event.pipeline].let_go()
        return None

    def label(self, pipeline: str) -> str | None:
        """The class that is held now."""
        held = self._valid(pipeline)
        return held.label if held else None

    def velocity(self, pipeline: str) -> dict[str, float]:
        """What a cursor is to do now, by axis; empty means to stand still."""
        held = self._valid(pipeline)
        return dict(held.velocity) if held else {}

    def _valid(self, pipeline: str) -> _Held | None:
        held = self._pipelines.get(pipeline)
        if held is None or (held.until_ns is not None and self.clock.latest_ns(self._now_ns()) >= held.until_ns):
            return None
        return held

    def _intent(self, intent: Intent) -> str | None:
        held = self._pipelines.setdefault(intent.pipeline, _Held())
        heard, held.heard = held.heard, True
        held.until_ns = intent.valid_until_ns
        late = held.until_ns is not None and self.clock.latest_ns(self._now_ns()) >= held.until_ns
        held.velocity = {} if late else dict(intent.velocity)
        held.label = None if late else intent.label
        if held.label is None:
            return None
        activation = (intent.run, intent.activation)
        if held.begun == activation:
            return None
        held.begun = activation
        # One that lasts already where nothing was heard before began while nobody listened: it is held, and is no beginning.
        return held.label if heard or intent.held_ms <= 0 else None
