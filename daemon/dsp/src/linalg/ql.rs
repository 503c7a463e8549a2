use super::kernels::{length, rotate};

/// Sweeps allowed for each eigenvalue. Two are usual, and more than ten have not been seen.
const MOST_SWEEPS: usize = 60;

/// Below this an entry beside the diagonal counts as 0 in a matrix whose largest entry is about 1.
const NEGLIGIBLE: f64 = 1e-150;

/// Eigenvalues of a tridiagonal matrix by implicitly shifted QL, in `diagonal`, in no particular order; `beside` is used
/// up. Every rotation is applied to the rows of `rows` (`[n x n]`) too. Returns false when an eigenvalue did not converge
/// in [`MOST_SWEEPS`] sweeps.
///
/// Dubrulle, Martin and Wilkinson, The implicit QL algorithm, Numerische Mathematik 12, 1968 (EISPACK's `imtql2`).
#[inline(always)]
pub(super) fn diagonalise(n: usize, diagonal: &mut [f64], beside: &mut [f64], rows: &mut [f64]) -> bool {
    for first in 0..n {
        let mut sweeps = 0;
        loop {
            let last = (first..n - 1).find(|&i| is_negligible(diagonal, beside, i)).unwrap_or(n - 1);
            if last == first {
                break;
            }
            if sweeps == MOST_SWEEPS {
                return false;
            }
            sweeps += 1;
            sweep(n, first, last, diagonal, beside, rows);
        }
    }
    true
}

#[inline(always)]
fn is_negligible(diagonal: &[f64], beside: &[f64], i: usize) -> bool {
    let size = diagonal[i].abs() + diagonal[i + 1].abs();
    beside[i].abs() <= (f64::EPSILON * size).max(NEGLIGIBLE)
}

/// One QL sweep over the block from `first` to `last`, shifted by Wilkinson's estimate of its first eigenvalue.
#[inline(always)]
fn sweep(n: usize, first: usize, last: usize, d: &mut [f64], e: &mut [f64], rows: &mut [f64]) {
    let slope = (d[first + 1] - d[first]) / (2.0 * e[first]);
    let mut g = d[last] - d[first] + e[first] / (slope + length(slope, 1.0).copysign(slope));
    let (mut cosine, mut sine, mut moved) = (1.0, 1.0, 0.0);
    for i in (first..last).rev() {
        let (f, b) = (sine * e[i], cosine * e[i]);
        let r = length(f, g);
        e[i + 1] = r;
        if r == 0.0 {
            // The block has fallen in two.
            d[i + 1] -= moved;
            e[last] = 0.0;
            return;
        }
        sine = f / r;
        cosine = g / r;
        g = d[i + 1] - moved;
        let turned = (d[i] - g) * sine + 2.0 * cosine * b;
        moved = sine * turned;
        d[i + 1] = g + moved;
        g = cosine * turned - b;
        let (upper, lower) = rows[i * n..(i + 2) * n].split_at_mut(n);
        rotate(upper, lower, cosine, sine);
    }
    d[first] -= moved;
    e[first] = g;
    e[last] = 0.0;
}
