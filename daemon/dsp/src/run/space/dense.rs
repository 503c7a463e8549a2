use super::matrix::Row;
use crate::run::LANES;

/// A matrix without a zero, in tiles of outputs side by side.
#[derive(Clone, Debug)]
pub(super) struct Dense {
    inputs: usize,
    /// `[tiles x inputs]`, a tile being `LANES` outputs; the last is padded with zeros.
    tiles: Box<[[f64; LANES]]>,
}

/// Frames computed with each weight once it is read.
const FRAMES: usize = 4;

impl Dense {
    /// Allocates.
    pub(super) fn new(inputs: usize, rows: &[Row]) -> Self {
        let mut tiles = vec![[0.0; LANES]; rows.len().div_ceil(LANES) * inputs].into_boxed_slice();
        for (output, row) in rows.iter().enumerate() {
            for &(channel, weight) in row {
                tiles[output / LANES * inputs + channel][output % LANES] = weight;
            }
        }
        Self { inputs, tiles }
    }

    /// Takes over the weights of one of the same shape.
    pub(super) fn copy_from(&mut self, ready: &Self) {
        self.tiles.copy_from_slice(&ready.tiles);
    }

    pub(super) fn weight(&self, output: usize, channel: usize) -> f64 {
        self.tiles[output / LANES * self.inputs + channel][output % LANES]
    }

    #[inline(always)]
    pub(super) fn multiply(&self, input: &[f64], inputs: usize, output: &mut [f64], outputs: usize) {
        let whole = input.len() / inputs / FRAMES * FRAMES;
        let (input, rest_in) = input.split_at(whole * inputs);
        let (output, rest_out) = output.split_at_mut(whole * outputs);
        for (from, to) in input.chunks_exact(FRAMES * inputs).zip(output.chunks_exact_mut(FRAMES * outputs)) {
            self.frames::<FRAMES>(from, to, outputs);
        }
        for (from, to) in rest_in.chunks_exact(inputs).zip(rest_out.chunks_exact_mut(outputs)) {
            self.frames::<1>(from, to, outputs);
        }
    }

    /// `N` frames at once. Every output is summed in the order of the channels, whatever `N`.
    #[inline(always)]
    fn frames<const N: usize>(&self, from: &[f64], to: &mut [f64], outputs: usize) {
        let rows: [&[f64]; N] = std::array::from_fn(|n| &from[n * self.inputs..(n + 1) * self.inputs]);
        for (tile, weights) in self.tiles.chunks_exact(self.inputs).enumerate() {
            let mut sums = [[0.0; LANES]; N];
            for (channel, weights) in weights.iter().enumerate() {
                for (sum, row) in sums.iter_mut().zip(&rows) {
                    let x = row[channel];
                    for lane in 0..LANES {
                        sum[lane] += weights[lane] * x;
                    }
                }
            }
            let first = tile * LANES;
            let width = LANES.min(outputs - first);
            for (n, sum) in sums.iter().enumerate() {
                to[n * outputs + first..][..width].copy_from_slice(&sum[..width]);
            }
        }
    }
}
