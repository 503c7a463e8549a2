use crate::design::{Complex, DesignError};
use bci_types::Hz;
use nalgebra::{DMatrix, DVector};
use std::f64::consts::PI;

/// Poles and zeros of the shaping filter.
pub(super) const ORDER: usize = 8;

/// Points from 0 Hz to half of the rate, both included, at which the wanted magnitude is laid down.
const POINTS: usize = 513;

/// Autocorrelations that the fit is made to.
const LAGS: usize = 4 * ORDER;

/// Coefficients `b` and `a` (`a[0]` is 1) of one filter.
pub(super) type Coefficients = ([f64; ORDER + 1], [f64; ORDER + 1]);

/// The filter that the signal passes before its statistics are taken: slow waves (blinks) and what is above 40 Hz
/// (muscle) are to count three times, alpha and beta a third. Of order 8 it comes close to that at 100 to 256 Hz; at 512 Hz
/// it no longer sets slow waves off from alpha by much, and beyond that it is refused.
///
/// The modified Yule-Walker method of Friedlander and Porat, IEEE Trans. Aerospace and Electronic Systems AES-20(2), 1984,
/// as in MATLAB's `yulewalk` and asrpy's, with asrpy's frequencies. Allocates.
///
/// # Errors
/// A rate at which those frequencies do not rise, or are too close together for the order.
pub(super) fn shaping(rate: Hz) -> Result<Coefficients, DesignError> {
    let rate = rate.get();
    if !(rate > 82.0 && rate <= 512.0) {
        let must = "must be above 82 and up to 512 Hz for asr, whose statistics need frequencies beyond 40 Hz and resolve 0.5 Hz";
        return Err(DesignError::setting("rate_hz", rate, must));
    }
    let nyquist = rate / 2.0;
    let edges = [0.0, 2.0, 3.0, 13.0, 16.0, 40.0, (nyquist - 1.0).min(80.0), nyquist].map(|f| f * 2.0 / rate);
    let power: Vec<Complex> = two_sided(&edges, &[3.0, 0.75, 0.33, 0.33, 1.0, 1.0, 3.0, 3.0])
        .iter()
        .map(|h| Complex::real(h * h))
        .collect();
    let n = power.len();
    let correlation: Vec<f64> = transform(power, true)[..LAGS]
        .iter()
        .enumerate()
        // A Hamming taper.
        .map(|(k, r)| r.re * (0.54 + 0.46 * (PI * k as f64 / (LAGS - 1) as f64).cos()))
        .collect();
    let a = stabilised(&denominator(&correlation)?)?;

    // Half of the power's spectrum, of which the whole is twice the real part; then its minimum-phase factor by the
    // cepstrum; then the numerator that comes closest to it.
    let mut half = correlation.clone();
    half[0] /= 2.0;
    let additive = numerator(&half, &a)?;
    let response = |c: &[f64]| {
        let mut padded = vec![Complex::real(0.0); n];
        padded.iter_mut().zip(c).for_each(|(p, &c)| *p = Complex::real(c));
        transform(padded, false)
    };
    let spectrum = response(&additive).into_iter().zip(response(&a)).map(|(q, a)| {
        let s = 2.0 * (q / a).re;
        Complex::new(s.abs().ln(), if s < 0.0 { PI } else { 0.0 })
    });
    let mut cepstrum = transform(spectrum.collect(), true);
    cepstrum[0] = cepstrum[0] * Complex::real(0.5);
    cepstrum[n / 2..].fill(Complex::real(0.0));
    let log_factor = transform(cepstrum, false);
    let factor = log_factor.iter().map(|z| {
        let size = z.re.exp();
        Complex::new(size * z.im.cos(), size * z.im.sin())
    });
    let impulse: Vec<f64> = transform(factor.collect(), true)[..LAGS].iter().map(|z| z.re).collect();
    Ok((numerator(&impulse, &a)?, a))
}

/// The magnitude laid down piecewise linearly from 0 Hz to half of the rate, and back down on the other side.
fn two_sided(edges: &[f64], magnitudes: &[f64]) -> Vec<f64> {
    let mut wanted = vec![0.0; POINTS];
    wanted[0] = magnitudes[0];
    let mut begin = 0;
    for (edge, pair) in edges[1..].iter().zip(magnitudes.windows(2)) {
        let end = (edge * POINTS as f64) as usize - 1;
        for (j, wanted) in wanted[begin..=end].iter_mut().enumerate() {
            let part = if end == begin { 0.0 } else { j as f64 / (end - begin) as f64 };
            *wanted = part * pair[1] + (1.0 - part) * pair[0];
        }
        begin = end + 1;
    }
    let back: Vec<f64> = wanted[1..POINTS - 1].iter().rev().copied().collect();
    wanted.extend(back);
    wanted
}

/// The denominator that the modified Yule-Walker equations ask for.
fn denominator(correlation: &[f64]) -> Result<[f64; ORDER + 1], DesignError> {
    let rows = LAGS - 1 - ORDER;
    let matrix = DMatrix::from_fn(rows, ORDER, |i, j| correlation[ORDER + i - j]);
    let right = DVector::from_fn(rows, |i, _| -correlation[ORDER + 1 + i]);
    let mut a = [1.0; ORDER + 1];
    a[1..].copy_from_slice(&least_squares(matrix, &right)?);
    Ok(a)
}

/// The numerator that comes closest to an impulse response, given the denominator.
fn numerator(impulse: &[f64], a: &[f64; ORDER + 1]) -> Result<[f64; ORDER + 1], DesignError> {
    // The impulse response of 1 / a.
    let mut own = vec![0.0; LAGS];
    for k in 0..LAGS {
        let past: f64 = (1..=ORDER.min(k)).map(|i| a[i] * own[k - i]).sum();
        own[k] = if k == 0 { 1.0 } else { -past };
    }
    let matrix = DMatrix::from_fn(LAGS, ORDER + 1, |i, j| if i >= j { own[i - j] } else { 0.0 });
    let mut b = [0.0; ORDER + 1];
    b.copy_from_slice(&least_squares(matrix, &DVector::from_column_slice(impulse))?);
    Ok(b)
}

fn least_squares(matrix: DMatrix<f64>, right: &DVector<f64>) -> Result<Vec<f64>, DesignError> {
    let solved = matrix.svd(true, true).solve(right, f64::EPSILON);
    solved.map(|x| x.iter().copied().collect()).map_err(|_| DesignError::Unstable { pole_radius: f64::NAN })
}

/// The polynomial with its roots outside of the unit circle reflected into it.
fn stabilised(a: &[f64; ORDER + 1]) -> Result<[f64; ORDER + 1], DesignError> {
    let companion = DMatrix::from_fn(ORDER, ORDER, |i, j| match (i, j) {
        (0, j) => -a[j + 1] / a[0],
        (i, j) if i == j + 1 => 1.0,
        _ => 0.0,
    });
    let mut poly = [Complex::real(0.0); ORDER + 1];
    poly[0] = Complex::real(a[0]);
    let mut radius: f64 = 0.0;
    for root in &companion.complex_eigenvalues() {
        let mut root = Complex::new(root.re, root.im);
        if root.abs() > 1.0 {
            root = Complex::real(1.0) / Complex::new(root.re, -root.im);
        }
        radius = radius.max(root.abs());
        for k in (1..=ORDER).rev() {
            poly[k] = poly[k] - root * poly[k - 1];
        }
    }
    if radius < 1.0 { Ok(poly.map(|c| c.re)) } else { Err(DesignError::Unstable { pole_radius: radius }) }
}

/// The discrete Fourier transform of a power of two of numbers, by halves; `inverse` divides by how many there are.
fn transform(mut x: Vec<Complex>, inverse: bool) -> Vec<Complex> {
    let n = x.len();
    debug_assert!(n.is_power_of_two(), "a power of two");
    let bits = n.trailing_zeros();
    for i in 0..n {
        let j = i.reverse_bits() >> (usize::BITS - bits);
        if i < j {
            x.swap(i, j);
        }
    }
    let sign = if inverse { 1.0 } else { -1.0 };
    let mut half = 1;
    while half < n {
        for start in (0..n).step_by(2 * half) {
            for k in 0..half {
                let angle = sign * PI * k as f64 / half as f64;
                let turned = x[start + half + k] * Complex::new(angle.cos(), angle.sin());
                let even = x[start + k];
                x[start + k] = even + turned;
                x[start + half + k] = even - turned;
            }
        }
        half *= 2;
    }
    if inverse {
        let share = Complex::real(1.0 / n as f64);
        x.iter_mut().for_each(|z| *z = *z * share);
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn the_shaping_filter_equals_asrpy() {
        let text = include_str!("../../../tests/vectors/asr/shaping.json");
        let rows: Vec<Value> = serde_json::from_str(text).expect("JSON");
        assert!(rows.len() > 5);
        for row in rows {
            let rate = row["rate_hz"].as_f64().expect("a rate");
            let (b, a) = shaping(Hz::new(rate).expect("a rate")).expect("a filter");
            for (name, got) in [("b", b), ("a", a)] {
                let want =
                    row[name].as_array().expect("coefficients").iter().map(|x| x.as_f64().expect("a number"));
                let largest = want.clone().fold(0.0, |m: f64, x| m.max(x.abs()));
                for (got, want) in got.into_iter().zip(want) {
                    assert!((got - want).abs() < 1e-10 * largest, "{name} at {rate} Hz: {got} for {want}");
                }
            }
        }
    }

    #[test]
    fn blinks_and_muscle_count_more_than_alpha() {
        for rate in [125.0, 160.0, 250.0] {
            let (b, a) = shaping(Hz::new(rate).expect("a rate")).expect("a filter");
            let gain = |at_hz: f64| {
                let of = |c: &[f64]| {
                    let turn = |k: usize| Complex::from_polar(1.0, -2.0 * PI * at_hz / rate * k as f64);
                    c.iter()
                        .enumerate()
                        .fold(Complex::real(0.0), |sum, (k, &c)| sum + turn(k) * Complex::real(c))
                        .abs()
                };
                of(&b) / of(&a)
            };
            assert!(gain(1.0) > 3.0 * gain(10.0) && gain(50.0) > 3.0 * gain(10.0), "{rate} Hz");
        }
    }
}
