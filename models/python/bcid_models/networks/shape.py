"""What a network is made for."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Shape:
    """Windows of `channels` (10-10 labels, in order) by `samples` at `rate_hz`, of `classes` classes.

    A network takes `[N, channels, samples]` in float32, band-passed and scaled so that a channel's standard deviation is about
    1, and yields logits `[N, classes]`.
    """

    channels: tuple[str, ...]
    samples: int
    rate_hz: float
    classes: int

    @property
    def seconds(self) -> float:
        """How long a window is."""
        return self.samples / self.rate_hz
