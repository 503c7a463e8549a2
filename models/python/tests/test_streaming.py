"""Streaming export: equal to the window once settled, or refused with the reason."""

from dataclasses import replace

import numpy as np
import pytest
from onnx import numpy_helper

from bcid_models import onnx_run, shapes
from bcid_models.bench_models import HOP, SAMPLES, contract, networks, random_weights
from bcid_models.export import chain, parity, plan, price, streaming, surgery
from bcid_models.export.graph import Graph, Refused

from .networks import Net, drawn


def window_outputs(model, signal: np.ndarray, window: int, hop: int) -> np.ndarray:
    ends = range(window, signal.shape[1] + 1, hop)
    return parity.outputs(Graph(model).model(), np.stack([signal[:, e - window : e] for e in ends]))


def hop_outputs(made: streaming.Streaming, signal: np.ndarray, of_window) -> np.ndarray:
    return onnx_run.decode(made.model, made.contract(of_window), signal)


@pytest.mark.parametrize("name", ["eegnet", "basenet"])
def test_the_benchmarks_networks_stream_at_a_fraction_of_the_window(name):
    model = networks()[name]
    made = streaming.export(model, HOP, scales=(10.0,))
    assert made.report.parity.difference < 1e-5
    assert made.report.hop_price_us < 0.2 * price.of(model)
    signal = parity.noise((64, 2000), 10.0, seed=9)
    ours = hop_outputs(made, signal, contract(name, "window", ""))
    expected = window_outputs(model, signal, SAMPLES, HOP)
    settled = SAMPLES // HOP - 1
    assert len(ours) == settled + len(expected)
    assert np.abs(ours[settled:] - expected).max() < 1e-5
    # Before, the states know nothing of part of the window: the output means nothing.
    assert np.abs(ours[:settled] - expected[0]).max() > 1e-3


def test_the_contract_is_that_of_the_window_but_for_the_feed():
    made = streaming.export(networks()["eegnet"], HOP, scales=(10.0,))
    window = contract("eegnet", "window", "")
    changed = made.contract(window)
    assert (changed.input.feed, changed.input.tensor, changed.input.hop_samples) == ("hop", "hop", HOP)
    assert changed.input.window_samples == SAMPLES and changed.output == window.output
    shapes_of = {i.name: tuple(d.dim_value for d in i.type.tensor_type.shape.dim) for i in made.model.graph.input}
    assert shapes_of == {"hop": (1, 64, HOP), **{s.input: s.shape for s in changed.states}}
    assert changed.states


def shallow(samples: int) -> Net:
    """Square, mean and logarithm: band power."""
    net = Net(8, samples).conv(6, 1, 1, 13).conv(6, 6, 8, 1).norm(6)
    net.add("Pow", net.number(2.0)).pool(30, 10).add("Add", net.number(0.1)).add("Log")
    return net


NETWORKS = {
    "band power": (lambda: shallow(200).model(3, 6 * 16), 20),
    "band power, pooled at every other hop": (lambda: shallow(200).model(3, 6 * 16), 25),
    "square by itself": (
        lambda: (n := Net(6, 120)).conv(8, 1, 6, 9).add("Mul", n.at).pool(4, 4).add("Sqrt").model(2, 8 * 28), 12,
    ),
    "maximum": (lambda: Net(6, 120).conv(8, 1, 6, 9, bias=True).add("Relu").pool(3, 3, "MaxPool").model(2, 8 * 37), 12),
    "strided": (
        lambda: Net(6, 160).conv(8, 1, 6, 11, strides=[1, 2], pads=[0, 5, 0, 5]).add("Tanh").conv(4, 8, 1, 5).model(2, 4 * 76),
        10,
    ),
    "strides that do not divide": (
        lambda: Net(6, 160).conv(8, 1, 6, 9, strides=[1, 4], pads=[0, 4, 0, 4]).add("Elu").pool(3, 3)
        .conv(8, 8, 1, 3, pads=[0, 1, 0, 1]).add("Elu").model(2, 8 * 13),
        10,
    ),
    "average, then maximum, out of step": (
        lambda: Net(6, 180).conv(8, 1, 6, 9).add("Elu").pool(8, 8).add("Elu").pool(2, 1).pool(3, 3, "MaxPool").model(2, 8 * 6),
        20,
    ),
    "dilated": (
        lambda: Net(6, 160).conv(8, 1, 6, 5).add("Elu").conv(8, 8, 1, 4, dilations=[1, 6], pads=[0, 18, 0, 0]).add("Elu")
        .model(2, 8 * 156),
        8,
    ),
    "causal padding": (
        lambda: Net(6, 128).conv(8, 1, 6, 9, pads=[0, 8, 0, 0]).add("Elu").pool(4, 4).conv(8, 8, 1, 3, pads=[0, 2, 0, 0])
        .add("Elu").model(2, 8 * 32),
        16,
    ),
    "padding twice": (
        lambda: Net(12, 256).conv(8, 1, 12, 9, bias=True, pads=[0, 4, 0, 4]).add("Elu").pool(4, 4)
        .conv(8, 8, 1, 5, bias=True, pads=[0, 2, 0, 2]).add("Elu").model(2, 8 * 64),
        16,
    ),
    "time filters kept apart from channels": (
        lambda: Net(6, 160).conv(4, 1, 1, 9).add("Elu").conv(8, 4, 6, 1).add("Elu").pool(4, 4).model(2, 8 * 38), 16,
    ),
    "one axis": (
        lambda: Net(6, 160, plane=False).conv(8, 6, 9, bias=True).add("Elu").conv(8, 1, 5, group=8).model(2, 8 * 148), 16,
    ),
    "slope of each row": (
        lambda: (n := Net(6, 160)).conv(8, 1, 6, 7)
        .add("PRelu", n.constant(np.linspace(0.1, 0.9, 8, dtype=np.float32).reshape(8, 1, 1)))
        .conv(4, 8, 1, 5).model(2, 4 * 150),
        16,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("seed", [5, 6])
def test_equal_to_the_window_at_every_hop(name, seed, monkeypatch):
    # So small that a node costs more than its work: exactness is the question here and not gain.
    monkeypatch.setattr(streaming, "MOST_OF_WINDOW", np.inf)
    make, hop = NETWORKS[name]
    model = make()
    made = streaming.export(model, hop, scales=(1.0,))
    shape = Graph(model).input_shape
    signal = parity.noise((shape[1], 4 * shape[2]), 2.0, seed)
    assert streaming.prove(made.model, made.states, model, hop, signal).difference < 1e-5


def prove_wherever_it_may_end(model, hop: int) -> int:
    """Writes the streaming form for every stage at which it may end, and proves each; returns how many."""
    graph = Graph(surgery.operate(model, scales=(1.0,))[0])
    found = chain.read(graph, 2)
    stages, levels, _ = plan.levels(found.stages, graph.input_shape[-1], hop)
    signal = parity.noise((graph.input_shape[1], 3 * graph.input_shape[2]), 2.0, 7)
    ends = [end for end in range(1, len(stages) + 1) if not all(map(plan.is_local, stages[:end]))]
    for end in ends:
        for merge in (False, True):
            made = streaming._write(graph, replace(found, stages=stages), levels, end, merge)
            assert streaming.prove(made.model, made.states, model, hop, signal).difference < 1e-5, (end, merge)
    return len(ends)


@pytest.mark.parametrize("name", NETWORKS)
def test_equal_wherever_the_streaming_part_may_end(name):
    make, hop = NETWORKS[name]
    assert prove_wherever_it_may_end(make(), hop) > 0


def test_equal_for_networks_drawn_at_random():
    # Kernels, strides, padding, dilation and pooling as they come.
    found = [drawn(seed) for seed in range(60)]
    proven = [prove_wherever_it_may_end(*network) for network in found if network is not None]
    assert sum(count > 0 for count in proven) > 40


def test_attention_over_the_frames_remembered_is_kept_as_it_is():
    net = Net(16, 400).conv(8, 1, 16, 25).add("Elu").pool(5, 5)
    features = net.at
    net.conv(1, 8, 1, 1).add("Softmax", axis=3).add("Mul", features).add("ReduceSum", net.axes(2, 3), keepdims=0)
    made = streaming.export(net.model(8), 20, scales=(1.0,))
    ops = [node.op_type for node in made.model.graph.node]
    assert ops[-3:] == ["Softmax", "Mul", "ReduceSum"]
    assert made.report.parity.difference < 1e-5


def test_a_wrong_weight_or_a_lost_frame_is_found():
    model = networks()["basenet"]
    made = streaming.export(model, HOP, scales=(10.0,))
    signal = parity.noise((64, 1500), 10.0)
    wrong = type(made.model)()
    wrong.CopyFrom(made.model)
    for held in wrong.graph.initializer:
        value = numpy_helper.to_array(held)
        if value.dtype == np.float32 and value.ndim == 4 and value.shape[3] == 25:
            changed = value.copy()
            changed[:, :, :, 0] = 0  # the oldest tap, which only context reaches
            held.CopyFrom(numpy_helper.from_array(changed, held.name))
    with pytest.raises(Refused, match="differs"):
        streaming.prove(wrong, made.states, model, HOP, signal)


def test_what_cannot_be_streamed_is_refused_with_the_reason():
    whole = Net(4, 100, plane=False)
    whole.add("ReduceMean", axes=[2], keepdims=1)
    mean = whole.at
    whole.at = "window"
    whole.add("Sub", mean).conv(6, 4, 9).add("Elu")
    with pytest.raises(Refused, match="window branches"):
        streaming.export(whole.model(2, 6 * 92), 20)

    net = Net(4, 100, plane=False)
    scale, bias = (net.constant(np.ones(4, np.float32)) for _ in range(2))
    net.add("InstanceNormalization", scale, bias).conv(6, 4, 9).add("Elu")
    with pytest.raises(Refused, match="InstanceNormalization .* does not treat each frame alike"):
        streaming.export(net.model(2, 6 * 92), 20)

    plain = Net(4, 100).conv(6, 1, 4, 9).add("Elu").model(2, 6 * 92)
    for hop in (7, 100, 0):
        with pytest.raises(Refused, match="multiple of the hop"):
            streaming.export(plain, hop)

    padded = Net(4, 100).conv(6, 1, 4, 91, pads=[0, 45, 0, 45]).add("Elu").model(2, 6 * 100)
    with pytest.raises(Refused, match="45 of 100 frames depend on where the window begins and 45 on where it ends"):
        streaming.export(padded, 10)


def test_what_gains_nothing_is_refused_with_the_reason():
    # A little convolution, then a normalisation over the window before all the rest.
    net = Net(4, 400).conv(2, 1, 4, 3).add("Elu")
    scale, bias = (net.constant(np.ones(2, np.float32)) for _ in range(2))
    net.add("InstanceNormalization", scale, bias).conv(64, 2, 1, 99).add("Elu").conv(64, 64, 1, 9).add("Elu")
    with pytest.raises(Refused, match="us of the window's .* InstanceNormalization"):
        streaming.export(net.model(2, 64 * 292), 20)


def test_a_stride_that_does_not_divide_the_hop_is_made_finer():
    pooled = Net(6, 100).conv(8, 1, 6, 9).add("Relu").pool(8, 8, "MaxPool").conv(8, 8, 1, 3).add("Relu").pool(2, 2)
    graph = Graph(pooled.model(2, 8 * 4))
    _, levels, why = plan.levels(chain.read(graph, 2).stages, 100, 20)
    # Pooling by 8 every 4 frames, 5 a hop, of which the window has every other; then by 2, of which it has every fourth.
    assert [(lv.ratio, lv.shift) for lv in levels] == [(1, 20)] * 3 + [(2, 5)] * 3 + [(4, 5)]
    assert [lv.own_frames for lv in levels] == [100, 92, 92, 11, 9, 9, 4]
    assert why == ""


def test_the_network_itself_is_kept_where_the_stride_divides():
    made = streaming.export(shapes.basenet(64, 480, random_weights(4)), 16, scales=(10.0,))
    assert not any("does not divide" in line for line in made.report.done)
    made = streaming.export(networks()["basenet"], HOP, scales=(10.0,))
    assert any("one of 4 instead, of whose frames every 2nd counts" in line for line in made.report.done)
