use crate::linalg::{scatter, symmetrise};

/// Frames of a block.
pub(super) const BLOCK: usize = 100;

/// The geometric median of the covariances of blocks of a recording: a mean that a minority of bad blocks hardly moves.
/// Weiszfeld's iteration as completed by Vardi and Zhang, PNAS 97(4), 2000, as asrpy's `geometric_median` of its
/// `block_covariance`. Worked off in pieces of one block each.
#[derive(Clone, Debug)]
pub(super) struct BlockMedian {
    channels: usize,
    /// `[blocks x channels x channels]`.
    blocks: Box<[f64]>,
    distances: Box<[f64]>,
    /// `[channels x channels]` each.
    median: Box<[f64]>,
    next: Box<[f64]>,
    /// `[BLOCK x channels]`: the last block where the recording ends within it.
    last: Box<[f64]>,
    stage: Stage,
    /// Steps of the iteration begun.
    steps: usize,
    /// Of the present step: the sum of the weights, and the blocks that lie on the estimate itself.
    weights: f64,
    same: f64,
}

/// What the next piece is: always of one block.
#[derive(Clone, Copy, Debug)]
enum Stage {
    Covariance(usize),
    Mean(usize),
    Distance(usize),
    Next(usize),
    Done,
}

/// Steps that are shorter end the iteration, in the squared unit of the signal.
const TOLERANCE: f64 = 1e-5;
const MOST_STEPS: usize = 500;

impl BlockMedian {
    /// For `frames` frames. Allocates.
    pub(super) fn design(channels: usize, frames: usize) -> Self {
        let zeros = |len: usize| vec![0.0; len].into_boxed_slice();
        let (blocks, square) = (frames.div_ceil(BLOCK), channels * channels);
        Self {
            channels,
            blocks: zeros(blocks * square),
            distances: zeros(blocks),
            median: zeros(square),
            next: zeros(square),
            last: zeros(BLOCK * channels),
            stage: Stage::Done,
            steps: 0,
            weights: 0.0,
            same: 0.0,
        }
    }

    /// Begins anew.
    pub(super) fn begin(&mut self) {
        self.stage = Stage::Covariance(0);
        self.steps = 0;
    }

    /// Does the next piece of the median over `[frames x channels]` and returns its cost, about the multiplications in it;
    /// `None` when there is nothing left to do.
    pub(super) fn advance(&mut self, frames: &[f64]) -> Option<u64> {
        let square = self.channels * self.channels;
        let count = self.distances.len();
        let then = |next: usize, stage: fn(usize) -> Stage| (next < count).then(|| stage(next));
        match self.stage {
            Stage::Covariance(k) => {
                self.estimate(k, frames);
                self.stage = then(k + 1, Stage::Covariance).unwrap_or(Stage::Mean(0));
                Some(self.covariance_cost())
            }
            Stage::Mean(k) => {
                if k == 0 {
                    self.median.fill(0.0);
                }
                let block = &self.blocks[k * square..(k + 1) * square];
                self.median.iter_mut().zip(block).for_each(|(m, x)| *m += x);
                self.stage = then(k + 1, Stage::Mean).unwrap_or(Stage::Distance(0));
                if k + 1 == count {
                    self.median.iter_mut().for_each(|m| *m /= count as f64);
                }
                Some(square as u64)
            }
            Stage::Distance(k) => {
                self.measure(k);
                self.stage = then(k + 1, Stage::Distance).unwrap_or(Stage::Next(0));
                if k + 1 == count && self.weights == 0.0 {
                    // All blocks are the same.
                    self.stage = Stage::Done;
                }
                Some(square as u64)
            }
            Stage::Next(k) => {
                self.add(k);
                self.stage = then(k + 1, Stage::Next).unwrap_or_else(|| self.finish_step());
                Some(square as u64)
            }
            Stage::Done => None,
        }
    }

    /// What all pieces cost together at most.
    pub(super) fn most_cost(&self) -> u64 {
        let (count, square) = (self.distances.len() as u64, (self.channels * self.channels) as u64);
        count * (self.covariance_cost() + square + 2 * MOST_STEPS as u64 * square)
    }

    /// The median, `[channels x channels]`, once all is done.
    pub(super) fn median(&self) -> &[f64] {
        &self.median
    }

    fn covariance_cost(&self) -> u64 {
        (BLOCK * self.channels * self.channels.div_ceil(2)) as u64
    }

    /// The covariance of block `k`.
    fn estimate(&mut self, k: usize, frames: &[f64]) {
        let n = self.channels;
        let block = &mut self.blocks[k * n * n..(k + 1) * n * n];
        let from = k * BLOCK * n;
        let mut part = &frames[from..frames.len().min(from + BLOCK * n)];
        if part.len() < BLOCK * n {
            // The last frame stands for those that the last block lacks.
            let last = &part[part.len() - n..];
            self.last[..part.len()].copy_from_slice(part);
            self.last[part.len()..].chunks_exact_mut(n).for_each(|frame| frame.copy_from_slice(last));
            part = &self.last;
        }
        block.fill(0.0);
        scatter(part, n, 1.0 / BLOCK as f64, block);
        symmetrise(n, block);
    }

    /// How far block `k` is from the estimate.
    fn measure(&mut self, k: usize) {
        if k == 0 {
            (self.weights, self.same) = (0.0, 0.0);
            self.steps += 1;
        }
        let square = self.median.len();
        let distance = separation(&self.blocks[k * square..(k + 1) * square], &self.median);
        if distance == 0.0 {
            self.same += 1.0;
        } else {
            self.weights += 1.0 / distance;
        }
        self.distances[k] = distance;
    }

    /// Block `k` enters the next estimate.
    fn add(&mut self, k: usize) {
        if k == 0 {
            self.next.fill(0.0);
        }
        let square = self.median.len();
        let distance = self.distances[k];
        if distance != 0.0 {
            let weight = 1.0 / distance / self.weights;
            let block = &self.blocks[k * square..(k + 1) * square];
            self.next.iter_mut().zip(block).for_each(|(y, x)| *y += weight * x);
        }
    }

    /// All blocks are in the next estimate, which takes the place of the last.
    fn finish_step(&mut self) -> Stage {
        let Self { median, next, .. } = self;
        if self.same > 0.0 {
            // Some blocks lie on the estimate itself and hold it back.
            let pull = separation(next, median) * self.weights;
            let held = if pull == 0.0 { 0.0 } else { self.same / pull };
            let (go, stay) = ((1.0 - held).max(0.0), held.min(1.0));
            next.iter_mut().zip(&**median).for_each(|(y, m)| *y = go * *y + stay * m);
        }
        let moved = separation(next, median);
        std::mem::swap(median, next);
        // Written so that NaN ends it too.
        if moved >= TOLERANCE && self.steps < MOST_STEPS { Stage::Distance(0) } else { Stage::Done }
    }
}

/// The Euclidean distance, summed in lanes.
fn separation(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 8];
    let (a_tiles, a_rest) = a.as_chunks::<8>();
    let (b_tiles, b_rest) = b.as_chunks::<8>();
    for (a, b) in a_tiles.iter().zip(b_tiles) {
        for lane in 0..8 {
            let d = a[lane] - b[lane];
            sums[lane] += d * d;
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(a, b)| (a - b) * (a - b)).sum();
    (sums.iter().sum::<f64>() + rest).sqrt()
}
