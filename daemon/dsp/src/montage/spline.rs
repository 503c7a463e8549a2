use nalgebra::DMatrix;
use std::f64::consts::PI;

/// What MNE-Python adds to the diagonal, so that neighbours that nearly coincide do not get huge weights of either sign.
pub const SPLINE_REGULARISATION: f64 = 1e-5;

/// `m` of Perrin et al.
const STIFFNESS: i32 = 4;
const TERMS: usize = 50;

/// What each direction of `to` is as a weighted sum of the values at `from`, by spherical splines: `[to x from]`, rows of
/// sum 1. Directions of unit length. `None` when the equations have no solution, as with no `from` at all.
///
/// Perrin, Pernier, Bertrand & Echallier, Electroencephalography and Clinical Neurophysiology 72:184-187, 1989 (with the
/// erratum in 76:565); equal to MNE-Python's `_make_interpolation_matrix`. Allocates.
#[must_use]
pub fn spline_weights(from: &[[f64; 3]], to: &[[f64; 3]]) -> Option<DMatrix<f64>> {
    let n = from.len();
    if n == 0 {
        return None;
    }
    // The spline is a sum of g over the directions `from` plus a constant, whose coefficients sum to 0.
    let bordered = DMatrix::from_fn(n + 1, n + 1, |i, j| match (i < n, j < n) {
        (true, true) => g(dot(from[i], from[j])) + if i == j { SPLINE_REGULARISATION } else { 0.0 },
        (false, false) => 0.0,
        _ => 1.0,
    });
    let wanted = DMatrix::from_fn(n + 1, to.len(), |i, j| if i < n { g(dot(from[i], to[j])) } else { 1.0 });
    // The matrix is symmetric: its inverse times `wanted` is the transpose of the weights.
    let solved = bordered.lu().solve(&wanted)?;
    let weights = solved.rows(0, n).transpose();
    weights.iter().all(|w| w.is_finite()).then_some(weights)
}

/// The spline of one source at an angle whose cosine is `x`: Legendre polynomials of degree n from 1, weighted by
/// (2n + 1) / (4 pi n^4 (n + 1)^4).
fn g(x: f64) -> f64 {
    let mut sum = 0.0;
    let (mut before, mut p) = (1.0, x);
    for n in 1..=TERMS {
        let n = n as f64;
        sum += (2.0 * n + 1.0) / (n.powi(STIFFNESS) * (n + 1.0).powi(STIFFNESS) * 4.0 * PI) * p;
        (before, p) = (p, ((2.0 * n + 1.0) * x * p - n * before) / (n + 1.0));
    }
    sum
}

fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::montage::position;

    #[test]
    fn a_constant_stays_one_and_a_known_place_keeps_nearly_its_value() {
        let from = ["Fp1", "Fp2", "C3", "Cz", "C4", "O1", "O2", "T7"].map(|l| position(l).expect("a place"));
        let to = ["Cz", "Pz", "F3"].map(|l| position(l).expect("a place"));
        let weights = spline_weights(&from, &to).expect("a solution");
        for row in weights.row_iter() {
            assert!((row.sum() - 1.0).abs() < 1e-9, "{row}");
        }
        assert!(
            (0.9..1.0).contains(&weights[(0, 3)]),
            "less than 1 by the regularisation: {}",
            weights.row(0)
        );
        assert_eq!(spline_weights(&[], &to), None);
    }
}
