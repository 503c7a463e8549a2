"""Graph surgery: what it does, what it must not do, and that its proof can fail."""

import numpy as np
import pytest
from onnx import numpy_helper

from bcid_models import shapes
from bcid_models.bench_models import random_weights
from bcid_models.export import affine, parity, surgery
from bcid_models.export.graph import Graph, Refused

from .networks import Net


def ops(model) -> list[str]:
    return [node.op_type for node in model.graph.node]


def test_eegnet_gets_its_spatial_filters_first_and_loses_its_batch_norms():
    model = shapes.eegnet(16, 250, 3, random_weights(3))
    result, report = surgery.operate(model, scales=(10.0,))
    assert ops(model).count("BatchNormalization") == 3
    assert "BatchNormalization" not in ops(result)
    first, second = [n for n in result.graph.node if n.op_type == "Conv"][:2]
    held = {i.name: numpy_helper.to_array(i).shape for i in result.graph.initializer}
    assert held[first.input[1]] == (16, 16, 1, 1), "16 sources of 16 channels"
    assert held[second.input[1]] == (16, 1, 1, 64), "each with its time filter"
    assert any("16 sources instead of 8 filters on 16 channels" in line for line in report.done)
    assert report.parity.difference < 1e-5 and report.parity.windows == 8


def test_the_outputs_are_those_of_plain_numpy():
    # Zero padding, biases and batch norm between the two convolutions: what could go wrong when they change places.
    net = Net(5, 40).conv(3, 1, 1, 7, bias=True, pads=[0, 3, 0, 2]).norm(3).conv(6, 1, 5, 1, bias=True, group=3)
    c = net.constants
    result, _ = surgery.operate(net.model(2, 6 * 39))
    assert ops(result)[:4] == ["Unsqueeze", "Reshape", "Conv", "Conv"]
    window = parity.noise((5, 40), 3.0)
    padded = np.pad(window.astype(float), ((0, 0), (3, 2)))
    time, time_bias, gamma, beta, mean, variance, space, space_bias, dense, offset = (
        c[f"c{n}"].astype(float) for n in range(1, 11)
    )
    filtered = np.array([[np.correlate(row, f[0, 0]) for row in padded] for f in time]) + time_bias[:, None, None]
    scaled = (filtered - mean[:, None, None]) * (gamma / np.sqrt(variance + 1e-5))[:, None, None] + beta[:, None, None]
    sources = np.array([space[o, 0, :, 0] @ scaled[o // 2] + space_bias[o] for o in range(6)])
    expected = sources.reshape(-1) @ dense + offset
    assert parity.outputs(result, window[None])[0] == pytest.approx(expected, rel=1e-4, abs=1e-4)


def test_a_full_convolution_across_channels_goes_first_only_where_that_saves_work():
    few = Net(16, 60).conv(8, 1, 1, 9).norm(8).conv(3, 8, 16, 1).model(2, 3 * 52)
    result, report = surgery.operate(few)
    assert any("24 sources instead of 8 filters on 16 channels" in line for line in report.done)
    assert ops(result).index("Reshape") < ops(result).index("Conv")
    many = Net(4, 60).conv(8, 1, 1, 9).norm(8).conv(8, 8, 4, 1).model(2, 8 * 52)
    result, report = surgery.operate(many)
    assert "Reshape" not in ops(result)
    assert any("64 spatial sources are no fewer than 8 filters on 4 channels" in line for line in report.left)


def test_what_is_not_linear_is_not_passed():
    net = Net(8, 60).conv(4, 1, 1, 9).norm(4).add("Elu").conv(8, 1, 8, 1, group=4)
    result, report = surgery.operate(net.model(2, 8 * 52))
    assert "Reshape" not in ops(result)
    assert any("Elu stands between" in line for line in report.left)


def test_a_batch_norm_before_a_padded_convolution_stays_and_says_so():
    # Its offset would have to be in the padding too.
    net = Net(4, 40).add("Elu").norm(1).conv(3, 1, 4, 5, bias=True, pads=[0, 2, 0, 2])
    result, report = surgery.operate(net.model(2, 3 * 40))
    assert "BatchNormalization" in ops(result)
    assert any("no convolution beside it" in line for line in report.left)
    net = Net(4, 40).add("Elu").norm(1).conv(3, 1, 4, 5, bias=True)
    result, report = surgery.operate(net.model(2, 3 * 36))
    assert "BatchNormalization" not in ops(result)


def test_an_affine_tail_becomes_one_dense_layer():
    graph = Graph(Net(4, 40).conv(3, 1, 4, 5).add("Elu").pool(8, 4).model(2, 3 * 8))
    before = parity.outputs(graph.model(), parity.noise((5, 4, 40), 2.0))
    assert affine.fold(graph) == ["one dense layer instead of AveragePool, Flatten, Gemm"]
    assert ops(graph.model())[-3:] == ["Elu", "Flatten", "Gemm"]
    assert parity.compare(parity.outputs(graph.model(), parity.noise((5, 4, 40), 2.0)), before).difference < 1e-5


def test_the_proof_fails_where_it_should():
    rows = np.random.default_rng(1).normal(size=(6, 2))
    assert parity.compare(rows, rows).difference == 0
    off = rows.copy()
    off[3, 1] += 3e-5 * np.abs(rows).max()
    with pytest.raises(Refused, match="differs"):
        parity.compare(off, rows)
    with pytest.raises(Refused, match="prove nothing"):
        parity.compare(np.ones((6, 2)), np.ones((6, 2)))
    with pytest.raises(Refused, match="finite"):
        parity.compare(rows * np.nan, rows)


def test_surgery_is_refused_when_its_result_differs(monkeypatch):
    def wrong(graph):
        name = next(n.input[1] for n in graph.nodes if n.op_type == "Conv")
        graph.constants[name] = graph.constants[name] * np.float32(1.001)
        return [], []

    monkeypatch.setattr(surgery, "fold_batch_norm", wrong)
    with pytest.raises(Refused, match="differs"):
        surgery.operate(shapes.eegnet(8, 200, 2, random_weights(3)), scales=(10.0,))


def test_the_version_of_onnx_is_kept_and_one_not_known_is_refused():
    model = Net(4, 40).conv(3, 1, 4, 5).add("Elu").model(2, 3 * 36)
    model.opset_import[0].version = 18
    assert surgery.operate(model)[0].opset_import[0].version == 18
    for version in (9, 99):
        model.opset_import[0].version = version
        with pytest.raises(Refused, match=f"opset {version}"):
            surgery.operate(model)
    model.opset_import[0].version = 17
    model.graph.node[1].domain = "com.microsoft"
    with pytest.raises(Refused, match="operators of com.microsoft"):
        surgery.operate(model)
