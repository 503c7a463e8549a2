//! EDF, EDF+, BDF and BDF+ files.
//!
//! Sources: Kemp, Värri, Rosa, Nielsen, Gade, "A simple format for exchange of digitized polygraphic recordings",
//! Electroenceph. Clin. Neurophysiol. 82 (1992); Kemp, Olivan, "European data format 'plus' (EDF+)", Clin.
//! Neurophysiol. 114 (2003), and <https://www.edfplus.info/specs>; BioSemi's 24-bit variant, which differs in its
//! first byte and in the width of a sample.
//!
//! A physical value is `(digital - dmin) * (pmax - pmin) / (dmax - dmin) + pmin`, in double precision, evaluated
//! left to right. Recording time 0 is the first data record, so the fraction of a second that EDF+ puts into the
//! first record's time is in [`Recording::start`] and no longer in the onsets.

mod annotations;
mod error;
mod header;
mod label;
mod samples;
mod start;
mod tal;

pub use error::EdfError;

use crate::recording::{FrameTimes, Recording, Segment, SignalGroup};
use annotations::Timeline;
use header::{Header, Signal};
use samples::Records;
use std::sync::Arc;

/// The most annotations one file may hold. A file can pack one into two bytes, where it takes some forty times
/// that in memory.
pub const MAX_ANNOTATIONS: usize = 1_000_000;

/// Whether the bytes start as an EDF or BDF file does.
#[must_use]
pub fn is_edf(bytes: &[u8]) -> bool {
    header::Width::of(bytes).is_some()
}

/// Reads a whole file from memory; `source` is what [`Recording::source`] will say. The recording keeps `bytes`.
///
/// # Errors
/// [`EdfError`]; the record count in the header yields to the file's length, with a warning.
pub fn read(bytes: Vec<u8>, source: &str) -> Result<Recording, EdfError> {
    let mut warnings = Vec::new();
    let header = header::parse(&bytes, &mut warnings)?;
    let Timeline { first_onset_s, record_segments, annotations } =
        annotations::collect(&header, &bytes, &mut warnings)?;
    let start = start::of_first_frame(&header, first_onset_s, &mut warnings);
    let groups = group(&header, &Arc::new(bytes), &record_segments);
    Ok(Recording {
        source: source.to_owned(),
        format: header.format,
        start,
        groups,
        annotations,
        marker_streams: Vec::new(),
        warnings,
    })
}

/// One group for each number of samples a record, in the order of their first signals.
fn group(header: &Header, bytes: &Arc<Vec<u8>>, record_segments: &[(u64, f64)]) -> Vec<SignalGroup> {
    let mut by_rate: Vec<(u64, Vec<&Signal>)> = Vec::new();
    for signal in header.signals.iter().filter(|s| !s.is_annotation) {
        match by_rate.iter_mut().find(|(n, _)| *n == signal.samples) {
            Some((_, members)) => members.push(signal),
            None => by_rate.push((signal.samples, vec![signal])),
        }
    }
    by_rate
        .into_iter()
        .filter_map(|(samples, members)| {
            // The header's reader has refused rates that are none.
            let rate = header.rate(samples)?;
            let labels: Vec<String> = members.iter().map(|s| s.label.clone()).collect();
            let units = members.iter().map(|s| s.unit.clone()).collect::<Vec<_>>();
            let segments = record_segments
                .iter()
                .map(|&(record, start_s)| Segment { first_frame: record * samples, start_s })
                .collect();
            let store = Records::new(header, bytes.clone(), samples, &members);
            let channels = label::channels(&labels, &units);
            let times = FrameTimes::even(rate, segments);
            Some(SignalGroup::new(times, channels, labels, header.records * samples, Box::new(store)))
        })
        .collect()
}
