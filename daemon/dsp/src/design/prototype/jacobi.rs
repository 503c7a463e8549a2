//! Elliptic integrals and Jacobi's elliptic functions of real argument, by arithmetic-geometric means. A parameter m
//! is the square of a modulus, in 0 to 1.

use std::f64::consts::{FRAC_2_PI, FRAC_PI_2};

/// More halvings than any parameter above the smallest of f64 needs.
const MOST: usize = 40;

/// K(m), the complete integral of the first kind, of `complement = 1 - m`; SciPy's `ellipkm1` (DLMF 19.8.5).
pub(super) fn complete(complement: f64) -> f64 {
    let (mut a, mut b) = (1.0, complement.sqrt());
    for _ in 0..MOST {
        if (a - b).abs() <= f64::EPSILON * a {
            break;
        }
        (a, b) = (f64::midpoint(a, b), (a * b).sqrt());
    }
    FRAC_PI_2 / f64::midpoint(a, b)
}

/// `(sn, cn, dn)` of `u` and the parameter `m`; SciPy's `ellipj` (Abramowitz and Stegun 16.4).
pub(super) fn jacobi(u: f64, m: f64) -> (f64, f64, f64) {
    if m == 1.0 {
        return (u.tanh(), 1.0 / u.cosh(), 1.0 / u.cosh());
    }
    let (mut a, mut b) = (1.0, (1.0 - m).sqrt());
    let mut scale = 1.0;
    let mut ratios = Vec::with_capacity(MOST);
    for _ in 0..MOST {
        let c = (a - b) / 2.0;
        (a, b) = (f64::midpoint(a, b), (a * b).sqrt());
        scale *= 2.0;
        ratios.push(c / a);
        if c.abs() <= f64::EPSILON * a {
            break;
        }
    }
    let mut angle = scale * a * u;
    let mut before = angle;
    for ratio in ratios.into_iter().rev() {
        before = angle;
        angle = f64::midpoint(angle, (ratio * angle.sin()).asin());
    }
    let (sn, cn) = angle.sin_cos();
    let quotient = (angle - before).cos();
    // The quotient keeps its digits where the root cancels; near its own zero the root does.
    let dn = if quotient.abs() < 0.1 { (1.0 - m * sn * sn).sqrt() } else { cn / quotient };
    (sn, cn, dn)
}

/// The `u` whose sc = sn / cn of the parameter `1 - m` is `w`, by Landen's descending transformation of sn at imaginary
/// argument; SciPy's `_arc_jac_sc1` (Orfanidis, equation 56).
pub(super) fn arc_sc(w: f64, m: f64) -> f64 {
    let mut modulus = m.sqrt();
    let mut w = w;
    let mut scale = 1.0;
    for _ in 0..MOST {
        if modulus == 0.0 {
            break;
        }
        let complement = ((1.0 - modulus) * (1.0 + modulus)).sqrt();
        let next = (1.0 - complement) / (1.0 + complement);
        w = 2.0 * w / ((1.0 + next) * (1.0 + (1.0 + (modulus * w).powi(2)).sqrt()));
        scale *= 1.0 + next;
        modulus = next;
    }
    scale * FRAC_PI_2 * (FRAC_2_PI * w.asinh())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_near(got: f64, want: f64) {
        assert!((got - want).abs() <= 4e-15 * want.abs().max(1.0), "{got}, expected {want}");
    }

    #[test]
    fn at_parameter_0_they_are_circular_and_at_1_hyperbolic() {
        for u in [0.1, 0.7, 1.5] {
            let (sn, cn, dn) = jacobi(u, 0.0);
            assert_near(sn, u.sin());
            assert_near(cn, u.cos());
            assert_near(dn, 1.0);
            let (sn, cn, dn) = jacobi(u, 1.0 - f64::EPSILON);
            assert_near(sn, u.tanh());
            assert_near(cn, 1.0 / u.cosh());
            assert_near(dn, 1.0 / u.cosh());
        }
        assert_near(complete(1.0), FRAC_PI_2);
        // Lemniscate: K(1/2) = Gamma(1/4)^2 / (4 sqrt(pi)), DLMF 19.6.
        assert_near(complete(0.5), 1.854_074_677_301_371_9);
    }

    #[test]
    fn a_quarter_period_and_its_half_are_where_theory_has_them() {
        for m in [1e-12, 0.01, 0.5, 0.9, 0.999_999] {
            let quarter = complete(1.0 - m);
            let (sn, cn, dn) = jacobi(quarter, m);
            assert!((sn - 1.0).abs() < 1e-14 && cn.abs() < 1e-13, "{m}: {sn} {cn}");
            assert!((dn - (1.0f64 - m).sqrt()).abs() < 1e-12, "{m}: {dn}");
            // sn(K / 2) = 1 / sqrt(1 + k'), DLMF table 22.5.2.
            let (sn, cn, dn) = jacobi(quarter / 2.0, m);
            assert_near(sn, 1.0 / (1.0 + (1.0f64 - m).sqrt()).sqrt());
            assert_near(sn * sn + cn * cn, 1.0);
            assert_near(dn * dn + m * sn * sn, 1.0);
        }
    }

    #[test]
    fn arc_sc_undoes_sc() {
        for m in [1e-20, 1e-6, 0.01, 0.3] {
            for u in [0.05, 0.8, 1.4] {
                let (sn, cn, _) = jacobi(u, 1.0 - m);
                let back = arc_sc(sn / cn, m);
                assert!((back - u).abs() < 1e-13, "{m}: {back} for {u}");
            }
        }
    }
}
