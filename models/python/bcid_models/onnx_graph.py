"""The decoder as an ONNX graph: opset 17, `window` `[1, channels, 160]` uV -> `posterior` `[1, 2]`."""

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper

from .causal import WINDOW
from .decoder import EPSILON_UV2, CspLda

OPSET, IR_VERSION = 17, 8
INPUT, OUTPUT = "window", "posterior"


def model(decoder: CspLda) -> ModelProto:
    """The graph of `decoder`; the same decoder gives the same bytes."""
    channels, classes = decoder.filters.shape[1], decoder.bias.shape[0]
    nodes = [
        helper.make_node("MatMul", ["csp_filters", INPUT], ["sources"], "spatial_filters"),
        helper.make_node("ReduceMean", ["sources"], ["mean"], "mean_over_time", axes=[2], keepdims=1),
        helper.make_node("Sub", ["sources", "mean"], ["centred"], "centre"),
        helper.make_node("Mul", ["centred", "centred"], ["squared"], "square"),
        helper.make_node("ReduceMean", ["squared"], ["variance"], "variance_over_time", axes=[2], keepdims=0),
        helper.make_node("Add", ["variance", "epsilon"], ["positive"], "keep_above_zero"),
        helper.make_node("Log", ["positive"], ["log_variance"], "log"),
        helper.make_node("Gemm", ["log_variance", "lda_weights", "lda_bias"], ["scores"], "lda", transB=1),
        helper.make_node("Softmax", ["scores"], [OUTPUT], "softmax", axis=1),
    ]
    constants = {
        "csp_filters": decoder.filters,
        "epsilon": np.array(EPSILON_UV2),
        "lda_weights": decoder.weights,
        "lda_bias": decoder.bias,
    }
    graph = helper.make_graph(
        nodes,
        "csp_lda",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, [1, channels, WINDOW])],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, [1, classes])],
        [numpy_helper.from_array(value.astype(np.float32), name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
