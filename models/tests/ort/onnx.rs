//! Just enough of the ONNX format (<https://onnx.ai/onnx/repo-docs/IR.html>, protocol buffers) to write small models.

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

/// A stored tensor: name, shape, values.
pub(crate) type Stored<'a> = (&'a str, &'a [u64], &'a [f32]);

/// A node: operator, inputs, outputs.
pub(crate) type Node<'a> = (&'a str, &'a [&'a str], &'a [&'a str]);

/// A model whose one node turns the first input, `[1, a, b]`, into the output, `[1, a * b]`.
pub(crate) fn flatten(inputs: &[Tensor<'_>], output: Tensor<'_>) -> Vec<u8> {
    model(inputs, &[output], &[("Flatten", &[inputs[0].0], &[output.0])], &[])
}

/// A model of these nodes, in an order in which they can run.
pub(crate) fn model(
    inputs: &[Tensor<'_>],
    outputs: &[Tensor<'_>],
    nodes: &[Node<'_>],
    stored: &[Stored<'_>],
) -> Vec<u8> {
    let mut graph = Vec::new();
    for (operator, takes, yields) in nodes {
        let mut node = Vec::new();
        takes.iter().for_each(|name| node.extend(text(1, name)));
        yields.iter().for_each(|name| node.extend(text(2, name)));
        node.extend(text(4, operator));
        graph.extend(bytes(1, &node));
    }
    graph.extend(text(2, "g"));
    for (name, shape, values) in stored {
        let raw: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        graph.extend(bytes(5, &[tensor(name, shape), bytes(9, &raw)].concat()));
    }
    inputs.iter().for_each(|input| graph.extend(bytes(11, &value(*input))));
    outputs.iter().for_each(|output| graph.extend(bytes(12, &value(*output))));
    whole(&graph)
}

/// A model that adds to its input, of one frame, a tensor stored in the file `location`.
pub(crate) fn external(location: &str) -> Vec<u8> {
    external_of(1, "Add", location)
}

/// A model that joins its input, of so many frames of two channels, by `operator` to a tensor stored in the file `location`.
pub(crate) fn external_of(frames: u64, operator: &str, location: &str) -> Vec<u8> {
    let entry = bytes(13, &[text(1, "location"), text(2, location)].concat());
    let mut graph = Vec::new();
    let nodes: [Node<'_>; 2] =
        [(operator, &["window", "w"], &["both"]), ("Flatten", &["both"], &["posterior"])];
    for (operator, takes, yields) in nodes {
        let takes: Vec<u8> = takes.iter().flat_map(|name| text(1, name)).collect();
        graph.extend(bytes(1, &[takes, text(2, yields[0]), text(4, operator)].concat()));
    }
    let fixed = Axis::Fixed;
    graph.extend(text(2, "g"));
    graph.extend(bytes(5, &[tensor("w", &[1, 2, frames]), entry, number(14, 1)].concat()));
    graph.extend(bytes(11, &value(("window", FLOAT, &[fixed(1), fixed(2), fixed(frames)]))));
    graph.extend(bytes(12, &value(("posterior", FLOAT, &[fixed(1), fixed(2 * frames)]))));
    whole(&graph)
}

/// A model that turns its window, of one channel more than its output has numbers, into what it holds but its last number,
/// and goes around for ever where that last number is above 0.
pub(crate) fn endless() -> Vec<u8> {
    const BOOL: u64 = 9;
    const INT64: u64 = 7;
    let node = |operator: &str, takes: &[&str], yields: &str, attributes: &[Vec<u8>]| {
        let takes: Vec<u8> = takes.iter().flat_map(|name| text(1, name)).collect();
        let attributes: Vec<u8> = attributes.iter().flat_map(|a| bytes(5, a)).collect();
        bytes(1, &[takes, text(2, yields), text(4, operator), attributes].concat())
    };
    let whole_numbers = |name: &str, numbers: &[u64]| {
        let raw: Vec<u8> = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
        let shape = number(1, numbers.len() as u64);
        bytes(5, &[shape, number(2, INT64), text(8, name), bytes(9, &raw)].concat())
    };
    let inner = [
        node("Identity", &["on"], "still", &[]),
        node("Neg", &["before"], "after", &[]),
        text(2, "body"),
        bytes(11, &value(("turn", INT64, &[]))),
        bytes(11, &value(("on", BOOL, &[]))),
        bytes(11, &value(("before", FLOAT, &[Axis::Fixed(1), Axis::Fixed(2)]))),
        bytes(12, &value(("still", BOOL, &[]))),
        bytes(12, &value(("after", FLOAT, &[Axis::Fixed(1), Axis::Fixed(2)]))),
    ]
    .concat();
    let body = [text(1, "body"), bytes(6, &inner), number(20, 5)].concat();
    let graph = [
        node("Flatten", &["window"], "flat", &[]),
        node("Slice", &["flat", "zero", "two", "one"], "shown", &[]),
        node("Slice", &["flat", "two", "three", "one"], "last", &[]),
        node("Reshape", &["last", "none"], "scalar", &[]),
        node("Cast", &["scalar"], "turning", &[[text(1, "to"), number(3, BOOL), number(20, 2)].concat()]),
        node("Loop", &["", "turning", "shown"], "posterior", &[body]),
        text(2, "g"),
        whole_numbers("zero", &[0]),
        whole_numbers("one", &[1]),
        whole_numbers("two", &[2]),
        whole_numbers("three", &[3]),
        bytes(5, &[number(1, 0), number(2, INT64), text(8, "none"), bytes(9, &[])].concat()),
        bytes(11, &value(("window", FLOAT, &[Axis::Fixed(1), Axis::Fixed(3), Axis::Fixed(1)]))),
        bytes(12, &value(("posterior", FLOAT, &[Axis::Fixed(1), Axis::Fixed(2)]))),
    ]
    .concat();
    whole(&graph)
}

fn tensor(name: &str, shape: &[u64]) -> Vec<u8> {
    let mut tensor: Vec<u8> = shape.iter().flat_map(|n| number(1, *n)).collect();
    tensor.extend(number(2, FLOAT));
    tensor.extend(text(8, name));
    tensor
}

fn whole(graph: &[u8]) -> Vec<u8> {
    [number(1, 8), bytes(7, graph), bytes(8, &number(2, 13))].concat()
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
