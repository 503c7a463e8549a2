"""The decoder as an ONNX graph: opset 17, `window` `[1, channels, 160]` uV -> `posterior` `[1, 2]`."""

from pathlib import Path

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper

from .causal import WINDOW
from .decoder import EPSILON_UV2, CspLda

OPSET, IR_VERSION = 17, 8
INPUT, OUTPUT = "window", "posterior"


def write(path: Path, decoder: CspLda, metadata: dict[str, str]) -> None:
    """Writes `decoder`; the same decoder and metadata give the same bytes."""
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
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="bcid_models",
        doc_string=metadata["description"],
    )
    helper.set_model_props(model, metadata)
    checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString(deterministic=True))
