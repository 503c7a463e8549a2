use crate::design::DesignError;
use crate::design::kaiser::kaiser;
use std::f64::consts::PI;
use std::fmt;

/// How the infinite response of an ideal filter is faded out to both sides: SciPy's `get_window(..., fftbins=False)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FirWindow {
    /// Side lobes 53 dB down (in the filter), transition 3.3 rates over the number of taps.
    Hamming,
    /// Side lobes 44 dB down and falling, transition 3.1.
    Hann,
    /// Side lobes 74 dB down and falling, transition 5.5.
    Blackman,
    /// Trades one for the other (Kaiser 1974): 0 cuts off hard, 5 is about Hamming, 8.6 about Blackman.
    Kaiser {
        /// 0 to 100.
        beta: f64,
    },
}

impl FirWindow {
    pub(super) fn mistake(self) -> Option<DesignError> {
        match self {
            Self::Kaiser { beta } if !(0.0..=100.0).contains(&beta) => {
                Some(DesignError::setting("beta", beta, "must be 0 to 100"))
            }
            _ => None,
        }
    }

    /// `taps` weights, symmetric; 1 in the middle.
    pub(super) fn weights(self, taps: usize) -> Vec<f64> {
        if taps == 1 {
            return vec![1.0];
        }
        let last = (taps - 1) as f64;
        (0..taps).map(|n| self.at(2.0 * n as f64 / last - 1.0)).collect()
    }

    /// The weight at `x`, from -1 at the one end to 1 at the other.
    fn at(self, x: f64) -> f64 {
        let cosine = |times: f64| (PI * times * x).cos();
        match self {
            Self::Hamming => 0.54 + 0.46 * cosine(1.0),
            Self::Hann => 0.5 + 0.5 * cosine(1.0),
            Self::Blackman => 0.42 + 0.5 * cosine(1.0) + 0.08 * cosine(2.0),
            Self::Kaiser { beta } => kaiser(beta, x),
        }
    }
}

impl fmt::Display for FirWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hamming => f.write_str("Hamming"),
            Self::Hann => f.write_str("Hann"),
            Self::Blackman => f.write_str("Blackman"),
            Self::Kaiser { beta } => write!(f, "Kaiser beta {beta}"),
        }
    }
}
