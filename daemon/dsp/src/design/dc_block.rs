use super::{Biquad, DesignError, Sos};
use bci_types::Hz;
use std::f64::consts::PI;

/// A DC blocker as one section: `y[n] = x[n] - x[n-1] + r y[n-1]`, with r such that the gain at `cutoff_hz` is exactly
/// half power, -3.01 dB.
///
/// With c = cos(2 pi cutoff_hz / rate) the squared gain there is `(2 - 2c) / (1 - 2rc + r^2)`; it is 1/2 where
/// `r^2 - 2cr + 4c - 3 = 0`, whose root inside the unit circle is `r = c - sqrt((1 - c)(3 - c))`. There is one for c
/// above 1/3 only, that is for `cutoff_hz` below `acos(1/3) / (2 pi)`, 0.196, of `rate`. High frequencies pass with a
/// gain of up to `2 / (1 + r)`, a little above 1. (Structure: J. O. Smith, *Introduction to Digital Filters*, 2007,
/// "DC blocker".)
///
/// # Errors
/// `cutoff_hz` not above 0 and below that bound; [`DesignError::Unstable`] for one too low for double precision.
pub fn dc_block(cutoff_hz: f64, rate: Hz) -> Result<Sos, DesignError> {
    if let Some(first) = mistakes(cutoff_hz, rate).into_iter().next() {
        return Err(first);
    }
    // 1 - c without cancelling at low frequencies.
    let below_one = 2.0 * (PI * cutoff_hz / rate.get()).sin().powi(2);
    let r = 1.0 - (below_one + (below_one * (2.0 + below_one)).sqrt());
    Sos::new(vec![Biquad { b: [1.0, -1.0, 0.0], a: [-r, 0.0] }], rate)
}

/// Everything wrong with a specification that can be seen without designing it.
pub(crate) fn mistakes(cutoff_hz: f64, rate: Hz) -> Vec<DesignError> {
    let bound_hz = (1.0f64 / 3.0).acos() / (2.0 * PI) * rate.get();
    if cutoff_hz > 0.0 && cutoff_hz < bound_hz {
        return Vec::new();
    }
    let must = format!(
        "must be above 0 and below {bound_hz:.4} Hz, 0.196 of the rate there, {} Hz; above that use a high_pass",
        rate.get()
    );
    vec![DesignError::setting("cutoff_hz", cutoff_hz, must)]
}
