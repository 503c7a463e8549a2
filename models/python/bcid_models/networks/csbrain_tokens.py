"""CSBrain's tokens: patches embedded by time and frequency, mixed over scales (Zhou et al., arXiv 2506.23075, 2025).

Tokens are `[N, channels, patches, dim]`, channels in the order of `csbrain_regions.arrange`.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class PatchEmbedding(nn.Module):
    """`[N, channels, patches, samples]` to tokens: convolutions along the patch, its amplitude spectrum, a position.

    Published for 200 samples and `dim` 200: 25 filters of 49 taps and stride 25, two further layers of 3 taps, behind
    each a group norm in five groups. Here taps and stride follow the patch in the same proportions. A group norm's mean
    and variance are those of the whole window, so that a channel's or a patch's amplitude survives against the others'.
    The position is a depthwise convolution over channels and patches, whose zero padding tells a token where it stands
    (CBraMod, Wang et al., ICLR 2025).
    """

    def __init__(self, samples: int, dim: int, position: tuple[int, int], dropout: float) -> None:
        super().__init__()
        filters = max(1, dim // 8)
        stride = max(1, math.ceil(samples / 8))
        steps = math.ceil(samples / stride)
        self.time = nn.Sequential(
            *_layer(1, filters, 2 * stride - 1, stride),
            *_layer(filters, filters, 3),
            *_layer(filters, filters, 3),
        )
        self.merge = nn.Identity() if filters * steps == dim else nn.Linear(filters * steps, dim)
        cosine, sine = dft(samples)
        self.register_buffer("cosine", cosine, persistent=False)
        self.register_buffer("sine", sine, persistent=False)
        self.frequency = nn.Sequential(nn.Linear(samples // 2 + 1, dim), nn.Dropout(dropout))
        around = (position[0] // 2, position[1] // 2)
        self.position = nn.Conv2d(dim, dim, position, padding=around, groups=dim)

    def forward(self, patches: Tensor) -> Tensor:
        rows = patches.flatten(1, 2)
        time = self.merge(self.time(rows.unsqueeze(1)).transpose(1, 2).flatten(2))
        tokens = (time + self.frequency(self.spectrum(rows))).unflatten(1, patches.shape[1:3])
        return tokens + self.position(tokens.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)

    def spectrum(self, rows: Tensor) -> Tensor:
        """Amplitudes `[..., samples // 2 + 1]` of `[..., samples]`; silence has a gradient too."""
        return ((rows @ self.cosine).square() + (rows @ self.sine).square() + 1e-12).sqrt()


class CrossScale(nn.Module):
    """Cross-scale spatiotemporal tokenization: what several scales see around a token, in time and then in its region.

    Along time the neighbours are the channel's patches before and behind, zeros beyond the window; in space those of
    the region, whose list of electrodes closes to a ring. The region's weights are its own. Each adds to the token.
    """

    def __init__(self, dim: int, sizes: Sequence[int], scales: Sequence[int]) -> None:
        super().__init__()
        self.reach, self.sizes = max(scales) // 2, list(sizes)
        self.temporal = Scales(dim, scales)
        self.spatial = nn.ModuleList(Scales(dim, scales) for _ in sizes)
        for region, size in enumerate(sizes):
            ring = torch.arange(-self.reach, size + self.reach) % size
            self.register_buffer(f"ring_{region}", ring, persistent=False)

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = tokens + self.temporal(F.pad(tokens, (0, 0, self.reach, self.reach)), 2)
        parts = []
        for region, part in enumerate(tokens.split(self.sizes, 1)):
            ring = part.index_select(1, self.get_buffer(f"ring_{region}"))
            parts.append(part + self.spatial[region](ring, 1))
        return torch.cat(parts, 1)


class Scales(nn.Module):
    """Convolutions of several odd lengths side by side, without padding: the shorter see the middle of the longest.

    The k-th has half the width of the one before, the last what is left: 100, 50 and 50 of 200.
    """

    def __init__(self, dim: int, scales: Sequence[int]) -> None:
        super().__init__()
        self.scales = sorted(scales)
        assert all(scale % 2 for scale in self.scales), "a scale has a middle"
        widths = [dim >> k for k in range(1, len(self.scales))]
        widths.append(dim - sum(widths))
        self.maps = nn.ModuleList(nn.Linear(s * dim, width) for s, width in zip(self.scales, widths, strict=True))

    def forward(self, padded: Tensor, axis: int) -> Tensor:
        longest, dim = self.scales[-1], padded.shape[-1]
        count = padded.shape[axis] - longest + 1
        taps = torch.cat([padded.narrow(axis, tap, count) for tap in range(longest)], -1)
        skip = [(longest - scale) // 2 * dim for scale in self.scales]
        seen = [taps[..., s : taps.shape[-1] - s] for s in skip]
        return torch.cat([one(part) for one, part in zip(self.maps, seen, strict=True)], -1)


def dft(samples: int) -> tuple[Tensor, Tensor]:
    """Cosines and sines `[samples, samples // 2 + 1]` over `samples`: the real Fourier transform as two products."""
    turns = torch.outer(torch.arange(samples), torch.arange(samples // 2 + 1)) % samples
    angles = turns.double() * (2 * math.pi / samples)
    return (angles.cos() / samples).float(), (angles.sin() / samples).float()


def _layer(inputs: int, filters: int, taps: int, stride: int = 1) -> tuple[nn.Module, ...]:
    conv = nn.Conv2d(inputs, filters, (1, taps), (1, stride), (0, taps // 2))
    return conv, nn.GroupNorm(math.gcd(filters, 5), filters), nn.GELU()
