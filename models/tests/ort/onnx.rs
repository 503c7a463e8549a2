//! Just enough of the ONNX format (<https://onnx.ai/onnx/repo-docs/IR.html>, protocol buffers) to write a model of one
//! node.

/// The element types that the tests use, by their number in `TensorProto.DataType`.
pub(crate) const FLOAT: u64 = 1;
pub(crate) const DOUBLE: u64 = 11;

/// An axis: of a fixed length, or left open.
#[derive(Clone, Copy)]
pub(crate) enum Axis {
    Fixed(u64),
    Open,
}

/// A named tensor of the model's interface.
pub(crate) type Tensor<'a> = (&'a str, u64, &'a [Axis]);

/// A model whose one node turns the first input, `[1, a, b]`, into the output, `[1, a * b]`.
pub(crate) fn flatten(inputs: &[Tensor<'_>], output: Tensor<'_>) -> Vec<u8> {
    let mut node = text(1, inputs[0].0);
    node.extend(text(2, output.0));
    node.extend(text(4, "Flatten"));
    let mut graph = bytes(1, &node);
    graph.extend(text(2, "g"));
    for input in inputs {
        graph.extend(bytes(11, &value(*input)));
    }
    graph.extend(bytes(12, &value(output)));
    let mut model = number(1, 8);
    model.extend(bytes(7, &graph));
    model.extend(bytes(8, &number(2, 13)));
    model
}

fn value((name, element, axes): Tensor<'_>) -> Vec<u8> {
    let shape: Vec<u8> = axes
        .iter()
        .flat_map(|axis| match axis {
            Axis::Fixed(n) => bytes(1, &number(1, *n)),
            Axis::Open => bytes(1, &text(2, "n")),
        })
        .collect();
    let mut tensor = number(1, element);
    tensor.extend(bytes(2, &shape));
    let mut value = text(1, name);
    value.extend(bytes(2, &bytes(1, &tensor)));
    value
}

fn varint(mut n: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while n >= 128 {
        out.push((n as u8 & 127) | 128);
        n >>= 7;
    }
    out.push(n as u8);
    out
}

fn number(field: u64, n: u64) -> Vec<u8> {
    [varint(field << 3), varint(n)].concat()
}

fn bytes(field: u64, content: &[u8]) -> Vec<u8> {
    [varint((field << 3) | 2), varint(content.len() as u64), content.to_vec()].concat()
}

fn text(field: u64, content: &str) -> Vec<u8> {
    bytes(field, content.as_bytes())
}
