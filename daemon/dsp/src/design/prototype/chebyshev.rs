//! Both kinds of Chebyshev filter, with the operations of SciPy's `cheb1ap` and `cheb2ap` (Parks and Burrus, *Digital
//! Filter Design*, 1987, section 7.2).

use super::super::complex::Complex;
use super::super::zpk::Zpk;
use std::f64::consts::PI;

/// Ripples of `ripple_db` up to 1 rad/s: poles on the left half of an ellipse, no zeros.
pub(super) fn first_kind(order: u32, ripple_db: f64) -> Zpk {
    let n = f64::from(order);
    let epsilon = (10f64.powf(0.1 * ripple_db) - 1.0).sqrt();
    let mu = 1.0 / n * (1.0 / epsilon).asinh();
    let poles: Vec<_> = angles(order).map(|theta| -sinh(mu, theta)).collect();
    let mut gain = Complex::product(poles.iter().map(|&p| -p)).re;
    if order.is_multiple_of(2) {
        gain /= (1.0 + epsilon * epsilon).sqrt();
    }
    Zpk { zeros: Vec::new(), poles, gain }
}

/// Ripples under -`attenuation_db` from 1 rad/s: the poles of the first kind inverted, zeros on the imaginary axis.
pub(super) fn second_kind(order: u32, attenuation_db: f64) -> Zpk {
    let n = f64::from(order);
    let epsilon = 1.0 / (10f64.powf(0.1 * attenuation_db) - 1.0).sqrt();
    let mu = (1.0 / epsilon).asinh() / n;
    // An odd order has a zero at infinity, where the middle angle would have it.
    let zeros: Vec<_> = angles(order)
        .filter(|&theta| theta != 0.0)
        .map(|theta| Complex::new(0.0, 1.0 / theta.sin()))
        .collect();
    let poles: Vec<_> = angles(order).map(|theta| Complex::real(-1.0) / sinh(mu, theta)).collect();
    let num = Complex::product(poles.iter().map(|&p| -p));
    let den = Complex::product(zeros.iter().map(|&z| -z));
    Zpk { zeros, poles, gain: (num / den).re }
}

/// Those of a Butterworth filter's poles from the negative real axis.
fn angles(order: u32) -> impl Iterator<Item = f64> {
    let n = f64::from(order);
    (0..order).map(move |i| PI * (f64::from(2 * i) + 1.0 - n) / (2.0 * n))
}

/// The hyperbolic sine of `re + j im`.
fn sinh(re: f64, im: f64) -> Complex {
    Complex::new(re.sinh() * im.cos(), re.cosh() * im.sin())
}
