use super::kernels::{add_four, add_multiple};
use super::{ql, tridiagonal};
use crate::run::simd::vectorised;

/// Functions of a positive definite matrix take an eigenvalue below this part of the largest for this part of it. A
/// covariance without full rank (after an average reference, with a dead channel) thus has an inverse root, which
/// amplifies the direction that is not there by no more than a million.
pub const SPD_FLOOR: f64 = 1e-12;

/// Why a matrix has no decomposition; the workspace then holds none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EigenError {
    /// An entry is NaN or infinite.
    #[error("the matrix holds NaN or infinity")]
    NotFinite,
    /// The iteration reached its bound; not known to happen.
    #[error("the eigenvalues did not converge")]
    NotConverged,
}

/// Eigenvalues and eigenvectors of symmetric `[n x n]` matrices, in a workspace made once.
///
/// Householder tridiagonalisation and implicit QL; bounded, deterministic, and accurate to a small multiple of
/// `n * EPSILON` of the largest eigenvalue, as LAPACK's `dsyev`. Owned by one thread.
#[derive(Clone, Debug)]
pub struct SymmetricEigen {
    n: usize,
    matrix: Box<[f64]>,
    vectors: Box<[f64]>,
    values: Box<[f64]>,
    beside: Box<[f64]>,
    scratch: Box<[f64]>,
}

impl SymmetricEigen {
    /// A workspace that holds the decomposition of the zero matrix. Allocates.
    #[must_use]
    pub fn design(n: usize) -> Self {
        let zeros = |len: usize| vec![0.0; len].into_boxed_slice();
        let mut own = Self {
            n,
            matrix: zeros(n * n),
            vectors: zeros(n * n),
            values: zeros(n),
            beside: zeros(n),
            scratch: zeros(n),
        };
        own.clear();
        own
    }

    /// Decomposes `matrix` (`[n x n]`), of which only the lower triangle, the diagonal included, is read.
    ///
    /// # Errors
    /// [`EigenError`]; the decomposition held is then that of the zero matrix.
    pub fn decompose(&mut self, matrix: &[f64]) -> Result<(), EigenError> {
        assert_eq!(matrix.len(), self.n * self.n, "a matrix of the workspace's size");
        let done = vectorised(
            #[inline(always)]
            || self.decompose_inlined(matrix),
        );
        if done.is_err() {
            self.clear();
        }
        done
    }

    /// The eigenvalues, rising.
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The eigenvectors, one a row, in the order of [`SymmetricEigen::values`]: of length 1, at right angles, of either
    /// sign.
    #[must_use]
    pub fn vectors(&self) -> &[f64] {
        &self.vectors
    }

    /// Writes `V f(L) V^T` to `out` (`[n x n]`, exactly symmetric): the function `f` of the decomposed matrix.
    pub fn function(&self, f: impl Fn(f64) -> f64, out: &mut [f64]) {
        assert_eq!(out.len(), self.n * self.n, "a matrix of the workspace's size");
        vectorised(
            #[inline(always)]
            || self.function_inlined(&f, out),
        );
    }

    /// The root of a positive semidefinite matrix, with [`SPD_FLOOR`].
    pub fn sqrt(&self, out: &mut [f64]) {
        self.spd_function(f64::sqrt, out);
    }

    /// The inverse root of a positive definite matrix, with [`SPD_FLOOR`].
    pub fn inverse_sqrt(&self, out: &mut [f64]) {
        self.spd_function(|x| 1.0 / x.sqrt(), out);
    }

    /// The logarithm of a positive definite matrix, with [`SPD_FLOOR`].
    pub fn log(&self, out: &mut [f64]) {
        self.spd_function(f64::ln, out);
    }

    /// A power of a positive definite matrix, with [`SPD_FLOOR`].
    pub fn power(&self, exponent: f64, out: &mut [f64]) {
        self.spd_function(|x| x.powf(exponent), out);
    }

    /// The exponential of a symmetric matrix.
    pub fn exp(&self, out: &mut [f64]) {
        self.function(f64::exp, out);
    }

    /// As [`SymmetricEigen::function`] with eigenvalues not below [`SPD_FLOOR`] of the largest. Of a matrix without a
    /// positive eigenvalue nothing can be told: `out` is then the unit matrix.
    pub fn spd_function(&self, f: impl Fn(f64) -> f64, out: &mut [f64]) {
        let floor = self.spd_floor();
        if floor > 0.0 {
            self.function(|x| f(x.max(floor)), out);
        } else {
            self.function(|_| 1.0, out);
        }
    }

    /// What smaller eigenvalues are taken for; 0 without a positive one.
    #[must_use]
    pub fn spd_floor(&self) -> f64 {
        self.values.last().map_or(0.0, |largest| (SPD_FLOOR * largest).max(0.0))
    }

    /// Rows and columns.
    #[must_use]
    pub fn size(&self) -> usize {
        self.n
    }

    fn clear(&mut self) {
        self.values.fill(0.0);
        self.vectors.fill(0.0);
        self.vectors.iter_mut().step_by(self.n + 1).for_each(|x| *x = 1.0);
    }

    #[inline(always)]
    fn decompose_inlined(&mut self, matrix: &[f64]) -> Result<(), EigenError> {
        let Self { n, matrix: own, vectors, values, beside, scratch } = self;
        let n = *n;
        let mut largest = 0.0f64;
        let mut finite = 0.0;
        for i in 0..n {
            for &x in &matrix[i * n..=i * n + i] {
                largest = largest.max(x.abs());
                finite += x * 0.0;
            }
        }
        if finite != 0.0 {
            return Err(EigenError::NotFinite);
        }
        let (down, up) = scales(largest);
        for i in 0..n {
            for j in 0..=i {
                let x = matrix[i * n + j] * down;
                own[i * n + j] = x;
                own[j * n + i] = x;
            }
        }
        tridiagonal::tridiagonalise(n, own, values, beside, vectors, scratch);
        if !ql::diagonalise(n, values, beside, vectors) {
            return Err(EigenError::NotConverged);
        }
        values.iter_mut().for_each(|x| *x *= up);
        sort(n, values, vectors);
        Ok(())
    }

    #[inline(always)]
    fn function_inlined(&self, f: impl Fn(f64) -> f64, out: &mut [f64]) {
        let n = self.n;
        out.fill(0.0);
        let fours = n / 4 * 4;
        for k in (0..fours).step_by(4) {
            let v = &self.vectors[k * n..(k + 4) * n];
            let f = [0, 1, 2, 3].map(|j| f(self.values[k + j]));
            for i in 0..n {
                let factors = [0, 1, 2, 3].map(|j| f[j] * v[j * n + i]);
                add_four(&mut out[i * n..=i * n + i], factors, v, n);
            }
        }
        for k in fours..n {
            let v = &self.vectors[k * n..(k + 1) * n];
            let f = f(self.values[k]);
            for i in 0..n {
                add_multiple(&mut out[i * n..=i * n + i], f * v[i], v);
            }
        }
        super::symmetrise(n, out);
    }
}

/// Powers of two that bring the largest entry near 1 and back: exact, and nothing over- or underflows in between.
fn scales(largest: f64) -> (f64, f64) {
    if largest == 0.0 {
        return (1.0, 1.0);
    }
    // Both factors stay normal for every size of entry.
    let exponent = (((largest.to_bits() >> 52) & 0x7ff) as i64 - 1023).clamp(-1000, 1000);
    (power_of_two(-exponent), power_of_two(exponent))
}

fn power_of_two(exponent: i64) -> f64 {
    f64::from_bits(((exponent + 1023) as u64) << 52)
}

/// Eigenvalues rising, the rows along with them.
#[inline(always)]
fn sort(n: usize, values: &mut [f64], rows: &mut [f64]) {
    for i in 0..n {
        let least = (i..n).fold(i, |least, k| if values[k] < values[least] { k } else { least });
        if least != i {
            values.swap(i, least);
            let (upper, lower) = rows.split_at_mut(least * n);
            upper[i * n..(i + 1) * n].swap_with_slice(&mut lower[..n]);
        }
    }
}
