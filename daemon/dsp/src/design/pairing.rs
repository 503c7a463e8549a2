//! Zeros, poles and gain to second-order sections, paired and ordered as SciPy's `zpk2sos(pairing="nearest")` does.
//!
//! Each pole pair takes the zeros nearest to it, beginning with the poles nearest to the unit circle, which become
//! the last section; the whole gain sits in the first.

use super::complex::Complex;
use super::sos::Biquad;
use super::zpk::Zpk;
use std::cmp::Ordering;

/// Sections of a digital filter with as many zeros as poles, all in conjugate pairs.
pub(super) fn sections(digital: &Zpk) -> Vec<Biquad> {
    let mut poles = digital.poles.clone();
    let mut zeros = digital.zeros.clone();
    // A pole and a zero at the origin make an odd order even and cancel.
    if poles.len() % 2 == 1 {
        poles.push(Complex::real(0.0));
        zeros.push(Complex::real(0.0));
    }
    let count = poles.len() / 2;
    let mut poles = one_of_each_pair(poles);
    let mut zeros = one_of_each_pair(zeros);

    let mut out = Vec::with_capacity(count);
    while let Some(worst) = first_min(&poles, from_unit_circle, |_| true) {
        let p1 = poles.remove(worst);
        // The number of real poles is even, so a real one always has a partner; and likewise with zeros.
        let p2 = if p1.is_real() { take(&mut poles, from_unit_circle, Complex::is_real) } else { p1.conj() };
        let z1 = take(&mut zeros, |z| (z - p1).abs(), |_| true);
        let z2 =
            if z1.is_real() { take(&mut zeros, |z| (z - p1).abs(), Complex::is_real) } else { z1.conj() };
        let [b1, b2] = monic(z1, z2);
        let [a1, a2] = monic(p1, p2);
        out.push(Biquad { b: [1.0, b1, b2], a: [a1, a2] });
    }
    out.reverse();
    if let Some(first) = out.first_mut() {
        first.b = first.b.map(|b| b * digital.gain);
    }
    out
}

fn from_unit_circle(p: Complex) -> f64 {
    (1.0 - p.abs()).abs()
}

/// The lower coefficients of `(x - r1)(x - r2)`, whose roots are both real or conjugates.
fn monic(r1: Complex, r2: Complex) -> [f64; 2] {
    [-(r1 + r2).re, (r1 * r2).re]
}

/// The index of the first smallest among those that `eligible` lets through.
fn first_min(
    roots: &[Complex],
    key: impl Fn(Complex) -> f64,
    eligible: impl Fn(Complex) -> bool,
) -> Option<usize> {
    let mut best: Option<(usize, f64)> = None;
    for (i, &root) in roots.iter().enumerate() {
        if eligible(root) && best.is_none_or(|(_, least)| key(root) < least) {
            best = Some((i, key(root)));
        }
    }
    best.map(|(i, _)| i)
}

fn take(
    roots: &mut Vec<Complex>,
    key: impl Fn(Complex) -> f64,
    eligible: impl Fn(Complex) -> bool,
) -> Complex {
    match first_min(roots, key, eligible) {
        Some(i) => roots.remove(i),
        None => Complex::real(0.0),
    }
}

/// The upper one of each conjugate pair, then the reals; each sorted by real, then imaginary part.
fn one_of_each_pair(mut roots: Vec<Complex>) -> Vec<Complex> {
    const TOLERANCE: f64 = 100.0 * f64::EPSILON;
    let by_parts = |a: &Complex, b: &Complex| -> Ordering {
        a.re.total_cmp(&b.re).then(a.im.abs().total_cmp(&b.im.abs()))
    };
    let real = |z: &Complex| z.im.abs() <= TOLERANCE * z.abs();
    roots.sort_by(by_parts);
    let reals = roots.iter().filter(|z| real(z)).map(|z| Complex::real(z.re));
    let (mut upper, mut lower): (Vec<_>, Vec<_>) =
        roots.iter().filter(|z| !real(z)).partition(|z| z.im > 0.0);
    // Equal real parts may differ by rounding: within such a run the imaginary part decides.
    let mut start = 0;
    while start < upper.len() {
        let same = |w: &[Complex]| w[1].re - w[0].re <= TOLERANCE * w[0].abs();
        let end = start + 1 + upper[start..].windows(2).take_while(|w| same(w)).count();
        for half in [&mut upper, &mut lower] {
            let end = end.min(half.len());
            half[start..end].sort_by(|a, b| a.im.abs().total_cmp(&b.im.abs()));
        }
        start = end;
    }
    // The mean of a root and its partner's conjugate evens out their rounding.
    let pairs = upper.iter().zip(&lower).map(|(&u, &l)| (u + l.conj()) * 0.5);
    pairs.chain(reals).collect()
}
