//! The elliptic filter, with the formulas of SciPy's `ellipap` (Lutovac, Tošić and Evans, *Filter Design for Signal
//! Processing*, 2001, chapters 5 and 12; Orfanidis, *Lecture Notes on Elliptic Filter Design*, 2006).

use super::super::complex::Complex;
use super::super::zpk::Zpk;
use super::jacobi::{arc_sc, complete, jacobi};
use std::f64::consts::PI;

/// Ripples of `ripple_db` up to 1 rad/s, and under -`attenuation_db` from a little above it.
pub(super) fn prototype(order: u32, ripple_db: f64, attenuation_db: f64) -> Zpk {
    let ripple = power_less_one(ripple_db);
    if order == 1 {
        let pole = (1.0 / ripple).sqrt();
        return Zpk { zeros: Vec::new(), poles: vec![Complex::real(-pole)], gain: pole };
    }
    let n = f64::from(order);
    // Parameters (squared moduli): of the ripples' ratio, and of the ratio of the bands' edges.
    let m1 = ripple / power_less_one(attenuation_db);
    let quarter1 = complete(1.0 - m1);
    let m = edge_ratio(n, m1, quarter1);
    let quarter = complete(1.0 - m);
    let v = quarter * arc_sc(1.0 / ripple.sqrt(), m1) / (n * quarter1);
    let (sv, cv, dv) = jacobi(v, 1.0 - m);

    let mut zeros = Vec::new();
    let mut poles = Vec::new();
    for j in (1 - order % 2..order).step_by(2) {
        let (s, c, d) = jacobi(f64::from(j) * quarter / n, m);
        let pole = Complex::new(-c * d * sv * cv, -s * dv) * (1.0 / (1.0 - (d * sv).powi(2)));
        if j == 0 {
            poles.push(Complex::real(pole.re));
            continue;
        }
        let zero = Complex::new(0.0, 1.0 / (m.sqrt() * s));
        zeros.extend([zero, zero.conj()]);
        poles.extend([pole, pole.conj()]);
    }
    let num = Complex::product(poles.iter().map(|&p| -p));
    let den = Complex::product(zeros.iter().map(|&z| -z));
    let mut gain = (num / den).re;
    if order.is_multiple_of(2) {
        gain /= (1.0 + ripple).sqrt();
    }
    Zpk { zeros, poles, gain }
}

/// `10^(db / 10) - 1`, exact for small ripples.
fn power_less_one(db: f64) -> f64 {
    (std::f64::consts::LN_10 * (0.1 * db)).exp_m1()
}

/// The parameter m that solves the degree equation `n K(m) / K(1 - m) = K(m1) / K(1 - m1)`, by nomes (Orfanidis,
/// equation 49). As many terms of the series as SciPy's `_ellipdeg` takes, for the same result.
fn edge_ratio(n: f64, m1: f64, quarter1: f64) -> f64 {
    const TERMS: i32 = 8;
    let nome = (-PI * complete(m1) / quarter1).exp().powf(1.0 / n);
    let num: f64 = (0..TERMS).map(|k| nome.powi(k * (k + 1))).sum();
    let den: f64 = 1.0 + 2.0 * (1..=TERMS).map(|k| nome.powi(k * k)).sum::<f64>();
    16.0 * nome * (num / den).powi(4)
}
