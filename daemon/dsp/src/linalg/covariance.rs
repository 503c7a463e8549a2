use super::kernels::{add_four, add_multiple};
use crate::run::simd::vectorised;

/// Adds the products of all pairs of channels, summed over `frames` (`[frames x channels]`) and times `weight`, to `out`
/// (`[channels x channels]`). Only the lower triangle of `out` is read and written: see [`super::symmetrise`].
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
