use super::header::{Header, Scale, Signal, Width};
use crate::recording::Samples;
use std::sync::Arc;

/// The signals of one sampling rate within data records, decoded when read.
pub(super) struct Records {
    bytes: Arc<Vec<u8>>,
    width: Width,
    header_bytes: u64,
    record_bytes: u64,
    /// Samples of each of these signals in a record.
    samples: u64,
    /// Each signal's place in a record and its scale.
    signals: Vec<(u64, Scale)>,
}

impl Records {
    pub(super) fn new(header: &Header, bytes: Arc<Vec<u8>>, samples: u64, signals: &[&Signal]) -> Self {
        Self {
            bytes,
            width: header.width,
            header_bytes: header.bytes,
            record_bytes: header.record_bytes,
            samples,
            signals: signals.iter().map(|s| (s.offset, s.scale)).collect(),
        }
    }

    /// Decodes a run of one signal's samples into every `stride`-th place of `out`.
    fn decode(&self, at: u64, scale: Scale, out: &mut [f64], stride: usize) {
        let raw = &self.bytes[at as usize..];
        let out = out.iter_mut().step_by(stride);
        match self.width {
            Width::Bits16 => {
                for (value, b) in out.zip(raw.as_chunks::<2>().0) {
                    *value = scale.physical(f64::from(i16::from_le_bytes(*b)));
                }
            }
            Width::Bits24 => {
                for (value, &[low, middle, high]) in out.zip(raw.as_chunks::<3>().0) {
                    // The sign is extended by shifting down from the top.
                    let digital = i32::from_le_bytes([0, low, middle, high]) >> 8;
                    *value = scale.physical(f64::from(digital));
                }
            }
        }
    }
}

impl Samples for Records {
    fn read(&self, start: u64, out: &mut [f64]) {
        let channels = self.signals.len();
        let frames = (out.len() / channels) as u64;
        let mut done = 0;
        while done < frames {
            let (record, within) = ((start + done) / self.samples, (start + done) % self.samples);
            let run = (self.samples - within).min(frames - done);
            let out = &mut out[done as usize * channels..][..run as usize * channels];
            for (i, &(offset, scale)) in self.signals.iter().enumerate() {
                let at =
                    self.header_bytes + record * self.record_bytes + offset + within * self.width.bytes();
                self.decode(at, scale, &mut out[i..], channels);
            }
            done += run;
        }
    }
}

impl std::fmt::Debug for Records {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Records")
            .field("bytes", &self.bytes.len())
            .field("record_bytes", &self.record_bytes)
            .field("samples", &self.samples)
            .field("signals", &self.signals)
            .finish_non_exhaustive()
    }
}
