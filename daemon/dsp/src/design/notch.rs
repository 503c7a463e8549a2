use super::{Biquad, DesignError, Sos};
use bci_types::Hz;
use std::f64::consts::PI;

/// A second-order notch at `freq_hz`: SciPy's `iirnotch(freq_hz, q, fs=rate)` as one section.
///
/// `q` is the centre over the -3 dB width, without unit. Method: Orfanidis, *Introduction to Signal Processing*,
/// 1996, section 11.3.
///
/// # Errors
/// The first of: `freq_hz` outside (0, half of `rate`), `q` not finite and above 0, a notch wider than half of
/// `rate`, and [`DesignError::Unstable`] for a `q` too high for double precision.
pub fn notch(freq_hz: f64, q: f64, rate: Hz) -> Result<Sos, DesignError> {
    if let Some(first) = mistakes(freq_hz, q, rate).into_iter().next() {
        return Err(first);
    }
    let w0 = 2.0 * freq_hz / rate.get();
    let width = w0 / q * PI;
    let w0 = w0 * PI;
    let gain = 1.0 / (1.0 + (width / 2.0).tan());
    let b = [1.0, -2.0 * w0.cos(), 1.0].map(|b| gain * b);
    Sos::new(vec![Biquad { b, a: [-2.0 * gain * w0.cos(), 2.0 * gain - 1.0] }], rate)
}

/// Everything wrong with a specification that can be seen without designing it.
pub(crate) fn mistakes(freq_hz: f64, q: f64, rate: Hz) -> Vec<DesignError> {
    let nyquist_hz = rate.nyquist();
    let mut found = Vec::new();
    let frequency_fits = freq_hz > 0.0 && freq_hz < nyquist_hz;
    if !frequency_fits {
        found.push(DesignError::Frequency { name: "freq_hz", hz: freq_hz, nyquist_hz });
    }
    let width_hz = freq_hz / q;
    if !(q.is_finite() && q > 0.0) {
        found.push(DesignError::Quality { q });
    } else if frequency_fits && width_hz >= nyquist_hz {
        found.push(DesignError::NotchWidth { q, width_hz, nyquist_hz });
    }
    found
}
