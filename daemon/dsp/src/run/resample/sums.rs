//! The inner loops of [`super::PolyphaseResampler`]: many channels side by side, each output frame a sum that grows with
//! the input.
//!
//! Every sum runs from the oldest frame to the newest, whatever is computed beside it and however the input is cut.

use super::schedule::Part;
use crate::run::fir::{GROUP, Lanes, TILE, put, row};
use std::ops::Range;

/// Input frames that one tile of channels runs through before the next takes its turn: enough to make loading and storing
/// its sums cheap, few enough to stay in the first-level cache beside them.
pub(super) const RUN: usize = 32;

/// A run of input: at most [`RUN`] frames, `[frames x channels]`, and which output each adds to with which of the taps.
pub(super) struct Run<'a> {
    pub(super) input: &'a [f64],
    pub(super) parts: &'a [Part],
    pub(super) taps: &'a [f64],
}

/// The sums of output frames in the making: tile after tile, wide ones, then single groups, the last padded with idle
/// lanes. Each tile is `[places x groups]`.
#[derive(Clone, Debug)]
pub(super) struct Sums {
    lanes: Box<[Lanes]>,
    channels: usize,
    places: usize,
    /// A tile's run of input, side by side: where it comes from, a frame's channels lie as far apart as channels are many.
    near: Box<[Lanes]>,
}

impl Sums {
    /// Zeros. Allocates.
    pub(super) fn new(channels: usize, places: usize) -> Self {
        let zeros = |n| vec![[0.0; GROUP]; n].into_boxed_slice();
        Self { lanes: zeros(channels.div_ceil(GROUP) * places), channels, places, near: zeros(RUN * TILE) }
    }

    pub(super) fn clear(&mut self) {
        self.lanes.fill([0.0; GROUP]);
    }

    /// Puts `frame` times `weight` into the sum at `place`.
    pub(super) fn set(&mut self, place: usize, frame: &[f64], weight: f64) {
        self.each(place, frame, |_, x| weight * x);
    }

    /// Adds `frame` times `weight` to the sum at `place`.
    pub(super) fn grow(&mut self, place: usize, frame: &[f64], weight: f64) {
        self.each(place, frame, |sum, x| sum + weight * x);
    }

    /// The sum at `place` is 0 again; `frame` is any.
    pub(super) fn empty(&mut self, place: usize, frame: &[f64]) {
        self.each(place, frame, |_, _| 0.0);
    }

    /// Makes of the sum at `place`, and of `frame`, channel by channel the sum that `of` tells.
    fn each(&mut self, place: usize, frame: &[f64], of: impl Fn(f64, f64) -> f64) {
        let of = |sums: &mut Lanes, lanes: Lanes| {
            sums.iter_mut().zip(lanes).for_each(|(sum, x)| *sum = of(*sum, x));
        };
        let wide = wide(self.channels);
        let (wide_lanes, lanes) = self.lanes.split_at_mut(wide / GROUP * self.places);
        let (wide_frame, rest) = frame.split_at(wide);
        let tiles = wide_lanes.as_chunks_mut::<TILE>().0.chunks_exact_mut(self.places);
        for (tile, frame) in tiles.zip(wide_frame.chunks_exact(TILE * GROUP)) {
            tile[place].iter_mut().zip(row::<TILE>(frame)).for_each(|(sums, lanes)| of(sums, lanes));
        }
        for (tile, frame) in lanes.chunks_exact_mut(self.places).zip(rest.chunks(GROUP)) {
            of(&mut tile[place], row::<1>(frame)[0]);
        }
    }

    pub(super) fn is_finite(&self) -> bool {
        crate::run::all_finite(self.lanes.as_flattened())
    }

    /// Adds the input of `run`. What is then ready goes to `out`, `[frames x channels]`, and its place is 0 again.
    #[inline(always)]
    pub(super) fn add(&mut self, run: &Run<'_>, out: &mut [f64]) {
        let wide = wide(self.channels);
        let (wide_lanes, lanes) = self.lanes.split_at_mut(wide / GROUP * self.places);
        let tiles = wide_lanes.as_chunks_mut::<TILE>().0.chunks_exact_mut(self.places);
        for (tile, from) in tiles.zip((0..).step_by(TILE * GROUP)) {
            let near = self.near.as_chunks_mut().0;
            through::<TILE, 2>(tile, near, run, self.channels, from..from + TILE * GROUP, out);
        }
        for (tile, from) in lanes.chunks_exact_mut(self.places).zip((wide..).step_by(GROUP)) {
            let (tile, near) = (tile.as_chunks_mut().0, self.near.as_chunks_mut().0);
            let to = self.channels.min(from + GROUP);
            through::<1, 4>(tile, near, run, self.channels, from..to, out);
        }
    }
}

/// Channels in wide tiles.
fn wide(channels: usize) -> usize {
    channels / (TILE * GROUP) * (TILE * GROUP)
}

/// The channels `which` through their tile; `TOGETHER` outputs at a time, where they take the same frames.
#[inline(always)]
fn through<const WIDTH: usize, const TOGETHER: usize>(
    tile: &mut [[Lanes; WIDTH]],
    near: &mut [[Lanes; WIDTH]],
    run: &Run<'_>,
    channels: usize,
    which: Range<usize>,
    out: &mut [f64],
) {
    for (place, frame) in near.iter_mut().zip(run.input.chunks_exact(channels)) {
        *place = row::<WIDTH>(&frame[which.clone()]);
    }
    let mut rest = run.parts;
    while let Some((one, after_one)) = rest.split_first_chunk::<1>() {
        let alike = |p: &Part| (p.first, p.frames) == (one[0].first, one[0].frames);
        match rest.split_first_chunk::<TOGETHER>().filter(|(some, _)| some.iter().all(alike)) {
            Some((some, after)) => {
                grow(tile, near, some, run.taps);
                rest = after;
            }
            None => {
                grow(tile, near, one, run.taps);
                rest = after_one;
            }
        }
    }
    let ready = run.parts.iter().filter(|p| p.ends);
    for (part, frame) in ready.zip(out.chunks_exact_mut(channels)) {
        put(&tile[part.place], &mut frame[which.clone()]);
        tile[part.place] = [[0.0; GROUP]; WIDTH];
    }
}

/// Adds the same frames to several sums.
#[inline(always)]
fn grow<const WIDTH: usize, const TOGETHER: usize>(
    tile: &mut [[Lanes; WIDTH]],
    near: &[[Lanes; WIDTH]],
    parts: &[Part; TOGETHER],
    taps: &[f64],
) {
    let Part { first, frames, .. } = parts[0];
    let near = &near[first..first + frames];
    let taps = parts.map(|p| &taps[p.tap..p.tap + frames]);
    let mut sums = parts.map(|p| tile[p.place]);
    for (n, row) in near.iter().enumerate() {
        for (sums, taps) in sums.iter_mut().zip(&taps) {
            let tap = taps[n];
            for (sums, lanes) in sums.iter_mut().zip(row) {
                for (sum, x) in sums.iter_mut().zip(lanes) {
                    *sum += tap * x;
                }
            }
        }
    }
    for (part, sums) in parts.iter().zip(sums) {
        tile[part.place] = sums;
    }
}
