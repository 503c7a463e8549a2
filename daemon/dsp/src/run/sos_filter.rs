use super::cascade::{self, Delays, Slot};
use super::simd::vectorised;
use super::{RetuneError, same, same_channels};
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
    /// Where each channel's lies: [`Slot`].
    state: Box<[Delays]>,
}

impl SosFilter {
    /// A filter at rest. Allocates.
    ///
    /// # Errors
    /// [`DesignError::NoChannels`].
    pub fn design(sos: &Sos, channels: usize) -> Result<Self, DesignError> {
        if channels == 0 {
            return Err(DesignError::NoChannels);
        }
        let state = vec![Delays::REST; cascade::groups(channels) * sos.sections().len()].into_boxed_slice();
        Ok(Self { channels, sos: sos.clone(), state })
    }

    /// Back to rest.
    pub fn reset(&mut self) {
        self.state.fill(Delays::REST);
    }

    /// The state after infinitely many frames like `first` (one number a channel): SciPy's `sosfilt_zi` times it.
    pub fn prime(&mut self, first: &[f64]) {
        debug_assert_eq!(first.len(), self.channels, "one frame");
        let sections = self.sos.sections();
        for (channel, &first) in first.iter().enumerate() {
            let slot = Slot::of(channel, self.channels, sections.len());
            let mut x = first;
            for (i, Biquad { b, a: [a1, a2] }) in sections.iter().enumerate() {
                let delays = &mut self.state[slot.at(i)];
                let sum = b[0] + b[1] + b[2];
                // A zero at 0 Hz, rounding aside: nothing of an offset may pass.
                let blocks = sum.abs() <= 4.0 * f64::EPSILON * (b[0].abs() + b[1].abs() + b[2].abs());
                let y = if blocks { 0.0 } else { x * sum / (1.0 + a1 + a2) };
                delays.z2[slot.lane] = b[2] * x - a2 * y;
                delays.z1[slot.lane] = b[1] * x - a1 * y + delays.z2[slot.lane];
                x = y;
            }
        }
    }

    /// Filters `[frames x channels]` in place, in whatever unit; any number of frames, none included.
    pub fn process(&mut self, frames: &mut [f64]) {
        debug_assert_eq!(frames.len() % self.channels, 0, "whole frames");
        let Self { channels, sos, state } = self;
        vectorised(
            #[inline(always)]
            || cascade::filter(sos.sections(), state, *channels, frames),
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
        same_channels(self.channels, ready.channels)?;
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
