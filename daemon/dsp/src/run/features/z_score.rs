use super::rolling::Rolling;
use crate::design::DesignError;
use crate::element::{Element, InPlace};
use crate::run::simd::vectorised;
use crate::run::{RetuneError, same, same_channels};
use crate::signal::Signal;
use std::any::Any;

/// Time constants and windows lie between a frame and this.
const MOST_S: f64 = 86_400.0;

/// Over what a [`ZScore`] takes mean and variance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ZScoreMemory {
    /// The past with exponentially falling weight.
    Exponential {
        /// After which a frame's weight has fallen to 1/e, in seconds.
        time_constant_s: f64,
    },
    /// The last frames, each with the same weight.
    Rolling {
        /// How long, in seconds; rounded to whole frames.
        window_s: f64,
    },
}

/// Each channel less its running mean over its running standard deviation (of the population, `ddof=0`); without unit.
///
/// A frame teaches first and is scored then: it is part of the mean it is held against. Frames with `learn` false are
/// scored but teach nothing. The output is 0 until enough has been learned (one time constant, or a full window), and
/// for a channel whose deviation is nothing beside rounding (1e-12 of its mean).
///
/// Exponential: over the first time constant all frames weigh the same (Welford, *Technometrics* 4(3):419-420, 1962);
/// from then on `d = x - m; m += a d; v = (1 - a) (v + a d d)` with `a = 1 - exp(-1 / (time constant in frames))` (Finch,
/// *Incremental calculation of weighted mean and variance*, 2009). Nothing large is ever taken from something large, so
/// it is as exact after days as at first. Rolling: equals numpy's `(x[n] - w.mean()) / w.std()` of the window `w` that
/// ends with `x[n]`.
///
/// A NaN or infinity that is learned spoils its channel: until a reset, or (rolling) until two windows have passed.
#[derive(Debug)]
pub struct ZScore {
    channels: usize,
    state: State,
}

#[derive(Debug)]
enum State {
    Exponential(Exponential),
    Rolling(Rolling),
}

#[derive(Debug)]
struct Exponential {
    /// The weight of the newest frame once as many as 1 over it have been learned.
    weight: f64,
    /// Frames learned, up to `enough`.
    learned: usize,
    /// Frames after which weights fall exponentially, and output begins.
    enough: usize,
    mean: Box<[f64]>,
    variance: Box<[f64]>,
}

impl ZScore {
    /// Knows nothing yet. Allocates.
    ///
    /// # Errors
    /// A duration that is not one frame to a day (rolling: two frames to a day); no channels.
    pub fn design(input: &Signal, memory: ZScoreMemory) -> Result<Self, Vec<DesignError>> {
        let (channels, rate) = (input.channels(), input.rate.get());
        let mut mistakes = Vec::new();
        if channels == 0 {
            mistakes.push(DesignError::NoChannels);
        }
        let (key, seconds, least) = match memory {
            ZScoreMemory::Exponential { time_constant_s } => ("time_constant_s", time_constant_s, 1.0),
            ZScoreMemory::Rolling { window_s } => ("window_s", window_s, 2.0),
        };
        let frames = seconds * rate;
        if !(frames.round() >= least && seconds <= MOST_S) {
            let must = format!("must be {} to {MOST_S} s at {}", least / rate, input.rate);
            mistakes.push(DesignError::setting(key, seconds, must));
        }
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        let zeros = || vec![0.0; channels].into_boxed_slice();
        let state = match memory {
            ZScoreMemory::Rolling { .. } => State::Rolling(Rolling::new(channels, frames.round() as usize)),
            ZScoreMemory::Exponential { .. } => {
                let weight = -(-1.0 / frames).exp_m1();
                let enough = (1.0 / weight).ceil() as usize;
                State::Exponential(Exponential {
                    weight,
                    learned: 0,
                    enough,
                    mean: zeros(),
                    variance: zeros(),
                })
            }
        };
        Ok(Self { channels, state })
    }
}

impl Element for ZScore {
    fn reset(&mut self) {
        match &mut self.state {
            State::Exponential(state) => {
                state.learned = 0;
                state.mean.fill(0.0);
                state.variance.fill(0.0);
            }
            State::Rolling(state) => state.reset(),
        }
    }

    /// Nothing: what it knows was learned from frames that could be trusted.
    fn restart(&mut self) {}

    fn warm_up_samples(&self) -> usize {
        match &self.state {
            State::Exponential(state) => state.enough,
            State::Rolling(state) => state.window(),
        }
    }

    fn frames_to_learn(&self) -> usize {
        match &self.state {
            State::Exponential(state) => state.enough - state.learned,
            State::Rolling(state) => state.frames_to_learn(),
        }
    }

    fn is_finite_state(&self) -> bool {
        match &self.state {
            State::Exponential(state) => {
                super::super::all_finite(&state.mean) && super::super::all_finite(&state.variance)
            }
            State::Rolling(state) => state.is_finite(),
        }
    }

    fn fits(&self, ready: &dyn Element) -> Result<(), RetuneError> {
        let ready = same::<Self>(ready)?;
        same_channels(self.channels, ready.channels)?;
        match (&self.state, &ready.state) {
            (State::Exponential(_), State::Exponential(_)) => Ok(()),
            (State::Rolling(own), State::Rolling(new)) if own.window() == new.window() => Ok(()),
            _ => Err(RetuneError::Kind),
        }
    }

    fn retune(&mut self, ready: &dyn Element) -> Result<(), RetuneError> {
        self.fits(ready)?;
        if let (State::Exponential(own), State::Exponential(new)) =
            (&mut self.state, &same::<Self>(ready)?.state)
        {
            // With a longer memory, what is known counts as so many frames and the rest is learned evenly.
            own.learned = own.learned.min(new.enough);
            own.weight = new.weight;
            own.enough = new.enough;
        }
        Ok(())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl InPlace for ZScore {
    fn process(&mut self, frames: &mut [f64], learn: bool) {
        debug_assert_eq!(frames.len() % self.channels, 0, "whole frames");
        let Self { channels, state } = self;
        vectorised(
            #[inline(always)]
            || match state {
                State::Exponential(state) => {
                    frames.chunks_exact_mut(*channels).for_each(|frame| state.frame(frame, learn));
                }
                State::Rolling(state) => {
                    frames.chunks_exact_mut(*channels).for_each(|frame| state.frame(frame, learn));
                }
            },
        );
    }
}

impl Exponential {
    #[inline(always)]
    fn frame(&mut self, frame: &mut [f64], learn: bool) {
        let own = self.mean.iter_mut().zip(&mut self.variance);
        if learn {
            self.learned = (self.learned + 1).min(self.enough);
            let a = self.weight.max(1.0 / self.learned as f64);
            for ((m, v), x) in own.zip(&*frame) {
                let d = x - *m;
                *m += a * d;
                *v = (1.0 - a) * (*v + a * d * d);
            }
        }
        if self.learned < self.enough {
            frame.fill(0.0);
            return;
        }
        for ((m, v), x) in self.mean.iter().zip(&self.variance).zip(frame) {
            *x = score(*x, *m, *v);
        }
    }
}

/// 0 where the deviation is nothing beside the rounding of the mean; NaN stays NaN.
#[inline(always)]
pub(super) fn score(x: f64, mean: f64, variance: f64) -> f64 {
    let rounding = 1e-12 * mean;
    let z = (x - mean) / variance.sqrt();
    if variance <= rounding * rounding { 0.0 } else { z }
}
