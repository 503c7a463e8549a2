use super::ini::Ini;
use crate::recording::{Annotation, FARTHEST_S};
use bci_types::Hz;

/// The markers in order, and when the recording began where its first segment says so.
pub(super) fn read(file: &Ini, rate: Hz, warnings: &mut Vec<String>) -> (Vec<Annotation>, Option<String>) {
    let (mut annotations, mut start, mut wrong) = (Vec::new(), None, 0);
    for (_, written) in file.entries("Marker Infos") {
        let parts: Vec<String> = written.split(',').map(|part| part.replace("\\1", ",")).collect();
        let [kind, description, position, rest @ ..] = parts.as_slice() else {
            wrong += 1;
            continue;
        };
        // Counted from 1.
        let Some(position) = position.trim().parse::<u64>().ok().and_then(|p| p.checked_sub(1)) else {
            wrong += 1;
            continue;
        };
        let onset_s = position as f64 / rate.get();
        let samples = rest.first().and_then(|size| size.trim().parse::<u64>().ok()).unwrap_or(0);
        let duration_s = samples as f64 / rate.get();
        if !(onset_s <= FARTHEST_S && duration_s <= FARTHEST_S) {
            wrong += 1;
            continue;
        }
        annotations.push(Annotation {
            onset_s,
            duration_s: Some(duration_s),
            text: format!("{}/{description}", kind.trim()),
            stream: 0,
        });
        if start.is_none() && kind.trim().eq_ignore_ascii_case("New Segment") {
            start = rest.get(2).and_then(|stamp| iso(stamp.trim()));
        }
    }
    if wrong > 0 {
        warnings.push(format!("{wrong} markers make no sense, and are left out"));
    }
    annotations.sort_by(|a, b| a.onset_s.total_cmp(&b.onset_s));
    (annotations, start)
}

/// `20131113161403794232` as `2013-11-13T16:14:03.794232`; `None` of zeros and of what is no date.
fn iso(stamp: &str) -> Option<String> {
    let digits = stamp.len() == 20 && stamp.bytes().all(|b| b.is_ascii_digit());
    let part = |from: usize, to: usize| stamp.get(from..to);
    if !digits || part(0, 4)? == "0000" {
        return None;
    }
    let date = format!("{}-{}-{}", part(0, 4)?, part(4, 6)?, part(6, 8)?);
    Some(format!("{date}T{}:{}:{}.{}", part(8, 10)?, part(10, 12)?, part(12, 14)?, part(14, 20)?))
}
