use super::super::complex::Complex;
use super::super::zpk::Zpk;
use std::f64::consts::PI;

/// The Butterworth low-pass of cut-off 1 rad/s (Butterworth 1930): poles evenly on the left unit semicircle.
pub(super) fn prototype(order: u32) -> Zpk {
    let n = f64::from(order);
    let poles = (0..order)
        .map(|i| {
            let m = f64::from(2 * i) + 1.0 - n;
            // The middle pole is real: a rounded angle must not make it otherwise.
            if m == 0.0 { Complex::real(-1.0) } else { -Complex::from_polar(1.0, PI * m / (2.0 * n)) }
        })
        .collect();
    Zpk { zeros: Vec::new(), poles, gain: 1.0 }
}
