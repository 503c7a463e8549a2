use super::convolve::History;
use crate::design::{DesignError, Fir};
use crate::element::{Element, InPlace};
use crate::run::simd::vectorised;
use crate::run::{RetuneError, same, same_channels};
use std::any::Any;

/// Frames that one tile of channels runs through before the next takes its turn.
const RUN: usize = 32;

/// A filter without recursion over many channels, causal, in f64, in direct form.
///
/// From rest its output is SciPy's `lfilter(taps, 1, x)`; primed, that from `lfilter_zi`. Channels do not touch each other.
/// NaN or infinity stays for as many frames as there are taps and is then gone.
#[derive(Clone, Debug)]
pub struct FirFilter {
    fir: Fir,
    /// The taps, that of the oldest frame first.
    oldest_first: Box<[f64]>,
    history: History,
    channels: usize,
}

impl FirFilter {
    /// A filter at rest. Allocates, per channel twice as many numbers as there are taps.
    ///
    /// # Errors
    /// [`DesignError::NoChannels`].
    pub fn design(fir: &Fir, channels: usize) -> Result<Self, DesignError> {
        if channels == 0 {
            return Err(DesignError::NoChannels);
        }
        let oldest_first: Box<[f64]> = fir.taps().iter().rev().copied().collect();
        let history = History::new(channels, oldest_first.len() - 1, RUN);
        Ok(Self { fir: fir.clone(), oldest_first, history, channels })
    }

    /// Back to rest.
    pub fn reset(&mut self) {
        self.history.clear();
    }

    /// The state after frames like `first` (one number a channel) for as long as it remembers.
    pub fn prime(&mut self, first: &[f64]) {
        debug_assert_eq!(first.len(), self.channels, "one frame");
        self.history.fill(first);
    }

    /// Filters `[frames x channels]` in place, in whatever unit; any number of frames, none included.
    pub fn process(&mut self, frames: &mut [f64]) {
        debug_assert_eq!(frames.len() % self.channels, 0, "whole frames");
        let Self { oldest_first: taps, history, channels, .. } = self;
        vectorised(
            #[inline(always)]
            || {
                let mut rest = &mut frames[..];
                while rest.len() >= *channels {
                    let now = history.take(rest.len() / *channels, RUN);
                    let (block, after) = std::mem::take(&mut rest).split_at_mut(now * *channels);
                    history.convolve(taps, block);
                    rest = after;
                }
            },
        );
    }

    /// Swaps in coefficients and keeps the past frames: from the next frame on the output is that of the new filter, as if
    /// it had always run.
    ///
    /// # Errors
    /// [`RetuneError`] when the number of taps or the rate differs.
    pub fn retune(&mut self, fir: &Fir) -> Result<(), RetuneError> {
        self.takes(fir)?;
        self.fir.copy_from(fir);
        for (own, new) in self.oldest_first.iter_mut().zip(fir.taps().iter().rev()) {
            *own = *new;
        }
        Ok(())
    }

    fn takes(&self, fir: &Fir) -> Result<(), RetuneError> {
        if self.fir.taps().len() != fir.taps().len() {
            return Err(RetuneError::Kind);
        }
        if self.fir.rate() != fir.rate() {
            return Err(RetuneError::Rate { have: self.fir.rate(), got: fir.rate() });
        }
        Ok(())
    }

    /// Channels a frame.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.channels
    }
}

impl Element for FirFilter {
    fn reset(&mut self) {
        FirFilter::reset(self);
    }

    fn prime(&mut self, first: &[f64]) {
        FirFilter::prime(self, first);
    }

    /// The memory, whatever the tolerance.
    fn settle_samples(&self, _tolerance: f64) -> usize {
        self.oldest_first.len() - 1
    }

    fn delay_samples(&self, at_hz: f64) -> f64 {
        self.fir.group_delay_samples(at_hz)
    }

    fn gain_db(&self, at_hz: f64) -> f64 {
        self.fir.gain_db(at_hz)
    }

    fn is_finite_state(&self) -> bool {
        self.history.is_finite(self.oldest_first.len() - 1)
    }

    fn fits(&self, ready: &dyn Element) -> Result<(), RetuneError> {
        let ready = same::<Self>(ready)?;
        same_channels(self.channels, ready.channels)?;
        self.takes(&ready.fir)
    }

    fn retune(&mut self, ready: &dyn Element) -> Result<(), RetuneError> {
        self.fits(ready)?;
        FirFilter::retune(self, &same::<Self>(ready)?.fir)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl InPlace for FirFilter {
    fn process(&mut self, frames: &mut [f64], _learn: bool) {
        FirFilter::process(self, frames);
    }
}
