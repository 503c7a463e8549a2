use super::yulewalk::{Coefficients, ORDER};
use crate::run::LANES;
use crate::run::simd::vectorised;

/// The shaping filter over many channels: direct form II transposed, in the order of operations of SciPy's `lfilter`.
#[derive(Clone, Debug)]
pub(super) struct Shaper {
    channels: usize,
    b: [f64; ORDER + 1],
    a: [f64; ORDER + 1],
    /// A tile of channels each; the last is padded with idle lanes.
    state: Box<[[[f64; LANES]; ORDER]]>,
}

impl Shaper {
    pub(super) fn design((b, a): Coefficients, channels: usize) -> Self {
        let state = vec![[[0.0; LANES]; ORDER]; channels.div_ceil(LANES)].into_boxed_slice();
        Self { channels, b, a, state }
    }

    pub(super) fn reset(&mut self) {
        self.state.fill([[0.0; LANES]; ORDER]);
    }

    /// The state after infinitely many frames like `first`.
    pub(super) fn prime(&mut self, first: &[f64]) {
        let gain = self.b.iter().sum::<f64>() / self.a.iter().sum::<f64>();
        for (tile, state) in first.chunks(LANES).zip(&mut self.state) {
            for (lane, &x) in tile.iter().enumerate() {
                let y = gain * x;
                let mut above = 0.0;
                for k in (0..ORDER).rev() {
                    above += self.b[k + 1] * x - self.a[k + 1] * y;
                    state[k][lane] = above;
                }
            }
        }
    }

    /// Filters `[frames x channels]` in place.
    pub(super) fn process(&mut self, frames: &mut [f64]) {
        let Self { channels, b, a, state } = self;
        vectorised(
            #[inline(always)]
            || {
                for frame in frames.chunks_exact_mut(*channels) {
                    for (tile, state) in frame.chunks_mut(LANES).zip(state.iter_mut()) {
                        let mut x = [0.0; LANES];
                        x[..tile.len()].copy_from_slice(tile);
                        let y = step(b, a, state, x);
                        tile.copy_from_slice(&y[..tile.len()]);
                    }
                }
            },
        );
    }

    pub(super) fn is_finite_state(&self) -> bool {
        self.state.iter().flatten().all(|row| crate::run::all_finite(row))
    }
}

#[inline(always)]
fn step(
    b: &[f64; ORDER + 1],
    a: &[f64; ORDER + 1],
    state: &mut [[f64; LANES]; ORDER],
    x: [f64; LANES],
) -> [f64; LANES] {
    let mut y = [0.0; LANES];
    for lane in 0..LANES {
        y[lane] = b[0] * x[lane] + state[0][lane];
    }
    for k in 0..ORDER - 1 {
        for lane in 0..LANES {
            state[k][lane] = state[k + 1][lane] + b[k + 1] * x[lane] - a[k + 1] * y[lane];
        }
    }
    for lane in 0..LANES {
        state[ORDER - 1][lane] = b[ORDER] * x[lane] - a[ORDER] * y[lane];
    }
    y
}
