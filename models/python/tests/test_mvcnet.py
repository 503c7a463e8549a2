"""MVCNet: what its losses ask for, that it learns, and that its ONNX form computes the same."""

import io
import math
import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.nn import functional  # noqa: E402  needs torch

from bcid_models.montage import CENTRAL_9, CENTRAL_21  # noqa: E402
from bcid_models.networks import augment, mvcnet  # noqa: E402
from bcid_models.networks.shape import Shape  # noqa: E402

torch.set_num_threads(1)

CENTRAL_11 = ("C3", "C4", "Cz", "FC1", "FC2", "FC5", "FC6", "CP1", "CP2", "CP5", "CP6")
WHOLE_64 = tuple(
    "FC5 FC3 FC1 FCz FC2 FC4 FC6 C5 C3 C1 Cz C2 C4 C6 CP5 CP3 CP1 CPz CP2 CP4 CP6 Fp1 Fpz Fp2 AF7 AF3 AFz AF4 AF8 F7 F5"
    " F3 F1 Fz F2 F4 F6 F8 FT7 FT8 T7 T8 T9 T10 TP7 TP8 P7 P5 P3 P1 Pz P2 P4 P6 P8 PO7 PO3 POz PO4 PO8 O1 Oz O2"
    " Iz".split()
)
SMALL = Shape(CENTRAL_11, 125, 125.0, 2)
SHAPES = [SMALL, Shape(CENTRAL_9, 187, 125.0, 3), Shape(CENTRAL_21, 320, 160.0, 4), Shape(WHOLE_64, 1000, 250.0, 4)]
LEFT_RIGHT = (1, 0)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def made(shape: Shape, mirror_classes: tuple[int, ...] | None = None) -> mvcnet.MvcNet:
    torch.manual_seed(5)
    return mvcnet.MvcNet(shape, mirror_classes)


def synthetic(windows: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Synthetic left and right imagery: noise, and 10 Hz on C3 or C4, the hemisphere of the hand that is imagined."""
    generator = seeded(seed)
    y = torch.arange(windows) % 2
    x = torch.randn(windows, len(CENTRAL_11), 125, generator=generator)
    phase = 2 * math.pi * torch.rand(windows, 1, generator=generator)
    rhythm = 1.5 * torch.sin(2 * math.pi * 10 * torch.arange(125) / 125 + phase)
    for side, label in enumerate(("C3", "C4")):
        x[:, CENTRAL_11.index(label)] += rhythm * (y == side)[:, None]
    return x / x.std(dim=(0, 2), keepdim=True), y


def test_the_contrastive_loss_is_that_computed_by_hand():
    axes = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    # Each row has its partner at a cosine of 1 and two rows at 0.
    assert float(mvcnet.nt_xent(axes, 3 * axes, 1.0)) == pytest.approx(math.log(1 + 2 / math.e), rel=1e-6)
    # Each row has its partner at 0, one row at 1 and one at 0; at half the temperature they count twice.
    assert float(mvcnet.nt_xent(axes, axes.flip(0), 0.5)) == pytest.approx(math.log(math.exp(2) + 2), rel=1e-6)
    # One pair alone has nothing to be told from.
    assert float(mvcnet.nt_xent(axes[:1], axes[1:], 0.2)) == 0.0


def test_aligned_pairs_have_the_lower_contrastive_loss():
    first = torch.randn(32, 16, generator=seeded(1))
    second = first + 0.1 * torch.randn(32, 16, generator=seeded(2))
    aligned = mvcnet.nt_xent(first, second, 0.2)
    shuffled = mvcnet.nt_xent(first, second.roll(1, dims=0), 0.2)
    assert aligned < 0.2 * shuffled
    assert aligned == pytest.approx(float(mvcnet.nt_xent(second, first, 0.2)), rel=1e-5)


@pytest.mark.parametrize(
    ("mirror_classes", "alike"), [(LEFT_RIGHT, "flip, shift"), ((0, 1), "all three"), (None, "all three")]
)
def test_the_training_loss_is_the_sum_of_its_parts(mirror_classes, alike):
    """Without dropout: entropy of windows and views, likeness of views that keep the class, agreement of branches."""
    network, (x, y) = made(SMALL, mirror_classes).eval(), synthetic(6, 3)
    views = network.views(x, y, seeded(7))
    assert len(views) == 3 and [len(view) for view, _ in views] == [6, 6, 6]
    assert torch.equal(views[2][1], 1 - y if mirror_classes == LEFT_RIGHT else y)
    windows = [x, *(view for view, _ in views)]
    entropy = functional.cross_entropy(network(x), y) + sum(functional.cross_entropy(network(v), c) for v, c in views)
    seen = [(network.convolution(w), network.transformer(w)) for w in windows]
    agree = mvcnet.nt_xent(*(torch.cat(branch) for branch in zip(*seen, strict=True)), 0.2)
    kept = seen[1:3] if alike == "flip, shift" else seen[1:]
    across = sum(mvcnet.nt_xent(torch.cat(seen[0]), torch.cat(view), 0.2) for view in kept) / len(kept)
    whole = network.training_loss(x, y, seeded(7))
    assert whole.ndim == 0
    assert whole.item() == pytest.approx((entropy + 0.1 * across + 0.1 * agree).item(), rel=1e-5)
    assert abs((across - agree).item()) > 0.01, "the two losses are not one"


def test_the_view_in_space_is_the_mirrored_window_or_one_of_two_windows():
    x, y = synthetic(8, 3)
    mirrored, labels = made(SMALL, LEFT_RIGHT).views(x, y, seeded())[2]
    assert torch.equal(mirrored[:, CENTRAL_11.index("C3")], x[:, CENTRAL_11.index("C4")])
    assert torch.equal(labels, 1 - y)
    mixed, labels = made(SMALL).views(x, y, seeded())[2]
    assert torch.equal(mixed, augment.recombine(x, y, augment.hemispheres(CENTRAL_11), shift_drawn(8)))
    assert torch.equal(labels, y) and not torch.equal(mixed, x)


def shift_drawn(windows: int) -> torch.Generator:
    """A generator from which the view in frequency has drawn."""
    generator = seeded()
    augment.uniform(windows, -1.0, 1.0, generator)
    return generator


def test_the_view_in_frequency_goes_up_for_some_windows_and_down_for_others():
    x, y = synthetic(16, 3)
    shifted, _ = made(SMALL).views(x, y, seeded())[1]
    up, down = (augment.shift_frequency(x, torch.full((16,), hz), 125.0) for hz in (0.1, -0.1))
    ups, downs = ((shifted - way).abs().amax(dim=(1, 2)) < 1e-6 for way in (up, down))
    assert (ups ^ downs).all() and ups.any() and downs.any()


def test_a_seed_settles_the_loss_and_the_weights_learn_from_it():
    x, y = synthetic(8, 3)
    losses = []
    for seed in (1, 1, 2):
        network = made(SMALL, LEFT_RIGHT)
        torch.manual_seed(9)
        loss = network.training_loss(x, y, seeded(seed))
        loss.backward()
        losses.append(float(loss.detach()))
        assert [name for name, value in network.named_parameters() if not value.grad.any()] == []
    assert losses[0] == losses[1] != losses[2]


@pytest.mark.parametrize("mirror_classes", [LEFT_RIGHT, None])
def test_it_learns_what_is_separable(mirror_classes):
    """Synthetic windows: 30 steps, then windows that it has not seen."""
    network, generator = made(SMALL, mirror_classes), seeded(4)
    optimiser = torch.optim.Adam(network.parameters(), 1e-2)
    unseen, classes = synthetic(64, 1)
    losses, before = [], apart(network, unseen)
    for step in range(30):
        loss = network.training_loss(*synthetic(16, 100 + step), generator)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert np.mean(losses[-5:]) < 0.5 * np.mean(losses[:5])
    assert apart(network, unseen) < before - 0.2, "the branches agree better on windows not seen"
    with torch.no_grad():
        right = network.eval()(unseen).argmax(dim=1) == classes
    assert right.float().mean() > 0.9


def apart(network: mvcnet.MvcNet, x: torch.Tensor) -> float:
    """How badly the branches agree on `x`."""
    network.eval()
    with torch.no_grad():
        found = float(mvcnet.nt_xent(network.convolution(x), network.transformer(x), 0.2))
    network.train()
    return found


@pytest.mark.parametrize("shape", SHAPES, ids=lambda s: f"{len(s.channels)}x{s.samples}")
def test_logits_are_those_of_each_window_alone(shape):
    network = made(shape).eval()
    x = torch.randn(3, len(shape.channels), shape.samples, generator=seeded(1))
    with torch.no_grad():
        logits = network(x)
        assert logits.shape == (3, shape.classes) and torch.equal(logits, network(x))
        assert torch.allclose(network(x[1:2]), logits[1:2], atol=1e-5)
        assert not torch.allclose(logits[0], logits[1], atol=1e-5)
        assert network.transformer(x).shape == network.convolution(x).shape


def test_a_sample_that_fills_no_pool_is_the_oldest():
    network = made(SMALL).eval()
    taps = network.convolution.temporal.weight
    x = torch.randn(1, len(CENTRAL_11), 125, generator=seeded(1))
    with torch.no_grad():
        # The middle tap alone: no sample reaches the place of another.
        middle = taps[..., taps.shape[-1] // 2].clone()
        taps.zero_()[..., taps.shape[-1] // 2] = middle
        logits, changed = network(x), []
        for sample in (0, 1, -1):
            other = x.clone()
            other[:, :, sample] += 1.0
            changed.append(not torch.equal(network(other), logits))
    assert changed == [False, True, True]


def test_what_cannot_be_mirrored_is_refused():
    lopsided = Shape((*CENTRAL_11, "T7"), 125, 125.0, 2)
    made(lopsided)
    with pytest.raises(ValueError, match="no channel opposite T7"):
        made(lopsided, LEFT_RIGHT)
    with pytest.raises(ValueError, match="EEG1 is no label"):
        made(Shape(("EEG1",), 125, 125.0, 2))
    for classes in ((), (0,), (1, 2), (0, 0), (1, 2, 0)):
        with pytest.raises(ValueError, match="does not pair"):
            made(SMALL if len(classes) < 3 else Shape(CENTRAL_11, 125, 125.0, 3), classes)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda s: f"{len(s.channels)}x{s.samples}")
def test_the_onnx_form_computes_the_same_and_has_the_convolution_alone(shape):
    pytest.importorskip("onnxscript")
    onnx, ort = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")
    network = made(shape)
    x = torch.randn(8, len(shape.channels), shape.samples, generator=seeded(1))
    with torch.no_grad():
        for _ in range(20):
            network(x)  # so that batch norms have seen something
        original = network.eval()(x).numpy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(network, (x[:1],), dynamo=True, verbose=False)
    held = io.BytesIO(program.model_proto.SerializeToString())
    session = ort.InferenceSession(held.getvalue(), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    assert session.get_inputs()[0].shape == [1, len(shape.channels), shape.samples]
    exported = np.concatenate([session.run(None, {name: window[None].numpy()})[0] for window in x])
    assert np.abs(exported - original).max() <= 1e-5 * np.abs(original).max()
    assert np.ptp(original, axis=0).max() > 1e-3, "the outputs vary, so that equality proves something"
    model = onnx.load_from_string(held.getvalue())
    numbers = sum(math.prod(tensor.dims) for tensor in model.graph.initializer)
    decoding = sum(p.numel() for part in (network.convolution, network.final_layer) for p in part.parameters())
    assert numbers < 1.1 * decoding + 600, "and no attention"
