//! Filters without recursion: a list of taps, and how to come by one.

mod least_squares;
mod window;
mod windowed;

pub use least_squares::fir_least_squares;
pub use window::FirWindow;
pub use windowed::fir_windowed;

pub(crate) use least_squares::mistakes as least_squares_mistakes;
pub(crate) use windowed::mistakes as windowed_mistakes;
pub(super) use windowed::windowed;

use super::{Complex, DesignError};
use bci_types::Hz;
use std::f64::consts::PI;

/// The most taps of one filter.
pub const MAX_TAPS: usize = 16_384;

/// A filter without recursion, `y[n] = taps[0] x[n] + taps[1] x[n-1] + ...`, with the rate it was made for.
#[derive(Clone, Debug, PartialEq)]
pub struct Fir {
    taps: Box<[f64]>,
    rate: Hz,
}

impl Fir {
    /// From ready coefficients.
    ///
    /// # Errors
    /// [`DesignError::Setting`] of `taps`: none or more than [`MAX_TAPS`], or one that is not finite.
    pub fn new(taps: Vec<f64>, rate: Hz) -> Result<Self, DesignError> {
        if taps.is_empty() || taps.len() > MAX_TAPS {
            let must = format!("must have 1 to {MAX_TAPS} numbers");
            return Err(DesignError::setting("taps", format!("{} numbers", taps.len()), must));
        }
        if let Some(bad) = taps.iter().find(|c| !c.is_finite()) {
            return Err(DesignError::setting("taps", bad, "must have finite numbers only"));
        }
        Ok(Self { taps: taps.into_boxed_slice(), rate })
    }

    /// The coefficients, that of the newest sample first.
    #[must_use]
    pub fn taps(&self) -> &[f64] {
        &self.taps
    }

    /// The sampling rate it was made for.
    #[must_use]
    pub fn rate(&self) -> Hz {
        self.rate
    }

    /// The complex response at `at_hz`: its magnitude is the gain, its angle the phase.
    #[must_use]
    pub fn response(&self, at_hz: f64) -> Complex {
        self.sums(self.radians(at_hz)).0
    }

    /// The gain at `at_hz` in decibels; negative infinity where nothing passes.
    #[must_use]
    pub fn gain_db(&self, at_hz: f64) -> f64 {
        20.0 * self.response(at_hz).abs().log10()
    }

    /// The group delay at `at_hz` in samples: half of the length, less half a sample, when the taps are symmetric or
    /// antisymmetric; for others as it comes out, on a zero of the filter from its surroundings.
    #[must_use]
    pub fn group_delay_samples(&self, at_hz: f64) -> f64 {
        if self.mirrors(1.0) || self.mirrors(-1.0) {
            return (self.taps.len() - 1) as f64 / 2.0;
        }
        let w = self.radians(at_hz);
        let size: f64 = self.taps.iter().map(|c| c.abs()).sum();
        let delay = |w| {
            let (sum, weighted) = self.sums(w);
            (weighted / sum).re
        };
        if self.sums(w).0.abs() > 1e-9 * size {
            delay(w)
        } else {
            let aside = 1e-4;
            f64::midpoint(delay(w - aside), delay(w + aside))
        }
    }

    /// Takes over the coefficients of a filter of as many taps; allocates nothing.
    pub(crate) fn copy_from(&mut self, other: &Fir) {
        self.taps.copy_from_slice(&other.taps);
        self.rate = other.rate;
    }

    fn mirrors(&self, sign: f64) -> bool {
        let largest = self.taps.iter().fold(0.0, |m: f64, c| m.max(c.abs()));
        self.taps.iter().zip(self.taps.iter().rev()).all(|(a, b)| (a - sign * b).abs() <= 1e-12 * largest)
    }

    /// The response at `w` radians a sample, and the same with each term weighted by its delay.
    fn sums(&self, w: f64) -> (Complex, Complex) {
        let zero = Complex::real(0.0);
        self.taps.iter().enumerate().fold((zero, zero), |(sum, weighted), (k, &tap)| {
            let term = Complex::from_polar(tap, -w * k as f64);
            (sum + term, weighted + term * k as f64)
        })
    }

    fn radians(&self, at_hz: f64) -> f64 {
        2.0 * PI * at_hz / self.rate.get()
    }
}

/// What is wrong with a number of taps.
fn taps_mistake(taps: usize, most: usize) -> Option<DesignError> {
    let permitted = 1..=most;
    (!permitted.contains(&taps)).then(|| DesignError::setting("taps", taps, format!("must be 1 to {most}")))
}
