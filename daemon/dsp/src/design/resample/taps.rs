use super::Ratio;
use crate::design::FirWindow;
use crate::design::fir::windowed;

/// The low-pass filter between two rates, at `up` times the rate of the input: a windowed sinc that is -6 dB at half of
/// the lower rate, with a gain of `up` at 0 Hz.
///
/// `half_width` is half of its length in periods of the lower rate and `beta` the shape of its Kaiser window. With 10
/// and 5.0 they are the taps of SciPy's `resample_poly`, `up * firwin(2 * half + 1, 1 / max(up, down),
/// window=("kaiser", beta))` where `half = half_width * max(up, down)`. A ratio of 1 needs no filter: one tap of 1.
#[must_use]
pub fn resample_taps(ratio: Ratio, half_width: u32, beta: f64) -> Vec<f64> {
    let widest = ratio.up().max(ratio.down());
    if widest == 1 {
        return vec![1.0];
    }
    let taps = 2 * half_width as usize * widest as usize + 1;
    let mut taps = windowed(&[(0.0, 1.0 / f64::from(widest))], taps, FirWindow::Kaiser { beta });
    taps.iter_mut().for_each(|tap| *tap *= f64::from(ratio.up()));
    taps
}
