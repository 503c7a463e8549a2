use crate::run::{LANES, all_finite};

/// The last frames of an input, always side by side in memory, so that a filter runs over them without a seam.
#[derive(Clone, Debug)]
pub(super) struct History {
    /// Frames held.
    frames: usize,
    /// Tiles of channels a frame; the last is padded with idle lanes.
    tiles: usize,
    /// `[2 x frames x tiles]`: every frame stands in both halves.
    ring: Box<[[f64; LANES]]>,
    /// Where in either half the next frame goes; the window of all frames begins there.
    next: usize,
}

impl History {
    /// Zeros. Allocates.
    pub(super) fn new(frames: usize, channels: usize) -> Self {
        let tiles = channels.div_ceil(LANES);
        Self { frames, tiles, ring: vec![[0.0; LANES]; 2 * frames * tiles].into_boxed_slice(), next: 0 }
    }

    pub(super) fn clear(&mut self) {
        self.ring.fill([0.0; LANES]);
        self.next = 0;
    }

    /// As if `frame` had always come.
    pub(super) fn fill(&mut self, frame: &[f64]) {
        for _ in 0..self.frames {
            self.push(frame);
        }
    }

    #[inline(always)]
    pub(super) fn push(&mut self, frame: &[f64]) {
        let at = self.next * self.tiles;
        let again = at + self.frames * self.tiles;
        for (tile, lanes) in frame.chunks(LANES).enumerate() {
            self.ring[at + tile][..lanes.len()].copy_from_slice(lanes);
            self.ring[again + tile][..lanes.len()].copy_from_slice(lanes);
        }
        self.next = if self.next + 1 == self.frames { 0 } else { self.next + 1 };
    }

    /// The sum over all frames held, each times its tap, the oldest first in `taps` and in the sum; one number a
    /// channel into `out`.
    #[inline(always)]
    pub(super) fn weigh(&self, taps: &[f64], out: &mut [f64]) {
        /// Tiles summed side by side: enough sums to hide the time of one, and frames read in longer pieces.
        const SIDE_BY_SIDE: usize = 4;
        let window = &self.ring[self.next * self.tiles..(self.next + self.frames) * self.tiles];
        let mut groups = out.chunks_exact_mut(SIDE_BY_SIDE * LANES);
        let mut tile = 0;
        for group in &mut groups {
            let sums = weigh_tiles::<SIDE_BY_SIDE>(window, self.tiles, tile, taps);
            group.copy_from_slice(sums.as_flattened());
            tile += SIDE_BY_SIDE;
        }
        for part in groups.into_remainder().chunks_mut(LANES) {
            let [sums] = weigh_tiles::<1>(window, self.tiles, tile, taps);
            part.copy_from_slice(&sums[..part.len()]);
            tile += 1;
        }
    }

    pub(super) fn is_finite(&self) -> bool {
        self.ring.iter().all(|lanes| all_finite(lanes))
    }
}

#[inline(always)]
fn weigh_tiles<const N: usize>(
    window: &[[f64; LANES]],
    tiles: usize,
    first: usize,
    taps: &[f64],
) -> [[f64; LANES]; N] {
    let mut sums = [[0.0; LANES]; N];
    for (frame, &tap) in window.chunks_exact(tiles).zip(taps) {
        let Some(lanes) = frame[first..].first_chunk::<N>() else { break };
        // Loops over places, so that the compiler unrolls them whole and keeps the sums in registers.
        for n in 0..N {
            for lane in 0..LANES {
                sums[n][lane] += tap * lanes[n][lane];
            }
        }
    }
    sums
}
