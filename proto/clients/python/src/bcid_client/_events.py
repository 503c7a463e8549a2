"""What happens."""

from __future__ import annotations

from dataclasses import dataclass

from . import v1


@dataclass(frozen=True)
class Intent:
    """A window was decoded."""

    pipeline: str
    sequence: int
    label: str | None
    """The class that may be acted upon; `None` where there is none: see `reason`."""
    probability: float
    """Its smoothed probability; 0 where there is none."""
    activation: int
    """Which activation it belongs to; 0 where there is none."""
    held_ms: float
    """For how long the class has been the intent."""
    reason: str | None
    """Why there is no intent, such as `below_threshold`, `invalid_data`, `refractory` or `paused`."""
    velocity: dict[str, float]
    """What a cursor is to do, by axis; empty where the pipeline is not configured for it."""
    valid_until_ns: int | None
    """Until when any of it may be acted upon, on the LSL clock; `None`: until another comes."""
    replayed: bool
    """From before this connection: for records, and not to be acted upon."""
    run: int
    """Which run of the daemon."""
    message: v1.Intent
    """All of it."""


@dataclass(frozen=True)
class Marker:
    """A marker arrived."""

    stream: str
    text: str
    time_ns: int
    replayed: bool


@dataclass(frozen=True)
class Missed:
    """Events are missing here."""

    events: int
    """How many at most; 0 where that is not known."""
    another_run: bool
    """The daemon was started anew: what it sent before it ended is lost."""


@dataclass(frozen=True)
class Stream:
    """A pipeline's stream changed its state."""

    pipeline: str
    state: str
    """`waiting`, `streaming`, `silent`, `lost`, `refused` or `stopped`."""
    text: str


@dataclass(frozen=True)
class Connected:
    """The daemon is heard from now on."""


@dataclass(frozen=True)
class Lost:
    """The daemon is not heard any more. It is tried again by itself."""

    why: str


Event = Intent | Marker | Missed | Stream | Connected | Lost


def _word(enum, value: int, prefix: str) -> str:
    """The name of a value without what all of them begin with; a number that this client is too old for as such."""
    try:
        return enum.Name(value).removeprefix(prefix).lower()
    except ValueError:
        return str(value)


def event_of(response: v1.SubscribeResponse) -> Event | None:
    """What a response tells; `None` where this client is too old for it."""
    kind = response.WhichOneof("event")
    if kind == "intent":
        return _intent(response.intent, response.replayed, response.place.run)
    if kind == "marker":
        marker = response.marker
        return Marker(marker.stream, marker.text, marker.time_ns, response.replayed)
    if kind == "missed":
        return Missed(response.missed.events, response.missed.another_run)
    if kind == "stream":
        status = response.stream
        return Stream(status.pipeline, _word(v1.StreamState, status.state, "STREAM_STATE_"), status.message)
    return None


def _intent(intent: v1.Intent, replayed: bool, run: int) -> Intent:
    outcome = intent.WhichOneof("outcome")
    discrete = intent.discrete if outcome == "discrete" else None
    reason = _word(v1.NoIntentReason, intent.none.reason, "NO_INTENT_REASON_") if outcome == "none" else None
    return Intent(
        pipeline=intent.pipeline,
        sequence=intent.sequence,
        label=discrete.label if discrete else None,
        probability=discrete.probability if discrete else 0.0,
        activation=discrete.activation if discrete else 0,
        held_ms=discrete.held_ms if discrete else 0.0,
        reason=reason,
        velocity={axis.axis: axis.value for axis in intent.motion.axes},
        valid_until_ns=intent.valid_until_ns if intent.HasField("valid_until_ns") else None,
        replayed=replayed,
        run=run,
        message=intent,
    )
