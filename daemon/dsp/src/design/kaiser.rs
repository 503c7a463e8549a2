//! What a windowed sinc is made of. The Kaiser window: Kaiser, J.F. Nonrecursive digital filter design using the I0-sinh
//! window function. Proc. IEEE ISCAS, 1974.

use std::f64::consts::PI;

/// The window's value at `x` of -1 (one end) to 1 (the other); 0 beyond.
pub(crate) fn kaiser(beta: f64, x: f64) -> f64 {
    let inside = 1.0 - x * x;
    if inside >= 0.0 { bessel_i0(beta * inside.sqrt()) / bessel_i0(beta) } else { 0.0 }
}

/// `sin(pi x) / (pi x)`.
pub(super) fn sinc(x: f64) -> f64 {
    if x == 0.0 { 1.0 } else { (PI * x).sin() / (PI * x) }
}

/// The modified Bessel function of the first kind of order 0, by its power series: all terms are positive, so that
/// nothing cancels.
fn bessel_i0(x: f64) -> f64 {
    let quarter = x * x / 4.0;
    let (mut term, mut sum, mut k) = (1.0, 1.0, 1.0);
    while term > sum * f64::EPSILON / 4.0 {
        term *= quarter / (k * k);
        sum += term;
        k += 1.0;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bessel_function_has_its_tabulated_values() {
        // Abramowitz and Stegun, table 9.8 (which lists exp(-x) I0(x)).
        for (x, scaled) in
            [(0.0, 1.0), (1.0, 0.465_759_607_6), (5.0, 0.183_540_812_6), (10.0, 0.127_833_337_2)]
        {
            let got = bessel_i0(x) * f64::exp(-x);
            assert!((got - scaled).abs() < 1e-10, "{x}: {got}");
        }
    }

    #[test]
    fn the_window_is_one_in_the_middle_and_nothing_beyond_its_ends() {
        assert!((kaiser(5.0, 0.0) - 1.0).abs() < 1e-15);
        assert!((kaiser(5.0, 1.0) - 1.0 / bessel_i0(5.0)).abs() < 1e-15);
        assert_eq!((kaiser(5.0, 1.001), kaiser(5.0, -1.001)), (0.0, 0.0));
    }
}
