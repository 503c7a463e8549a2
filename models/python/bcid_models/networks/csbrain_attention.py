"""CSBrain's structured sparse attention: between windows, then between regions (Zhou et al., arXiv 2506.23075, 2025).

Tokens are `[N, channels, patches, dim]`, channels in the order of `csbrain_regions.arrange`. Who attends to whom is a
mask over dense products, as the published code has it between regions: the structure is sparse, the cost is not.
"""

from collections.abc import Sequence
from itertools import accumulate

import torch
from torch import Tensor, nn


def window_groups(patches: int, window: int) -> Tensor:
    """`bool [patches, patches]`: true where two patches stand at the same place of their windows of `window` patches.

    A last window that is not full has the places that it has.
    """
    place = torch.arange(patches) % window
    return place[:, None] == place


def region_groups(sizes: Sequence[int]) -> Tensor:
    """`bool [channels, channels]`: true where some group holds both; the g-th group has every region's g-th electrode.

    There are as many groups as the largest region has electrodes, and a smaller one begins again: of its own region an
    electrode sees only itself.
    """
    starts = [0, *accumulate(sizes)]
    together = torch.zeros(starts[-1], starts[-1], dtype=torch.bool)
    for g in range(max(sizes)):
        group = torch.tensor([start + g % size for start, size in zip(starts, sizes, strict=False)])
        together[group[:, None], group] = True
    return together


def region_means(sizes: Sequence[int]) -> Tensor:
    """`[channels, channels]`, by which channels are replaced by the mean of their region."""
    return torch.block_diag(*(torch.full((size, size), 1 / size) for size in sizes))


class MaskedAttention(nn.Module):
    """Multi-head self-attention along the last axis but one of `[..., tokens, dim]`, where `together` is true."""

    def __init__(self, dim: int, heads: int, together: Tensor, dropout: float) -> None:
        super().__init__()
        assert dim % heads == 0, "heads divide dim"
        self.heads = heads
        self.parts = nn.Linear(dim, 3 * dim)
        self.merge = nn.Linear(dim, dim)
        self.dropout = nn.Dropout(dropout)
        self.register_buffer("apart", ~together, persistent=False)

    def forward(self, tokens: Tensor) -> Tensor:
        heads = self.parts(tokens).unflatten(-1, (3, self.heads, -1)).transpose(-4, -2)
        query, key, value = heads.unbind(-3)
        score = query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5
        weight = self.dropout(score.masked_fill(self.apart, float("-inf")).softmax(-1))
        return self.merge((weight @ value).transpose(-3, -2).flatten(-2))


class BetweenRegions(nn.Module):
    """Attention among the electrodes of one patch, each of which carries its region's mean, mapped, beside itself."""

    def __init__(self, dim: int, heads: int, sizes: Sequence[int], dropout: float) -> None:
        super().__init__()
        self.representative = nn.Linear(dim, dim)
        self.attention = MaskedAttention(dim, heads, region_groups(sizes), dropout)
        self.register_buffer("means", region_means(sizes), persistent=False)

    def forward(self, tokens: Tensor) -> Tensor:
        columns = tokens.transpose(1, 2)
        columns = columns + self.representative(self.means @ columns)
        return self.attention(columns).transpose(1, 2)


class SparseBlock(nn.Module):
    """Attention between windows, then between regions, then a feed-forward layer: each behind a layer norm, added."""

    def __init__(
        self, dim: int, heads: int, feed_forward: int, sizes: Sequence[int], patches: int, window: int, dropout: float
    ) -> None:
        super().__init__()
        between_windows = MaskedAttention(dim, heads, window_groups(patches, window), dropout)
        feed = nn.Sequential(nn.Linear(dim, feed_forward), nn.GELU(), nn.Dropout(dropout), nn.Linear(feed_forward, dim))
        self.between_windows = nn.Sequential(nn.LayerNorm(dim), between_windows, nn.Dropout(dropout))
        between_regions = BetweenRegions(dim, heads, sizes, dropout)
        self.between_regions = nn.Sequential(nn.LayerNorm(dim), between_regions, nn.Dropout(dropout))
        self.feed_forward = nn.Sequential(nn.LayerNorm(dim), *feed, nn.Dropout(dropout))

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = tokens + self.between_windows(tokens)
        tokens = tokens + self.between_regions(tokens)
        return tokens + self.feed_forward(tokens)
