"""The networks that the benchmark trains, by name.

Each takes float32 `[N, channels, samples]` and yields logits `[N, classes]`; in `eval()` it is deterministic and has an
ONNX form (`networks.export`). Its classification head is the submodule `final_layer`. A network may have a loss of its
own, `training_loss(x, y, generator)`. Weights come from PyTorch's global generator: seed it before `build`.

Kernels and pools are those of the papers in seconds, not in samples; where a window is too short for that, second pools
are reduced and the docstring says to what. Widths, depths, dropout and norms are as published.
"""

import importlib
from collections.abc import Callable
from functools import partial

import torch
from torch import nn

from .shape import Shape

Build = Callable[..., nn.Module]
"""Called with a `Shape`, and with keyword arguments that replace the hyper-parameters chosen here."""

ATTENTIONS = ("none", "se", "gsop", "fca", "encnet", "eca", "ge", "gct", "srm", "cbam", "cat", "catlite")
"""The channel attentions of `basenet`."""


def build(name: str, shape: Shape, **options: object) -> nn.Module:
    """The network `name` for `shape`, newly initialised, in training mode.

    `options` replace hyper-parameters: `attention` of `basenet`, else those of the class behind the name. Raises
    `ValueError` for a name that is not registered, `ImportError` where what a network is made with is not installed.
    """
    if name not in NETWORKS:
        raise ValueError(f"no network {name!r}: there are {', '.join(names())}")
    return NETWORKS[name](shape, **options).train()


def names() -> tuple[str, ...]:
    """Every name that `build` knows, in the order of tables."""
    return tuple(NETWORKS)


def head_of(module: nn.Module) -> nn.Module:
    """The classification head: what is renewed for other classes, or trained alone. `atcnet` has a list of five."""
    return module.get_submodule("final_layer")


def eegnet(shape: Shape, **options: object) -> nn.Module:
    """EEGNet-8,2 (Lawhern et al., J. Neural Eng. 15(5), 2018).

    A kernel of half a second, pooling to about 32 Hz, separable filters of half a second, pooling by 8.
    """
    from braindecode.models import EEGNet

    pool = _pool_to(shape, 32.0)
    chosen = {
        "F1": 8, "D": 2, "kernel_length": _odd(0.5, shape.rate_hz), "pool1_kernel_size": pool,
        "depthwise_kernel_length": _odd(0.5, shape.rate_hz / pool), "final_layer_with_constraint": True,
    }  # fmt: skip
    return EEGNet(**_signal(shape), **chosen | options)


def shallow(shape: Shape, **options: object) -> nn.Module:
    """ShallowFBCSPNet (Schirrmeister et al., Human Brain Mapping 38(11), 2017): log power of 40 learnt sources.

    Filters of 0.1 s; power over 0.3 s, every 60 ms.
    """
    from braindecode.models import ShallowFBCSPNet

    length, stride = _tokens(shape)
    chosen = {"filter_time_length": _odd(0.1, shape.rate_hz), "pool_time_length": length, "pool_time_stride": stride}
    return ShallowFBCSPNet(**_signal(shape), **chosen | options)


def atcnet(shape: Shape, **options: object) -> nn.Module:
    """ATCNet (Altaheri et al., IEEE Trans. Ind. Informatics 19(2), 2023): attention and TCN over five shifted windows.

    Kernels of 0.256 s and half a second; pooling to about 31 Hz, then by 7, or by less so that 15 frames are left: by 2
    at 1 s.
    """
    from braindecode.models import ATCNet

    first = _pool_to(shape, 31.25)
    chosen = {
        "conv_block_kernel_length_1": round(0.256 * shape.rate_hz),
        "conv_block_pool_size_1": first,
        "conv_block_kernel_length_2": round(0.5 * shape.rate_hz / first),
        "conv_block_pool_size_2": _second_pool(shape, first),
    }
    return ATCNet(**_signal(shape), **chosen | options)


def conformer(shape: Shape, **options: object) -> nn.Module:
    """EEG Conformer (Song et al., IEEE TNSRE 31, 2023): convolution, then six layers of attention over tokens of 0.3 s.

    Filters of 0.1 s, a token every 60 ms: 10 of them at 1 s.
    """
    from braindecode.models import EEGConformer

    length, stride = _tokens(shape)
    chosen = {"filter_time_length": _odd(0.1, shape.rate_hz), "pool_time_length": length, "pool_time_stride": stride}
    return EEGConformer(**_signal(shape), **chosen | options)


def tcformer(shape: Shape, **options: object) -> nn.Module:
    """TCFormer (Altaheri et al., Scientific Reports 15, 32959, 2025): kernels in groups, grouped-query attention, TCN.

    Kernels of 0.08, 0.128 and 0.256 s, then of half a second; pooling as in `atcnet`. 2 layers of attention.
    """
    from braindecode.models import TCFormer

    first = _pool_to(shape, 31.25)
    chosen = {
        "temp_kernel_lengths": tuple(round(seconds * shape.rate_hz) for seconds in (0.08, 0.128, 0.256)),
        "pool_length_1": first, "pool_length_2": _second_pool(shape, first),
        "temp_kernel_length_2": round(0.5 * shape.rate_hz / first),
    }  # fmt: skip
    return TCFormer(**_signal(shape), **chosen | options)


def basenet(shape: Shape, attention: str = "none", **options: object) -> nn.Module:
    """BaseNet with a channel attention (Wimpff et al., J. Neural Eng. 21(3), 036020, 2024), one of `ATTENTIONS`.

    Filters of 0.1 s, pooling over 0.3 s every 60 ms; filters of 0.9 s, no longer than the frames left; pooling by 8.
    The attentions have the settings published with them: `ge` gathers by the mean and excites by the sigmoid alone, so
    that it adds no parameters; `gct` begins as the identity.
    """
    from braindecode.models import AttentionBaseNet

    if attention not in ATTENTIONS:
        raise ValueError(f"no attention {attention!r}: there are {', '.join(ATTENTIONS)}")
    length, stride = _tokens(shape)
    frames = (shape.samples - length) // stride + 1
    chosen = {
        "temp_filter_length_inp": _odd(0.1, shape.rate_hz), "pool_length_inp": length, "pool_stride_inp": stride,
        "temp_filter_length": min(_odd(0.9, shape.rate_hz / stride), frames - 1 + frames % 2),
        "pool_length": min(8, frames), "pool_stride": min(8, frames),
    }  # fmt: skip
    mode = None if attention == "none" else attention
    made = AttentionBaseNet(**_signal(shape), attention_mode=mode, **chosen | options)
    if attention == "cbam":
        made.channel_attention_block.attention_block.max_pool = _Largest()
    if attention in ("cat", "catlite"):
        from .attention import steady

        steady(made.channel_attention_block.attention_block)
    return made


class _Largest(nn.Module):
    """The largest of each plane: `AdaptiveMaxPool2d(1)`, which has no ONNX form."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.amax(dim=(-2, -1), keepdim=True)


def _signal(shape: Shape) -> dict[str, int | float]:
    """What braindecode's classes are told of the input."""
    return {
        "n_chans": len(shape.channels), "n_outputs": shape.classes, "n_times": shape.samples, "sfreq": shape.rate_hz,
    }  # fmt: skip


def _odd(seconds: float, rate_hz: float) -> int:
    """An odd number of taps of about that length: padded by half of it, a signal keeps its length and its place."""
    return 2 * round((seconds * rate_hz - 1) / 2) + 1


def _tokens(shape: Shape) -> tuple[int, int]:
    """Length and stride of pooling over 0.3 s every 60 ms."""
    return round(0.3 * shape.rate_hz), round(0.06 * shape.rate_hz)


def _pool_to(shape: Shape, rate_hz: float) -> int:
    return max(1, round(shape.rate_hz / rate_hz))


def _second_pool(shape: Shape, first: int) -> int:
    """Pooling by 7, as published for windows of 4 s and longer, or by less so that 15 frames are left."""
    return min(7, max(1, shape.samples // first // 15))


def _elsewhere(module: str, what: str) -> Build:
    """Imported when it is built, so that what it is made with need not be installed before."""

    def make(shape: Shape, **options: object) -> nn.Module:
        return getattr(importlib.import_module(f".{module}", __package__), what)(shape, **options)

    return make


NETWORKS: dict[str, Build] = {
    "eegnet": eegnet,
    "shallow": shallow,
    "atcnet": atcnet,
    "conformer": conformer,
    "tcformer": tcformer,
    "basenet": basenet,
    **{f"basenet-{attention}": partial(basenet, attention=attention) for attention in ATTENTIONS[1:]},
    "mvcnet": _elsewhere("mvcnet", "MvcNet"),
    "csbrain": _elsewhere("csbrain", "CsBrain"),
    **{name: _elsewhere("foundation", name) for name in ("cbramod", "labram", "biot", "eegpt", "reve")},
}
"""What `build` calls."""
