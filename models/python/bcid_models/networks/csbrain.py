"""CSBrain: a cross-scale spatiotemporal network for EEG decoding (Zhou et al., arXiv 2506.23075, NeurIPS 2025).

Trained from scratch and reduced in size: the weights of the published pre-training (9000 hours of TUEG) are not to be
had here. `masked_loss` is the paper's pre-training, for windows without labels.
"""

from collections.abc import Sequence

import torch
from torch import Generator, Tensor, nn

from .csbrain_attention import SparseBlock
from .csbrain_regions import arrange
from .csbrain_tokens import CrossScale, PatchEmbedding
from .shape import Shape


class CsBrain(nn.Module):
    """Each channel's patches become tokens; scales, windows and regions mix them, `blocks` times; all are classified.

    | size | here | published |
    |---|---|---|
    | `dim`, `feed_forward`, `heads` | 40, 160, 4 | 200, 800, 8 |
    | `blocks` | 2 | 12 |
    | `patch_s`, seconds of a patch | 0.2, so that 1 s has 5 | 1.0, 30 of them |
    | `window_patches`, patches of an attention window | a third of all, 2 to 5 | 5 |
    | `scales`, patches or electrodes | 1, 3, 5 | 1, 3, 5 |
    | `position`, channels and patches | 19, 7 | 19, 7 |
    | `hidden`, layers of the head | none | 800, 200 at 4 patches |
    | `dropout`, `head_dropout` | 0.1, 0.3 | 0.1, 0.3 for motor imagery |
    | `masked`, share of patches | 0.5 | 0.5 |

    One tokenization serves every block, as in the published code. Where the patches do not fill the window, its oldest
    samples are left out: fewer than there are patches. Channels are told by their labels alone (`csbrain_regions`), in
    whatever order.
    """

    def __init__(
        self,
        shape: Shape,
        *,
        dim: int = 40,
        feed_forward: int = 160,
        heads: int = 4,
        blocks: int = 2,
        patch_s: float = 0.2,
        window_patches: int | None = None,
        scales: Sequence[int] = (1, 3, 5),
        position: tuple[int, int] = (19, 7),
        hidden: Sequence[int] = (),
        dropout: float = 0.1,
        head_dropout: float = 0.3,
        masked: float = 0.5,
    ) -> None:
        super().__init__()
        order, sizes = arrange(shape.channels)
        self.masked = masked
        self.patches = max(1, round(shape.seconds / patch_s))
        self.patch_samples = shape.samples // self.patches
        window = window_patches or min(5, max(2, self.patches // 3))
        self.register_buffer("order", torch.tensor(order), persistent=False)
        self.mask = nn.Parameter(torch.zeros(self.patch_samples))
        self.embedding = PatchEmbedding(self.patch_samples, dim, position, dropout)
        self.cross_scale = CrossScale(dim, sizes, scales)
        self.blocks = nn.ModuleList(
            SparseBlock(dim, heads, feed_forward, sizes, self.patches, window, dropout) for _ in range(blocks)
        )
        self.reconstruction = nn.Linear(dim, self.patch_samples)
        self.final_layer = _head([len(order) * self.patches * dim, *hidden, shape.classes], head_dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Logits `[N, classes]` of windows `[N, channels, samples]`."""
        return self.final_layer(self.tokens(self.cut(x)))

    def masked_loss(self, x: Tensor, generator: Generator | None = None) -> Tensor:
        """Mean squared error of the patches hidden from the network, `masked` of all, drawn from `generator`.

        In their place stands one patch that is learnt. A channel's variance being 1, a network that knows nothing
        scores about 1. Trains all but `final_layer`; `forward` trains all but `mask` and `reconstruction`.
        """
        patches = self.cut(x)
        drawn_on = patches.device if generator is None else generator.device
        drawn = torch.rand(patches.shape[:3], generator=generator, device=drawn_on)
        hidden = (drawn < self.masked).to(patches.device)
        restored = self.reconstruction(self.tokens(torch.where(hidden.unsqueeze(-1), self.mask, patches)))
        errors = (restored - patches).square().mean(-1)
        return (errors * hidden).sum() / hidden.sum().clamp(min=1)

    def cut(self, x: Tensor) -> Tensor:
        """`[N, channels, patches, samples]`, the channels by region."""
        newest = x[..., x.shape[-1] - self.patches * self.patch_samples :]
        return newest.index_select(1, self.order).unflatten(-1, (self.patches, self.patch_samples))

    def tokens(self, patches: Tensor) -> Tensor:
        """`[N, channels, patches, dim]` of what `cut` yields."""
        tokens = self.embedding(patches)
        for block in self.blocks:
            tokens = block(self.cross_scale(tokens))
        return tokens


def _head(widths: Sequence[int], dropout: float) -> nn.Sequential:
    """All tokens side by side, through linear layers of `widths` with ELU and dropout between."""
    layers: list[nn.Module] = [nn.Flatten()] if len(widths) > 2 else [nn.Flatten(), nn.Dropout(dropout)]
    for inputs, outputs in zip(widths[:-2], widths[1:-1], strict=True):
        layers += [nn.Linear(inputs, outputs), nn.ELU(), nn.Dropout(dropout)]
    return nn.Sequential(*layers, nn.Linear(widths[-2], widths[-1]))
