//! What either side says before samples flow.

use std::io::{ErrorKind, Read};

/// The most that is read of it.
const MOST: usize = 65_536;

/// Reads until `is_whole`, and no byte more.
///
/// # Errors
/// Those of `from`, and [`ErrorKind::UnexpectedEof`] when it ends, or goes on, without being whole.
pub fn until(from: &mut impl Read, is_whole: fn(&[u8]) -> bool) -> std::io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let mut byte = [0];
    while !is_whole(&text) {
        if text.len() == MOST || from.read(&mut byte)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        text.push(byte[0]);
    }
    Ok(text)
}

/// Whether the client's side is whole.
#[must_use]
pub fn is_request(text: &[u8]) -> bool {
    if is_for_samples(text) { is_headers(text) } else { is_for_description(text) && text.ends_with(b"\r\n") }
}

/// Whether the source's side is whole.
#[must_use]
pub fn is_headers(text: &[u8]) -> bool {
    text.ends_with(b"\r\n\r\n")
}

/// Whether a request is for samples.
#[must_use]
pub fn is_for_samples(text: &[u8]) -> bool {
    text.starts_with(b"LSL:streamfeed")
}

fn is_for_description(text: &[u8]) -> bool {
    text.starts_with(b"LSL:fullinfo") || text.starts_with(b"LSL:shortinfo")
}
