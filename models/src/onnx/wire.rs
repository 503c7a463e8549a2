//! Protocol buffers' wire format (<https://protobuf.dev/programming-guides/encoding/>), as far as ONNX needs it.

use super::NotOnnx;
use std::ops::Range;

/// A field of a message.
pub(super) struct Field<'b> {
    pub(super) number: u64,
    pub(super) payload: Payload<'b>,
    /// Where it stands in the message, its tag included.
    pub(super) whole: Range<usize>,
}

/// What a field holds.
#[derive(Clone, Copy)]
pub(super) enum Payload<'b> {
    Number(u64),
    Bytes(&'b [u8]),
    /// Of fixed size: floats, which nobody here reads.
    Other,
}

/// The fields of a message, in order; after what is malformed nothing more.
pub(super) fn fields(message: &[u8]) -> impl Iterator<Item = Result<Field<'_>, NotOnnx>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        if at >= message.len() {
            return None;
        }
        let from = at;
        let read = field(message, &mut at);
        if read.is_err() {
            at = message.len();
        }
        Some(read.map(|(number, payload)| Field { number, payload, whole: from..at }))
    })
}

fn field<'b>(message: &'b [u8], at: &mut usize) -> Result<(u64, Payload<'b>), NotOnnx> {
    const CUT: NotOnnx = NotOnnx("it is cut short");
    let tag = varint(message, at)?;
    if tag > u64::from(u32::MAX) {
        // Other readers drop the high bits, and read another field.
        return Err(NotOnnx("it is no protocol buffer"));
    }
    let payload = match tag & 7 {
        0 => Payload::Number(varint(message, at)?),
        2 => {
            let length = usize::try_from(varint(message, at)?).map_err(|_| CUT)?;
            Payload::Bytes(take(message, at, length).ok_or(CUT)?)
        }
        1 => take(message, at, 8).map(|_| Payload::Other).ok_or(CUT)?,
        5 => take(message, at, 4).map(|_| Payload::Other).ok_or(CUT)?,
        // Groups among them: nobody writes them since long, and what is in them is not looked through.
        _ => return Err(NotOnnx("it is no protocol buffer")),
    };
    match tag >> 3 {
        0 => Err(NotOnnx("it is no protocol buffer")),
        number => Ok((number, payload)),
    }
}

fn take<'b>(message: &'b [u8], at: &mut usize, length: usize) -> Option<&'b [u8]> {
    let end = at.checked_add(length)?;
    let taken = message.get(*at..end)?;
    *at = end;
    Some(taken)
}

fn varint(message: &[u8], at: &mut usize) -> Result<u64, NotOnnx> {
    let mut n = 0u64;
    for shift in (0..64).step_by(7) {
        let byte = *message.get(*at).ok_or(NotOnnx("it is cut short"))?;
        *at += 1;
        n |= u64::from(byte & 127) << shift;
        if byte < 128 {
            return Ok(n);
        }
    }
    Err(NotOnnx("it is no protocol buffer"))
}

/// Numbers packed one after the other.
pub(super) fn packed(bytes: &[u8]) -> impl Iterator<Item = Result<u64, NotOnnx>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        if at >= bytes.len() {
            return None;
        }
        let read = varint(bytes, &mut at);
        if read.is_err() {
            at = bytes.len();
        }
        Some(read)
    })
}

fn put_varint(mut n: u64, out: &mut Vec<u8>) {
    while n >= 128 {
        out.push((n & 127) as u8 | 128);
        n >>= 7;
    }
    out.push(n as u8);
}

/// A field that holds a message.
pub(super) fn message_field(number: u64, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(content.len() + 12);
    put_varint((number << 3) | 2, &mut out);
    put_varint(content.len() as u64, &mut out);
    out.extend_from_slice(content);
    out
}

/// A field that holds a text.
pub(super) fn string_field(number: u64, content: &str) -> Vec<u8> {
    message_field(number, content.as_bytes())
}

/// A field that holds a number.
pub(super) fn number_field(number: u64, n: u64) -> Vec<u8> {
    let mut out = Vec::new();
    put_varint(number << 3, &mut out);
    put_varint(n, &mut out);
    out
}
