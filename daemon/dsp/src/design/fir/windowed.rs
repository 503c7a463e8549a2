use super::{Fir, FirWindow, MAX_TAPS, taps_mistake};
use crate::design::kaiser::sinc;
use crate::design::{Band, DesignError};
use bci_types::Hz;
use std::f64::consts::PI;

/// A windowed ideal filter: SciPy's `firwin(taps, edges, window=..., pass_zero=..., scale=True, fs=rate)`. Linear phase.
///
/// Edges are where the gain is one half (-6 dB). The gain is 1 at 0 Hz for a low-pass and a band-stop, at half of the rate
/// for a high-pass, and in the middle of a band-pass.
///
/// # Errors
/// The first of: an edge outside (0, half of `rate`), edges out of order, `taps` outside 1 to [`MAX_TAPS`] or even for
/// what must pass half of the rate (high-pass, band-stop) or 2 for a window that is zero at both ends, `beta` outside 0 to
/// 100.
pub fn fir_windowed(band: Band, taps: usize, window: FirWindow, rate: Hz) -> Result<Fir, DesignError> {
    if let Some(first) = mistakes(band, taps, window, rate).into_iter().next() {
        return Err(first);
    }
    // In fractions of half of the rate.
    let nyquist = rate.nyquist();
    let passes: &[(f64, f64)] = match band {
        Band::LowPass { cutoff_hz } => &[(0.0, cutoff_hz / nyquist)],
        Band::HighPass { cutoff_hz } => &[(cutoff_hz / nyquist, 1.0)],
        Band::BandPass { low_hz, high_hz } => &[(low_hz / nyquist, high_hz / nyquist)],
        Band::BandStop { low_hz, high_hz } => &[(0.0, low_hz / nyquist), (high_hz / nyquist, 1.0)],
    };
    Fir::new(windowed(passes, taps, window), rate)
}

/// The taps for what passes: bands in order, in fractions of half of the rate. The gain is 1 at 0 Hz where that passes,
/// else at half of the rate, else in the middle of the first band.
pub(in crate::design) fn windowed(passes: &[(f64, f64)], taps: usize, window: FirWindow) -> Vec<f64> {
    let middle = 0.5 * (taps - 1) as f64;
    let mut h = window.weights(taps);
    for (n, h) in h.iter_mut().enumerate() {
        let m = n as f64 - middle;
        let ideal: f64 = passes.iter().map(|&(low, high)| high * sinc(high * m) - low * sinc(low * m)).sum();
        *h *= ideal;
    }
    let at = match passes[0] {
        (0.0, _) => 0.0,
        (_, 1.0) => 1.0,
        (low, high) => f64::midpoint(low, high),
    };
    let gain: f64 = h.iter().enumerate().map(|(n, h)| h * (PI * (n as f64 - middle) * at).cos()).sum();
    h.iter_mut().for_each(|h| *h /= gain);
    h
}

/// Everything wrong with a specification that can be seen without designing it. A lone edge goes by the name it has
/// between two: what a low-pass lets through ends at `high_hz`.
pub(crate) fn mistakes(band: Band, taps: usize, window: FirWindow, rate: Hz) -> Vec<DesignError> {
    let mut found = band.edge_mistakes("low_hz", "high_hz", rate);
    found.extend(taps_mistake(taps, MAX_TAPS));
    if taps > 0 && taps.is_multiple_of(2) && matches!(band, Band::HighPass { .. } | Band::BandStop { .. }) {
        let must = "must be odd: an even number of taps lets nothing through at half of the rate";
        found.push(DesignError::setting("taps", taps, must));
    }
    if taps == 2 && matches!(window, FirWindow::Hann | FirWindow::Blackman) {
        found.push(DesignError::setting(
            "taps",
            taps,
            "must be 1 or above 2: this window is zero at both ends",
        ));
    }
    found.extend(window.mistake());
    found
}
