use super::kernels::{add_multiple, dot};

/// Below this a squared length counts as 0 in a matrix whose largest entry is about 1: its reciprocal stays finite, and
/// what is neglected is far below rounding.
const NEGLIGIBLE: f64 = 1e-280;

/// Reduces the symmetric `matrix` (`[n x n]`, overwritten, largest entry about 1) to tridiagonal form `T` by Householder
/// reflections: `matrix = Q T Q^T`. `diagonal` and `beside` (its last entry set to 0) get `T`, `transposed` gets `Q^T`.
///
/// Golub and Van Loan, Matrix Computations, 4th ed., algorithm 8.3.1.
#[inline(always)]
pub(super) fn tridiagonalise(
    n: usize,
    matrix: &mut [f64],
    diagonal: &mut [f64],
    beside: &mut [f64],
    transposed: &mut [f64],
    scratch: &mut [f64],
) {
    // The reflection's factor of each step lies on the diagonal of what has been worked off.
    for k in 0..n {
        diagonal[k] = matrix[k * n + k];
        matrix[k * n + k] = 0.0;
        let (row, below) = matrix[k * n + k + 1..].split_at_mut(n - k - 1);
        let Some(&first) = row.first() else {
            beside[k] = 0.0;
            break;
        };
        let tail = dot(&row[1..], &row[1..]);
        if tail <= NEGLIGIBLE {
            beside[k] = first;
            continue;
        }
        let squared = tail + first * first;
        let target = -squared.sqrt().copysign(first);
        beside[k] = target;
        row[0] = first - target;
        let factor = 1.0 / (squared - first * target);
        reflect_both_sides(n, k, row, factor, below, &mut scratch[..n - k - 1]);
        matrix[k * n + k] = factor;
    }
    accumulate(n, matrix, transposed);
}

/// `A -= v w^T + w v^T` on what is left of the matrix, with `w = factor A v - (factor^2 v^T A v / 2) v`. `below` begins
/// with row `k + 1`, of which columns `k + 1` and on are left.
#[inline(always)]
fn reflect_both_sides(n: usize, k: usize, v: &[f64], factor: f64, below: &mut [f64], w: &mut [f64]) {
    for (w, row) in w.iter_mut().zip(below.chunks_mut(n)) {
        *w = factor * dot(&row[k + 1..], v);
    }
    let shift = -0.5 * factor * dot(w, v);
    add_multiple(w, shift, v);
    for (i, row) in below.chunks_mut(n).enumerate() {
        let (v_i, w_i) = (v[i], w[i]);
        for ((a, v), w) in row[k + 1..].iter_mut().zip(v).zip(&*w) {
            *a -= v_i * w + w_i * v;
        }
    }
}

/// The product of all reflections, the last first, applied to the rows of the unit matrix.
#[inline(always)]
fn accumulate(n: usize, reflectors: &[f64], transposed: &mut [f64]) {
    transposed.fill(0.0);
    for row in 0..n {
        transposed[row * n + row] = 1.0;
    }
    for k in (0..n).rev() {
        let factor = reflectors[k * n + k];
        if factor == 0.0 {
            continue;
        }
        let v = &reflectors[k * n + k + 1..(k + 1) * n];
        for row in transposed.chunks_exact_mut(n).skip(k + 1) {
            let row = &mut row[k + 1..];
            let along = factor * dot(row, v);
            add_multiple(row, -along, v);
        }
    }
}
