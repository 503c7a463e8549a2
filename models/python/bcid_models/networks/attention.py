"""Two of `basenet`'s attentions so that a window with an artefact has an output, too.

CAT and CATLite (Wu et al., IET Computer Vision, 2023) weigh by entropies over time and over channels. Computed as `p log p`, a value a
hundred below its neighbours makes `0 * -inf`, and one such frame makes the decoder say NaN. Here the logarithm is that of the softmax
itself; wherever the library's own are finite, outputs are equal.
"""

import torch
from braindecode.modules import CAT, CATLite
from torch import nn

EVEN = 1e-6
"""The least spread of entropies that they are divided by: alike in all channels, or at all times, they say nothing."""


def steady(attention: nn.Module) -> nn.Module:
    """`attention`, a `CAT` or a `CATLite` of braindecode, with the same parameters."""
    attention.__class__ = {CAT: SteadyCat, CATLite: SteadyCatLite}[type(attention)]
    return attention


class SteadyCatLite(CATLite):
    """Channels weighed by their mean, their largest value and their entropy over time."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * _of_channels(self, x, _blurred(self, x))


class SteadyCat(CAT):
    """Channels as in CATLite, and times by the mean and the entropy over channels; the two are mixed in learnt shares."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        blurred = _blurred(self, x)
        over_channels = _spread(_entropy(x, 1), (-2, -1))
        mean = x.mean(dim=1, keepdim=True)
        largest = blurred.amax(dim=(-2, -1), keepdim=True)
        when = self.conv(self.s_beta * largest + self.s_gamma * over_channels - self.s_alpha * mean)
        share = torch.softmax(torch.cat([self.c_w, self.s_w]), dim=0)
        return x * (share[0] * _of_channels(self, x, blurred) + share[1] * torch.sigmoid(when))


def _of_channels(attention: CAT | CATLite, x: torch.Tensor, blurred: torch.Tensor) -> torch.Tensor:
    """`[N, channels, 1, 1]`, 0 to 1."""
    entropy = _entropy(x, -1).sum(dim=-2, keepdim=True)
    mean = attention.mlp(x.mean(dim=(-2, -1), keepdim=True))
    largest = attention.mlp(blurred.amax(dim=(-2, -1), keepdim=True))
    uneven = attention.mlp(_spread(entropy, (-3, -2, -1)))
    return torch.sigmoid(attention.c_alpha * mean + attention.c_beta * largest + attention.c_gamma * uneven)


def _blurred(attention: CAT | CATLite, x: torch.Tensor) -> torch.Tensor:
    return attention.gauss_filter(x.transpose(1, 2)).transpose(1, 2)


def _entropy(x: torch.Tensor, dim: int) -> torch.Tensor:
    """Of the softmax along `dim`, in nats, kept as a dimension of one."""
    log = torch.log_softmax(x, dim=dim)
    return -(log.exp() * log).sum(dim=dim, keepdim=True)


def _spread(x: torch.Tensor, dims: tuple[int, ...]) -> torch.Tensor:
    """From 0, the least along `dims`, to 1, the largest."""
    low, high = x.amin(dim=dims, keepdim=True), x.amax(dim=dims, keepdim=True)
    return (x - low) / (high - low).clamp_min(EVEN)
