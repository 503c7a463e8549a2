use super::header::Header;
use crate::recording::Annotation;

/// Half-open events begin with their code, and end with this added.
const END: u16 = 0x8000;

/// The event table behind the records; nothing where there is none.
pub(super) fn read(header: &Header, bytes: &[u8], warnings: &mut Vec<String>) -> Vec<Annotation> {
    let at = header.data_at + header.records * header.record_bytes;
    let table = usize::try_from(at).ok().and_then(|at| bytes.get(at..)).unwrap_or_default();
    let [mode, a, b, c, d, e, f, g, rest @ ..] = table else { return Vec::new() };
    if !matches!(mode, 1 | 3) {
        return Vec::new();
    }
    let (count, stated_hz) = if header.version < 1.94 {
        (u32::from_le_bytes([*d, *e, *f, *g]), f64::from(u32::from_le_bytes([*a, *b, *c, 0])))
    } else {
        (u32::from_le_bytes([*a, *b, *c, 0]), f64::from(f32::from_le_bytes([*d, *e, *f, *g])))
    };
    let fastest =
        header.signals.iter().filter_map(|s| header.rate(s.samples)).map(|hz| hz.get()).fold(0.0, f64::max);
    let rate = if stated_hz > 0.0 && stated_hz.is_finite() { stated_hz } else { fastest };
    let each = if *mode == 3 { 12 } else { 6 };
    let room = rest.len() / each;
    let n = (count as usize).min(room);
    if n < count as usize {
        warnings
            .push(format!("the event table says there are {count} events, {n} are there: it was cut off"));
        // Its columns are where they would be if it were whole.
        return Vec::new();
    }
    let u32_at =
        |at: usize| rest.get(at..at + 4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]])).unwrap_or(0);
    let u16_at = |at: usize| rest.get(at..at + 2).map(|b| u16::from_le_bytes([b[0], b[1]])).unwrap_or(0);
    let mut annotations: Vec<Annotation> = (0..n)
        .filter(|i| *mode == 3 || u16_at(4 * n + 2 * i) & END == 0)
        .map(|i| {
            // Counted from 1.
            let position = u32_at(4 * i).saturating_sub(1);
            let duration = (*mode == 3).then(|| f64::from(u32_at(8 * n + 4 * i)) / rate);
            let text = u16_at(4 * n + 2 * i).to_string();
            Annotation { onset_s: f64::from(position) / rate, duration_s: duration, text, stream: 0 }
        })
        .collect();
    annotations.sort_by(|a, b| a.onset_s.total_cmp(&b.onset_s));
    annotations
}
