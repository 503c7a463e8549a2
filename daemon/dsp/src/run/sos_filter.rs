use super::{LANES, RetuneError};
use crate::design::{Biquad, DesignError, Sos};
use bci_types::Hz;

/// A cascade of second-order sections over many channels, causal, in f64.
///
/// Direct form II transposed, from rest, in SciPy's order of operations, so that the output is that of `sosfilt`.
/// Channels do not touch each other. Once NaN or infinity comes in, the channel stays poisoned until
/// [`SosFilter::reset`]; [`SosFilter::is_finite_state`] tells.
#[derive(Clone, Debug)]
pub struct SosFilter {
    channels: usize,
    rate: Hz,
    sections: Box<[Biquad]>,
    /// `[tiles x sections]`, a tile being `LANES` channels side by side; the last is padded with idle lanes.
    state: Box<[Delays]>,
}

/// The two delay elements of one section for one tile.
#[derive(Clone, Copy, Debug)]
struct Delays {
    z1: [f64; LANES],
    z2: [f64; LANES],
}

const AT_REST: Delays = Delays { z1: [0.0; LANES], z2: [0.0; LANES] };

impl SosFilter {
    /// A filter at rest. Allocates.
    ///
    /// # Errors
    /// [`DesignError::NoChannels`].
    pub fn design(sos: &Sos, channels: usize) -> Result<Self, DesignError> {
        if channels == 0 {
            return Err(DesignError::NoChannels);
        }
        let sections: Box<[Biquad]> = sos.sections().into();
        let state = vec![AT_REST; channels.div_ceil(LANES) * sections.len()].into_boxed_slice();
        Ok(Self { channels, rate: sos.rate(), sections, state })
    }

    /// Back to rest.
    pub fn reset(&mut self) {
        self.state.fill(AT_REST);
    }

    /// Filters `[frames x channels]` in place, in whatever unit; any number of frames, none included.
    pub fn process(&mut self, frames: &mut [f64]) {
        debug_assert_eq!(frames.len() % self.channels, 0, "whole frames");
        for frame in frames.chunks_exact_mut(self.channels) {
            let (tiles, rest) = frame.as_chunks_mut::<LANES>();
            let mut states = self.state.chunks_exact_mut(self.sections.len());
            for (tile, state) in tiles.iter_mut().zip(&mut states) {
                *tile = cascade(&self.sections, state, *tile);
            }
            if let (false, Some(state)) = (rest.is_empty(), states.next()) {
                let mut tile = [0.0; LANES];
                tile[..rest.len()].copy_from_slice(rest);
                let tile = cascade(&self.sections, state, tile);
                rest.copy_from_slice(&tile[..rest.len()]);
            }
        }
    }

    /// Swaps in coefficients and keeps the state: the output goes on without a reset, with a transient as large
    /// as the change.
    ///
    /// # Errors
    /// [`RetuneError`] when the number of sections or the rate differs.
    pub fn retune(&mut self, sos: &Sos) -> Result<(), RetuneError> {
        let (have, got) = (self.sections.len(), sos.sections().len());
        if have != got {
            return Err(RetuneError::Sections { have, got });
        }
        if self.rate != sos.rate() {
            return Err(RetuneError::Rate { have: self.rate, got: sos.rate() });
        }
        self.sections.copy_from_slice(sos.sections());
        Ok(())
    }

    /// Whether no NaN or infinity is held. Looks at the state only: `[channels x sections]` numbers, whatever the
    /// length of the blocks.
    #[must_use]
    pub fn is_finite_state(&self) -> bool {
        self.state.iter().all(|d| super::all_finite(&d.z1) && super::all_finite(&d.z2))
    }

    /// Channels a frame.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.channels
    }
}

/// One frame of one tile through all sections: the samples stay in registers from the first to the last.
#[inline(always)]
fn cascade(sections: &[Biquad], state: &mut [Delays], mut x: [f64; LANES]) -> [f64; LANES] {
    for (section, delays) in sections.iter().zip(state) {
        // Copies, so that the compiler sees that nothing overlaps and takes the lanes together.
        let Biquad { b: [b0, b1, b2], a: [a1, a2] } = *section;
        let Delays { mut z1, mut z2 } = *delays;
        for lane in 0..LANES {
            let input = x[lane];
            let output = b0 * input + z1[lane];
            z1[lane] = b1 * input - a1 * output + z2[lane];
            z2[lane] = b2 * input - a2 * output;
            x[lane] = output;
        }
        *delays = Delays { z1, z2 };
    }
    x
}
