use super::{Designed, Stage};
use crate::design::{self, Band, DesignError, Sos};
use crate::signal::Signal;
use bci_types::Hz;
use std::fmt;

/// A recursive filter, run as second-order sections on every channel.
///
/// Filters are Butterworth and edges are -3 dB frequencies in hertz. `order` counts as SciPy counts: a band-pass
/// of order 4 is `butter(4, [low, high], "bandpass")`, which has 8 poles, 4 on each edge.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum IirSpec {
    /// A Butterworth filter.
    Butterworth {
        /// What it lets through.
        band: Band,
        /// 1 to 16; a band-pass or band-stop has twice as many poles.
        order: u32,
    },
    /// Removes one frequency, as of the mains: SciPy's `iirnotch`.
    Notch {
        /// The centre.
        freq_hz: f64,
        /// The centre over the -3 dB width.
        q: f64,
    },
}

impl IirSpec {
    /// The filter for a stream at `rate`.
    ///
    /// # Errors
    /// Everything wrong with it at once.
    pub fn sos(&self, rate: Hz) -> Result<Sos, Vec<DesignError>> {
        let mistakes = match *self {
            Self::Butterworth { band, order } => design::band_mistakes(band, order, rate),
            Self::Notch { freq_hz, q } => design::notch_mistakes(freq_hz, q, rate),
        };
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        let designed = match *self {
            Self::Butterworth { band, order } => design::butterworth(band, order, rate),
            Self::Notch { freq_hz, q } => design::notch(freq_hz, q, rate),
        };
        designed.map_err(|e| vec![e])
    }

    pub(super) fn design(&self, input: &Signal) -> Result<Designed, Vec<DesignError>> {
        Ok(Designed { stage: Stage::Cascade(self.sos(input.rate)?), output: input.clone() })
    }
}

impl fmt::Display for IirSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Butterworth { band, order } => write!(f, "{band}, Butterworth order {order}"),
            Self::Notch { freq_hz, q } => write!(f, "notch {freq_hz} Hz, Q {q}"),
        }
    }
}
