"""MVCNet, the multi-view contrastive network: Wang, Li, Chen, Li and Wu, Knowledge-Based Systems 328, 114205, 2025.

A convolutional branch, which decodes, and beside it a Transformer branch, which is there to train the first. Each
window of a batch is joined by three views of it, made in time, in frequency and in space. Cross-entropy asks the class
of all four; one contrastive loss asks that a window and its views be alike, the other that both branches see the same
in a window.

The ONNX form holds the convolutional branch and the head alone, which is what the authors' code classifies with.
Lengths are in seconds and hold at any rate; pools and tokens are stretched until a whole number fills the window.
"""

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from . import augment
from .shape import Shape

FILTERS, KERNEL_S, POOL_S, DROPOUT = 64, 0.25, 0.5, 0.5
"""Of the convolutional branch: at 250 Hz kernels of 63 samples and pools of 125."""
LAYERS, HEADS, WIDTH, ATTENTION_DROPOUT = 2, 2, 64, 0.1
"""Of the Transformer branch, which is twice as wide between attentions."""
TOKENS = 5
"""Tokens to a pool of the convolutional branch: one every 0.1 s."""
SHIFT_HZ = 0.1
"""By how much the view in frequency is shifted, up or down."""
TEMPERATURE, ACROSS_VIEWS, ACROSS_BRANCHES = 0.2, 0.1, 0.1
"""Of both contrastive losses, and what each counts beside the cross-entropy."""


class MvcNet(nn.Module):
    """`forward` yields logits `[N, classes]` of windows `[N, channels, samples]`; `training_loss` is what to minimise.

    `mirror_classes` says for each class which one the mirrored person would do (`augment.mirror_classes`): the view in
    space is then the window mirrored. It is None where a mirrored window has no label, as with right hand against feet:
    the view in space then has one hemisphere of another window of the same class.

    Raises `ValueError` for labels that are not of the 10-10 system, for classes that do not mirror each other, and,
    where windows are to be mirrored, for channels without an opposite one.
    """

    def __init__(self, shape: Shape, mirror_classes: tuple[int, ...] | None = None) -> None:
        super().__init__()
        if mirror_classes is not None and not _mirrors(mirror_classes, shape.classes):
            raise ValueError(f"mirror_classes = {mirror_classes} does not pair {shape.classes} classes")
        patches = max(1, round(shape.seconds / POOL_S))
        self.rate_hz, self.mirror_classes = shape.rate_hz, mirror_classes
        self.sides = augment.hemispheres(shape.channels)
        self.mirror_channels = augment.mirror_channels(shape.channels) if mirror_classes is not None else ()
        self.convolution = Convolution(shape, patches)
        self.transformer = Transformer(shape, patches)
        self.final_layer = nn.Linear(patches * FILTERS, shape.classes)
        nn.init.trunc_normal_(self.final_layer.weight, std=0.01)
        nn.init.zeros_(self.final_layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.final_layer(self.convolution(x))

    def training_loss(self, x: Tensor, y: Tensor, generator: Generator) -> Tensor:
        """Cross-entropy of windows `x`, of classes `y` `[N]`, and of their views, and both contrastive losses.

        Views are drawn from `generator`; dropout is PyTorch's and follows its global generator. A window is to differ
        from all others of its batch: draw batches from many trials, for overlapping windows of one cannot.
        """
        batch = [(x, y), *self.views(x, y, generator)]
        windows, classes = (torch.cat(parts) for parts in zip(*batch, strict=True))
        features, context = self.convolution(windows), self.transformer(windows)
        # A sum over the four, not their mean: beside that sum the weights of the contrastive losses are published.
        entropy = len(batch) * functional.cross_entropy(self.final_layer(features), classes)
        across_branches = nt_xent(features, context, TEMPERATURE)
        views = torch.stack([features, context]).unflatten(1, (len(batch), len(x)))
        # A mirrored hand is the other hand: to ask that it be alike would ask that the classes be.
        kept = [(view, of_view == y) for view, (_, of_view) in zip(views[:, 1:].unbind(1), batch[1:], strict=True)]
        alike = [
            nt_xent(views[:, 0, same].flatten(0, 1), view[:, same].flatten(0, 1), TEMPERATURE)
            for view, same in kept
            if same.any()
        ]
        return entropy + ACROSS_VIEWS * torch.stack(alike).mean() + ACROSS_BRANCHES * across_branches

    def views(self, x: Tensor, y: Tensor, generator: Generator) -> list[tuple[Tensor, Tensor]]:
        """Windows and classes as seen in time, in frequency and in space."""
        hz = SHIFT_HZ * augment.uniform(len(x), -1.0, 1.0, generator).sign()
        if self.mirror_classes is not None:
            space = augment.reflect(x, y, self.mirror_channels, self.mirror_classes)
        else:
            space = augment.recombine(x, y, self.sides, generator), y
        return [(augment.flip(x), y), (augment.shift_frequency(x, hz, self.rate_hz), y), space]


class Convolution(nn.Module):
    """Features `[N, patches * FILTERS]`: spatial filters, a temporal one on each, and means over half a second.

    IFNet (Wang, Yao and Wang, IEEE TNSRE 31, 2023) for one frequency band, as MVCNet has it. The oldest samples, fewer
    than there are patches, enter no mean.
    """

    def __init__(self, shape: Shape, patches: int) -> None:
        super().__init__()
        taps, self.pool = round(KERNEL_S * shape.rate_hz) | 1, shape.samples // patches
        self.pooled = patches * self.pool
        self.spatial = nn.Conv2d(len(shape.channels), FILTERS, 1, bias=False)
        self.spatial_norm = nn.BatchNorm2d(FILTERS)
        self.temporal = nn.Conv2d(FILTERS, FILTERS, (1, taps), padding=(0, taps // 2), groups=FILTERS, bias=False)
        self.temporal_norm = nn.BatchNorm2d(FILTERS)
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, x: Tensor) -> Tensor:
        # Filters side by side in memory: on a CPU the temporal convolution is several times as fast.
        x = x[:, :, None].contiguous(memory_format=torch.channels_last)
        x = self.spatial_norm(self.spatial(x))
        x = functional.gelu(self.temporal_norm(self.temporal(x)))
        x = functional.avg_pool2d(x[..., -self.pooled :], (1, self.pool))
        return self.dropout(x.flatten(1))


class Transformer(nn.Module):
    """Features of the same shape from attention over the whole window, at home in the space of the convolution's.

    Tokens of about 0.1 s of all channels, their means over each patch, and two dense layers.
    """

    def __init__(self, shape: Shape, patches: int) -> None:
        super().__init__()
        features, tokens = patches * FILTERS, patches * TOKENS
        length = shape.samples // tokens
        self.patches, self.taken = patches, tokens * length
        self.embedding = nn.Conv1d(len(shape.channels), WIDTH, length, stride=length)
        self.position = nn.Parameter(0.02 * torch.randn(tokens, WIDTH))
        layer = nn.TransformerEncoderLayer(WIDTH, HEADS, 2 * WIDTH, ATTENTION_DROPOUT, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, LAYERS, enable_nested_tensor=False)
        self.projection = nn.Sequential(
            nn.Linear(patches * WIDTH, 4 * features),
            nn.LayerNorm(4 * features),
            nn.ReLU(),
            nn.Linear(4 * features, features),
            nn.Tanh(),
        )

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.embedding(x[..., -self.taken :]).mT + self.position
        means = self.encoder(tokens).unflatten(1, (self.patches, TOKENS)).mean(2)
        return self.projection(means.flatten(1))


def nt_xent(first: Tensor, second: Tensor, temperature: float) -> Tensor:
    """The normalised temperature-scaled cross-entropy of pairs of rows, `[pairs, features]` each.

    Every row is to find its partner, by cosine, among all rows but itself (Chen et al., ICML, 2020).
    """
    rows = functional.normalize(torch.cat([first, second]), dim=1)
    similarity = (rows @ rows.T / temperature).fill_diagonal_(float("-inf"))
    partner = torch.arange(len(rows), device=rows.device).roll(len(first))
    return functional.cross_entropy(similarity, partner)


def _mirrors(classes: tuple[int, ...], count: int) -> bool:
    return sorted(classes) == list(range(count)) and all(classes[classes[i]] == i for i in range(count))
