use crate::bytes::Bytes;
use crate::values::Values;

/// Adds the samples of a chunk (behind the stream's number) to those of a stream of `channels` channels; a stamp that is not
/// written is `period` after the one before, `last` at the first. `None` where the chunk ends before it should or does not
/// say what it should: samples before that stay, and `bytes` are those that were not looked at.
pub(crate) fn extend(
    bytes: &mut Bytes<'_>,
    (channels, period): (usize, f64),
    last: &mut f64,
    stamps: &mut Vec<f64>,
    values: &mut Values,
) -> Option<()> {
    let count = bytes.length()?;
    for _ in 0..count {
        let stamp = match bytes.u8()? {
            0 => *last + period,
            8 => bytes.f64()?,
            _ => return None,
        };
        if values.extend(channels, bytes).is_none() {
            values.truncate(stamps.len() * channels);
            return None;
        }
        stamps.push(stamp);
        *last = stamp;
    }
    Some(())
}
