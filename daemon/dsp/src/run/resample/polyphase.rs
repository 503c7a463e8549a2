use super::schedule::Schedule;
use super::sums::{RUN, Run, Sums};
use crate::design::{DesignError, Ratio, resample_taps};
use crate::element::{Element, Emit, Reframe};
use crate::run::simd::vectorised;
use crate::run::{RetuneError, same, same_channels};
use bci_types::Hz;
use std::any::Any;

/// Another sampling rate that is a fraction of the input's: a polyphase filter, causal.
///
/// With the taps `h` of [`resample_taps`], output frame `m` is that of SciPy's `upfirdn(h, x, up, down)`, the delay
/// left in: it stands for the input at frame `m * down / up`, less the delay of `half_width` frames of the lower rate,
/// and comes with input frame `floor(m * down / up)`. Hence, where `up < down`, it is frame `m - half_width` of
/// `resample_poly`, for `half_width = 10` and `beta = 5`. Where `up > down` the delay is 10 input frames, which need
/// not be whole output frames: with `p` more, `10 + p` a multiple of `down`, it is `resample_poly`'s output `(10 + p) *
/// up / down` frames late.
///
/// A constant comes out with the images that this filter leaves of it where `up > 1`: of large offsets it is well to
/// take them away before.
#[derive(Clone, Debug)]
pub struct PolyphaseResampler {
    channels: usize,
    ratio: Ratio,
    from: Hz,
    /// Taps at `up` times the input's rate, as designed.
    taps: Box<[f64]>,
    /// `[2 x up x memory]`: for each phase its taps, that of the oldest frame first; behind them those that were in use
    /// before the last retuning, for what had then begun.
    phases: Box<[f64]>,
    /// Frames that an output is made of.
    memory: usize,
    schedule: Schedule,
    sums: Sums,
    /// The newest frame.
    last: Box<[f64]>,
}

impl PolyphaseResampler {
    /// A resampler that has seen nothing. For the taps see [`resample_taps`]. Allocates.
    ///
    /// # Errors
    /// [`DesignError::NoChannels`].
    pub fn design(
        from: Hz,
        ratio: Ratio,
        half_width: u32,
        beta: f64,
        channels: usize,
    ) -> Result<Self, DesignError> {
        if channels == 0 {
            return Err(DesignError::NoChannels);
        }
        let taps = resample_taps(ratio, half_width, beta).into_boxed_slice();
        let up = ratio.up() as usize;
        let memory = taps.len().div_ceil(up);
        let mut phases = vec![0.0; 2 * up * memory].into_boxed_slice();
        for (n, &tap) in taps.iter().enumerate() {
            phases[(n % up) * memory + (memory - 1 - n / up)] = tap;
        }
        let schedule = Schedule::new(ratio, memory, RUN);
        Ok(Self {
            channels,
            ratio,
            from,
            taps,
            phases,
            memory,
            sums: Sums::new(channels, schedule.places()),
            schedule,
            last: vec![0.0; channels].into_boxed_slice(),
        })
    }

    /// The fraction of the rates.
    #[must_use]
    pub fn ratio(&self) -> Ratio {
        self.ratio
    }
}

impl Element for PolyphaseResampler {
    fn reset(&mut self) {
        self.schedule.reset(RUN);
        self.sums.clear();
        self.last.fill(0.0);
    }

    fn restart(&mut self) {
        self.sums.clear();
        self.last.fill(0.0);
    }

    /// What is in the making goes on as if the newest frame had been held.
    fn skip(&mut self, frames: u64) -> u64 {
        let (up, down) = (u64::from(self.ratio.up()), u64::from(self.ratio.down()));
        // Whole periods change nothing once nothing is in the making that had begun before.
        let periods = (frames / down).saturating_sub(self.memory as u64 / down + 2);
        let mut outputs = periods * up;
        let mut left = (frames - periods * down) as usize;
        while left > 0 {
            let run = left.min(RUN);
            for part in self.schedule.advance(run) {
                let weight = self.phases[part.tap..part.tap + part.frames].iter().sum();
                self.sums.grow(part.place, &self.last, weight);
                if part.ends {
                    self.sums.empty(part.place, &self.last);
                    outputs += 1;
                }
            }
            left -= run;
        }
        outputs
    }

    fn prime(&mut self, first: &[f64]) {
        for (place, taps) in self.schedule.begun() {
            self.sums.set(place, first, self.phases[taps].iter().sum());
        }
    }

    fn settle_samples(&self, _tolerance: f64) -> usize {
        self.memory
    }

    fn delay_samples(&self, _at_hz: f64) -> f64 {
        (self.taps.len() - 1) as f64 / (2.0 * f64::from(self.ratio.up()))
    }

    fn gain_db(&self, at_hz: f64) -> f64 {
        // Symmetric taps: the sum about the middle is real.
        let middle = (self.taps.len() - 1) as f64 / 2.0;
        let cycles = at_hz / (self.from.get() * f64::from(self.ratio.up()));
        let turn = |n: usize| (std::f64::consts::TAU * cycles * (n as f64 - middle)).cos();
        let sum: f64 = self.taps.iter().enumerate().map(|(n, tap)| tap * turn(n)).sum();
        20.0 * (sum / f64::from(self.ratio.up())).abs().log10()
    }

    fn is_finite_state(&self) -> bool {
        self.sums.is_finite()
    }

    fn fits(&self, ready: &dyn Element) -> Result<(), RetuneError> {
        let ready = same::<Self>(ready)?;
        same_channels(self.channels, ready.channels)?;
        if ready.from != self.from {
            return Err(RetuneError::Rate { have: self.from, got: ready.from });
        }
        if ready.ratio != self.ratio || ready.taps.len() != self.taps.len() {
            return Err(RetuneError::Kind);
        }
        Ok(())
    }

    fn retune(&mut self, ready: &dyn Element) -> Result<(), RetuneError> {
        self.fits(ready)?;
        let ready = same::<Self>(ready)?;
        self.taps.copy_from_slice(&ready.taps);
        let (phases, former) = self.phases.split_at_mut(ready.phases.len() / 2);
        former.copy_from_slice(phases);
        phases.copy_from_slice(&ready.phases[..former.len()]);
        self.schedule.keep_former();
        Ok(())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Reframe for PolyphaseResampler {
    fn most_frames(&self, input: usize) -> usize {
        (input * self.ratio.up() as usize).div_ceil(self.ratio.down() as usize)
    }

    fn process(&mut self, input: &[f64], _learn: bool, out: &mut Emit<'_>) {
        debug_assert_eq!(input.len() % self.channels, 0, "whole frames");
        if let Some(last) = input.len().checked_sub(self.channels) {
            self.last.copy_from_slice(&input[last..]);
        }
        let Self { channels, phases, schedule, sums, .. } = self;
        vectorised(
            #[inline(always)]
            || {
                for (n, input) in input.chunks(RUN * *channels).enumerate() {
                    let parts = schedule.advance(input.len() / *channels);
                    let ends = parts.iter().filter(|p| p.ends).map(|p| n * RUN + p.first + p.frames - 1);
                    sums.add(&Run { input, parts, taps: phases }, out.several(ends));
                }
            },
        );
    }
}
