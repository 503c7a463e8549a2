//! From a specification to coefficients, in f64. May allocate; never runs on the hot path.

mod band;
mod complex;
mod dc_block;
mod error;
mod family;
mod fir;
mod kaiser;
mod notch;
mod notch_comb;
mod pairing;
mod prototype;
mod resample;
mod settle;
mod sos;
mod zpk;

pub use band::{Band, MAX_ORDER, band_filter, butterworth};
pub use complex::Complex;
pub use dc_block::dc_block;
pub use error::DesignError;
pub use family::{BesselNorm, Family};
pub use fir::{Fir, FirWindow, MAX_TAPS, fir_least_squares, fir_windowed};
pub use notch::notch;
pub use notch_comb::{CombWidth, MAX_NOTCHES, notch_comb};
pub use resample::{MOST_PHASES, Ratio, resample_taps};
pub use sos::{Biquad, Sos};

pub(crate) use band::mistakes as band_mistakes;
pub(crate) use dc_block::mistakes as dc_block_mistakes;
pub(crate) use fir::{least_squares_mistakes, windowed_mistakes};
pub(crate) use kaiser::kaiser;
pub(crate) use notch::mistakes as notch_mistakes;
pub(crate) use notch_comb::mistakes as notch_comb_mistakes;
pub(crate) use resample::SincTable;
