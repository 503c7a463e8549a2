use super::kernels::{add_four, add_multiple};
use super::symmetrise;
use crate::run::simd::vectorised;

/// Adds the products of all pairs of channels, summed over `frames` (`[frames x channels]`) and times `weight`, to `out`
/// (`[channels x channels]`). Only the lower triangle of `out` is read and written: see [`symmetrise`].
pub fn scatter(frames: &[f64], channels: usize, weight: f64, out: &mut [f64]) {
    assert_eq!(out.len(), channels * channels, "a square matrix");
    assert_eq!(frames.len() % channels.max(1), 0, "whole frames");
    if channels == 0 {
        return;
    }
    vectorised(
        #[inline(always)]
        || {
            let mut fours = frames.chunks_exact(4 * channels);
            for x in &mut fours {
                for i in 0..channels {
                    let factors = [0, 1, 2, 3].map(|j| weight * x[j * channels + i]);
                    add_four(&mut out[i * channels..=i * channels + i], factors, x, channels);
                }
            }
            for x in fours.remainder().chunks_exact(channels) {
                for i in 0..channels {
                    add_multiple(&mut out[i * channels..=i * channels + i], weight * x[i], x);
                }
            }
        },
    );
}

/// Shrinks a covariance of `frames` frames towards a multiple of the unit matrix, by as much as the oracle approximating
/// estimator says, and returns that share.
///
/// Chen, Wiesel, Eldar and Hero, Shrinkage Algorithms for MMSE Covariance Estimation, IEEE Trans. Signal Processing
/// 58(10), 2010, in the form of scikit-learn's `oas` and pyRiemann's `covariances(..., estimator="oas")`.
pub fn oas_shrinkage(covariance: &mut [f64], channels: usize, frames: usize) -> f64 {
    symmetrise(channels, covariance);
    let (n, p) = (frames as f64, channels as f64);
    let trace: f64 = covariance.iter().step_by(channels + 1).sum();
    let mu = trace / p;
    let squares = super::dot(covariance, covariance) / (p * p);
    let above = squares + mu * mu;
    let below = (n + 1.0) * (squares - mu * mu / p);
    let share = if above < below { above / below } else { 1.0 };
    covariance.iter_mut().for_each(|x| *x *= 1.0 - share);
    covariance.iter_mut().step_by(channels + 1).for_each(|x| *x += share * mu);
    share
}
