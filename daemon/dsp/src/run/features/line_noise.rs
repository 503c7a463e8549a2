use super::quality_blocks::{Block, Row};
use crate::run::LANES;
use bci_types::Hz;
use std::f64::consts::PI;

/// The spectrum at the frequency of the mains and its multiples, block by block.
#[derive(Debug)]
pub(super) struct LineNoise {
    /// Frequencies measured.
    harmonics: usize,
    tiles: usize,
    /// Frames a window.
    window: f64,
    /// `[frames of a block x harmonics]`: cosine and sine from the block's start.
    waves: Box<[[f64; 2]]>,
    /// `[blocks x harmonics]`: the turn from the window's start to the block's.
    turns: Box<[[f64; 2]]>,
    /// `[harmonics]`: the sum of a block's waves, the spectrum of a 1.
    ones: Box<[[f64; 2]]>,
    /// `[blocks x tiles x harmonics]`: sums of the signal less its pivot times cosine and sine; a ring of blocks.
    sums: Box<[[Row; 2]]>,
}

impl LineNoise {
    pub(super) fn new(
        line_hz: Option<f64>,
        harmonics: u32,
        rate: Hz,
        block: usize,
        blocks: usize,
        tiles: usize,
    ) -> Self {
        let multiples = (1..=harmonics).map(f64::from).filter_map(|k| line_hz.map(|hz| k * hz));
        let radians: Vec<f64> =
            multiples.take_while(|hz| *hz < rate.nyquist()).map(|hz| 2.0 * PI * (hz / rate.get())).collect();
        let wave = |frame: usize, w: f64| {
            // Whole turns taken away first, so that late frames lose no precision.
            let (sin, cos) = (w * frame as f64 % (2.0 * PI)).sin_cos();
            [cos, sin]
        };
        let waves: Box<[_]> = (0..block).flat_map(|n| radians.iter().map(move |&w| wave(n, w))).collect();
        let turns = (0..blocks).flat_map(|b| radians.iter().map(move |&w| wave(b * block, w))).collect();
        let mut ones = vec![[0.0; 2]; radians.len()];
        for frame in waves.chunks_exact(radians.len().max(1)) {
            for (one, [cos, sin]) in ones.iter_mut().zip(frame) {
                *one = [one[0] + cos, one[1] + sin];
            }
        }
        Self {
            harmonics: radians.len(),
            tiles,
            window: (block * blocks) as f64,
            waves,
            turns,
            ones: ones.into_boxed_slice(),
            sums: vec![[[0.0; LANES]; 2]; blocks * tiles * radians.len()].into_boxed_slice(),
        }
    }

    pub(super) fn reset(&mut self) {
        self.sums.fill([[0.0; LANES]; 2]);
    }

    /// Adds frame `n` of block `at` of one tile.
    #[inline(always)]
    pub(super) fn add(&mut self, at: usize, tile: usize, n: usize, y: Row) {
        let from = (at * self.tiles + tile) * self.harmonics;
        let sums = &mut self.sums[from..from + self.harmonics];
        if n == 0 {
            sums.fill([[0.0; LANES]; 2]);
        }
        let waves = &self.waves[n * self.harmonics..(n + 1) * self.harmonics];
        for ([real, imaginary], [cos, sin]) in sums.iter_mut().zip(waves) {
            for lane in 0..LANES {
                real[lane] += y[lane] * cos;
                imaginary[lane] += y[lane] * sin;
            }
        }
    }

    /// The mean square of the sines at all frequencies, of the window whose oldest block is `oldest`, about `mean`.
    #[inline(always)]
    pub(super) fn power<'a>(
        &self,
        oldest: usize,
        tile: usize,
        blocks: impl Iterator<Item = &'a Block> + Clone,
        mean: &Row,
    ) -> Row {
        let mut power = [0.0; LANES];
        let count = self.sums.len() / (self.tiles * self.harmonics).max(1);
        for h in 0..self.harmonics {
            let (mut real, mut imaginary) = ([0.0; LANES], [0.0; LANES]);
            for (i, block) in blocks.clone().enumerate() {
                let at = ((oldest + i) % count * self.tiles + tile) * self.harmonics + h;
                let ([cos, sin], [one_cos, one_sin]) = (self.turns[i * self.harmonics + h], self.ones[h]);
                let [re, im] = &self.sums[at];
                for lane in 0..LANES {
                    let d = block.pivot[lane] - mean[lane];
                    let (re, im) = (re[lane] + d * one_cos, im[lane] + d * one_sin);
                    real[lane] += re * cos - im * sin;
                    imaginary[lane] += re * sin + im * cos;
                }
            }
            for lane in 0..LANES {
                let square = real[lane] * real[lane] + imaginary[lane] * imaginary[lane];
                power[lane] += 2.0 * square / (self.window * self.window);
            }
        }
        power
    }

    pub(super) fn same_shape(&self, other: &Self) -> bool {
        self.harmonics == other.harmonics && self.sums.len() == other.sums.len()
    }

    /// Takes over the frequencies of one of the same shape.
    pub(super) fn retune(&mut self, ready: &Self) {
        self.waves.copy_from_slice(&ready.waves);
        self.turns.copy_from_slice(&ready.turns);
        self.ones.copy_from_slice(&ready.ones);
    }
}
