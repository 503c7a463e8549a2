use super::{Designed, Stage};
use crate::design::{self, Band, DesignError, Fir, FirWindow};
use crate::run::FirFilter;
use crate::signal::Signal;
use bci_types::Hz;
use std::fmt;

/// A filter without recursion, run on every channel.
///
/// Symmetric taps, as both designs give, delay all frequencies alike, by half of their number; with them the shape of a
/// wave is kept.
#[derive(Clone, Debug, PartialEq)]
pub enum FirSpec {
    /// A windowed ideal filter: SciPy's `firwin`.
    Windowed {
        /// What it lets through; edges are at half of the amplitude (-6 dB).
        band: Band,
        /// 1 to [`design::MAX_TAPS`]; odd where half of the rate must pass.
        taps: usize,
        /// How it is faded out.
        window: FirWindow,
    },
    /// The gain with the least squared error: SciPy's `firls`.
    LeastSquares {
        /// Odd, 1 to 1023.
        taps: usize,
        /// The edges of the bands in pairs, rising, from 0 to half of the rate.
        bands_hz: Vec<f64>,
        /// The gain wanted at each edge.
        gains: Vec<f64>,
        /// How much each band counts; all alike when `None`.
        weights: Option<Vec<f64>>,
    },
    /// Given coefficients, that of the newest sample first.
    Taps(Vec<f64>),
}

impl FirSpec {
    /// The filter for a stream at `rate`.
    ///
    /// # Errors
    /// Everything wrong with it at once.
    pub fn fir(&self, rate: Hz) -> Result<Fir, Vec<DesignError>> {
        let mistakes = match self {
            Self::Windowed { band, taps, window } => design::windowed_mistakes(*band, *taps, *window, rate),
            Self::LeastSquares { taps, bands_hz, gains, weights } => {
                design::least_squares_mistakes(*taps, bands_hz, gains, weights.as_deref(), rate)
            }
            Self::Taps(_) => Vec::new(),
        };
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        let designed = match self {
            Self::Windowed { band, taps, window } => design::fir_windowed(*band, *taps, *window, rate),
            Self::LeastSquares { taps, bands_hz, gains, weights } => {
                design::fir_least_squares(*taps, bands_hz, gains, weights.as_deref(), rate)
            }
            Self::Taps(taps) => Fir::new(taps.clone(), rate),
        };
        designed.map_err(|e| vec![e])
    }

    pub(super) fn design(&self, input: &Signal, _max_frames: usize) -> Result<Designed, Vec<DesignError>> {
        let filter = FirFilter::design(&self.fir(input.rate)?, input.channels()).map_err(|e| vec![e])?;
        Ok(Designed { stage: Stage::InPlace(Box::new(filter)), output: input.clone() })
    }

    /// Whether the channels and the rate stay the same whatever the settings.
    pub(super) fn keeps_signal(&self) -> bool {
        true
    }
}

impl fmt::Display for FirSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Windowed { band, taps, window } => write!(f, "{band}, FIR of {taps} taps, {window} window"),
            Self::LeastSquares { taps, .. } => write!(f, "FIR of {taps} taps, least squares"),
            Self::Taps(taps) => write!(f, "FIR of {} given taps", taps.len()),
        }
    }
}
