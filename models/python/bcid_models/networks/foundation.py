"""The architectures of five foundation models of EEG, for a benchmark that trains them from nothing.

No pretrained weights: none can be had here, and what such a network scores says nothing of the published model.
CBraMod, LaBraM and BIOT have their published size. EEGPT and REVE are reduced, as their docstrings say, for training
without a GPU; options restore them.

CBraMod, LaBraM and REVE cut a signal of 200 Hz into patches of 1 s: a fixed polyphase filter, as a matrix over the
window, resamples in front of them. EEGPT and BIOT have patches of so many seconds whatever the rate.
"""

import json
import math
import os
import tempfile
import warnings
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from unittest import mock

import mne
import numpy as np
import torch
from braindecode import models
from braindecode.models.eegpt import EEGPT_CHANNELS
from braindecode.models.labram import LABRAM_CHANNEL_ORDER
from scipy.signal import resample_poly
from torch import nn

from .shape import Shape

RATE_HZ, PATCH = 200, 200
"""The sampling rate of CBraMod, LaBraM and REVE, and the samples of a patch."""


def cbramod(shape: Shape, **options: object) -> nn.Module:
    """CBraMod (Wang et al., ICLR 2025): attention across channels and along time side by side, 12 layers of 200."""
    matrix = _resampling(shape, PATCH)
    return _Headed(models.CBraMod(**_resampled(shape, matrix), patch_size=PATCH, **options), matrix)


def labram(shape: Shape, **options: object) -> nn.Module:
    """LaBraM-base (Jiang et al., ICLR 2024): 12 layers of 200 over all channels' patches.

    The mean of the tokens is classified. Labels must be among its 128 channels.
    """
    _require(shape, LABRAM_CHANNEL_ORDER, "LaBraM")
    matrix = _resampling(shape, PATCH)
    chosen = {"use_mean_pooling": True} | options
    made = models.Labram(**_resampled(shape, matrix), patch_size=PATCH, **chosen)
    return _Headed(made, matrix, ch_names=list(shape.channels))


def biot(shape: Shape, **options: object) -> nn.Module:
    """BIOT (Yang et al., NeurIPS 2023): 4 layers of linear attention over spectra of 1 s of each channel.

    The spectra overlap by half. They have the stream's own rate: 1 Hz a bin, 63 bins at 125 Hz and 101 at the 200 Hz of
    the publication.
    """
    chosen = {"hop_length": round(shape.rate_hz) // 2} | options
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="This model has only been trained on a dataset with 200 Hz")
        made = models.BIOT(
            n_chans=len(shape.channels), n_outputs=shape.classes, n_times=shape.samples, sfreq=round(shape.rate_hz),
            **chosen,
        )  # fmt: skip
    return _Headed(_Biot(made))


def eegpt(shape: Shape, **options: object) -> nn.Module:
    """EEGPT (Wang et al., NeurIPS 2024): patches of a quarter of a second, half overlapping; attention across channels.

    8 layers as published, but 128 wide and not 512: 1.6 of 25 million parameters. Channels are told by their labels,
    which must be among the 62 that the network knows; there is no projection onto 19 of them.
    """
    _require(shape, EEGPT_CHANNELS, "EEGPT")
    patch = 2 * round(shape.rate_hz / 8)
    chosen = {"patch_size": patch, "patch_stride": patch // 2, "embed_dim": 128, "chan_proj_type": "none"} | options
    made = models.EEGPT(
        chs_info=[{"ch_name": label} for label in shape.channels], n_chans=len(shape.channels), n_outputs=shape.classes,
        n_times=shape.samples, sfreq=shape.rate_hz, **chosen,
    )  # fmt: skip
    return _Headed(made)


def reve(shape: Shape, **options: object) -> nn.Module:
    """REVE (El Ouahidi et al., NeurIPS 2025): attention over all patches, told apart by place in space and time.

    512 wide as published, but 4 layers and not 22: 13 of 69 million parameters. Patches of 1 s overlap by 0.1 s. Places
    are those of mne's `colin27_1005`, in metres, as in the published bank of positions.
    """
    places = mne.channels.make_standard_montage("colin27_1005").get_positions()["ch_pos"]
    _require(shape, places, "mne")
    overlap, chosen = PATCH // 10, {"depth": 4} | options
    matrix = _resampling(shape, PATCH - overlap)
    with tempfile.TemporaryDirectory() as folder:
        # The class would fetch its bank of positions; it takes one from this folder instead.
        bank = {label: places[label].tolist() for label in shape.channels}
        Path(folder, "reve_positions.json").write_text(json.dumps(bank), encoding="utf-8")
        with mock.patch.dict(os.environ, REVE_POSITIONS_PATH=folder):
            info = [{"ch_name": label} for label in shape.channels]
            made = models.REVE(
                chs_info=info, patch_size=PATCH, patch_overlap=overlap, **_resampled(shape, matrix), **chosen
            )
    for attention, _ in made.transformer.layers:
        attention.attend.use_sdpa = False
    return _Headed(made, matrix)


class _Headed(nn.Module):
    """A library's network behind a resampling matrix `[samples, samples of the network]`, its head moved out of it."""

    def __init__(self, body: nn.Module, resampling: np.ndarray | None = None, **keywords: object) -> None:
        super().__init__()
        self.final_layer, body.final_layer = body.final_layer, nn.Identity()
        self.body, self.keywords = body, keywords
        matrix = None if resampling is None else torch.from_numpy(resampling.astype(np.float32))
        self.register_buffer("resampling", matrix, persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        at_rate = x if self.resampling is None else x @ self.resampling
        return self.final_layer(self.body(at_rate, **self.keywords))


class _Biot(nn.Module):
    """BIOT's encoder for all channels at once, its spectra by matrix: the library's loop has a transform a channel."""

    def __init__(self, made: nn.Module) -> None:
        super().__init__()
        self.encoder, self.final_layer = made.encoder, made.final_layer
        frame = self.encoder.n_fft
        phase = 2 * np.pi * np.outer(np.arange(frame), np.arange(frame // 2 + 1)) / frame
        waves = np.concatenate([np.cos(phase), np.sin(phase)], axis=1)
        self.register_buffer("waves", torch.from_numpy(waves.astype(np.float32)), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        encoder = self.encoder
        real, imaginary = (x.unfold(2, encoder.n_fft, encoder.hop_length) @ self.waves).chunk(2, dim=-1)
        # The square root has no derivative at zero, where a channel is flat.
        spectra = (real.square() + imaginary.square()).clamp_min(1e-12).sqrt()
        tokens = encoder.patch_embedding.projection(spectra) + encoder.channel_tokens.weight[:, None]
        placed = encoder.positional_encoding(tokens.flatten(0, 1)).reshape(len(x), -1, tokens.shape[-1])
        return self.final_layer(encoder.transformer(placed).mean(dim=1))


def _require(shape: Shape, known: Iterable[str], where: str) -> None:
    upper = {label.upper() for label in known}
    unknown = [label for label in shape.channels if label.upper() not in upper]
    if unknown:
        raise ValueError(f"{where} knows no channel {', '.join(unknown)}")


def _resampled(shape: Shape, matrix: np.ndarray) -> dict[str, int | float]:
    return {
        "n_chans": len(shape.channels), "n_outputs": shape.classes, "n_times": matrix.shape[1], "sfreq": float(RATE_HZ),
    }  # fmt: skip


def _resampling(shape: Shape, step: int) -> np.ndarray:
    """`[samples, samples at RATE_HZ]`: windows times it are resampled, and of a length that patches every `step` fill.

    Beyond its edges a window is taken to go on from the first and from the last sample, along the slope between them.
    Up to a tenth of a patch of the oldest samples is dropped, or else zeros stand before the oldest.
    """
    ratio = Fraction(RATE_HZ) / Fraction(shape.rate_hz).limit_denominator(1000)
    made = resample_poly(np.eye(shape.samples), ratio.numerator, ratio.denominator, axis=1, padtype="line")
    patches = 1 + max(0, math.ceil((made.shape[1] - PATCH - PATCH / 10) / step))
    missing = PATCH + (patches - 1) * step - made.shape[1]
    return np.pad(made, ((0, 0), (missing, 0))) if missing > 0 else made[:, -missing:]
