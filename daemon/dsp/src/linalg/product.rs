use super::kernels::{add_four, add_multiple};
use crate::run::simd::vectorised;

/// `out = a b`, for `a` of `[rows x inner]` and `b` of `[inner x columns]`; every matrix row after row.
///
/// To apply a matrix to frames, hand over the frames as `a` and the transposed matrix as `b`.
pub fn multiply(a: &[f64], b: &[f64], inner: usize, columns: usize, out: &mut [f64]) {
    assert_eq!(b.len(), inner * columns, "as many rows as a has columns");
    assert_eq!(a.len() * columns, out.len() * inner, "one row of the product for each of a");
    if inner == 0 || columns == 0 {
        return;
    }
    vectorised(
        #[inline(always)]
        || {
            for (out, a) in out.chunks_exact_mut(columns).zip(a.chunks_exact(inner)) {
                out.fill(0.0);
                let (fours, rest) = a.as_chunks::<4>();
                let (b_fours, b_rest) = b.split_at(fours.len() * 4 * columns);
                for (factors, b) in fours.iter().zip(b_fours.chunks_exact(4 * columns)) {
                    add_four(out, *factors, b, columns);
                }
                for (&factor, b) in rest.iter().zip(b_rest.chunks_exact(columns)) {
                    add_multiple(out, factor, b);
                }
            }
        },
    );
}

/// Copies the lower triangle of an `[n x n]` matrix to the upper.
pub fn symmetrise(n: usize, matrix: &mut [f64]) {
    assert_eq!(matrix.len(), n * n, "a square matrix");
    for i in 0..n {
        for j in 0..i {
            matrix[j * n + i] = matrix[i * n + j];
        }
    }
}
