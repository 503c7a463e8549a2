use super::wire::{self, Field, Payload, fields};
use super::{About, NotOnnx, entry, for_each, number, text_at};

/// Graphs within graphs beyond this depth are no model but a trap.
const DEEPEST: usize = 16;

/// `GraphProto`: its operators and tensors, and those of graphs within.
pub(super) fn graph(bytes: &[u8], about: &mut About, depth: usize) -> Result<(), NotOnnx> {
    if depth > DEEPEST {
        return Err(NotOnnx("its graphs lie too deep within each other"));
    }
    for field in fields(bytes) {
        match field? {
            Field { number: number::GRAPH_NODE, payload: Payload::Bytes(b), .. } => node(b, about, depth)?,
            Field { number: number::GRAPH_INITIALIZER, payload: Payload::Bytes(b), .. } => tensor(b, about)?,
            Field { number: number::GRAPH_SPARSE_INITIALIZER, payload: Payload::Bytes(b), .. } => {
                sparse(b, about)?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// `NodeProto`.
pub(super) fn node(bytes: &[u8], about: &mut About, depth: usize) -> Result<(), NotOnnx> {
    let (operator, domain) = (text_at(bytes, number::NODE_OPERATOR)?, text_at(bytes, number::NODE_DOMAIN)?);
    let shown = if domain.is_empty() { operator } else { format!("{domain}.{operator}") };
    *about.operators.entry(shown).or_default() += 1;
    for_each(bytes, number::NODE_ATTRIBUTE, |b| attribute(b, about, depth))
}

/// `AttributeProto`.
pub(super) fn attribute(bytes: &[u8], about: &mut About, depth: usize) -> Result<(), NotOnnx> {
    let mut graphs = 0;
    for field in fields(bytes) {
        let Field { number, payload: Payload::Bytes(b), .. } = field? else { continue };
        match number {
            number::ATTRIBUTE_TENSOR | number::ATTRIBUTE_TENSORS => tensor(b, about)?,
            number::ATTRIBUTE_SPARSE_TENSOR | number::ATTRIBUTE_SPARSE_TENSORS => sparse(b, about)?,
            number::ATTRIBUTE_GRAPH => {
                graphs += 1;
                if graphs > 1 {
                    // Readers merge the two into one that was never written.
                    return Err(NotOnnx("an attribute in it holds two graphs where one may stand"));
                }
                graph(b, about, depth + 1)?;
            }
            number::ATTRIBUTE_GRAPHS => graph(b, about, depth + 1)?,
            _ => {}
        }
    }
    Ok(())
}

/// `SparseTensorProto`: values and indices are tensors.
fn sparse(bytes: &[u8], about: &mut About) -> Result<(), NotOnnx> {
    for_each(bytes, 1, |b| tensor(b, about))?;
    for_each(bytes, 2, |b| tensor(b, about))
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
            // 0 is within the model, 1 outside; of other numbers readers may keep the low bits alone.
            Field { number: number::TENSOR_DATA_LOCATION, payload: Payload::Number(n), .. } => {
                outside |= n != 0;
            }
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
