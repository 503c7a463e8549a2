//! From a specification to coefficients, in f64. May allocate; never runs on the hot path.

mod butterworth;
mod complex;
mod error;
mod fir;
mod notch;
mod pairing;
mod resample;
mod settle;
mod sos;
mod zpk;

pub use butterworth::{Band, MAX_ORDER, butterworth};
pub use complex::Complex;
pub use error::DesignError;
pub use fir::{Fir, FirWindow, MAX_TAPS, fir_least_squares, fir_windowed};
pub use notch::notch;
pub use sos::{Biquad, Sos};

pub(crate) use butterworth::mistakes as band_mistakes;
pub(crate) use fir::{least_squares_mistakes, windowed_mistakes};
pub(crate) use notch::mistakes as notch_mistakes;
