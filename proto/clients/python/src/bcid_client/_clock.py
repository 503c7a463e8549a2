"""The daemon's clock, as read from here."""

from __future__ import annotations

import time
from dataclasses import dataclass

QUESTIONS = 8
"""How often the daemon is asked: the best answer counts."""


@dataclass(frozen=True)
class DaemonClock:
    """How far the daemon's clock is from `time.monotonic_ns()` of this machine."""

    offset_ns: int = 0
    """What is added to this machine's."""
    uncertainty_ns: int = 0
    """The most that it may be off by."""

    @classmethod
    def of(cls, asked: int, received: int, answered: int, heard: int) -> DaemonClock:
        """Of one question: when it was asked and answered here, and when it came and was answered there."""
        away = (heard - asked) - (answered - received)
        return cls(((received - asked) + (answered - heard)) // 2, max(away, 0) // 2 + 1)

    @classmethod
    def unknown(cls) -> DaemonClock:
        """Of which nothing is known: anything is better."""
        return cls(0, 1 << 62)

    def better(self, other: DaemonClock) -> DaemonClock:
        """The better known of two."""
        return other if other.uncertainty_ns < self.uncertainty_ns else self

    def latest_ns(self, here_ns: int | None = None) -> int:
        """What time it may be there by now, at the latest."""
        return (time.monotonic_ns() if here_ns is None else here_ns) + self.offset_ns + self.uncertainty_ns
