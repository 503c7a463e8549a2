use super::number;
use super::wire::{message_field, number_field, string_field};

/// `y = x x` of a matrix of two by two: the least that shows who runs a decoder, which spends its time on products.
pub(crate) fn trial_model() -> Vec<u8> {
    let node = [
        string_field(1, "x"),
        string_field(1, "x"),
        string_field(2, "y"),
        string_field(number::NODE_OPERATOR, "MatMul"),
    ]
    .concat();
    let axis = message_field(1, &number_field(1, 2));
    let of = message_field(
        1,
        &[number_field(1, 1), message_field(2, &[axis.clone(), axis.clone()].concat())].concat(),
    );
    let value = |name: &str| [string_field(1, name), message_field(2, &of)].concat();
    let graph = [
        message_field(number::GRAPH_NODE, &node),
        string_field(2, "trial"),
        message_field(number::GRAPH_INPUT, &value("x")),
        message_field(number::GRAPH_OUTPUT, &value("y")),
    ]
    .concat();
    [
        number_field(number::MODEL_IR_VERSION, 8),
        message_field(number::MODEL_GRAPH, &graph),
        message_field(number::MODEL_OPSET, &number_field(2, 13)),
    ]
    .concat()
}
