use super::bank::label;
use super::faults::level_mistakes;
use super::frames::{common_block, every, whole};
use super::line_noise::LineNoise;
use super::measures::{Measures, QualitySpec, measures};
use super::quality_blocks::{Block, Carry, EMPTY, NO_CARRY, Row, merge};
use crate::design::DesignError;
use crate::element::{Element, Emit, Reframe};
use crate::run::beat::{pass_over, pass_over_blocks};
use crate::run::simd::vectorised;
use crate::run::{LANES, RetuneError, same, same_channels};
use crate::signal::Signal;
use std::any::Any;

/// Artefact measures of every channel over the last window, every hop; the first when the window is full.
///
/// Samples are not kept: blocks as long as what divides window and hop are summed up, and a window is put together from
/// its blocks. Nothing drifts, and a NaN is gone with its window. As a step of a chain it yields `[channels x measures]`
/// features: all measures of the first channel, then all of the second.
#[derive(Debug)]
pub struct Quality {
    channels: usize,
    rate_hz: f64,
    window: usize,
    hop: usize,
    /// Frames a block.
    block: usize,
    eps: f64,
    rail_uv: Option<f64>,
    /// `[blocks x tiles]`, a ring of blocks.
    blocks: Box<[Block]>,
    /// `[tiles]`.
    carry: Box<[Carry]>,
    line: LineNoise,
    /// The block being filled, and frames in it.
    at: usize,
    filled: usize,
    /// Frames until the next measurement; never 0.
    until_due: usize,
    /// Measures have been due.
    begun: bool,
    /// `[channels]`.
    latest: Box<[Measures]>,
}

impl Quality {
    /// Allocates.
    ///
    /// # Errors
    /// Everything wrong with the settings at once; no channels.
    pub fn design(input: &Signal, spec: QualitySpec) -> Result<Self, Vec<DesignError>> {
        let (channels, rate) = (input.channels(), input.rate);
        let mut mistakes = Vec::new();
        let mut frames = |key, ms: Option<f64>, usual_s: f64| match ms {
            Some(ms) => whole(key, ms, rate).map_err(|e| mistakes.push(e)).unwrap_or(1),
            None => (usual_s * rate.get()).round().max(1.0) as usize,
        };
        let window = frames("window_ms", spec.window_ms, 1.0);
        let hop = frames("hop_ms", spec.hop_ms, 0.5);
        if channels == 0 {
            mistakes.push(DesignError::NoChannels);
        }
        if let Some(hz) = spec.line_hz.filter(|hz| !(*hz > 0.0 && *hz < rate.nyquist())) {
            mistakes.push(DesignError::Frequency { name: "line_hz", hz, nyquist_hz: rate.nyquist() });
        }
        if !(1..=10).contains(&spec.line_harmonics) {
            mistakes.push(DesignError::setting("line_harmonics", spec.line_harmonics, "must be 1 to 10"));
        }
        mistakes.extend(level_mistakes(spec.flat_eps_uv, spec.rail_uv));
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        let block = common_block(window, hop);
        let tiles = channels.div_ceil(LANES);
        let line = LineNoise::new(spec.line_hz, spec.line_harmonics, rate, block, window / block, tiles);
        Ok(Self {
            channels,
            rate_hz: rate.get(),
            window,
            hop,
            block,
            eps: spec.flat_eps_uv,
            rail_uv: spec.rail_uv,
            blocks: vec![EMPTY; window / block * tiles].into_boxed_slice(),
            carry: vec![NO_CARRY; tiles].into_boxed_slice(),
            line,
            at: 0,
            filled: 0,
            until_due: window,
            begun: false,
            latest: vec![Measures::default(); channels].into_boxed_slice(),
        })
    }

    /// What it yields as a step of a chain.
    #[must_use]
    pub fn output(&self, input: &Signal) -> Signal {
        let of = |channel: &String| Measures::NAMES.map(|name| label(channel, name));
        let labels = input.labels.iter().flat_map(of).collect();
        Signal { rate: every(self.hop, input.rate), labels }
    }

    /// Forgets every frame and measure.
    pub fn reset(&mut self) {
        self.blocks.fill(EMPTY);
        self.carry.fill(NO_CARRY);
        self.line.reset();
        self.at = 0;
        self.filled = 0;
        self.until_due = self.window;
        self.begun = false;
        self.latest.fill(Measures::default());
    }

    /// Takes `[frames x channels]`, frame-major; whether there are new measures.
    pub fn push(&mut self, block: &[f64]) -> bool {
        debug_assert_eq!(block.len() % self.channels, 0, "whole frames");
        let mut rest = block;
        let mut new = false;
        while !rest.is_empty() {
            let (taken, due) = self.take(rest);
            rest = &rest[taken * self.channels..];
            new |= due;
        }
        new
    }

    /// The measures of a channel, counted from 0, when they were last due; `None` when there is no such channel.
    #[must_use]
    pub fn latest(&self, channel: usize) -> Option<&Measures> {
        self.latest.get(channel)
    }

    /// The measures of all channels when they were last due.
    #[must_use]
    pub fn all(&self) -> &[Measures] {
        &self.latest
    }

    /// Takes frames until measures are due or the block ends: how many, and whether they are.
    fn take(&mut self, block: &[f64]) -> (usize, bool) {
        let channels = self.channels;
        let taken = (block.len() / channels).min(self.until_due);
        let rail = self.rail_uv.unwrap_or(f64::NAN);
        let tiles = self.carry.len();
        vectorised(
            #[inline(always)]
            || {
                for frame in block[..taken * channels].chunks_exact(channels) {
                    let first = self.filled == 0;
                    let blocks = &mut self.blocks[self.at * tiles..(self.at + 1) * tiles];
                    for (i, (block, carry)) in blocks.iter_mut().zip(&mut self.carry).enumerate() {
                        let y = block.add(carry, row(&frame[i * LANES..]), first, self.eps, rail);
                        self.line.add(self.at, i, self.filled, y);
                    }
                    self.filled += 1;
                    if self.filled == self.block {
                        self.filled = 0;
                        self.at = (self.at + 1) % (self.blocks.len() / tiles);
                    }
                }
            },
        );
        self.until_due -= taken;
        let due = self.until_due == 0;
        if due {
            self.until_due = self.hop;
            self.begun = true;
            self.measure();
        }
        (taken, due)
    }

    fn measure(&mut self) {
        let tiles = self.carry.len();
        vectorised(
            #[inline(always)]
            || {
                for (i, latest) in self.latest.chunks_mut(LANES).enumerate() {
                    let (newer, older) = self.blocks.split_at(self.at * tiles);
                    let blocks = older.chunks_exact(tiles).chain(newer.chunks_exact(tiles)).map(|b| &b[i]);
                    let whole = merge(blocks.clone(), self.block as f64);
                    let line = self.line.power(self.at, i, blocks, &whole.mean);
                    for (lane, latest) in latest.iter_mut().enumerate() {
                        *latest = measures(
                            &whole,
                            line[lane],
                            lane,
                            self.window as f64,
                            self.rate_hz,
                            self.rail_uv,
                        );
                    }
                }
            },
        );
    }
}

/// Up to `LANES` samples from the front; what is missing is 0.
#[inline(always)]
fn row(frame: &[f64]) -> Row {
    if let Some(row) = frame.first_chunk::<LANES>() {
        return *row;
    }
    let mut row = [0.0; LANES];
    row.iter_mut().zip(frame).for_each(|(x, from)| *x = *from);
    row
}

impl Element for Quality {
    fn reset(&mut self) {
        Quality::reset(self);
    }

    /// Nothing: what was measured leaves with its window.
    fn restart(&mut self) {}

    fn skip(&mut self, frames: u64) -> u64 {
        if !self.begun {
            return 0;
        }
        let blocks = self.blocks.len() / self.carry.len();
        pass_over_blocks(&mut self.at, &mut self.filled, self.block, blocks, frames);
        pass_over(&mut self.until_due, self.hop, frames)
    }

    fn settle_samples(&self, _tolerance: f64) -> usize {
        self.window
    }

    fn window_samples(&self) -> usize {
        self.window
    }

    fn delay_samples(&self, _at_hz: f64) -> f64 {
        (self.window - 1) as f64 / 2.0
    }

    fn reaches(&self, outputs: &[bool]) -> Vec<bool> {
        outputs.chunks(Measures::NAMES.len()).map(|of_one| of_one.contains(&true)).collect()
    }

    fn is_finite_state(&self) -> bool {
        self.blocks.iter().all(|b| b.powers.iter().all(|row| crate::run::all_finite(row)))
    }

    fn fits(&self, ready: &dyn Element) -> Result<(), RetuneError> {
        let ready = same::<Self>(ready)?;
        same_channels(self.channels, ready.channels)?;
        let alike = (self.window, self.hop) == (ready.window, ready.hop) && self.line.same_shape(&ready.line);
        if alike && self.rate_hz == ready.rate_hz { Ok(()) } else { Err(RetuneError::Kind) }
    }

    /// New frequencies, epsilons and rails hold for new frames: measures are right again after a window.
    fn retune(&mut self, ready: &dyn Element) -> Result<(), RetuneError> {
        self.fits(ready)?;
        let ready = same::<Self>(ready)?;
        self.eps = ready.eps;
        self.rail_uv = ready.rail_uv;
        self.line.retune(&ready.line);
        Ok(())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Reframe for Quality {
    fn most_frames(&self, input: usize) -> usize {
        input.div_ceil(self.hop)
    }

    fn process(&mut self, input: &[f64], _learn: bool, out: &mut Emit<'_>) {
        let mut done = 0;
        while done * self.channels < input.len() {
            let (taken, due) = self.take(&input[done * self.channels..]);
            done += taken;
            if due {
                for (part, measures) in out.frame(done - 1).chunks_exact_mut(6).zip(&self.latest) {
                    part.copy_from_slice(&measures.to_array());
                }
            }
        }
    }
}
