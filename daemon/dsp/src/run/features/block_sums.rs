use super::frames::common_block;
use crate::run::beat::{pass_over, pass_over_blocks};

/// Sums over the last window, due every hop, that are as exact after days as after a second: nothing is ever taken
/// away from a sum. Blocks as long as what divides window and hop are summed frame by frame, and a window is the
/// sum of its blocks, oldest first.
#[derive(Debug)]
pub(super) struct BlockSums {
    width: usize,
    /// Frames.
    pub(super) window: usize,
    /// Frames.
    pub(super) hop: usize,
    /// Frames a block.
    block: usize,
    /// `[blocks x width]`, the blocks of one window as a ring.
    ring: Box<[f64]>,
    /// The block being filled.
    at: usize,
    /// Frames in it.
    filled: usize,
    /// Frames until the next window is due; never 0.
    until_due: usize,
    /// A window has been due.
    begun: bool,
}

impl BlockSums {
    /// `width` sums over `window` frames every `hop` frames; both above 0. Allocates.
    pub(super) fn new(width: usize, window: usize, hop: usize) -> Self {
        let block = common_block(window, hop);
        let ring = vec![0.0; window / block * width].into_boxed_slice();
        Self { width, window, hop, block, ring, at: 0, filled: 0, until_due: window, begun: false }
    }

    pub(super) fn reset(&mut self) {
        self.ring.fill(0.0);
        self.at = 0;
        self.filled = 0;
        self.until_due = self.window;
        self.begun = false;
    }

    /// See [`crate::Element::skip`].
    pub(super) fn skip(&mut self, frames: u64) -> u64 {
        if !self.begun {
            return 0;
        }
        let blocks = self.ring.len() / self.width;
        pass_over_blocks(&mut self.at, &mut self.filled, self.block, blocks, frames);
        pass_over(&mut self.until_due, self.hop, frames)
    }

    /// Where this frame is to be added: to numbers of the block being filled, zero if it begins.
    #[inline(always)]
    pub(super) fn current(&mut self) -> &mut [f64] {
        let row = &mut self.ring[self.at * self.width..(self.at + 1) * self.width];
        if self.filled == 0 {
            row.fill(0.0);
        }
        row
    }

    /// Ends a frame; whether a window is due with it.
    #[inline(always)]
    pub(super) fn advance(&mut self) -> bool {
        self.filled += 1;
        if self.filled == self.block {
            self.filled = 0;
            self.at = (self.at + 1) % (self.ring.len() / self.width);
        }
        self.until_due -= 1;
        let due = self.until_due == 0;
        if due {
            self.until_due = self.hop;
            self.begun = true;
        }
        due
    }

    /// The sums of the window that is due.
    #[inline(always)]
    pub(super) fn sum(&self, out: &mut [f64]) {
        out.fill(0.0);
        let (newer, older) = self.ring.split_at(self.at * self.width);
        for row in older.chunks_exact(self.width).chain(newer.chunks_exact(self.width)) {
            for (sum, x) in out.iter_mut().zip(row) {
                *sum += x;
            }
        }
    }

    pub(super) fn is_finite(&self) -> bool {
        crate::run::all_finite(&self.ring)
    }

    pub(super) fn same_shape(&self, other: &Self) -> bool {
        (self.width, self.window, self.hop) == (other.width, other.window, other.hop)
    }
}
