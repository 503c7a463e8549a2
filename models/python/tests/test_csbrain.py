"""CSBrain: who attends to whom, which region is whose, and that it learns, with labels and without."""

from collections.abc import Callable

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from bcid_models.networks import csbrain_attention as attention  # noqa: E402
from bcid_models.networks.csbrain import CsBrain  # noqa: E402
from bcid_models.networks.csbrain_regions import arrange, region_of  # noqa: E402
from bcid_models.networks.csbrain_tokens import CrossScale, PatchEmbedding, Scales  # noqa: E402
from bcid_models.networks.shape import Shape  # noqa: E402

CENTRAL_11 = ("C3", "C4", "Cz", "FC1", "FC2", "FC5", "FC6", "CP1", "CP2", "CP5", "CP6")
ROWS_64 = {
    "Fp": "1z2", "AF": "73z48", "F": "7531z2468", "FT": "78", "FC": "531z246", "T": ("7", "8", "9", "10"),
    "C": "531z246", "TP": "78", "CP": "531z246", "P": "7531z2468", "PO": "73z48", "O": "1z2", "I": "z",
}  # fmt: skip
EEGMMIDB_64 = tuple(row + place for row, places in ROWS_64.items() for place in places)
SMALL, LARGE = Shape(CENTRAL_11, 125, 125.0, 3), Shape(EEGMMIDB_64, 640, 160.0, 2)

SIZES, PATCHES, WINDOW = (2, 3, 1), 5, 2
"""Of the tokens in the tests of attention: electrodes 0 1 | 2 3 4 | 5, and patches 0 1 | 2 3 | 4."""
SEEN = {0: {0, 2, 4, 5}, 1: {1, 3, 5}, 2: {0, 2, 5}, 3: {1, 3, 5}, 4: {0, 4, 5}, 5: {0, 1, 2, 3, 4, 5}}
"""By hand, from the groups {0, 2, 5}, {1, 3, 5} and {0, 4, 5}."""

torch.set_num_threads(1)


def made(shape: Shape, seed: int = 0, **sizes: object) -> CsBrain:
    torch.manual_seed(seed)
    return CsBrain(shape, **sizes)


def reached(layer: torch.nn.Module, tokens: torch.Tensor, channel: int, patch: int) -> set[tuple[int, int]]:
    """The tokens, as channel and patch, for which the layer's output at one token has a gradient other than zero."""
    tokens = tokens.clone().requires_grad_()
    weights = torch.randn(tokens.shape[-1], generator=torch.Generator().manual_seed(9))
    (layer(tokens)[0, channel, patch] @ weights).backward()
    return {tuple(place) for place in tokens.grad[0].abs().sum(-1).nonzero().tolist()}


def block() -> attention.SparseBlock:
    torch.manual_seed(1)
    return attention.SparseBlock(16, 4, 32, SIZES, PATCHES, WINDOW, dropout=0.1).eval()


def test_a_token_attends_only_to_its_place_in_other_windows_and_its_groups_in_other_regions():
    sparse, tokens = block(), torch.randn(1, 6, PATCHES, 16)
    torch.nn.init.zeros_(sparse.between_regions[1].representative.weight)
    for channel, others in SEEN.items():
        for patch in range(PATCHES):
            places = range(patch % WINDOW, PATCHES, WINDOW)
            assert reached(sparse, tokens, channel, patch) == {(c, t) for c in others for t in places}


def test_representatives_bring_in_whole_regions_but_no_further_patches():
    tokens = torch.randn(1, 6, PATCHES, 16)
    assert reached(block(), tokens, 1, 1) == {(c, t) for c in range(6) for t in (1, 3)}


def test_a_representative_is_the_mean_of_its_region():
    torch.manual_seed(2)
    layer, tokens, step = attention.BetweenRegions(16, 4, SIZES, dropout=0.1), torch.randn(1, 6, 3, 16), torch.randn(16)
    layer.attention = torch.nn.Identity()
    moved = tokens.clone()
    moved[0, 2, 1] += step
    change = torch.zeros(6, 3, 16)
    change[2:5, 1] = layer.representative.weight @ step / 3
    change[2, 1] += step
    assert torch.allclose((layer(moved) - layer(tokens))[0], change, atol=1e-5)


def test_attention_is_that_of_the_library_under_the_same_mask():
    torch.manual_seed(6)
    together, tokens = attention.region_groups(SIZES), torch.randn(3, 6, 16)
    mine = attention.MaskedAttention(16, 4, together, 0.0)
    library = torch.nn.MultiheadAttention(16, 4, batch_first=True)
    library.in_proj_weight, library.in_proj_bias = mine.parts.weight, mine.parts.bias
    library.out_proj.weight, library.out_proj.bias = mine.merge.weight, mine.merge.bias
    assert torch.allclose(mine(tokens), library(tokens, tokens, tokens, attn_mask=~together)[0], atol=1e-6)


def test_scales_see_neighbours_in_time_and_on_the_ring_of_the_region_alone():
    torch.manual_seed(3)
    layer, tokens = CrossScale(16, (5, 2), (1, 3)), torch.randn(1, 7, 6, 16)
    for channel, ring in {0: {4, 0, 1}, 2: {1, 2, 3}, 5: {5, 6}}.items():
        for patch in (0, 3, 5):
            near = {t for t in (patch - 1, patch, patch + 1) if 0 <= t < 6}
            assert reached(layer, tokens, channel, patch) == {(c, t) for c in ring for t in near}


def test_scales_are_convolutions_side_by_side():
    torch.manual_seed(4)
    scales, signal = Scales(16, (1, 3, 5)), torch.randn(2, 9, 16)
    parts = []
    for one, taps in zip(scales.maps, (1, 3, 5), strict=True):
        kernel = one.weight.unflatten(1, (taps, 16)).transpose(1, 2)
        middle = signal[:, 2 - taps // 2 : 7 + taps // 2].transpose(1, 2)
        parts.append(torch.nn.functional.conv1d(middle, kernel, one.bias).transpose(1, 2))
    assert [part.shape[-1] for part in parts] == [8, 4, 4]
    assert torch.allclose(scales(signal, 1), torch.cat(parts, -1), atol=1e-5)


@pytest.mark.parametrize("samples", [25, 32, 50, 200])
def test_the_spectrum_is_that_of_the_fast_fourier_transform(samples):
    rows = torch.randn(3, samples)
    found = PatchEmbedding(samples, 16, (3, 3), 0.0).spectrum(rows)
    assert torch.allclose(found, torch.fft.rfft(rows, norm="forward").abs(), atol=2e-6)


@pytest.mark.parametrize(
    ("region", "labels"),
    [
        ("frontal", "Fp1 FPZ AF7 AFz F3 Fz f8 F10 FC5 FCz FC2 AFF5h FFC1h Nz"),
        ("central", "C5 C3 Cz CZ c4 FCC1h CCP2h"),
        ("temporal", "T7 T8 T9 T3 T6 FT7 FT10 TP8 TP9 TTP7h"),
        ("parietal", "CP5 CPz Cpz P7 P3 Pz P10 CPP1h PPO1h"),
        ("occipital", "PO7 POz O1 Oz O2 Iz OI1h"),
        ("other", "A1 M2 EOG1 EMG ECG X3 C EEG001 CB1"),
    ],
)
def test_the_letters_of_a_label_tell_its_region(region, labels):
    assert {label: region_of(label) for label in labels.split()} == {label: region for label in labels.split()}


def test_electrodes_stand_by_region_front_to_back_and_left_to_right():
    labels = ("O1", "Cz", "EOG", "C4", "FC2", "C3", "F4", "FC1", "F3", "Fz", "A1")
    order, sizes = arrange(labels)
    assert [labels[k] for k in order] == "F3 Fz F4 FC1 FC2 C3 Cz C4 O1 EOG A1".split()
    assert (sizes, arrange(EEGMMIDB_64)[1]) == ([5, 3, 1, 2], [24, 7, 8, 16, 9])


@pytest.mark.parametrize("shape", [SMALL, LARGE], ids=("11x125", "64x640"))
def test_logits_are_one_a_class_and_the_same_again(shape):
    network, x = made(shape).eval(), torch.randn(2, len(shape.channels), shape.samples)
    with torch.no_grad():
        logits = network(x)
        assert logits.shape == (2, shape.classes)
        assert torch.equal(network(x), logits)
        assert torch.allclose(network(x[1:]), logits[1:], rtol=1e-4, atol=1e-5)


def test_channels_are_told_by_their_labels_in_whatever_order():
    turned = [7, 2, 10, 0, 5, 1, 9, 3, 8, 6, 4]
    network = made(SMALL).eval()
    other = made(Shape(tuple(CENTRAL_11[k] for k in turned), 125, 125.0, 3), seed=1).eval()
    other.load_state_dict(network.state_dict())
    x = torch.randn(2, 11, 125)
    with torch.no_grad():
        assert torch.allclose(other(x[:, turned]), network(x), atol=1e-6)
        assert not torch.allclose(other(x), network(x), atol=1e-3)


def test_only_the_oldest_samples_are_left_out():
    network, x = made(Shape(CENTRAL_11, 128, 128.0, 3)).eval(), torch.randn(1, 11, 128, requires_grad=True)
    network(x).square().sum().backward()
    unused = (x.grad[0].abs().sum(0) == 0).nonzero().flatten().tolist()
    assert (network.patches, network.patch_samples, unused) == (5, 25, [0, 1, 2])


def test_the_published_sizes_are_the_published_layers():
    network = made(
        Shape(CENTRAL_11, 800, 200.0, 4), dim=200, heads=8, feed_forward=800, blocks=1, patch_s=1.0, hidden=(800, 200)
    )
    first = network.embedding.time[0]
    assert (network.patches, network.patch_samples) == (4, 200)
    assert (first.out_channels, first.kernel_size, first.stride, first.padding) == (25, (1, 49), (1, 25), (0, 24))
    assert isinstance(network.embedding.merge, torch.nn.Identity)
    assert [one.out_features for one in network.cross_scale.temporal.maps] == [100, 50, 50]
    assert network(torch.randn(1, 11, 800)).shape == (1, 4)


def test_each_loss_has_a_gradient_for_all_but_what_is_the_others():
    network, x = made(SMALL), torch.randn(8, 11, 125)
    for loss, without in (
        (lambda: torch.nn.functional.cross_entropy(network(x), torch.arange(8) % 3), ("mask", "reconstruction")),
        (lambda: network.masked_loss(x), ("final_layer",)),
    ):
        network.zero_grad()
        loss().backward()
        for name, value in network.named_parameters():
            assert (value.grad is not None and bool(value.grad.any())) != name.startswith(without), name


def test_nothing_of_a_hidden_patch_gets_through():
    network, x = made(SMALL, masked=1.0).eval(), torch.randn(4, 11, 125)
    with torch.no_grad():
        both = network.masked_loss(x) + network.masked_loss(-x) - 2 * network.masked_loss(0 * x)
    # What is restored being the same for all three, the squares of it cancel out.
    assert float(both) == pytest.approx(2 * float(x.square().mean()), rel=1e-4)


def test_what_is_hidden_follows_from_the_generator():
    network, x = made(SMALL).eval(), torch.randn(4, 11, 125)
    with torch.no_grad():
        first, again, other = (network.masked_loss(x, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert float(first) == float(again) != float(other)


def rhythms(seed: int, windows: int = 48) -> tuple[torch.Tensor, torch.Tensor]:
    """Noise, with 10 Hz of any phase over the left, over the right, or over neither; in every third window each."""
    rng = np.random.default_rng(seed)
    labels = np.arange(windows) % 3
    x = rng.normal(size=(windows, 11, 125))
    wave = np.sin(2 * np.pi * (10 * np.arange(125) / 125 + rng.random((windows, 1))))
    for label, digits in enumerate(("135", "246")):
        side = [k for k, name in enumerate(CENTRAL_11) if name[-1] in digits]
        x[np.ix_(labels == label, side)] += 1.5 * wave[labels == label, None]
    return torch.tensor(x, dtype=torch.float32), torch.tensor(labels)


def trained(network: CsBrain, loss: Callable[[], torch.Tensor], steps: int) -> list[float]:
    optimizer, losses = torch.optim.AdamW(network.parameters(), 2e-3), []
    for _ in range(steps):
        losses.append(loss())
        optimizer.zero_grad()
        losses[-1].backward()
        optimizer.step()
    return [float(one.detach()) for one in losses]


def test_training_lowers_the_loss_and_carries_over_to_other_windows():
    network, (x, y), (other, truth) = made(SMALL), rhythms(1), rhythms(2)
    losses = trained(network, lambda: torch.nn.functional.cross_entropy(network(x), y), steps=30)
    assert losses[-1] < 0.2 * losses[0]
    assert int((network.eval()(other).argmax(1) == truth).sum()) > 30


def test_training_without_labels_restores_what_is_hidden():
    network, generator = made(SMALL), torch.Generator().manual_seed(5)
    phase = torch.rand(48, 1, 1, generator=generator)
    x = torch.linspace(1.0, 1.8, 11).unsqueeze(1) * torch.sin(2 * torch.pi * (10 * torch.arange(125) / 125 + phase))
    losses = trained(network, lambda: network.masked_loss(x, generator), steps=40)
    assert np.mean(losses[:3]) > 0.8 * float(x.square().mean())
    assert np.mean(losses[-3:]) < 0.5 * np.mean(losses[:3])


@pytest.mark.parametrize("shape", [SMALL, LARGE], ids=("11x125", "64x640"))
def test_the_onnx_form_yields_the_same(shape):
    pytest.importorskip("onnxscript")
    from bcid_models.networks import export

    network, windows = made(shape), np.random.default_rng(7).normal(size=(8, len(shape.channels), shape.samples))
    model = export.to_onnx(network, shape)
    assert export.parity(network, model, windows) <= 1e-5
    assert not {node.op_type for node in model.graph.node} & {"DFT", "STFT"}
