//! Reading a marker stream.

use crate::clock::host_now;
use crate::inlet::{Opened, Opener, bounded_s};
use crate::{InletOptions, Liblsl, Query};
use bci_driver_api::{ClockOffset, MarkerSource, MarkerSourceFactory, SourceError};
use bci_types::{HostNs, Marker, Rate, SampleFormat, StreamSpec};
use lsl::Pullable;
use std::sync::Arc;
use std::time::Duration;

/// Opens the marker stream that a query means.
#[derive(Clone, Debug)]
pub struct LslMarkerFactory(Opener);

impl LslMarkerFactory {
    /// For the one stream that fits `query`.
    #[must_use]
    pub fn new(lsl: Liblsl, query: Query, options: InletOptions) -> Self {
        Self(Opener { lsl, query, options })
    }

    /// As [`MarkerSourceFactory::open`], with the driver's own type.
    ///
    /// # Errors
    /// As [`crate::LslSourceFactory::open_source`], but `Unusable` for what cannot be read as markers.
    pub fn open_source(&mut self, timeout: Duration) -> Result<LslMarkerSource, SourceError> {
        let mut opened = self.0.connect(timeout)?;
        let reading = Reading::of(&opened.spec)
            .map_err(|reason| SourceError::Unusable { stream: opened.spec.name.clone(), reason })?;
        self.0.begin(&mut opened)?;
        let stream = Arc::from(opened.spec.name.as_str());
        Ok(LslMarkerSource { opened, reading, stream, lost: false })
    }
}

impl MarkerSourceFactory for LslMarkerFactory {
    fn describe(&self) -> String {
        self.0.query.to_string()
    }

    fn open(&mut self, timeout: Duration) -> Result<Box<dyn MarkerSource>, SourceError> {
        Ok(Box::new(self.open_source(timeout)?))
    }
}

/// An LSL marker stream: text, or one numeric channel at an irregular rate, whose numbers become text (`7`, `0.5`).
/// Several text channels are joined by tabs. Bytes that are no UTF-8 become U+FFFD.
///
/// A marker's time is the sender's with the clock offset added; senders may stamp out of order, and that is kept.
pub struct LslMarkerSource {
    opened: Opened,
    reading: Reading,
    stream: Arc<str>,
    lost: bool,
}

impl LslMarkerSource {
    fn next(&mut self, wait_s: f64) -> Result<Option<(String, f64)>, lsl::Error> {
        let inlet = &self.opened.inlet;
        let (text, stamp) = match &mut self.reading {
            Reading::Text(values) => {
                let stamp = inlet.pull_sample_buf(values, wait_s)?;
                (values.join("\t"), stamp)
            }
            Reading::Integer(value) => {
                let stamp = inlet.pull_sample_buf(value, wait_s)?;
                (value.first().map(i64::to_string).unwrap_or_default(), stamp)
            }
            Reading::Float(value) => {
                let stamp = inlet.pull_sample_buf(value, wait_s)?;
                (value.first().map(f64::to_string).unwrap_or_default(), stamp)
            }
        };
        Ok((stamp != 0.0).then_some((text, stamp)))
    }
}

impl MarkerSource for LslMarkerSource {
    fn spec(&self) -> &StreamSpec {
        &self.opened.spec
    }

    fn notes(&self) -> &[String] {
        &self.opened.notes
    }

    fn clock_offset(&self) -> Option<ClockOffset> {
        self.opened.clock.offset()
    }

    fn pull(&mut self, timeout: Duration) -> Result<Option<Marker>, SourceError> {
        let gone = || SourceError::Lost { stream: self.stream.to_string() };
        if self.lost {
            return Err(gone());
        }
        self.opened.clock.refresh(&self.opened.inlet, host_now());
        match self.next(bounded_s(timeout)) {
            Ok(None) | Err(lsl::Error::Timeout) => Ok(None),
            Ok(Some((text, stamp))) => {
                let received = host_now();
                let time = self.opened.clock.to_host(stamp);
                // A stamp that is no time: the marker came about now.
                let time = if time.is_finite() { HostNs::from_lsl_seconds(time) } else { received };
                Ok(Some(Marker { stream: Arc::clone(&self.stream), text, time, received }))
            }
            Err(_) => {
                self.lost = true;
                Err(SourceError::Lost { stream: self.stream.to_string() })
            }
        }
    }

    fn superseded(&mut self, within: Duration) -> Option<bool> {
        self.opened.superseded(within)
    }
}

/// How the samples become text, with the room to pull them into.
enum Reading {
    Text(Vec<String>),
    Integer(Vec<i64>),
    Float(Vec<f64>),
}

impl Reading {
    fn of(spec: &StreamSpec) -> Result<Self, String> {
        let channels = spec.channels.len();
        if spec.format == SampleFormat::Text {
            return Ok(Self::Text(vec![String::new(); channels]));
        }
        if channels != 1 {
            return Err(format!("{channels} channels of numbers are no markers"));
        }
        if let Rate::Regular(hz) = spec.rate {
            return Err(format!("numbers sampled at {hz} are a signal, not markers"));
        }
        Ok(match spec.format {
            SampleFormat::Float32 | SampleFormat::Double64 => Self::Float(vec![0.0]),
            _ => Self::Integer(vec![0]),
        })
    }
}
