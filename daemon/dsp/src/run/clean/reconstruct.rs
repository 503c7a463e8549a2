use super::state::AsrState;
use crate::linalg::{SymmetricEigen, dot, multiply};
use crate::run::simd::vectorised;

/// Decides which components of a window are artefacts, and makes the matrix that puts back in their place what the
/// others tell of them.
#[derive(Clone, Debug)]
pub(super) struct Reconstructor {
    channels: usize,
    /// The most components taken out, a whole number.
    most: f64,
    /// `[channels x channels]`: the transposed threshold matrix, asrpy's `T`.
    thresholds: Box<[f64]>,
    mixing: Box<[f64]>,
    largest_mixing: f64,
    eigen: SymmetricEigen,
    /// Eigenvectors seen through thresholds, then through the mixing matrix, then at right angles.
    seen: Box<[f64]>,
    solved: Box<[f64]>,
    mixed: Box<[f64]>,
    keep: Box<[bool]>,
}

/// Rows whose part at right angles to those before is a smaller share of the largest are taken for dependent.
const DEPENDENT: f64 = 1e-10;

impl Reconstructor {
    pub(super) fn design(channels: usize) -> Self {
        let square = || vec![0.0; channels * channels].into_boxed_slice();
        Self {
            channels,
            most: 0.0,
            thresholds: square(),
            mixing: square(),
            largest_mixing: 0.0,
            eigen: SymmetricEigen::design(channels),
            seen: square(),
            solved: square(),
            mixed: square(),
            keep: vec![true; channels].into_boxed_slice(),
        }
    }

    pub(super) fn configure(&mut self, state: &AsrState, cutoff: f64, max_dims: f64) {
        let n = self.channels;
        self.most = (n as f64 * max_dims).round_ties_even();
        self.mixing.copy_from_slice(&state.mixing);
        // A symmetric matrix stretches nothing by more than its trace, if no eigenvalue is negative.
        self.largest_mixing = state.mixing.iter().step_by(n + 1).sum();
        for (i, (component, (mean, deviation))) in
            state.components.chunks_exact(n).zip(&state.amplitudes).enumerate()
        {
            let threshold = mean + cutoff * deviation;
            for (j, x) in component.iter().enumerate() {
                self.thresholds[j * n + i] = threshold * x;
            }
        }
    }

    /// How many components of a window with this covariance are artefacts. Where there are some, `transposed` gets the
    /// transposed reconstruction matrix.
    pub(super) fn reconstruct(&mut self, covariance: &[f64], transposed: &mut [f64]) -> usize {
        let n = self.channels;
        if self.eigen.decompose(covariance).is_err() {
            return 0;
        }
        let vectors = self.eigen.vectors();
        multiply(vectors, &self.thresholds, n, n, &mut self.seen);
        let values = self.eigen.values();
        for (i, seen) in self.seen.chunks_exact(n).enumerate() {
            self.keep[i] = values[i] < dot(seen, seen) || ((i + 1) as f64) < n as f64 - self.most;
        }
        let removed = self.keep.iter().filter(|keep| !**keep).count();
        if removed > 0 {
            multiply(vectors, &self.mixing, n, n, &mut self.seen);
            vectorised(
                #[inline(always)]
                || self.solve(transposed),
            );
        }
        removed
    }

    /// `R = M pinv(K) V^T`, `K` being the kept rows of `V^T M`. With `K = L Q`, `L` lower triangular and the rows of `Q`
    /// at right angles, `pinv(K) = Q^T L^-1`; so `R^T` is the sum of the products of the rows of `L^-1 V^T` and `Q M`.
    #[inline(always)]
    fn solve(&mut self, transposed: &mut [f64]) {
        let n = self.channels;
        self.solved.copy_from_slice(self.eigen.vectors());
        for i in 0..n {
            let (q_before, q) = self.seen.split_at_mut(i * n);
            let (w_before, w) = self.solved.split_at_mut(i * n);
            let (q, w) = (&mut q[..n], &mut w[..n]);
            if !self.keep[i] {
                q.fill(0.0);
                w.fill(0.0);
                continue;
            }
            // Twice: rounding of the first time is at right angles after the second.
            for _ in 0..2 {
                for (q_j, w_j) in q_before.chunks_exact(n).zip(w_before.chunks_exact(n)) {
                    let along = dot(q, q_j);
                    if along != 0.0 {
                        subtract(q, along, q_j);
                        subtract(w, along, w_j);
                    }
                }
            }
            let length = dot(q, q).sqrt();
            if length > DEPENDENT * self.largest_mixing {
                let share = 1.0 / length;
                q.iter_mut().chain(w).for_each(|x| *x *= share);
            } else {
                q.fill(0.0);
                w.fill(0.0);
            }
        }
        transposed.fill(0.0);
        multiply(&self.seen, &self.mixing, n, n, &mut self.mixed);
        for (w, g) in self.solved.chunks_exact(n).zip(self.mixed.chunks_exact(n)) {
            for (row, &factor) in transposed.chunks_exact_mut(n).zip(w) {
                row.iter_mut().zip(g).for_each(|(y, g)| *y += factor * g);
            }
        }
    }
}

#[inline(always)]
fn subtract(y: &mut [f64], factor: f64, x: &[f64]) {
    y.iter_mut().zip(x).for_each(|(y, x)| *y -= factor * x);
}
