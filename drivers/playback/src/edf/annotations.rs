use super::header::{Header, Signal};
use super::tal::{self, Tal};
use super::{EdfError, MAX_ANNOTATIONS};
use crate::recording::Annotation;

/// What the annotation signals say.
#[derive(Debug)]
pub(super) struct Timeline {
    /// When the first data record starts, seconds from the header's start time.
    pub(super) first_onset_s: f64,
    /// The first data record of each stretch without a gap, and its time from the first data record, seconds.
    pub(super) record_segments: Vec<(u64, f64)>,
    /// By onset, from the first data record.
    pub(super) annotations: Vec<Annotation>,
}

/// Reads all annotation signals of all data records.
pub(super) fn collect(
    header: &Header,
    bytes: &[u8],
    warnings: &mut Vec<String>,
) -> Result<Timeline, EdfError> {
    let mut annotations = Vec::new();
    let mut times = RecordTimes::new(header);
    let mut faults = Faults::default();
    for record in 0..header.records {
        let signals = header.signals.iter().filter(|s| s.is_annotation);
        let mut onset = None;
        for (i, signal) in signals.enumerate() {
            let (at, share) = share_of(header, bytes, signal, record);
            for (k, list) in tal::lists(share).enumerate() {
                let tal = match list {
                    Ok((offset, tal)) => {
                        faults.note_text(at + offset as u64, &tal);
                        tal
                    }
                    Err(offset) => {
                        faults.malformed.note(at + offset as u64);
                        continue;
                    }
                };
                // The first list of the record's first annotation signal keeps the time.
                if i == 0 && k == 0 && tal.keeps_time() {
                    onset = Some(tal.onset_s);
                }
                append(&tal, &mut annotations);
                if annotations.len() > MAX_ANNOTATIONS {
                    return Err(EdfError::Annotations { limit: MAX_ANNOTATIONS, offset: at });
                }
            }
        }
        times.record(record, onset)?;
    }
    let first_onset_s = times.first_onset_s;
    for annotation in &mut annotations {
        annotation.onset_s -= first_onset_s;
    }
    annotations.sort_by(|a, b| a.onset_s.total_cmp(&b.onset_s));
    faults.warn(warnings);
    let record_segments = times.finish(warnings);
    Ok(Timeline { first_onset_s, record_segments, annotations })
}

fn append(tal: &Tal<'_>, annotations: &mut Vec<Annotation>) {
    let (onset_s, duration_s) = (tal.onset_s, tal.duration_s);
    // One beyond the limit shows that it is passed.
    let room = (MAX_ANNOTATIONS + 1).saturating_sub(annotations.len());
    let texts = tal.texts().filter(|t| !t.is_empty()).take(room);
    annotations.extend(texts.map(|text| Annotation { onset_s, duration_s, text, stream: 0 }));
}

/// A signal's bytes in one record, and where they start in the file.
fn share_of<'a>(header: &Header, bytes: &'a [u8], signal: &Signal, record: u64) -> (u64, &'a [u8]) {
    let at = header.bytes + record * header.record_bytes + signal.offset;
    let end = at + signal.samples * header.width.bytes();
    // Counted records are complete, so the range lies within the file.
    (at, bytes.get(at as usize..end as usize).unwrap_or_default())
}

/// When each data record starts, and where that breaks the even spacing.
struct RecordTimes<'a> {
    header: &'a Header,
    /// Half a sample of the fastest signal, seconds.
    tolerance_s: f64,
    has_signals: bool,
    first_onset_s: f64,
    segments: Vec<(u64, f64)>,
    untimed: u64,
    uneven: u64,
    worst_s: f64,
}

impl<'a> RecordTimes<'a> {
    fn new(header: &'a Header) -> Self {
        let fastest = header.signals.iter().filter(|s| !s.is_annotation).map(|s| s.samples).max();
        Self {
            header,
            tolerance_s: fastest.map_or(0.0, |n| 0.5 * header.record_s / n as f64),
            has_signals: fastest.is_some(),
            first_onset_s: 0.0,
            segments: Vec::new(),
            untimed: 0,
            uneven: 0,
            worst_s: 0.0,
        }
    }

    fn record(&mut self, record: u64, onset_s: Option<f64>) -> Result<(), EdfError> {
        let time_field = || {
            let first = self.header.signals.iter().find(|s| s.is_annotation).map_or(0, |s| s.offset);
            self.header.bytes + record * self.header.record_bytes + first
        };
        if onset_s.is_none() {
            self.untimed += 1;
            if self.header.discontinuous && self.has_signals {
                return Err(EdfError::RecordTime { record, offset: time_field() });
            }
        }
        let Some(&(first, start_s)) = self.segments.last() else {
            self.first_onset_s = onset_s.unwrap_or(0.0);
            self.segments.push((0, 0.0));
            return Ok(());
        };
        let Some(onset_s) = onset_s else { return Ok(()) };
        let since_first_s = onset_s - self.first_onset_s;
        let even_s = start_s + (record - first) as f64 * self.header.record_s;
        let late_s = since_first_s - even_s;
        if !self.has_signals || late_s.abs() <= self.tolerance_s {
            return Ok(());
        }
        if !self.header.discontinuous {
            self.uneven += 1;
            if late_s.abs() > self.worst_s.abs() {
                self.worst_s = late_s;
            }
        } else if late_s > 0.0 {
            self.segments.push((record, since_first_s));
        } else {
            let before_s = even_s + self.first_onset_s;
            return Err(EdfError::RecordOrder { record, offset: time_field(), onset_s, before_s });
        }
        Ok(())
    }

    fn finish(self, warnings: &mut Vec<String>) -> Vec<(u64, f64)> {
        let plus = self.header.format.contains('+');
        if plus && self.untimed > 0 {
            warnings.push(format!(
                "{} of {} data records do not say when they start: they are taken to follow each other",
                self.untimed, self.header.records
            ));
        }
        if self.uneven > 0 {
            warnings.push(format!(
                "the file calls itself continuous, but {} data records are off the even spacing, by up to {} s: \
                 the even spacing is kept",
                self.uneven, self.worst_s
            ));
        }
        self.segments
    }
}

/// How often something was met, and where first.
#[derive(Default)]
struct Tally {
    count: u64,
    first: u64,
}

impl Tally {
    fn note(&mut self, offset: u64) {
        if self.count == 0 {
            self.first = offset;
        }
        self.count += 1;
    }
}

#[derive(Default)]
struct Faults {
    malformed: Tally,
    encoding: Tally,
}

impl Faults {
    fn note_text(&mut self, offset: u64, tal: &Tal<'_>) {
        if !tal.is_utf8() {
            self.encoding.note(offset);
        }
    }

    fn warn(&self, warnings: &mut Vec<String>) {
        let Tally { count, first } = self.malformed;
        if count > 0 {
            warnings
                .push(format!("{count} malformed annotation lists are left out, the first at byte {first}"));
        }
        let Tally { count, first } = self.encoding;
        if count > 0 {
            warnings.push(format!(
                "{count} annotation lists are not UTF-8 and are read as Latin-1, the first at byte {first}"
            ));
        }
    }
}
