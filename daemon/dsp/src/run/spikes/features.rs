use super::level::{Learning, MeanSquare};
use super::settings::{RmsSettings, SpikeSettings, Threshold};
use super::tile::{Tile, accumulate};
use crate::design::DesignError;
use crate::element::{Element, Emit, Reframe};
use crate::run::beat::pass_over;
use crate::run::simd::vectorised;
use crate::run::{LANES, RetuneError, same, same_channels};
use std::any::Any;

/// Threshold crossings and spike-band power of microelectrodes, in bins.
///
/// Takes the spike band (300 to 6000 Hz, say) in uV, `[frames x channels]`, and yields one frame a bin: first the
/// crossings of all channels (a count), then the power of all channels (uV^2), or one of the two.
///
/// *Crossings.* A sample is beyond a threshold that is negative when it is below it, beyond a positive one when above.
/// A sample beyond the threshold whose predecessor was not is a crossing (before the first sample nothing was); with a
/// refractory time, crossings sooner than that after the last that counted do not count, across bins. Each sample is
/// held against the threshold of its own bin. The count of a bin with NaN or infinity is NaN.
///
/// *Power.* The mean of squares over the bin, unsmoothed and without a logarithm: the spike-band power of Willett et
/// al., Nature 620:1031-1036, 2023 (squared voltages in 20 ms bins, beside crossings of -4.5 RMS); Nason et al., Nature
/// Biomedical Engineering 4:973-983, 2020, introduced it as the mean magnitude, of 300 to 1000 Hz.
///
/// *RMS.* Estimated causally at bin granularity: the threshold of a bin is made from earlier bins only. The first
/// estimate is the mean square of the first `start_s`. From then on each bin moves it by `1 - exp(-bin / time
/// constant)` of the difference, where a bin counts as at most four times the estimate: whatever an artefact's size, it
/// raises the mean square by no more than 5 % for each second that it lasts, at 60 s. Bins with a frame that is not to
/// be learned from teach nothing, nor, channel by channel, do bins with NaN or infinity or without a signal (an RMS
/// below a millionth of a microvolt). Until a channel's start is over it has no crossings.
#[derive(Clone, Debug)]
pub struct SpikeFeatures {
    channels: usize,
    settings: SpikeSettings,
    learning: Option<Learning>,
    /// Frames of this bin so far.
    filled: usize,
    /// Whether this bin may be learned from so far.
    trusted: bool,
    tiles: Box<[Tile]>,
    /// Bins that were learned from, up to those of the start.
    learned_bins: u32,
    /// One a channel; the padding's stay empty.
    mean_squares: Box<[MeanSquare]>,
}

impl SpikeFeatures {
    /// Before its first frame. Allocates.
    ///
    /// # Errors
    /// [`DesignError::NoChannels`]; [`DesignError::NoFrames`] for bins without frames; [`DesignError::Setting`] when
    /// nothing is given out.
    pub fn design(channels: usize, settings: &SpikeSettings) -> Result<Self, DesignError> {
        if channels == 0 {
            return Err(DesignError::NoChannels);
        }
        if settings.bin_frames == 0 {
            return Err(DesignError::NoFrames);
        }
        if !settings.crossings && !settings.power {
            return Err(DesignError::setting("outputs", "[]", "must name crossings, power or both"));
        }
        let mut designed = Self {
            channels,
            settings: *settings,
            learning: learning(settings),
            filled: 0,
            trusted: true,
            learned_bins: 0,
            tiles: vec![Tile::NEW; channels.div_ceil(LANES)].into_boxed_slice(),
            mean_squares: vec![MeanSquare::default(); channels].into_boxed_slice(),
        };
        designed.set_levels();
        Ok(designed)
    }

    /// Channels of its input.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Numbers a frame of its output.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.channels * (usize::from(self.settings.crossings) + usize::from(self.settings.power))
    }

    /// The threshold that channel `channel` is held against now, uV; `None` while there is none or where there is no
    /// such channel.
    #[must_use]
    pub fn threshold_uv(&self, channel: usize) -> Option<f64> {
        let level = self.tiles.get(channel / LANES)?.level[channel % LANES];
        (channel < self.channels && level.is_finite()).then_some(level * self.sign())
    }

    fn sign(&self) -> f64 {
        match self.settings.threshold {
            Threshold::Fixed { uv: at } | Threshold::Rms(RmsSettings { multiple: at, .. }) => {
                1.0_f64.copysign(at)
            }
        }
    }

    fn accumulate(&mut self, frames: &[f64]) {
        let sign = self.sign();
        let Self { channels, settings, tiles, .. } = self;
        let (channels, refractory) = (*channels, settings.refractory_frames as f64);
        if settings.refractory_frames > 1 {
            vectorised(
                #[inline(always)]
                || accumulate::<true>(tiles, channels, frames, sign, refractory),
            );
        } else {
            vectorised(
                #[inline(always)]
                || accumulate::<false>(tiles, channels, frames, sign, refractory),
            );
        }
    }

    /// Gives out the bin, learns from it, and begins the next.
    fn end_bin(&mut self, out: &mut [f64]) {
        let frames = self.settings.bin_frames as f64;
        let (counts, sums) = out.split_at_mut(if self.settings.crossings { self.channels } else { 0 });
        for (to, tile) in counts.chunks_mut(LANES).zip(&self.tiles) {
            // NaN is beyond no threshold: what was not there is not counted as nothing.
            let count = |(count, sum): (&f64, &f64)| if sum.is_finite() { *count } else { f64::NAN };
            to.iter_mut().zip(tile.count.iter().zip(&tile.sum)).for_each(|(to, tile)| *to = count(tile));
        }
        for (to, tile) in sums.chunks_mut(LANES).zip(&self.tiles) {
            to.iter_mut().zip(&tile.sum).for_each(|(to, sum)| *to = sum / frames);
        }
        if let (true, Some(how)) = (self.trusted, self.learning) {
            for (learners, tile) in self.mean_squares.chunks_mut(LANES).zip(&self.tiles) {
                learners.iter_mut().zip(&tile.sum).for_each(|(ms, sum)| ms.learn(sum / frames, how));
            }
            self.learned_bins = (self.learned_bins + 1).min(how.start_bins);
            self.set_levels();
        }
        self.tiles.iter_mut().for_each(Tile::next_bin);
        self.filled = 0;
        self.trusted = true;
    }

    fn set_levels(&mut self) {
        match self.settings.threshold {
            Threshold::Fixed { uv } => self.tiles.iter_mut().for_each(|t| t.level = [uv.abs(); LANES]),
            Threshold::Rms(RmsSettings { multiple, .. }) => {
                for (tile, learners) in self.tiles.iter_mut().zip(self.mean_squares.chunks(LANES)) {
                    for (level, ms) in tile.level.iter_mut().zip(learners) {
                        *level = ms.get().map_or(f64::INFINITY, |ms| multiple.abs() * ms.sqrt());
                    }
                }
            }
        }
    }

    fn start_frames(&self) -> usize {
        self.learning.map_or(0, |how| how.start_bins as usize * self.settings.bin_frames)
    }
}

fn learning(settings: &SpikeSettings) -> Option<Learning> {
    let Threshold::Rms(rms) = settings.threshold else { return None };
    // Powers alone need no threshold.
    settings.crossings.then(|| Learning {
        alpha: -(-1.0 / (rms.time_constant_s * settings.bins_hz)).exp_m1(),
        // A whole number of bins is one, rounding aside.
        start_bins: (rms.start_s * settings.bins_hz - 1e-6).ceil().max(1.0) as u32,
    })
}

impl Element for SpikeFeatures {
    fn reset(&mut self) {
        self.filled = 0;
        self.trusted = true;
        self.learned_bins = 0;
        self.mean_squares.fill(MeanSquare::default());
        self.tiles.iter_mut().for_each(Tile::restart);
        self.set_levels();
    }

    /// The bin goes on from nothing and teaches nothing; what is known of each channel's RMS is kept.
    fn restart(&mut self) {
        self.trusted = self.filled == 0;
        self.tiles.iter_mut().for_each(Tile::restart);
    }

    fn skip(&mut self, frames: u64) -> u64 {
        let mut until_due = self.settings.bin_frames - self.filled;
        let bins = pass_over(&mut until_due, self.settings.bin_frames, frames);
        self.filled = self.settings.bin_frames - until_due;
        if frames > 0 {
            self.trusted = self.filled == 0;
        }
        if bins > 0 {
            self.tiles.iter_mut().for_each(Tile::next_bin);
        }
        bins
    }

    /// A bin.
    fn settle_samples(&self, _tolerance: f64) -> usize {
        self.settings.bin_frames
    }

    fn window_samples(&self) -> usize {
        self.settings.bin_frames
    }

    /// The start of the RMS: before it there are no crossings.
    fn warm_up_samples(&self) -> usize {
        self.start_frames()
    }

    /// Bins, by their number: a channel without a signal never learns, and holds up no other.
    fn frames_to_learn(&self) -> usize {
        let bin = self.settings.bin_frames;
        let bins = self.learning.map_or(0, |how| how.start_bins.saturating_sub(self.learned_bins)) as usize;
        match (bins, self.trusted) {
            (0, _) => 0,
            (bins, true) => bins * bin - self.filled,
            (bins, false) => bins * bin + bin - self.filled,
        }
    }

    /// That of a mean over the bin.
    fn delay_samples(&self, _at_hz: f64) -> f64 {
        (self.settings.bin_frames - 1) as f64 / 2.0
    }

    fn reaches(&self, outputs: &[bool]) -> Vec<bool> {
        let mut inputs = vec![false; self.channels];
        for part in outputs.chunks(self.channels) {
            inputs.iter_mut().zip(part).for_each(|(input, output)| *input |= output);
        }
        inputs
    }

    fn is_finite_state(&self) -> bool {
        self.tiles.iter().all(Tile::is_finite)
    }

    fn fits(&self, ready: &dyn Element) -> Result<(), RetuneError> {
        let ready = same::<Self>(ready)?;
        same_channels(self.channels, ready.channels)?;
        let shape = |s: &SpikeSettings| (s.bin_frames, s.bins_hz, s.crossings, s.power);
        if shape(&self.settings) != shape(&ready.settings)
            || self.learning.is_some() != ready.learning.is_some()
        {
            return Err(RetuneError::Kind);
        }
        Ok(())
    }

    /// Thresholds, refractory time and the speed of learning change at once; what was learned is kept.
    fn retune(&mut self, ready: &dyn Element) -> Result<(), RetuneError> {
        self.fits(ready)?;
        let ready = same::<Self>(ready)?;
        self.settings = ready.settings;
        self.learning = ready.learning;
        self.set_levels();
        Ok(())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Reframe for SpikeFeatures {
    fn most_frames(&self, input: usize) -> usize {
        input.div_ceil(self.settings.bin_frames)
    }

    fn process(&mut self, input: &[f64], learn: bool, out: &mut Emit<'_>) {
        debug_assert_eq!(input.len() % self.channels, 0, "whole frames");
        let mut rest = input;
        let mut taken = 0;
        while rest.len() >= self.channels {
            let frames = (self.settings.bin_frames - self.filled).min(rest.len() / self.channels);
            let (now, later) = rest.split_at(frames * self.channels);
            self.accumulate(now);
            self.trusted &= learn;
            self.filled += frames;
            taken += frames;
            rest = later;
            if self.filled == self.settings.bin_frames {
                self.end_bin(out.frame(taken - 1));
            }
        }
    }
}
