//! GDF files, versions 1 and 2.
//!
//! Source: Schlögl, GDF - A general dataformat for biosignals, version 2.51, arXiv:cs/0608052v10 (2013). A physical value is
//! `(digital - dmin) * (pmax - pmin) / (dmax - dmin) + pmin`, as in EDF; integers outside of `dmin` to `dmax` are kept.
//! Annotations are the event table's codes, as decimal numbers.

mod error;
mod events;
mod header;

pub use error::GdfError;

use crate::recording::{FrameTimes, Recording, Samples, Segment, SignalGroup};
use bci_types::{ChannelKind, ChannelSpec, Unit};
use header::{Header, Signal};
use std::sync::Arc;

/// Whether the bytes start as a GDF file does.
pub(crate) fn is_gdf(bytes: &[u8]) -> bool {
    bytes.starts_with(b"GDF ")
}

/// Reads a whole file from memory.
pub(crate) fn read(bytes: Vec<u8>, source: &str) -> Result<Recording, GdfError> {
    let mut warnings = Vec::new();
    let header = header::parse(&bytes, &mut warnings)?;
    let annotations = events::read(&header, &bytes, &mut warnings);
    let bytes = Arc::new(bytes);
    Ok(Recording {
        source: source.to_owned(),
        format: if header.version < 1.9 { "GDF 1" } else { "GDF 2" },
        start: header.start.clone(),
        groups: groups(&header, &bytes),
        annotations,
        marker_streams: Vec::new(),
        warnings,
    })
}

/// One group for each number of samples a record, in the order of their first signals.
fn groups(header: &Header, bytes: &Arc<Vec<u8>>) -> Vec<SignalGroup> {
    let mut by_rate: Vec<(u64, Vec<&Signal>)> = Vec::new();
    for signal in &header.signals {
        match by_rate.iter_mut().find(|(samples, _)| *samples == signal.samples) {
            Some((_, members)) => members.push(signal),
            None => by_rate.push((signal.samples, vec![signal])),
        }
    }
    let group = |(samples, members): (u64, Vec<&Signal>)| {
        // The header's reader has refused rates that are none.
        let rate = header.rate(samples)?;
        let labels: Vec<String> = members.iter().map(|s| s.label.clone()).collect();
        let channels = members.iter().map(|s| channel(s)).collect();
        let times = FrameTimes::even(rate, [Segment { first_frame: 0, start_s: 0.0 }].into());
        let store = Records {
            bytes: Arc::clone(bytes),
            first: header.data_at,
            record_bytes: header.record_bytes,
            samples,
            members: members.into_iter().cloned().collect(),
        };
        Some(SignalGroup::new(times, channels, labels, header.records * samples, Box::new(store)))
    };
    by_rate.into_iter().filter_map(group).collect()
}

fn channel(signal: &Signal) -> ChannelSpec {
    let unit = Unit::parse(&signal.unit);
    let upper = signal.label.to_ascii_uppercase();
    let other =
        ["ECG", "EKG", "EOG", "EMG", "RESP", "GSR", "TEMP"].into_iter().find(|kind| upper.starts_with(kind));
    let kind = match other {
        Some(kind) => ChannelKind::Other(kind.to_owned()),
        None if unit.to_microvolts().is_some() => ChannelKind::Eeg,
        None => ChannelKind::Other("misc".to_owned()),
    };
    ChannelSpec { label: Some(signal.label.clone()).filter(|label| !label.is_empty()), unit, kind }
}

/// Signals of one rate, record by record.
#[derive(Debug)]
struct Records {
    bytes: Arc<Vec<u8>>,
    /// Where the first record is.
    first: u64,
    record_bytes: u64,
    /// Of each signal in a record.
    samples: u64,
    members: Vec<Signal>,
}

impl Samples for Records {
    fn read(&self, start: u64, out: &mut [f64]) {
        for (frame, n) in out.chunks_exact_mut(self.members.len()).zip(start..) {
            let (record, within) = (n / self.samples, n % self.samples);
            let record = self.first + record * self.record_bytes;
            for (out, signal) in frame.iter_mut().zip(&self.members) {
                let at = (record + signal.offset + within * signal.format.size()) as usize;
                *out = self
                    .bytes
                    .get(at..)
                    .and_then(|bytes| signal.format.number(bytes))
                    .map_or(f64::NAN, |x| (x - signal.digital[0]) * signal.gain + signal.physical[0]);
            }
        }
    }
}
