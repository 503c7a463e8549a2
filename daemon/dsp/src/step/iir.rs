use super::{Designed, Stage};
use crate::design::{self, Band, CombWidth, DesignError, Family, Sos};
use crate::signal::Signal;
use bci_types::Hz;
use std::fmt;

/// A recursive filter, run as second-order sections on every channel.
///
/// What the edges of a band are depends on the family: see [`Family`]. `order` counts as SciPy counts: a band-pass of
/// order 4 is `butter(4, [low, high], "bandpass")`, which has 8 poles, 4 on each edge.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum IirSpec {
    /// A low-pass, high-pass, band-pass or band-stop.
    Band {
        /// How it approximates the band.
        family: Family,
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
    /// Removes a frequency and its harmonics by notches of the same width.
    NotchComb {
        /// The centre of the first notch.
        freq_hz: f64,
        /// How many notches, the first included; all below half of the rate when `None`.
        harmonics: Option<u32>,
        /// Of each notch.
        width: CombWidth,
    },
    /// Removes an offset: `y[n] = x[n] - x[n-1] + r y[n-1]`.
    DcBlock {
        /// The -3 dB frequency.
        cutoff_hz: f64,
    },
}

impl IirSpec {
    /// The filter for a stream at `rate`.
    ///
    /// # Errors
    /// Everything wrong with it at once.
    pub fn sos(&self, rate: Hz) -> Result<Sos, Vec<DesignError>> {
        let mistakes = match *self {
            Self::Band { family, band, order } => design::band_mistakes(family, band, order, rate),
            Self::Notch { freq_hz, q } => design::notch_mistakes(freq_hz, q, rate),
            Self::NotchComb { freq_hz, harmonics, width } => {
                design::notch_comb_mistakes(freq_hz, harmonics, width, rate)
            }
            Self::DcBlock { cutoff_hz } => design::dc_block_mistakes(cutoff_hz, rate),
        };
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        let designed = match *self {
            Self::Band { family, band, order } => design::band_filter(family, band, order, rate),
            Self::Notch { freq_hz, q } => design::notch(freq_hz, q, rate),
            Self::NotchComb { freq_hz, harmonics, width } => {
                design::notch_comb(freq_hz, harmonics, width, rate)
            }
            Self::DcBlock { cutoff_hz } => design::dc_block(cutoff_hz, rate),
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
            Self::Band { family, band, order } => write!(f, "{band}, {family} order {order}"),
            Self::Notch { freq_hz, q } => write!(f, "notch {freq_hz} Hz, Q {q}"),
            Self::NotchComb { freq_hz, harmonics, width } => {
                match harmonics {
                    Some(count) => write!(f, "{count} notches at {freq_hz} Hz and multiples, ")?,
                    None => write!(f, "notches at {freq_hz} Hz and all multiples, ")?,
                }
                match width {
                    CombWidth::Q(q) => write!(f, "Q {q} at the first"),
                    CombWidth::Hz(width_hz) => write!(f, "{width_hz} Hz wide"),
                }
            }
            Self::DcBlock { cutoff_hz } => write!(f, "DC blocker {cutoff_hz} Hz"),
        }
    }
}
