use super::simd::vectorised;
use super::{LANES, RetuneError, same};
use crate::design::{Biquad, DesignError, Sos};
use crate::element::{Element, InPlace};
use std::any::Any;

/// A cascade of second-order sections over many channels, causal, in f64.
///
/// Direct form II transposed, from rest, in SciPy's order of operations, so that the output is that of `sosfilt`.
/// Channels do not touch each other. Once NaN or infinity comes in, the channel stays poisoned until
/// [`SosFilter::reset`]; [`SosFilter::is_finite_state`] tells.
#[derive(Clone, Debug)]
pub struct SosFilter {
    channels: usize,
    sos: Sos,
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
        let state = vec![AT_REST; channels.div_ceil(LANES) * sos.sections().len()].into_boxed_slice();
        Ok(Self { channels, sos: sos.clone(), state })
    }

    /// Back to rest.
    pub fn reset(&mut self) {
        self.state.fill(AT_REST);
    }

    /// The state after infinitely many frames like `first` (one number a channel): SciPy's `sosfilt_zi` times it.
    pub fn prime(&mut self, first: &[f64]) {
        debug_assert_eq!(first.len(), self.channels, "one frame");
        let tiles = first.chunks(LANES);
        for (tile, state) in tiles.zip(self.state.chunks_exact_mut(self.sos.sections().len())) {
            for (lane, &x) in tile.iter().enumerate() {
                let mut x = x;
                for (Biquad { b, a: [a1, a2] }, delays) in self.sos.sections().iter().zip(&mut *state) {
                    let sum = b[0] + b[1] + b[2];
                    // A zero at 0 Hz, rounding aside: nothing of an offset may pass.
                    let blocks = sum.abs() <= 4.0 * f64::EPSILON * (b[0].abs() + b[1].abs() + b[2].abs());
                    let y = if blocks { 0.0 } else { x * sum / (1.0 + a1 + a2) };
                    delays.z2[lane] = b[2] * x - a2 * y;
                    delays.z1[lane] = b[1] * x - a1 * y + delays.z2[lane];
                    x = y;
                }
            }
        }
    }

    /// Filters `[frames x channels]` in place, in whatever unit; any number of frames, none included.
    pub fn process(&mut self, frames: &mut [f64]) {
        debug_assert_eq!(frames.len() % self.channels, 0, "whole frames");
        let Self { channels, sos, state } = self;
        vectorised(
            #[inline(always)]
            || filter(sos.sections(), state, *channels, frames),
        );
    }

    /// Swaps in coefficients and keeps the state: the output goes on without a reset, with a transient as large
    /// as the change.
    ///
    /// # Errors
    /// [`RetuneError`] when the number of sections or the rate differs.
    pub fn retune(&mut self, sos: &Sos) -> Result<(), RetuneError> {
        self.takes(sos)?;
        self.sos.copy_from(sos);
        Ok(())
    }

    fn takes(&self, sos: &Sos) -> Result<(), RetuneError> {
        let (have, got) = (self.sos.sections().len(), sos.sections().len());
        if have != got {
            return Err(RetuneError::Sections { have, got });
        }
        if self.sos.rate() != sos.rate() {
            return Err(RetuneError::Rate { have: self.sos.rate(), got: sos.rate() });
        }
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

impl Element for SosFilter {
    fn reset(&mut self) {
        SosFilter::reset(self);
    }

    fn prime(&mut self, first: &[f64]) {
        SosFilter::prime(self, first);
    }

    fn settle_samples(&self, tolerance: f64) -> usize {
        self.sos.settle_samples(tolerance)
    }

    fn delay_samples(&self, at_hz: f64) -> f64 {
        self.sos.group_delay_samples(at_hz)
    }

    fn gain_db(&self, at_hz: f64) -> f64 {
        self.sos.gain_db(at_hz)
    }

    fn is_finite_state(&self) -> bool {
        SosFilter::is_finite_state(self)
    }

    fn fits(&self, ready: &dyn Element) -> Result<(), RetuneError> {
        let ready = same::<Self>(ready)?;
        if ready.channels != self.channels {
            return Err(RetuneError::Channels { have: self.channels, got: ready.channels });
        }
        self.takes(&ready.sos)
    }

    fn retune(&mut self, ready: &dyn Element) -> Result<(), RetuneError> {
        self.fits(ready)?;
        SosFilter::retune(self, &same::<Self>(ready)?.sos)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl InPlace for SosFilter {
    fn process(&mut self, frames: &mut [f64], _learn: bool) {
        SosFilter::process(self, frames);
    }
}

#[inline(always)]
fn filter(sections: &[Biquad], state: &mut [Delays], channels: usize, frames: &mut [f64]) {
    for frame in frames.chunks_exact_mut(channels) {
        let (tiles, rest) = frame.as_chunks_mut::<LANES>();
        let mut states = state.chunks_exact_mut(sections.len());
        for (tile, state) in tiles.iter_mut().zip(&mut states) {
            *tile = cascade(sections, state, *tile);
        }
        if let (false, Some(state)) = (rest.is_empty(), states.next()) {
            let mut tile = [0.0; LANES];
            tile[..rest.len()].copy_from_slice(rest);
            let tile = cascade(sections, state, tile);
            rest.copy_from_slice(&tile[..rest.len()]);
        }
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
