//! The inner loops of [`super::SosFilter`]: many channels side by side through all sections.
//!
//! Channels are taken in groups of four, a register of f64, and groups in tiles: four groups at once hide the latency of
//! the recursion, and their samples stay in registers from the first section to the last.

use crate::design::Biquad;

/// Channels in one group.
const GROUP: usize = 4;
/// Groups in a full tile. Chosen by measurement among 1, 2 and 4.
const TILE: usize = 4;

/// State of a filter up to which a block is run frame by frame: as much as a first-level cache holds beside a few
/// frames. More would leave that cache between one frame and the next.
const NEAR_BYTES: usize = 24 * 1024;
/// Frames that one tile runs through before the next tile takes its turn, where the state is larger: enough to make
/// loading it cheap, few enough for the frames of 1024 channels to stay in a second-level cache.
const RUN: usize = 32;

/// The two delay elements of one section for one group.
#[derive(Clone, Copy, Debug)]
#[repr(align(32))]
pub(super) struct Delays {
    pub(super) z1: [f64; GROUP],
    pub(super) z2: [f64; GROUP],
}

impl Delays {
    pub(super) const REST: Self = Self { z1: [0.0; GROUP], z2: [0.0; GROUP] };
}

/// How many groups hold so many channels; the last may be padded with idle lanes.
pub(super) fn groups(channels: usize) -> usize {
    channels.div_ceil(GROUP)
}

/// Where the state of one channel lies. Tiles follow each other, as wide as [`block`] takes them; within a tile
/// `[sections x groups]`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    first: usize,
    width: usize,
    pub(super) lane: usize,
}

impl Slot {
    pub(super) fn of(channel: usize, channels: usize, sections: usize) -> Self {
        let (full, group) = (channels / GROUP, channel / GROUP);
        let wide = full / TILE * TILE;
        let (start, width) = if group < wide {
            (group / TILE * TILE, TILE)
        } else if full & 2 != 0 && group < wide + 2 {
            (wide, 2)
        } else {
            (group, 1)
        };
        Self { first: start * sections + group - start, width, lane: channel % GROUP }
    }

    /// The index of its delays in one section.
    pub(super) fn at(self, section: usize) -> usize {
        self.first + section * self.width
    }
}

/// Filters `[frames x channels]` in place. In which order frames and tiles are taken depends on what the caches hold;
/// each channel's own arithmetic does not.
#[inline(always)]
pub(super) fn filter(sections: &[Biquad], state: &mut [Delays], channels: usize, frames: &mut [f64]) {
    if frames.len() == channels || size_of_val(state) <= NEAR_BYTES {
        frame_by_frame(sections, state, channels, frames);
    } else {
        tile_by_tile(sections, state, channels, frames);
    }
}

#[inline(always)]
fn frame_by_frame(sections: &[Biquad], state: &mut [Delays], channels: usize, frames: &mut [f64]) {
    for frame in frames.chunks_exact_mut(channels) {
        block(sections, state, channels, frame);
    }
}

#[inline(always)]
fn tile_by_tile(sections: &[Biquad], state: &mut [Delays], channels: usize, frames: &mut [f64]) {
    for run in frames.chunks_mut(RUN * channels) {
        block(sections, state, channels, run);
    }
}

/// Tile after tile, each through all of `frames`.
#[inline(always)]
fn block(sections: &[Biquad], state: &mut [Delays], channels: usize, frames: &mut [f64]) {
    let mut rest = state;
    let mut from = 0;
    while channels - from >= TILE * GROUP {
        from = tile::<TILE>(sections, &mut rest, channels, from, frames);
    }
    if channels - from >= 2 * GROUP {
        from = tile::<2>(sections, &mut rest, channels, from, frames);
    }
    if channels - from >= GROUP {
        from = tile::<1>(sections, &mut rest, channels, from, frames);
    }
    match channels - from {
        1 => part::<1>(sections, rest, channels, frames),
        2 => part::<2>(sections, rest, channels, frames),
        3 => part::<3>(sections, rest, channels, frames),
        _ => {}
    }
}

/// `WIDTH` full groups from channel `from` on; takes their state off `rest` and returns the channel after them.
#[inline(always)]
fn tile<const WIDTH: usize>(
    sections: &[Biquad],
    rest: &mut &mut [Delays],
    channels: usize,
    from: usize,
    frames: &mut [f64],
) -> usize {
    let (state, others) = std::mem::take(rest).split_at_mut(WIDTH * sections.len());
    *rest = others;
    let (state, _) = state.as_chunks_mut::<WIDTH>();
    for frame in frames.chunks_exact_mut(channels) {
        let groups = frame[from..].as_chunks_mut::<GROUP>().0;
        if let Some(x) = groups.first_chunk_mut::<WIDTH>() {
            *x = cascade(sections, state, *x);
        }
    }
    from + WIDTH * GROUP
}

/// The last `LANES` channels, fewer than a group.
#[inline(always)]
fn part<const LANES: usize>(sections: &[Biquad], state: &mut [Delays], channels: usize, frames: &mut [f64]) {
    let (state, _) = state.as_chunks_mut::<1>();
    for frame in frames.chunks_exact_mut(channels) {
        if let Some(lanes) = frame.last_chunk_mut::<LANES>() {
            // Built lane by lane: a copy of unknown length would go through memory.
            let x = std::array::from_fn(|i| if i < LANES { lanes[i] } else { 0.0 });
            let [y] = cascade(sections, state, [x]);
            *lanes = std::array::from_fn(|i| y[i]);
        }
    }
}

/// One frame of one tile through all sections.
#[inline(always)]
fn cascade<const WIDTH: usize>(
    sections: &[Biquad],
    state: &mut [[Delays; WIDTH]],
    mut x: [[f64; GROUP]; WIDTH],
) -> [[f64; GROUP]; WIDTH] {
    for (section, held) in sections.iter().zip(state) {
        let Biquad { b: [b0, b1, b2], a: [a1, a2] } = *section;
        // A copy, so that the compiler sees that nothing overlaps and takes the lanes together.
        let mut delays = *held;
        for (x, Delays { z1, z2 }) in x.iter_mut().zip(&mut delays) {
            for lane in 0..GROUP {
                let input = x[lane];
                let output = b0 * input + z1[lane];
                z1[lane] = b1 * input - a1 * output + z2[lane];
                z2[lane] = b2 * input - a2 * output;
                x[lane] = output;
            }
        }
        *held = delays;
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::design::{Band, butterworth};
    use bci_types::Hz;

    #[test]
    fn both_orders_have_the_same_bits_for_any_number_of_channels() {
        let rate = Hz::new(1000.0).expect("rate");
        let sos = butterworth(Band::BandPass { low_hz: 8.0, high_hz: 130.0 }, 5, rate).expect("valid");
        let sections = sos.sections();
        for channels in (1..70).chain([300, 1021, 1024]) {
            let frames = 2 * RUN + 5;
            // Synthetic: a different wave in each channel.
            let mut one: Vec<f64> =
                (0..frames * channels).map(|i| 1e3 * ((i * i) as f64 * 0.37).sin()).collect();
            let mut other = one.clone();
            let rest = vec![Delays::REST; groups(channels) * sections.len()];
            frame_by_frame(sections, &mut rest.clone(), channels, &mut one);
            tile_by_tile(sections, &mut rest.clone(), channels, &mut other);
            let same = one.iter().zip(&other).all(|(a, b)| a.to_bits() == b.to_bits());
            assert!(same, "{channels} channels");
            assert!(one.iter().any(|x| x.abs() > 1.0));
        }
    }

    #[test]
    fn each_channel_and_section_has_a_slot_of_its_own() {
        for channels in 1..100 {
            let mut taken = vec![0; groups(channels) * 3 * GROUP];
            for channel in 0..channels {
                let slot = Slot::of(channel, channels, 3);
                (0..3).for_each(|section| taken[slot.at(section) * GROUP + slot.lane] += 1);
            }
            assert!(taken.iter().all(|&n| n <= 1), "{channels} channels");
            assert_eq!(taken.iter().sum::<usize>(), 3 * channels);
        }
    }
}
