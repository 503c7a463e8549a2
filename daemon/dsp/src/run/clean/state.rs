use super::calibrate::{Calibrator, Progress};
use super::shaper::Shaper;
use super::yulewalk;
use crate::design::DesignError;
use crate::linalg::dot;
use crate::run::is_definite;
use bci_types::Hz;

/// What artefact subspace reconstruction knows of a clean recording.
#[derive(Clone, Debug, PartialEq)]
pub struct AsrState {
    pub(super) rate: Hz,
    pub(super) channels: usize,
    pub(super) mixing: Box<[f64]>,
    pub(super) components: Box<[f64]>,
    pub(super) amplitudes: Box<[(f64, f64)]>,
}

impl AsrState {
    /// Calibrates on a clean recording, `[frames x channels]` at `rate`, of which the mean has been removed (as by a
    /// high-pass from 0.5 Hz), with windows of `window_ms`. Equals asrpy's `asr_calibrate`. Allocates.
    ///
    /// # Errors
    /// Everything wrong with it at once: no channels, a rate outside of 82 to 512 Hz, a recording that is too short, holds
    /// NaN or infinity, or is all zeros.
    pub fn calibrate(
        frames: &[f64],
        channels: usize,
        rate: Hz,
        window_ms: f64,
    ) -> Result<Self, Vec<DesignError>> {
        let mut mistakes = Vec::new();
        let shaping = yulewalk::shaping(rate).map_err(|e| mistakes.push(e)).ok();
        let window = super::spec::window_frames(window_ms, rate, &mut mistakes);
        if channels == 0 {
            mistakes.push(DesignError::NoChannels);
        }
        let (Some(shaping), Some(window), true) = (shaping, window, mistakes.is_empty()) else {
            return Err(mistakes);
        };
        let count = frames.len() / channels;
        let seconds = count as f64 / rate.get();
        if Calibrator::windows(count, window) < super::spec::FEWEST_WINDOWS {
            let must = format!("must be long enough for {} windows", super::spec::FEWEST_WINDOWS);
            return Err(vec![DesignError::setting("calibrate_s", seconds, must)]);
        }
        let mut shaped = frames[..count * channels].to_vec();
        Shaper::design(shaping, channels).process(&mut shaped);
        let mut calibrator = Calibrator::design(channels, count, window);
        let mut state = Self::empty(channels, rate);
        calibrator.begin();
        loop {
            match calibrator.advance(&shaped, &mut state) {
                Progress::Going => {}
                Progress::Done => return Ok(state),
                Progress::Failed => break,
            }
        }
        Err(vec![DesignError::setting(
            "calibrate_s",
            seconds,
            "must be of a recording that is finite and not all zeros",
        )])
    }

    /// A state known from before, as [`AsrState::mixing`], [`AsrState::components`] and [`AsrState::amplitudes`] tell it.
    ///
    /// # Errors
    /// Everything wrong with it at once: sizes that do not fit the channels; what is not finite; a mixing matrix that is
    /// not symmetric and positive semidefinite, or is all zeros; components that are not at right angles and of length 1;
    /// a deviation below 0.
    pub fn from_parts(
        channels: usize,
        rate: Hz,
        mixing: &[f64],
        components: &[f64],
        amplitudes: &[(f64, f64)],
    ) -> Result<Self, Vec<DesignError>> {
        let mut found = Vec::new();
        if channels == 0 {
            found.push(DesignError::NoChannels);
        }
        let numbers = |count: usize| format!("[{count} numbers]");
        // A direction without power has no part in it, rounding aside.
        if !is_definite(mixing, channels, -1e-9) {
            let must = format!(
                "must be a symmetric positive semidefinite matrix of {channels} x {channels} numbers, not all 0"
            );
            found.push(DesignError::setting("mixing", numbers(mixing.len()), must));
        }
        if !is_orthonormal(components, channels) {
            let must = format!(
                "must be {channels} rows of {channels} numbers, each row of length 1 and at right angles to the others"
            );
            found.push(DesignError::setting("components", numbers(components.len()), must));
        }
        let sound =
            |(mean, deviation): &(f64, f64)| mean.is_finite() && deviation.is_finite() && *deviation >= 0.0;
        if amplitudes.len() != channels || !amplitudes.iter().all(sound) {
            let must =
                format!("must be {channels} pairs of a mean and a deviation, finite, the latter at least 0");
            found.push(DesignError::setting("amplitudes", format!("[{} pairs]", amplitudes.len()), must));
        }
        if !found.is_empty() {
            return Err(found);
        }
        Ok(Self {
            rate,
            channels,
            mixing: mixing.into(),
            components: components.into(),
            amplitudes: amplitudes.into(),
        })
    }

    /// Channels it is for.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// The sampling rate it is for.
    #[must_use]
    pub fn rate(&self) -> Hz {
        self.rate
    }

    /// The mixing matrix `[channels x channels]`: the root of the clean covariance of the shaped signal (asrpy's `M`).
    #[must_use]
    pub fn mixing(&self) -> &[f64] {
        &self.mixing
    }

    /// The principal directions of the clean signal, one a row, the weakest first, of either sign.
    #[must_use]
    pub fn components(&self) -> &[f64] {
        &self.components
    }

    /// Mean and standard deviation of each component's amplitude (RMS of a window of the shaped signal). With its cutoff
    /// asrpy's `T` has the rows `(mean + cutoff * deviation) * component`.
    #[must_use]
    pub fn amplitudes(&self) -> &[(f64, f64)] {
        &self.amplitudes
    }

    pub(super) fn empty(channels: usize, rate: Hz) -> Self {
        let zeros = || vec![0.0; channels * channels].into_boxed_slice();
        let amplitudes = vec![(0.0, 0.0); channels].into_boxed_slice();
        Self { rate, channels, mixing: zeros(), components: zeros(), amplitudes }
    }

    /// Becomes as `other`, of as many channels, without allocating.
    pub(super) fn copy_from(&mut self, other: &Self) {
        self.rate = other.rate;
        self.mixing.copy_from_slice(&other.mixing);
        self.components.copy_from_slice(&other.components);
        self.amplitudes.copy_from_slice(&other.amplitudes);
    }
}

/// Whether the rows of an `[n x n]` matrix have length 1 and are at right angles, but for rounding.
fn is_orthonormal(matrix: &[f64], n: usize) -> bool {
    let is_near = |x: f64, wanted: f64| (x - wanted).abs() <= 1e-9;
    matrix.len() == n * n
        && matrix.chunks_exact(n.max(1)).enumerate().all(|(i, row)| {
            let mut before = matrix[..i * n].chunks_exact(n.max(1));
            is_near(dot(row, row), 1.0) && before.all(|other| is_near(dot(row, other), 0.0))
        })
}
