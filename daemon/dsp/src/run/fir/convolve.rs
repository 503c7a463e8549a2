//! The inner loops of [`super::FirFilter`]: many channels side by side, each frame a sum over the frames before it.
//!
//! Every sum runs from the oldest frame to the newest, whatever is computed beside it.

/// Channels in one group.
pub(in crate::run) const GROUP: usize = 4;
/// Groups in a wide tile.
pub(in crate::run) const TILE: usize = 4;

/// A group of channels, one frame.
pub(in crate::run) type Lanes = [f64; GROUP];

/// The past of all channels, tile after tile: wide ones, then single groups, the last padded with idle lanes. Each tile is
/// `[2 ring x groups]`: a ring of frames and a copy of it right behind, so that however far the ring has turned, a frame and
/// those before it lie in one piece.
#[derive(Clone, Debug)]
pub(super) struct History {
    lanes: Box<[Lanes]>,
    channels: usize,
    ring: usize,
    /// Where in the ring the next frame goes.
    next: usize,
}

impl History {
    /// Nothing but zeros. Up to `run` frames may come at once, each to be summed with the `memory` before it.
    pub(super) fn new(channels: usize, memory: usize, run: usize) -> Self {
        let ring = memory + run;
        let lanes = vec![[0.0; GROUP]; channels.div_ceil(GROUP) * 2 * ring].into_boxed_slice();
        Self { lanes, channels, ring, next: 0 }
    }

    /// As if `first` (one number a channel) had always been there.
    pub(super) fn fill(&mut self, first: &[f64]) {
        let (wide, rest) = first.split_at(self.wide());
        let (wide_lanes, lanes) = self.lanes.split_at_mut(wide.len() / GROUP * 2 * self.ring);
        let tiles = wide_lanes.as_chunks_mut::<TILE>().0.chunks_exact_mut(2 * self.ring);
        for (tile, first) in tiles.zip(wide.chunks_exact(TILE * GROUP)) {
            tile.fill(row::<TILE>(first));
        }
        for (tile, first) in lanes.chunks_exact_mut(2 * self.ring).zip(rest.chunks(GROUP)) {
            tile.fill(row::<1>(first)[0]);
        }
    }

    /// Back to zeros.
    pub(super) fn clear(&mut self) {
        self.lanes.fill([0.0; GROUP]);
    }

    /// Whether the `memory` newest frames are finite in all channels.
    pub(super) fn is_finite(&self, memory: usize) -> bool {
        let newest = self.next + self.ring;
        let wide = self.wide() / GROUP * 2 * self.ring;
        let (tiles, groups) = self.lanes.split_at(wide);
        let held = |tile: &[Lanes], width: usize| {
            crate::run::all_finite(tile[(newest - memory) * width..newest * width].as_flattened())
        };
        tiles.chunks_exact(TILE * 2 * self.ring).all(|tile| held(tile, TILE))
            && groups.chunks_exact(2 * self.ring).all(|tile| held(tile, 1))
    }

    /// Channels in wide tiles.
    fn wide(&self) -> usize {
        self.channels / (TILE * GROUP) * (TILE * GROUP)
    }

    /// As many of `frames` as may be taken at once before the ring turns over.
    pub(super) fn take(&self, frames: usize, run: usize) -> usize {
        frames.min(run).min(self.ring - self.next)
    }

    /// Replaces `frames` (`[frames x channels]`, as many as [`History::take`] permits) by their sums with those before
    /// them, weighted by `taps`, oldest first.
    #[inline(always)]
    pub(super) fn convolve(&mut self, taps: &[f64], frames: &mut [f64]) {
        let Self { channels, ring, next, .. } = *self;
        let wide = self.wide();
        let (wide_lanes, lanes) = self.lanes.split_at_mut(wide / GROUP * 2 * ring);
        let tiles = wide_lanes.as_chunks_mut::<TILE>().0.chunks_exact_mut(2 * ring);
        for (tile, from) in tiles.zip((0..).step_by(TILE * GROUP)) {
            through::<TILE, 2>(taps, tile, next, channels, from..from + TILE * GROUP, frames);
        }
        for (tile, from) in lanes.chunks_exact_mut(2 * ring).zip((wide..).step_by(GROUP)) {
            let to = channels.min(from + GROUP);
            through::<1, 4>(taps, tile.as_chunks_mut::<1>().0, next, channels, from..to, frames);
        }
        self.next = (next + frames.len() / channels) % ring;
    }
}

/// The channels `which` of `frames` through their tile; `TOGETHER` frames at a time, as far as they go.
#[inline(always)]
fn through<const WIDTH: usize, const TOGETHER: usize>(
    taps: &[f64],
    tile: &mut [[Lanes; WIDTH]],
    next: usize,
    channels: usize,
    which: std::ops::Range<usize>,
    frames: &mut [f64],
) {
    let (ring, copy) = tile.split_at_mut(tile.len() / 2);
    let places = ring[next..].iter_mut().zip(&mut copy[next..]);
    for (frame, (place, again)) in frames.chunks_exact(channels).zip(places) {
        *place = row::<WIDTH>(&frame[which.clone()]);
        *again = *place;
    }
    let mut oldest = tile.len() / 2 + next + 1 - taps.len();
    let mut some = frames.chunks_exact_mut(channels * TOGETHER);
    for frames in &mut some {
        let sums = sums::<WIDTH, TOGETHER>(taps, &tile[oldest..]);
        for (frame, sum) in frames.chunks_exact_mut(channels).zip(&sums) {
            put(sum, &mut frame[which.clone()]);
        }
        oldest += TOGETHER;
    }
    for frame in some.into_remainder().chunks_exact_mut(channels) {
        let [sum] = sums::<WIDTH, 1>(taps, &tile[oldest..]);
        put(&sum, &mut frame[which.clone()]);
        oldest += 1;
    }
}

/// The sums that begin at the first of `rows`, at the second, and so on.
#[inline(always)]
fn sums<const WIDTH: usize, const TOGETHER: usize>(
    taps: &[f64],
    rows: &[[Lanes; WIDTH]],
) -> [[Lanes; WIDTH]; TOGETHER] {
    let mut sums = [[[0.0; GROUP]; WIDTH]; TOGETHER];
    for (&tap, rows) in taps.iter().zip(rows.array_windows::<TOGETHER>()) {
        for (sums, row) in sums.iter_mut().zip(rows) {
            for (sums, lanes) in sums.iter_mut().zip(row) {
                for (sum, x) in sums.iter_mut().zip(lanes) {
                    *sum += tap * x;
                }
            }
        }
    }
    sums
}

/// One frame of a tile, idle lanes at zero.
#[inline(always)]
pub(in crate::run) fn row<const WIDTH: usize>(samples: &[f64]) -> [Lanes; WIDTH] {
    let mut row = [[0.0; GROUP]; WIDTH];
    for (place, x) in row.as_flattened_mut().iter_mut().zip(samples) {
        *place = *x;
    }
    row
}

#[inline(always)]
pub(in crate::run) fn put<const WIDTH: usize>(row: &[Lanes; WIDTH], samples: &mut [f64]) {
    for (place, x) in samples.iter_mut().zip(row.as_flattened()) {
        *place = *x;
    }
}
