use crate::linalg::{scatter, symmetrise};

/// Frames of a block.
pub(super) const BLOCK: usize = 100;

/// The geometric median of the covariances of blocks of a recording: a mean that a minority of bad blocks hardly moves.
/// Weiszfeld's iteration as completed by Vardi and Zhang, PNAS 97(4), 2000, as asrpy's `geometric_median` of its
/// `block_covariance`.
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
        }
    }

    /// The median over `[frames x channels]`, as `[channels x channels]`.
    pub(super) fn of(&mut self, frames: &[f64]) -> &[f64] {
        self.estimate_blocks(frames);
        let square = self.channels * self.channels;
        let count = self.distances.len() as f64;
        self.median.fill(0.0);
        for block in self.blocks.chunks_exact(square) {
            self.median.iter_mut().zip(block).for_each(|(m, x)| *m += x);
        }
        self.median.iter_mut().for_each(|m| *m /= count);
        for _ in 0..MOST_STEPS {
            let Some(moved) = self.step() else { break };
            std::mem::swap(&mut self.median, &mut self.next);
            // Written so that NaN ends it too.
            if !matches!(
                moved.partial_cmp(&TOLERANCE),
                Some(std::cmp::Ordering::Greater | std::cmp::Ordering::Equal)
            ) {
                break;
            }
        }
        &self.median
    }

    fn estimate_blocks(&mut self, frames: &[f64]) {
        let n = self.channels;
        self.blocks.fill(0.0);
        for (block, part) in self.blocks.chunks_exact_mut(n * n).zip(frames.chunks(BLOCK * n)) {
            let mut part = part;
            if part.len() < BLOCK * n {
                // The last frame stands for those that the last block lacks.
                let last = &part[part.len() - n..];
                self.last[..part.len()].copy_from_slice(part);
                self.last[part.len()..].chunks_exact_mut(n).for_each(|frame| frame.copy_from_slice(last));
                part = &self.last;
            }
            scatter(part, n, 1.0 / BLOCK as f64, block);
            symmetrise(n, block);
        }
    }

    /// Writes the next estimate to `next` and returns how far it is away; `None` when all blocks are the same.
    fn step(&mut self) -> Option<f64> {
        let Self { blocks, distances, median, next, channels, .. } = self;
        let square = *channels * *channels;
        let (mut weights, mut same) = (0.0, 0.0);
        for (distance, block) in distances.iter_mut().zip(blocks.chunks_exact(square)) {
            *distance = separation(block, median);
            if *distance == 0.0 {
                same += 1.0;
            } else {
                weights += 1.0 / *distance;
            }
        }
        if weights == 0.0 {
            return None;
        }
        next.fill(0.0);
        for (&distance, block) in distances.iter().zip(blocks.chunks_exact(square)) {
            if distance != 0.0 {
                let weight = 1.0 / distance / weights;
                next.iter_mut().zip(block).for_each(|(y, x)| *y += weight * x);
            }
        }
        if same > 0.0 {
            // Some blocks lie on the estimate itself and hold it back.
            let pull = separation(next, median) * weights;
            let held = if pull == 0.0 { 0.0 } else { same / pull };
            let (go, stay) = ((1.0 - held).max(0.0), held.min(1.0));
            next.iter_mut().zip(&*median).for_each(|(y, m)| *y = go * *y + stay * m);
        }
        Some(separation(next, median))
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
