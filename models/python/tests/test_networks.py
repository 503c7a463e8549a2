"""The benchmark's networks: they take what they are made for, learn with all they have, and become the same in ONNX."""

import importlib.util
import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("braindecode")
pytest.importorskip("onnxscript")

from bcid_models import preprocess  # noqa: E402
from bcid_models.convert.common import resampled  # noqa: E402
from bcid_models.export.graph import Refused  # noqa: E402
from bcid_models.montage import CENTRAL_21  # noqa: E402
from bcid_models.networks import cost, export, registry  # noqa: E402
from bcid_models.networks.shape import Shape  # noqa: E402
from bcid_models.recording import read  # noqa: E402

CENTRAL_11 = ("FC3", "FCz", "FC4", "C5", "C3", "C1", "Cz", "C2", "C4", "C6", "CPz")
SMALL, LARGE = Shape(CENTRAL_11, 125, 125.0, 3), Shape(CENTRAL_21, 320, 160.0, 2)
LONG = Shape(CENTRAL_11, 640, 160.0, 4)
BAND = ({"band_pass": {"low_hz": 4.0, "high_hz": 38.0, "order": 4}},)
ADDED = {
    "se": 128, "gsop": 428, "fca": 128, "encnet": 348, "eca": 9, "ge": 0,
    "gct": 48, "srm": 64, "cbam": 147, "cat": 2440, "catlite": 151,
}  # fmt: skip
"""Parameters of each attention by its paper's formula: 16 channels, a reduction by 4, kernels of 9, 4 codewords."""

torch.set_num_threads(1)


def made(name: str, shape: Shape, seed: int = 0, **options: object) -> torch.nn.Module:
    for module in ("mvcnet", "csbrain"):
        if name == module and importlib.util.find_spec(f"bcid_models.networks.{module}") is None:
            pytest.skip(f"{module} is not there yet")
    torch.manual_seed(seed)
    return registry.build(name, shape, **options)


def lively(network: torch.nn.Module, windows: np.ndarray) -> torch.nn.Module:
    """As after some training: batch norms have seen `windows`, and no parameter is zero because it began so."""
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for value in (p for p in network.parameters() if p.requires_grad):
            spread = max(0.05, float(value.std(unbiased=False)))
            value += 0.2 * spread * torch.randn(value.shape, generator=generator)
        for _ in range(3):
            network.train()(torch.from_numpy(windows))
    return network


@pytest.fixture(scope="session")
def windows(data):
    """`[16, channels, samples]` of S001R06 for a shape: resampled, 4 to 38 Hz, each channel's standard deviation 1."""
    recording = read(data / "S001R06.edf")

    def cut(shape: Shape) -> np.ndarray:
        signal = preprocess.run(BAND, resampled(recording, shape.channels, shape.rate_hz), shape.rate_hz)
        signal /= signal.std(axis=1, keepdims=True)
        starts = np.linspace(shape.rate_hz, signal.shape[1] - shape.samples, 16).astype(int)
        return np.stack([signal[:, start : start + shape.samples] for start in starts]).astype(np.float32)

    return cut


def test_the_names_are_those_of_the_benchmark_and_others_are_refused():
    assert {"eegnet", "shallow", "atcnet", "conformer", "tcformer", "basenet", "mvcnet", "csbrain"} < set(
        registry.names()
    )
    assert {"cbramod", "labram", "biot", "eegpt", "reve"} < set(registry.names())
    assert sum(name.startswith("basenet") for name in registry.names()) == len(registry.ATTENTIONS) == 12
    with pytest.raises(ValueError, match="no network 'resnet': there are eegnet"):
        registry.build("resnet", SMALL)
    with pytest.raises(ValueError, match="no attention 'all'"):
        registry.build("basenet", SMALL, attention="all")


@pytest.mark.parametrize("shape", [SMALL, LARGE, LONG], ids=lambda s: f"{len(s.channels)}x{s.samples}")
@pytest.mark.parametrize("name", registry.names())
def test_logits_are_those_of_each_window_alone(name, shape, windows):
    with warnings.catch_warnings():
        # What braindecode says when it shortens kernels by itself.
        warnings.filterwarnings("error", message=".*Adjusting parameters")
        network = made(name, shape).eval()
    some = torch.from_numpy(windows(shape)[:3])
    with torch.no_grad():
        logits = network(some)
        assert logits.shape == (3, shape.classes) and logits.dtype == torch.float32
        assert torch.equal(network(some), logits)
        assert float((network(some[1:2]) - logits[1:2]).abs().max()) < 1e-4 * float(logits.abs().max())
    assert not torch.allclose(logits[0], logits[1], rtol=1e-4)


@pytest.mark.parametrize("name", registry.names())
def test_weights_follow_from_the_seed(name):
    first, again, other = (made(name, SMALL, seed).state_dict() for seed in (5, 5, 6))
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert any(not torch.equal(first[key], other[key]) for key in first)


@pytest.mark.parametrize("name", registry.names())
def test_the_gradient_reaches_every_parameter(name, windows):
    network = lively(made(name, SMALL), windows(SMALL))
    x, y = torch.from_numpy(windows(SMALL)), torch.arange(16) % SMALL.classes
    generator = torch.Generator().manual_seed(1)
    if hasattr(network, "training_loss"):
        loss = network.train().training_loss(x, y, generator)
    else:
        loss = torch.nn.functional.cross_entropy(network.eval()(x), y)
    if hasattr(network, "masked_loss"):
        # Training without labels, which has parameters of its own.
        loss = loss + network.masked_loss(x, generator)
    assert loss.ndim == 0
    loss.backward()
    learnt = {key: value.grad for key, value in network.named_parameters() if value.requires_grad}
    assert [key for key, grad in learnt.items() if grad is None or not grad.any()] == []
    assert all(bool(grad.isfinite().all()) for grad in learnt.values())


@pytest.mark.parametrize("name", registry.names())
def test_nothing_but_the_head_stands_between_features_and_logits(name, windows):
    network = lively(made(name, SMALL), windows(SMALL)).eval()
    head = registry.head_of(network)
    keys = [key for key, _ in network.named_parameters()]
    held = [key for key in keys if key.startswith("final_layer.")]
    assert held and len(held) == len(list(head.parameters())) < len(keys)
    with torch.no_grad():
        for value in head.parameters():
            value.zero_()
        assert float(network(torch.from_numpy(windows(SMALL))).abs().max()) == 0.0


@pytest.mark.parametrize("name", registry.names())
def test_the_onnx_graph_computes_the_same_on_a_real_recording(name, windows):
    network = lively(made(name, SMALL), windows(SMALL))
    model = export.to_onnx(network, SMALL)
    assert network.training and any(p.requires_grad for p in network.parameters())
    (taken,), (given,) = model.graph.input, model.graph.output
    sizes = [[d.dim_value for d in tensor.type.tensor_type.shape.dim] for tensor in (taken, given)]
    assert (taken.name, given.name, sizes) == ("signal", "logits", [[1, 11, 125], [1, 3]])
    assert {node.domain for node in model.graph.node} == {""}
    assert export.parity(network, model, windows(SMALL)) <= 1e-5
    found = cost.of(network, model)
    assert found.parameters == sum(p.numel() for p in network.parameters() if p.requires_grad)
    assert found.macs > SMALL.samples * len(SMALL.channels)


def test_exporting_twice_gives_the_same_bytes_without_paths(windows):
    network = lively(made("conformer", SMALL), windows(SMALL))
    first = export.to_onnx(network, SMALL).SerializeToString()
    export.to_onnx(made("shallow", SMALL), SMALL)
    assert export.to_onnx(network, SMALL).SerializeToString() == first
    assert b"braindecode" not in first and b".py" not in first


def test_parity_is_refused_to_another_network(windows):
    model = export.to_onnx(made("eegnet", SMALL, seed=1), SMALL)
    with pytest.raises(Refused, match="differs from the original"):
        export.parity(made("eegnet", SMALL, seed=2), model, windows(SMALL))


@pytest.mark.parametrize("attention", ADDED)
def test_each_attention_adds_its_parameters_and_changes_the_logits(attention, windows):
    plain, attending = made("basenet", SMALL), made(f"basenet-{attention}", SMALL)
    learnt = [sum(p.numel() for p in network.parameters() if p.requires_grad) for network in (plain, attending)]
    assert learnt[1] - learnt[0] == ADDED[attention]
    with torch.no_grad():
        for value in attending.channel_attention_block.attention_block.parameters():
            value += 0.5 * torch.randn(value.shape) * value.requires_grad
    lively(attending, windows(SMALL))
    plain.load_state_dict({key: value for key, value in attending.state_dict().items() if key in plain.state_dict()})
    with torch.no_grad():
        without, logits = (n.eval()(torch.from_numpy(windows(SMALL))) for n in (plain, attending))
    assert float((logits - without).abs().max()) > 0.01 * float(without.abs().max())


def test_multiplications_of_eegnet_are_those_counted_by_hand():
    temporal, spatial = 8 * 11 * 125 * 63, 16 * 11 * 125
    separable, dense = 16 * 31 * 15 + 16 * 16 * 31, 16 * 3 * 3
    network = made("eegnet", SMALL)
    assert cost.of(network, export.to_onnx(network, SMALL)).macs == temporal + spatial + separable + dense


def test_max_pooling_of_cbam_is_that_of_the_library(windows):
    network = lively(made("basenet-cbam", SMALL), windows(SMALL)).eval()
    some = torch.from_numpy(windows(SMALL))
    with torch.no_grad():
        ours = network(some)
        network.channel_attention_block.attention_block.max_pool = torch.nn.AdaptiveMaxPool2d(1)
        assert torch.equal(network(some), ours)


@pytest.mark.parametrize("attention", ["cat", "catlite"])
def test_attention_by_entropy_is_that_of_the_library_and_survives_an_artefact(attention, windows):
    from braindecode.modules import CAT, CATLite

    network = made(f"basenet-{attention}", SMALL)
    block = network.channel_attention_block.attention_block
    with torch.no_grad():
        for value in block.parameters():
            value += 0.5 * torch.randn(value.shape) * value.requires_grad
        features = torch.randn(8, 16, 1, 12, generator=torch.Generator().manual_seed(1))
        artefact, flat = features.clone(), torch.zeros_like(features)
        artefact[2, 3, 0, 5] += 500.0
        ours = [block(x) for x in (features, artefact, flat)]
        block.__class__ = {"cat": CAT, "catlite": CATLite}[attention]
        library = [block(x) for x in (features, artefact, flat)]
    assert torch.allclose(ours[0], library[0], atol=1e-6)
    assert float((ours[0] - features).abs().max()) > 0.1
    assert all(torch.isfinite(x).all() for x in ours)
    assert not torch.isfinite(library[1]).all() and not torch.isfinite(library[2]).all()


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("shape", [SMALL, LARGE], ids=lambda s: f"{s.rate_hz:g}Hz")
def test_biot_is_that_of_the_library(shape, windows):
    from braindecode.models import BIOT

    network = lively(made("biot", shape), windows(shape)).eval()
    rate = round(shape.rate_hz)
    library = BIOT(
        n_chans=len(shape.channels), n_outputs=shape.classes, n_times=shape.samples, sfreq=rate, hop_length=rate // 2
    )
    library.encoder, library.final_layer = network.body.encoder, network.final_layer
    some = torch.from_numpy(windows(shape))
    with torch.no_grad():
        assert torch.allclose(network(some), library.eval()(some), atol=1e-5)


@pytest.mark.parametrize("shape", [SMALL, LARGE], ids=lambda s: f"{s.rate_hz:g}Hz")
@pytest.mark.parametrize("low_hz", [4.0, 10.0, 30.0])
def test_a_sine_is_the_same_sine_at_200_hz(shape, low_hz):
    matrix = made("labram", shape).resampling.numpy()
    assert matrix.shape == (shape.samples, round(shape.seconds) * 200)
    ours = np.sin(2 * np.pi * low_hz * np.arange(shape.samples) / shape.rate_hz) @ matrix
    true = np.sin(2 * np.pi * low_hz * np.arange(matrix.shape[1]) / 200)
    inside = slice(20, -20)
    assert np.abs(ours - true)[inside].max() < 0.02
    assert np.abs(np.ones(shape.samples) @ matrix - 1).max() < 1e-3


def test_windows_that_patches_do_not_fill_keep_their_newest_samples():
    odd = Shape(CENTRAL_11, 240, 160.0, 3)
    matrix = made("labram", odd).resampling
    assert matrix.shape == (240, 400) and float(matrix[:, :100].abs().max()) == 0.0
    assert float(matrix[-1, -1]) > 0.5
    # REVE's patches begin every 0.9 s: of two seconds the oldest tenth of a second is dropped.
    assert made("reve", LARGE).resampling.shape == (320, 380)


def test_channels_that_a_network_cannot_place_are_refused():
    strange = Shape((*CENTRAL_11, "EOG1"), 125, 125.0, 3)
    for name in ("labram", "eegpt", "reve"):
        with pytest.raises(ValueError, match="knows no channel EOG1"):
            registry.build(name, strange)
