//! The Bessel filter: 1 over a reverse Bessel polynomial (Thomson 1949).

use super::super::BesselNorm;
use super::super::complex::Complex;
use super::super::zpk::Zpk;
use super::double_double::Wide;
use std::f64::consts::{FRAC_1_SQRT_2, PI};

/// The edge of 1 rad/s is what `norm` says; poles and gain are those of SciPy's `besselap`.
pub(super) fn prototype(order: u32, norm: BesselNorm) -> Zpk {
    let coefficients = reverse_bessel(order);
    let n = f64::from(order);
    let natural = roots(&coefficients);
    let last = coefficients[0] as f64;
    let scaled = |factor: f64| natural.iter().map(|&p| p * factor).collect();
    let (poles, gain) = match norm {
        // The product of the poles becomes 1, as that of a Butterworth filter's.
        BesselNorm::Phase => (scaled(10f64.powf(-last.log10() / n)), 1.0),
        BesselNorm::Delay => (natural, last),
        BesselNorm::Mag => {
            let edge = half_power(&natural, last);
            (scaled(1.0 / edge), edge.powi(-(order as i32)) * last)
        }
    };
    Zpk { zeros: Vec::new(), poles, gain }
}

/// The coefficients of the reverse Bessel polynomial, that of `s^0` first; the last is 1. Exact for orders up to 16.
fn reverse_bessel(order: u32) -> Vec<u128> {
    let n = u128::from(order);
    let mut out = vec![1];
    for k in (0..n).rev() {
        // a[k] = (2n - k)! / (2^(n - k) k! (n - k)!), from its neighbour.
        let next = out.last().copied().unwrap_or(1);
        out.push(next * (k + 1) * (2 * n - k) / (2 * (n - k)));
    }
    out.reverse();
    out
}

/// All roots at once by the method of Aberth (1973) and Ehrlich (1967). The polynomial cancels near its roots by up to
/// eight digits at order 16, so it is evaluated with twice the digits.
fn roots(coefficients: &[u128]) -> Vec<Complex> {
    const MOST: usize = 100;
    let n = coefficients.len() - 1;
    // Evenly on a left semicircle about as far out as the roots are, in conjugate pairs from both ends.
    let start = |k: usize| Complex::from_polar(0.9 * n as f64, PI * (0.5 + (k as f64 + 0.5) / n as f64));
    let mut x: Vec<Complex> = (0..n).map(start).collect();
    for _ in 0..MOST {
        let mut settled = true;
        let step = |k: usize| {
            let newton = newton_step(coefficients, x[k]);
            let others = (0..n).filter(|&j| j != k).map(|j| Complex::ONE / (x[k] - x[j]));
            let repulsion = others.fold(Complex::real(0.0), |sum, r| sum + r);
            newton / (Complex::ONE - newton * repulsion)
        };
        let steps: Vec<Complex> = (0..n).map(step).collect();
        for (x, step) in x.iter_mut().zip(steps) {
            settled &= step.abs() <= f64::EPSILON * x.abs();
            *x = *x - step;
        }
        if settled {
            break;
        }
    }
    // The mean of a root and its partner's conjugate evens out their rounding, and makes the middle one real.
    (0..n).map(|k| (x[k] + x[n - 1 - k].conj()) * 0.5).collect()
}

/// The polynomial over its derivative at `s`, by Horner's rule.
fn newton_step(coefficients: &[u128], s: Complex) -> Complex {
    let times_s =
        |(re, im): (Wide, Wide)| (re.times(s.re) + im.times(-s.im), re.times(s.im) + im.times(s.re));
    let mut value = (Wide::ZERO, Wide::ZERO);
    let mut slope = (Wide::ZERO, Wide::ZERO);
    for &c in coefficients.iter().rev() {
        let (re, im) = times_s(slope);
        slope = (re + value.0, im + value.1);
        let (re, im) = times_s(value);
        value = (re + Wide::whole(c), im);
    }
    let rounded = |(re, im): (Wide, Wide)| Complex::new(re.rounded(), im.rounded());
    rounded(value) / rounded(slope)
}

/// Where the gain of the low-pass, which only falls, is half power.
fn half_power(poles: &[Complex], gain: f64) -> f64 {
    let gain_at = |w: f64| gain / Complex::product(poles.iter().map(|&p| Complex::new(0.0, w) - p)).abs();
    let (mut passes, mut stops) = (0.5, 10.0);
    for _ in 0..60 {
        let middle = f64::midpoint(passes, stops);
        *(if gain_at(middle) > FRAC_1_SQRT_2 { &mut passes } else { &mut stops }) = middle;
    }
    passes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_coefficients_are_the_known_ones() {
        assert_eq!(reverse_bessel(1), [1, 1]);
        assert_eq!(reverse_bessel(3), [15, 15, 6, 1]);
        assert_eq!(reverse_bessel(5), [945, 945, 420, 105, 15, 1]);
        let double_factorial: u128 = (1..32).step_by(2).product();
        assert_eq!(reverse_bessel(16)[0], double_factorial);
    }

    #[test]
    fn the_roots_have_the_sum_and_product_of_the_polynomial() {
        for order in 1..=16 {
            let coefficients = reverse_bessel(order);
            let roots = roots(&coefficients);
            let n = roots.len();
            let sum = roots.iter().fold(Complex::real(0.0), |sum, &r| sum + r);
            let want = -(coefficients[n - 1] as f64);
            assert!((sum.re - want).abs() <= 1e-15 * want.abs() * n as f64, "{order}: {} {want}", sum.re);
            let product = Complex::product(roots.iter().map(|&r| -r)).re / coefficients[0] as f64;
            assert!((product - 1.0).abs() < 1e-14, "{order}: {product}");
            assert!(roots.iter().all(|r| r.re < 0.0), "all in the left half: {roots:?}");
            assert_eq!(roots.iter().filter(|r| r.is_real()).count(), n % 2, "one real root at odd orders");
        }
    }
}
