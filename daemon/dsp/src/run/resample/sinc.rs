use super::history::History;
use crate::design::{DesignError, SincTable};
use crate::element::{Element, Emit, Reframe};
use crate::run::simd::vectorised;
use crate::run::{RetuneError, same, same_channels};
use std::any::Any;

/// By how much the ratio may differ from the one designed for, either way, while running.
pub const MOST_CHANGE: f64 = 1.1;

/// One input frame, in the units of positions.
const FRAME: u128 = 1 << 64;

/// Another sampling rate in any ratio, which may change while running: band-limited interpolation, causal.
///
/// Output frame `m` stands for the input at `m / ratio` frames, less the delay of `half_width` frames of the lower
/// rate, and comes with input frame `floor(m / ratio)`. Positions are kept in units of 2^-64 frames: they do not drift
/// however long it runs. With a `half_width` of 14 and a `beta` of 8.5, the gain is flat to 0.01 dB up to 0.8 of the
/// lower Nyquist frequency, and what would land there from elsewhere, as an image or an alias, is 80 dB down at least.
#[derive(Clone, Debug)]
pub struct SincResampler {
    channels: usize,
    from_hz: f64,
    designed: f64,
    half_width: u32,
    beta: f64,
    table: SincTable,
    /// From one output to the next, in 2^-64 input frames.
    step: u128,
    /// From the next input frame to the next output.
    position: u128,
    /// The taps of the output being made.
    taps: Box<[f64]>,
    history: History,
}

impl SincResampler {
    /// A resampler that has seen nothing, for inputs at `from_hz` and `ratio` output frames an input frame.
    /// `half_width` is half the filter's length in frames of the lower rate, `beta` the shape of its Kaiser window.
    /// Allocates.
    ///
    /// # Errors
    /// The first of: no channels, a rate or a ratio that is not finite and above 0.
    pub fn design(
        from_hz: f64,
        ratio: f64,
        half_width: u32,
        beta: f64,
        channels: usize,
    ) -> Result<Self, DesignError> {
        if channels == 0 {
            return Err(DesignError::NoChannels);
        }
        for (key, value) in [("input_hz", from_hz), ("ratio", ratio)] {
            if !(value > 0.0 && value.is_finite()) {
                return Err(DesignError::setting(key, value, "must be finite and above 0"));
            }
        }
        let table = SincTable::design(ratio, half_width, beta);
        Ok(Self {
            channels,
            from_hz,
            designed: ratio,
            half_width,
            beta,
            step: step(ratio),
            position: 0,
            taps: vec![0.0; table.taps()].into_boxed_slice(),
            history: History::new(table.taps(), channels),
            table,
        })
    }

    /// Goes on with `ratio` output frames an input frame, without a click: where the next output stands is kept, and
    /// the filter stays as designed.
    ///
    /// # Errors
    /// [`RetuneError::Kind`] when it is further than [`MOST_CHANGE`] from the ratio designed for, or no number: the
    /// filter would no longer suit it. Nothing is then changed.
    pub fn set_ratio(&mut self, ratio: f64) -> Result<(), RetuneError> {
        if !self.suits(ratio) {
            return Err(RetuneError::Kind);
        }
        self.step = step(ratio);
        Ok(())
    }

    /// Output frames an input frame.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        FRAME as f64 / self.step as f64
    }

    fn suits(&self, ratio: f64) -> bool {
        let change = ratio / self.designed;
        (MOST_CHANGE.recip()..=MOST_CHANGE).contains(&change)
    }
}

fn step(ratio: f64) -> u128 {
    (FRAME as f64 / ratio) as u128
}

impl Element for SincResampler {
    fn reset(&mut self) {
        self.history.clear();
        self.position = 0;
    }

    fn restart(&mut self) {
        self.history.clear();
    }

    fn skip(&mut self, frames: u64) -> u64 {
        let (mut left, mut outputs) = (frames, 0);
        while left > 0 {
            // As many frames at once as positions have room for.
            let now = left.min(1 << 32);
            let end = u128::from(now) * FRAME;
            let due = end.saturating_sub(self.position).div_ceil(self.step);
            self.position = self.position + due * self.step - end;
            outputs += due as u64;
            left -= now;
        }
        outputs
    }

    fn prime(&mut self, first: &[f64]) {
        self.history.fill(first);
    }

    fn settle_samples(&self, _tolerance: f64) -> usize {
        self.table.taps()
    }

    fn delay_samples(&self, _at_hz: f64) -> f64 {
        self.table.delay()
    }

    fn gain_db(&self, at_hz: f64) -> f64 {
        20.0 * self.table.response(at_hz / self.from_hz).abs().log10()
    }

    fn is_finite_state(&self) -> bool {
        self.history.is_finite()
    }

    fn fits(&self, ready: &dyn Element) -> Result<(), RetuneError> {
        let ready = same::<Self>(ready)?;
        same_channels(self.channels, ready.channels)?;
        if ready.half_width != self.half_width || ready.beta != self.beta || !self.suits(ready.ratio()) {
            return Err(RetuneError::Kind);
        }
        Ok(())
    }

    /// Takes over the ratio, as [`SincResampler::set_ratio`] does.
    fn retune(&mut self, ready: &dyn Element) -> Result<(), RetuneError> {
        self.fits(ready)?;
        self.step = same::<Self>(ready)?.step;
        Ok(())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Reframe for SincResampler {
    fn most_frames(&self, input: usize) -> usize {
        (input as f64 * self.designed * MOST_CHANGE).ceil() as usize + 1
    }

    fn process(&mut self, input: &[f64], _learn: bool, out: &mut Emit<'_>) {
        debug_assert_eq!(input.len() % self.channels, 0, "whole frames");
        let Self { channels, table, step, position, taps, history, .. } = self;
        vectorised(
            #[inline(always)]
            || {
                for (n, frame) in input.chunks_exact(*channels).enumerate() {
                    history.push(frame);
                    while *position < FRAME {
                        // The upper 53 bits, so that rounding cannot reach 1.
                        let phase = (*position >> 11) as u64 as f64 / (1u64 << 53) as f64;
                        table.interpolate(phase, taps);
                        history.weigh(taps, out.frame(n));
                        *position += *step;
                    }
                    *position -= FRAME;
                }
            },
        );
    }
}
