"""A client of bcid, the brain-computer-interface daemon.

Every time is in ns on the LSL clock of the daemon's machine (on Linux, `CLOCK_MONOTONIC`, which `time.monotonic_ns()` reads);
durations in ms say so. `v1` holds the messages of the interface, with their documentation in the .proto files.
"""

from . import v1
from ._aio import AsyncClient
from ._clock import DaemonClock
from ._events import Connected, Event, Intent, Lost, Marker, Missed, Stream
from ._hold import Hold
from ._sync import Client
from ._target import Refused

__all__ = [
    "AsyncClient",
    "Client",
    "Connected",
    "DaemonClock",
    "Event",
    "Hold",
    "Intent",
    "Lost",
    "Marker",
    "Missed",
    "Refused",
    "Stream",
    "v1",
]
