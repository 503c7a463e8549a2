//! What an ONNX file says of itself, read and written at the level of its protocol buffers: nothing is loaded or run.
//!
//! Of the format (<https://onnx.ai/onnx/repo-docs/IR.html>, `onnx.proto`) only the fields named here are known; the rest is
//! passed over, and kept byte for byte when the metadata is written.

mod trial;
mod wire;

pub(crate) use trial::trial_model;

use std::collections::BTreeMap;
use wire::{Field, Payload, fields, message_field, string_field};

/// The key of the metadata under which a model holds its contract.
pub const CONTRACT_KEY: &str = "bcid.contract";

/// `ModelProto` and what is below it, by field number.
mod number {
    pub(super) const MODEL_IR_VERSION: u64 = 1;
    pub(super) const MODEL_PRODUCER: u64 = 2;
    pub(super) const MODEL_PRODUCER_VERSION: u64 = 3;
    pub(super) const MODEL_GRAPH: u64 = 7;
    pub(super) const MODEL_OPSET: u64 = 8;
    pub(super) const MODEL_METADATA: u64 = 14;
    pub(super) const MODEL_FUNCTIONS: u64 = 25;
    pub(super) const GRAPH_NODE: u64 = 1;
    pub(super) const GRAPH_INITIALIZER: u64 = 5;
    pub(super) const GRAPH_INPUT: u64 = 11;
    pub(super) const GRAPH_OUTPUT: u64 = 12;
    pub(super) const GRAPH_SPARSE_INITIALIZER: u64 = 15;
    pub(super) const FUNCTION_NODE: u64 = 7;
    pub(super) const NODE_OPERATOR: u64 = 4;
    pub(super) const NODE_ATTRIBUTE: u64 = 5;
    pub(super) const NODE_DOMAIN: u64 = 7;
    pub(super) const ATTRIBUTE_TENSOR: u64 = 5;
    pub(super) const ATTRIBUTE_GRAPH: u64 = 6;
    pub(super) const ATTRIBUTE_TENSORS: u64 = 10;
    pub(super) const ATTRIBUTE_GRAPHS: u64 = 11;
    pub(super) const TENSOR_DIMS: u64 = 1;
    pub(super) const TENSOR_NAME: u64 = 8;
    pub(super) const TENSOR_EXTERNAL_DATA: u64 = 13;
    pub(super) const TENSOR_DATA_LOCATION: u64 = 14;
}

/// Graphs within graphs beyond this depth are no model but a trap.
const DEEPEST: usize = 16;

/// The bytes are no ONNX model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is no ONNX model: {0}")]
pub struct NotOnnx(pub(crate) &'static str);

/// What a model says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// The version of the format.
    pub ir_version: u64,
    /// Who wrote it, with its version.
    pub producer: String,
    /// Operator sets, `domain version`.
    pub opsets: Vec<String>,
    /// Inputs: name and shape (an open axis by its name); those with a stored value are left out.
    pub inputs: Vec<(String, String)>,
    /// Outputs, likewise.
    pub outputs: Vec<(String, String)>,
    /// How often each operator stands in it, the graphs within included.
    pub operators: BTreeMap<String, usize>,
    /// Numbers stored in it.
    pub parameters: u64,
    /// Files that hold tensors of it.
    pub external: Vec<String>,
    /// Its metadata.
    pub metadata: Vec<(String, String)>,
}

/// Reads what a model says of itself.
///
/// # Errors
/// [`NotOnnx`].
pub fn about(model: &[u8]) -> Result<About, NotOnnx> {
    let mut about = About::default();
    let mut graphs = 0;
    for field in fields(model) {
        let Field { number, payload, .. } = field?;
        match (number, payload) {
            (number::MODEL_IR_VERSION, Payload::Number(n)) => about.ir_version = n,
            (number::MODEL_PRODUCER, Payload::Bytes(b)) => about.producer = text(b)?,
            (number::MODEL_PRODUCER_VERSION, Payload::Bytes(b)) => {
                about.producer = format!("{} {}", about.producer, text(b)?).trim().to_owned();
            }
            (number::MODEL_OPSET, Payload::Bytes(b)) => about.opsets.push(opset(b)?),
            (number::MODEL_METADATA, Payload::Bytes(b)) => about.metadata.push(entry(b)?),
            (number::MODEL_GRAPH, Payload::Bytes(b)) => {
                graphs += 1;
                interface(b, &mut about)?;
                graph(b, &mut about, 0)?;
            }
            (number::MODEL_FUNCTIONS, Payload::Bytes(b)) => {
                for_each(b, number::FUNCTION_NODE, |b| node(b, &mut about, 0))?;
            }
            _ => {}
        }
    }
    if graphs == 1 { Ok(about) } else { Err(NotOnnx("it must hold one graph")) }
}

/// The model with `value` as its metadata of `key`, in place of what it holds there; every other byte stays.
///
/// # Errors
/// [`NotOnnx`].
pub fn with_metadata(model: &[u8], key: &str, value: &str) -> Result<Vec<u8>, NotOnnx> {
    let mut out = Vec::with_capacity(model.len() + value.len() + 64);
    for field in fields(model) {
        let Field { number, payload, whole } = field?;
        if let (number::MODEL_METADATA, Payload::Bytes(b)) = (number, payload)
            && entry(b)?.0 == key
        {
            continue;
        }
        out.extend_from_slice(&model[whole]);
    }
    let entry = [string_field(1, key), string_field(2, value)].concat();
    out.extend(message_field(number::MODEL_METADATA, &entry));
    Ok(out)
}

fn text(bytes: &[u8]) -> Result<String, NotOnnx> {
    std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| NotOnnx("a text in it is not UTF-8"))
}

/// `StringStringEntryProto`.
fn entry(bytes: &[u8]) -> Result<(String, String), NotOnnx> {
    let mut entry = (String::new(), String::new());
    for_each(bytes, 1, |b| text(b).map(|t| entry.0 = t))?;
    for_each(bytes, 2, |b| text(b).map(|t| entry.1 = t))?;
    Ok(entry)
}

/// `OperatorSetIdProto`.
fn opset(bytes: &[u8]) -> Result<String, NotOnnx> {
    let (mut domain, mut version) = ("ai.onnx".to_owned(), 0);
    for field in fields(bytes) {
        match field? {
            Field { number: 1, payload: Payload::Bytes(b), .. } if !b.is_empty() => domain = text(b)?,
            Field { number: 2, payload: Payload::Number(n), .. } => version = n,
            _ => {}
        }
    }
    Ok(format!("{domain} {version}"))
}

/// Calls `each` with every message or text at `number`.
fn for_each<'b>(
    bytes: &'b [u8],
    number: u64,
    mut each: impl FnMut(&'b [u8]) -> Result<(), NotOnnx>,
) -> Result<(), NotOnnx> {
    for field in fields(bytes) {
        match field? {
            Field { number: n, payload: Payload::Bytes(b), .. } if n == number => each(b)?,
            _ => {}
        }
    }
    Ok(())
}

/// The inputs and outputs of a `GraphProto`.
fn interface(graph: &[u8], about: &mut About) -> Result<(), NotOnnx> {
    let mut stored = Vec::new();
    for_each(graph, number::GRAPH_INITIALIZER, |b| {
        for_each(b, number::TENSOR_NAME, |b| text(b).map(|t| stored.push(t)))
    })?;
    for_each(graph, number::GRAPH_INPUT, |b| value(b).map(|v| about.inputs.push(v)))?;
    about.inputs.retain(|(name, _)| !stored.contains(name));
    for_each(graph, number::GRAPH_OUTPUT, |b| value(b).map(|v| about.outputs.push(v)))
}

/// `ValueInfoProto`: name, and shape in words.
fn value(bytes: &[u8]) -> Result<(String, String), NotOnnx> {
    const ELEMENTS: [&str; 12] = [
        "?", "float32", "uint8", "int8", "uint16", "int16", "int32", "int64", "string", "bool", "float16",
        "float64",
    ];
    let (mut name, mut element, mut axes) = (String::new(), "?", Vec::new());
    for_each(bytes, 1, |b| text(b).map(|t| name = t))?;
    for_each(bytes, 2, |of| {
        for_each(of, 1, |tensor| {
            for field in fields(tensor) {
                match field? {
                    Field { number: 1, payload: Payload::Number(n), .. } => {
                        element = usize::try_from(n).ok().and_then(|n| ELEMENTS.get(n)).unwrap_or(&"?");
                    }
                    Field { number: 2, payload: Payload::Bytes(shape), .. } => {
                        for_each(shape, 1, |axis| {
                            let mut shown = "?".to_owned();
                            for field in fields(axis) {
                                match field?.payload {
                                    Payload::Number(n) => shown = n.to_string(),
                                    Payload::Bytes(b) => shown = text(b)?,
                                    Payload::Other => {}
                                }
                            }
                            axes.push(shown);
                            Ok(())
                        })?;
                    }
                    _ => {}
                }
            }
            Ok(())
        })
    })?;
    Ok((name, format!("{element} [{}]", axes.join(", "))))
}

/// `GraphProto`: its operators and tensors, and those of graphs within.
fn graph(bytes: &[u8], about: &mut About, depth: usize) -> Result<(), NotOnnx> {
    if depth > DEEPEST {
        return Err(NotOnnx("its graphs lie too deep within each other"));
    }
    for field in fields(bytes) {
        match field? {
            Field { number: number::GRAPH_NODE, payload: Payload::Bytes(b), .. } => node(b, about, depth)?,
            Field { number: number::GRAPH_INITIALIZER, payload: Payload::Bytes(b), .. } => tensor(b, about)?,
            Field { number: number::GRAPH_SPARSE_INITIALIZER, payload: Payload::Bytes(b), .. } => {
                // Values and indices are tensors.
                for_each(b, 1, |b| tensor(b, about))?;
                for_each(b, 2, |b| tensor(b, about))?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// `NodeProto`.
fn node(bytes: &[u8], about: &mut About, depth: usize) -> Result<(), NotOnnx> {
    let (mut operator, mut domain) = (String::new(), String::new());
    for_each(bytes, number::NODE_OPERATOR, |b| text(b).map(|t| operator = t))?;
    for_each(bytes, number::NODE_DOMAIN, |b| text(b).map(|t| domain = t))?;
    let shown = if domain.is_empty() { operator } else { format!("{domain}.{operator}") };
    *about.operators.entry(shown).or_default() += 1;
    for_each(bytes, number::NODE_ATTRIBUTE, |attribute| {
        for field in fields(attribute) {
            match field? {
                Field {
                    number: number::ATTRIBUTE_TENSOR | number::ATTRIBUTE_TENSORS,
                    payload: Payload::Bytes(b),
                    ..
                } => tensor(b, about)?,
                Field {
                    number: number::ATTRIBUTE_GRAPH | number::ATTRIBUTE_GRAPHS,
                    payload: Payload::Bytes(b),
                    ..
                } => graph(b, about, depth + 1)?,
                _ => {}
            }
        }
        Ok(())
    })
}

/// `TensorProto`: how many numbers, and the file where they are not in the model.
fn tensor(bytes: &[u8], about: &mut About) -> Result<(), NotOnnx> {
    let (mut numbers, mut outside, mut location) = (1u64, false, None);
    for field in fields(bytes) {
        match field? {
            Field { number: number::TENSOR_DIMS, payload: Payload::Number(n), .. } => {
                numbers = numbers.saturating_mul(n);
            }
            // Several at once, packed.
            Field { number: number::TENSOR_DIMS, payload: Payload::Bytes(b), .. } => {
                for n in wire::packed(b) {
                    numbers = numbers.saturating_mul(n?);
                }
            }
            Field { number: number::TENSOR_DATA_LOCATION, payload: Payload::Number(1), .. } => outside = true,
            Field { number: number::TENSOR_EXTERNAL_DATA, payload: Payload::Bytes(b), .. } => {
                outside = true;
                let (key, value) = entry(b)?;
                if key == "location" {
                    location = Some(value);
                }
            }
            _ => {}
        }
    }
    about.parameters = about.parameters.saturating_add(numbers);
    if outside {
        let location = location.unwrap_or_else(|| "?".to_owned());
        if !about.external.contains(&location) {
            about.external.push(location);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
