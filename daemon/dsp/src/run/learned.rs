use super::AsrState;

/// What an adaptive step has learned so far, or was given.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Learned<'a> {
    /// An alignment.
    Align {
        /// The reference, `[channels x channels]`, in the squared unit of the signal; `None` where there is none yet.
        reference: Option<&'a [f64]>,
        /// Windows that count towards it.
        windows: u32,
        /// Frames that might be learned from.
        frames: u64,
    },
    /// Artefact subspace reconstruction.
    Asr {
        /// The calibration; `None` where there is none yet.
        state: Option<&'a AsrState>,
        /// Frames collected for it.
        frames: u64,
    },
}

/// Whether an `[n x n]` matrix is finite, symmetric (the rounding of whoever wrote it aside) and has no eigenvalue below
/// `least` times the largest, which is above 0. Allocates.
#[must_use]
pub fn is_definite(matrix: &[f64], n: usize, least: f64) -> bool {
    if matrix.len() != n * n || n == 0 {
        return false;
    }
    let mut eigen = crate::linalg::SymmetricEigen::design(n);
    // Only one triangle is read by it.
    if !super::all_finite(matrix) || eigen.decompose(matrix).is_err() {
        return false;
    }
    let (smallest, largest) = (eigen.values()[0], eigen.values()[n - 1]);
    let symmetric =
        (0..n).all(|i| (0..i).all(|j| (matrix[i * n + j] - matrix[j * n + i]).abs() <= 1e-9 * largest));
    symmetric && largest > 0.0 && smallest >= least * largest
}
