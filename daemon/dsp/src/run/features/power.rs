use super::CHUNK;
use super::bank::{Bank, bank_labels, per_channel};
use super::block_sums::BlockSums;
use super::frames::{every, whole};
use crate::design::DesignError;
use crate::element::{Element, Emit, Reframe};
use crate::run::simd::vectorised;
use crate::run::{RetuneError, same, same_channels};
use crate::signal::Signal;
use std::any::Any;

/// The least mean square of which a logarithm is taken, in the square of the signal's unit: (1e-6 uV)^2, far below what
/// any amplifier resolves. A flat channel has this power, not one of minus infinity.
pub const POWER_FLOOR: f64 = 1e-12;

/// What [`Power`] computes.
#[derive(Clone, Debug, PartialEq)]
pub struct PowerSpec {
    /// Band-passes before squaring and their order; `None` takes the signal as it is.
    pub bands: Option<(Vec<[f64; 2]>, u32)>,
    /// The window in ms, a whole number of samples.
    pub window_ms: f64,
    /// From one output to the next in ms, a whole number of samples.
    pub hop_ms: f64,
    /// Whether the natural logarithm is taken, of no less than [`POWER_FLOOR`].
    pub log: bool,
    /// Whether the root is taken (before the logarithm): RMS instead of mean square.
    pub root: bool,
}

/// Mean square over the last window, every hop, of the signal or of its bands (`[bands x channels]`, band-major), in the
/// square of the signal's unit. The first output comes when the window is full.
///
/// Equals `np.mean(x[n-W+1..n+1]**2)` of `scipy.signal.sosfilt`'s output. Sums are made anew for every window from
/// blocks: nothing drifts, however long it runs, and a NaN is gone with the window (not from the band-passes, which
/// only a reset cures).
#[derive(Debug)]
pub struct Power {
    channels: usize,
    bank: Option<Bank>,
    sums: BlockSums,
    log: bool,
    root: bool,
}

impl Power {
    /// Allocates. Also gives what comes out.
    ///
    /// # Errors
    /// Everything wrong with the settings at once; no channels.
    pub fn design(input: &Signal, spec: &PowerSpec) -> Result<(Self, Signal), Vec<DesignError>> {
        let mut mistakes = Vec::new();
        let bank = match &spec.bands {
            None => None,
            Some((bands, order)) => Bank::design(input, bands, *order).map_err(|e| mistakes.extend(e)).ok(),
        };
        if spec.bands.is_none() && input.channels() == 0 {
            mistakes.push(DesignError::NoChannels);
        }
        let mut frames = |key, ms| whole(key, ms, input.rate).map_err(|e| mistakes.push(e)).unwrap_or(1);
        let (window, hop) = (frames("window_ms", spec.window_ms), frames("hop_ms", spec.hop_ms));
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        let labels = match &spec.bands {
            None => input.labels.clone(),
            Some((bands, _)) => bank_labels(input, bands),
        };
        let sums = BlockSums::new(labels.len(), window, hop);
        let power = Self { channels: input.channels(), bank, sums, log: spec.log, root: spec.root };
        Ok((power, Signal { rate: every(hop, input.rate), labels }))
    }

    fn is_like(&self, ready: &Power) -> Result<(), RetuneError> {
        same_channels(self.channels, ready.channels)?;
        if !self.sums.same_shape(&ready.sums) {
            return Err(RetuneError::Kind);
        }
        match (&self.bank, &ready.bank) {
            (Some(own), Some(new)) => own.fits(new),
            (None, None) => Ok(()),
            _ => Err(RetuneError::Kind),
        }
    }
}

impl Element for Power {
    fn reset(&mut self) {
        self.bank.iter_mut().for_each(Bank::reset);
        self.sums.reset();
    }

    /// Of the band-passes; the sums leave with their window.
    fn restart(&mut self) {
        self.bank.iter_mut().for_each(Bank::reset);
    }

    fn skip(&mut self, frames: u64) -> u64 {
        self.sums.skip(frames)
    }

    fn prime(&mut self, first: &[f64]) {
        self.bank.iter_mut().for_each(|bank| bank.prime(first));
    }

    /// Of the band-passes, then a window.
    fn settle_samples(&self, tolerance: f64) -> usize {
        self.bank.as_ref().map_or(0, |bank| bank.settle_samples(tolerance)) + self.sums.window
    }

    fn window_samples(&self) -> usize {
        self.sums.window
    }

    /// Of the band-pass that lets most of it through, and half of a window.
    fn delay_samples(&self, at_hz: f64) -> f64 {
        let bank = self.bank.as_ref().map_or(0.0, |bank| bank.at(at_hz).delay_samples(at_hz));
        bank + (self.sums.window - 1) as f64 / 2.0
    }

    fn reaches(&self, outputs: &[bool]) -> Vec<bool> {
        per_channel(outputs, self.channels)
    }

    fn is_finite_state(&self) -> bool {
        self.bank.as_ref().is_none_or(Bank::is_finite) && self.sums.is_finite()
    }

    fn fits(&self, ready: &dyn Element) -> Result<(), RetuneError> {
        self.is_like(same::<Self>(ready)?)
    }

    fn retune(&mut self, ready: &dyn Element) -> Result<(), RetuneError> {
        let ready = same::<Self>(ready)?;
        self.is_like(ready)?;
        if let (Some(own), Some(new)) = (&mut self.bank, &ready.bank) {
            own.retune(new)?;
        }
        self.log = ready.log;
        self.root = ready.root;
        Ok(())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Reframe for Power {
    fn most_frames(&self, input: usize) -> usize {
        input.div_ceil(self.sums.hop)
    }

    fn process(&mut self, input: &[f64], _learn: bool, out: &mut Emit<'_>) {
        let Self { channels, bank, sums, log, root } = self;
        for (i, chunk) in input.chunks(CHUNK * *channels).enumerate() {
            if let Some(bank) = bank {
                bank.filter(chunk);
            }
            vectorised(
                #[inline(always)]
                || {
                    for (n, frame) in chunk.chunks_exact(*channels).enumerate() {
                        let row = sums.current();
                        match bank {
                            None => add_squares(row, frame),
                            Some(bank) => {
                                for (part, band) in row.chunks_exact_mut(*channels).zip(bank.frame(n)) {
                                    add_squares(part, band);
                                }
                            }
                        }
                        if sums.advance() {
                            let out = out.frame(i * CHUNK + n);
                            sums.sum(out);
                            finish(out, sums.window as f64, *log, *root);
                        }
                    }
                },
            );
        }
    }
}

#[inline(always)]
fn add_squares(sums: &mut [f64], frame: &[f64]) {
    for (sum, x) in sums.iter_mut().zip(frame) {
        *sum += x * x;
    }
}

#[inline(always)]
fn finish(out: &mut [f64], frames: f64, log: bool, root: bool) {
    for y in &mut *out {
        *y /= frames;
    }
    if log {
        for y in &mut *out {
            // Written so that NaN stays.
            *y = if *y < POWER_FLOOR { POWER_FLOOR } else { *y };
        }
    }
    if root {
        for y in &mut *out {
            *y = y.sqrt();
        }
    }
    if log {
        for y in out {
            // The same bits on every processor, as the system's library does not promise.
            *y = libm::log(*y);
        }
    }
}
