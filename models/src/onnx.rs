//! What an ONNX file says of itself, read and written at the level of its protocol buffers: nothing is loaded or run.
//!
//! Of the format (<https://onnx.ai/onnx/repo-docs/IR.html>, `onnx.proto`) only the fields named here are known; the rest is
//! passed over, and kept byte for byte when the metadata is written.

mod graph;
mod readout;
mod trial;
mod wire;

pub use readout::Readout;
pub(crate) use trial::trial_model;

use graph::{attribute, graph, node};
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
    pub(super) const MODEL_TRAINING: u64 = 20;
    pub(super) const MODEL_FUNCTIONS: u64 = 25;
    pub(super) const TRAINING_INITIALIZATION: u64 = 1;
    pub(super) const TRAINING_ALGORITHM: u64 = 2;
    pub(super) const GRAPH_NODE: u64 = 1;
    pub(super) const GRAPH_INITIALIZER: u64 = 5;
    pub(super) const GRAPH_INPUT: u64 = 11;
    pub(super) const GRAPH_OUTPUT: u64 = 12;
    pub(super) const GRAPH_SPARSE_INITIALIZER: u64 = 15;
    pub(super) const FUNCTION_NODE: u64 = 7;
    pub(super) const FUNCTION_ATTRIBUTE: u64 = 11;
    pub(super) const NODE_OPERATOR: u64 = 4;
    pub(super) const NODE_ATTRIBUTE: u64 = 5;
    pub(super) const NODE_DOMAIN: u64 = 7;
    pub(super) const ATTRIBUTE_TENSOR: u64 = 5;
    pub(super) const ATTRIBUTE_GRAPH: u64 = 6;
    pub(super) const ATTRIBUTE_TENSORS: u64 = 10;
    pub(super) const ATTRIBUTE_GRAPHS: u64 = 11;
    pub(super) const ATTRIBUTE_SPARSE_TENSOR: u64 = 22;
    pub(super) const ATTRIBUTE_SPARSE_TENSORS: u64 = 23;
    pub(super) const TENSOR_DIMS: u64 = 1;
    pub(super) const TENSOR_NAME: u64 = 8;
    pub(super) const TENSOR_EXTERNAL_DATA: u64 = 13;
    pub(super) const TENSOR_DATA_LOCATION: u64 = 14;
}

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

/// Reads what a model says of itself. Texts that are not UTF-8 are read with replacement characters.
///
/// # Errors
/// [`NotOnnx`]: it is malformed, or cannot be looked through with the certainty that ONNX Runtime reads it alike.
pub fn about(model: &[u8]) -> Result<About, NotOnnx> {
    let mut about = About::default();
    let mut graphs = 0;
    for field in fields(model) {
        let Field { number, payload, .. } = field?;
        match (number, payload) {
            (number::MODEL_IR_VERSION, Payload::Number(n)) => about.ir_version = n,
            (number::MODEL_PRODUCER, Payload::Bytes(b)) => about.producer = text(b),
            (number::MODEL_PRODUCER_VERSION, Payload::Bytes(b)) => {
                about.producer = format!("{} {}", about.producer, text(b)).trim().to_owned();
            }
            (number::MODEL_OPSET, Payload::Bytes(b)) => about.opsets.push(opset(b)?),
            (number::MODEL_METADATA, Payload::Bytes(b)) => about.metadata.push(entry(b)?),
            (number::MODEL_GRAPH, Payload::Bytes(b)) => {
                graphs += 1;
                interface(b, &mut about)?;
                graph(b, &mut about, 0)?;
            }
            (number::MODEL_TRAINING, Payload::Bytes(b)) => {
                for_each(b, number::TRAINING_INITIALIZATION, |b| graph(b, &mut about, 0))?;
                for_each(b, number::TRAINING_ALGORITHM, |b| graph(b, &mut about, 0))?;
            }
            (number::MODEL_FUNCTIONS, Payload::Bytes(b)) => {
                for_each(b, number::FUNCTION_NODE, |b| node(b, &mut about, 0))?;
                for_each(b, number::FUNCTION_ATTRIBUTE, |b| attribute(b, &mut about, 0))?;
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

/// ONNX Runtime minds no text that is not UTF-8, and nothing here hangs on one.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The text at `number`; the last counts, and where there is none it is empty.
fn text_at(bytes: &[u8], number: u64) -> Result<String, NotOnnx> {
    let mut found = String::new();
    for_each(bytes, number, |b| {
        found = text(b);
        Ok(())
    })?;
    Ok(found)
}

/// `StringStringEntryProto`.
fn entry(bytes: &[u8]) -> Result<(String, String), NotOnnx> {
    Ok((text_at(bytes, 1)?, text_at(bytes, 2)?))
}

/// `OperatorSetIdProto`.
fn opset(bytes: &[u8]) -> Result<String, NotOnnx> {
    let (mut domain, mut version) = ("ai.onnx".to_owned(), 0);
    for field in fields(bytes) {
        match field? {
            Field { number: 1, payload: Payload::Bytes(b), .. } if !b.is_empty() => domain = text(b),
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
        stored.push(text_at(b, number::TENSOR_NAME)?);
        Ok(())
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
    let (name, mut element, mut axes) = (text_at(bytes, 1)?, "?", Vec::new());
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
                                    Payload::Bytes(b) => shown = text(b),
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

#[cfg(test)]
mod tests;
