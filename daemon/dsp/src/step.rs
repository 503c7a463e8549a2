use crate::design::{self, Band, DesignError, Sos};
use bci_types::Hz;
use std::fmt;

/// One step of a [`crate::Chain`], as written in a configuration: plain data, not yet validated.
///
/// Filters are Butterworth and edges are -3 dB frequencies in hertz. `order` counts as SciPy counts: a band-pass
/// of order 4 is `butter(4, [low, high], "bandpass")`, which has 8 poles, 4 on each edge.
#[derive(Clone, Debug, PartialEq)]
pub enum StepSpec {
    /// Keeps `low_hz` to `high_hz`.
    BandPass {
        /// The lower edge.
        low_hz: f64,
        /// The upper edge.
        high_hz: f64,
        /// 1 to 16; twice as many poles.
        order: u32,
    },
    /// Removes `low_hz` to `high_hz`.
    BandStop {
        /// The lower edge.
        low_hz: f64,
        /// The upper edge.
        high_hz: f64,
        /// 1 to 16; twice as many poles.
        order: u32,
    },
    /// Keeps what is below `cutoff_hz`.
    LowPass {
        /// The edge.
        cutoff_hz: f64,
        /// 1 to 16; as many poles.
        order: u32,
    },
    /// Keeps what is above `cutoff_hz`.
    HighPass {
        /// The edge.
        cutoff_hz: f64,
        /// 1 to 16; as many poles.
        order: u32,
    },
    /// Removes one frequency, as of the mains: SciPy's `iirnotch`.
    Notch {
        /// The centre.
        freq_hz: f64,
        /// The centre over the -3 dB width.
        q: f64,
    },
    /// Subtracts the mean of all channels from each.
    CommonAverage,
}

/// A filter that a step asks for.
#[derive(Clone, Copy)]
enum Filter {
    Butterworth(Band, u32),
    Notch { freq_hz: f64, q: f64 },
}

impl StepSpec {
    /// The filter of this step for a stream at `rate`; `None` for a step that is no filter.
    ///
    /// # Errors
    /// Everything wrong with this step at once.
    pub fn design(&self, rate: Hz) -> Result<Option<Sos>, Vec<DesignError>> {
        let Some(filter) = self.filter() else { return Ok(None) };
        let mistakes = match filter {
            Filter::Butterworth(band, order) => design::band_mistakes(band, order, rate),
            Filter::Notch { freq_hz, q } => design::notch_mistakes(freq_hz, q, rate),
        };
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        let designed = match filter {
            Filter::Butterworth(band, order) => design::butterworth(band, order, rate),
            Filter::Notch { freq_hz, q } => design::notch(freq_hz, q, rate),
        };
        designed.map(Some).map_err(|e| vec![e])
    }

    fn filter(&self) -> Option<Filter> {
        Some(match *self {
            Self::BandPass { low_hz, high_hz, order } => {
                Filter::Butterworth(Band::BandPass { low_hz, high_hz }, order)
            }
            Self::BandStop { low_hz, high_hz, order } => {
                Filter::Butterworth(Band::BandStop { low_hz, high_hz }, order)
            }
            Self::LowPass { cutoff_hz, order } => Filter::Butterworth(Band::LowPass { cutoff_hz }, order),
            Self::HighPass { cutoff_hz, order } => Filter::Butterworth(Band::HighPass { cutoff_hz }, order),
            Self::Notch { freq_hz, q } => Filter::Notch { freq_hz, q },
            Self::CommonAverage => return None,
        })
    }
}

impl fmt::Display for StepSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BandPass { low_hz, high_hz, order } => {
                write!(f, "band-pass {low_hz}-{high_hz} Hz, Butterworth order {order}")
            }
            Self::BandStop { low_hz, high_hz, order } => {
                write!(f, "band-stop {low_hz}-{high_hz} Hz, Butterworth order {order}")
            }
            Self::LowPass { cutoff_hz, order } => {
                write!(f, "low-pass {cutoff_hz} Hz, Butterworth order {order}")
            }
            Self::HighPass { cutoff_hz, order } => {
                write!(f, "high-pass {cutoff_hz} Hz, Butterworth order {order}")
            }
            Self::Notch { freq_hz, q } => write!(f, "notch {freq_hz} Hz, Q {q}"),
            Self::CommonAverage => f.write_str("common average reference"),
        }
    }
}
