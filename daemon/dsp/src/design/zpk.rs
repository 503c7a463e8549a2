//! Analogue zeros, poles and gain, their move to a band, and the bilinear transform.
//!
//! The operations and their order are those of SciPy's `lp2lp_zpk`, `lp2hp_zpk`, `lp2bp_zpk`,
//! `lp2bs_zpk` and `bilinear_zpk`, so that the coefficients agree to rounding.

use super::complex::Complex;
use std::f64::consts::PI;

/// Zeros, poles and gain of a filter: analogue until [`Zpk::bilinear`], digital after it.
pub(super) struct Zpk {
    pub(super) zeros: Vec<Complex>,
    pub(super) poles: Vec<Complex>,
    pub(super) gain: f64,
}

/// The sampling rate in the transform's own unit, in which the Nyquist frequency is 1.
const RATE: f64 = 2.0;

/// The analogue frequency, in rad/s, that the bilinear transform maps to `hz`.
pub(super) fn prewarp(hz: f64, nyquist_hz: f64) -> f64 {
    2.0 * RATE * (PI * (hz / nyquist_hz) / RATE).tan()
}

impl Zpk {
    /// The gain of an analogue filter at `w` rad/s.
    pub(super) fn gain_at(&self, w: f64) -> f64 {
        let from = |&r: &Complex| Complex::new(0.0, w) - r;
        let num = Complex::product(self.zeros.iter().map(from));
        let den = Complex::product(self.poles.iter().map(from));
        self.gain * (num / den).abs()
    }

    fn excess_poles(&self) -> usize {
        self.poles.len() - self.zeros.len()
    }

    /// Gain lost when every root is inverted.
    fn inversion_gain(&self) -> f64 {
        let num = Complex::product(self.zeros.iter().map(|&z| -z));
        let den = Complex::product(self.poles.iter().map(|&p| -p));
        (num / den).re
    }

    /// To a low-pass of cut-off `wo` rad/s.
    pub(super) fn to_low_pass(&self, wo: f64) -> Self {
        Self {
            zeros: self.zeros.iter().map(|&z| z * wo).collect(),
            poles: self.poles.iter().map(|&p| p * wo).collect(),
            gain: self.gain * wo.powi(self.excess_poles() as i32),
        }
    }

    /// To a high-pass of cut-off `wo` rad/s. Zeros at infinity land on the origin.
    pub(super) fn to_high_pass(&self, wo: f64) -> Self {
        let invert = |&r: &Complex| Complex::real(wo) / r;
        let mut zeros: Vec<_> = self.zeros.iter().map(invert).collect();
        zeros.resize(self.poles.len(), Complex::real(0.0));
        Self {
            zeros,
            poles: self.poles.iter().map(invert).collect(),
            gain: self.gain * self.inversion_gain(),
        }
    }

    /// To a band-pass around `wo` of width `bw`, both rad/s. Half of the zeros at infinity land on the origin.
    pub(super) fn to_band_pass(&self, wo: f64, bw: f64) -> Self {
        let scale = |&r: &Complex| r * (bw / 2.0);
        let mut zeros = split(self.zeros.iter().map(scale), wo);
        zeros.resize(zeros.len() + self.excess_poles(), Complex::real(0.0));
        Self {
            zeros,
            poles: split(self.poles.iter().map(scale), wo),
            gain: self.gain * bw.powi(self.excess_poles() as i32),
        }
    }

    /// To a band-stop around `wo` of width `bw`, both rad/s. Zeros at infinity land on the band's centre.
    pub(super) fn to_band_stop(&self, wo: f64, bw: f64) -> Self {
        let invert = |&r: &Complex| Complex::real(bw / 2.0) / r;
        let mut zeros = split(self.zeros.iter().map(invert), wo);
        for centre in [wo, -wo] {
            zeros.resize(zeros.len() + self.excess_poles(), Complex::new(0.0, centre));
        }
        Self {
            zeros,
            poles: split(self.poles.iter().map(invert), wo),
            gain: self.gain * self.inversion_gain(),
        }
    }

    /// From analogue to digital. Zeros at infinity land on the Nyquist frequency.
    pub(super) fn bilinear(&self) -> Self {
        let fs2 = Complex::real(2.0 * RATE);
        let map = |&r: &Complex| (fs2 + r) / (fs2 - r);
        let num = Complex::product(self.zeros.iter().map(|&z| fs2 - z));
        let den = Complex::product(self.poles.iter().map(|&p| fs2 - p));
        let mut zeros: Vec<_> = self.zeros.iter().map(map).collect();
        zeros.resize(self.poles.len(), Complex::real(-1.0));
        Self { zeros, poles: self.poles.iter().map(map).collect(), gain: self.gain * (num / den).re }
    }
}

/// Each low-pass root becomes two, around `+wo` and `-wo`.
fn split(roots: impl Iterator<Item = Complex> + Clone, wo: f64) -> Vec<Complex> {
    let centre = Complex::real(wo * wo);
    let offset = |r: Complex| (r * r - centre).sqrt();
    let upper = roots.clone().map(|r| r + offset(r));
    upper.chain(roots.map(|r| r - offset(r))).collect()
}
