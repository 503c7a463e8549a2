use super::calibrate::Calibrator;
use super::state::AsrState;
use super::yulewalk;
use crate::design::DesignError;
use crate::signal::Signal;
use bci_types::Hz;
use std::fmt;

/// Artefact subspace reconstruction: Mullen et al., Real-time neuroimaging and cognitive monitoring using wearable dry EEG,
/// IEEE Trans. Biomedical Engineering 62(11), 2015; Kothe and Jung, US patent application 2016/0113587.
#[derive(Clone, Debug, PartialEq)]
pub struct AsrSpec {
    /// How many standard deviations above the mean of the clean amplitudes a component counts as an artefact; above 0,
    /// usually 20 to 30.
    pub cutoff: f64,
    /// Where the clean statistics come from.
    pub calibration: AsrCalibration,
    /// Over how long the signal is checked; 100 to 5000.
    pub window_ms: f64,
    /// By how much the window is ahead of what it decides on; from 0 to half the window, which is best.
    pub lookahead_ms: f64,
    /// Time between decisions, which is blended over; from one frame to the window.
    pub step_ms: f64,
    /// The largest part of all components that is ever taken out; above 0 and up to 1.
    pub max_dims: f64,
}

/// Where the clean statistics come from.
#[derive(Clone, Debug, PartialEq)]
pub enum AsrCalibration {
    /// The stream's first frames that may be learned from; until they are in and worked off, the signal is only delayed.
    Stream {
        /// 30 to 600 s, 60 as a rule: the person sits still, eyes open.
        seconds: f64,
    },
    /// A recording made before.
    Given(AsrState),
}

/// What artefact subspace reconstruction has done since the last reset.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct AsrReport {
    /// Decisions made with a calibration.
    pub windows: u64,
    /// Those in which at least one component was taken out.
    pub reconstructed_windows: u64,
    /// Components taken out, over all windows.
    pub components_removed: u64,
    /// The power of what was taken away over that of what came in, since the calibration; 0 without any. Offsets count.
    pub share_of_power_removed: f64,
}

/// A distribution of amplitudes fitted to fewer is a matter of chance.
pub(super) const FEWEST_WINDOWS: usize = 100;

/// A valid specification in frames.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sizes {
    pub(super) window: usize,
    pub(super) lookahead: usize,
    pub(super) step: usize,
    /// Frames to calibrate on; 0 when a state is given.
    pub(super) calibration: usize,
    pub(super) shaping: yulewalk::Coefficients,
}

impl AsrSpec {
    pub(super) fn sizes(&self, input: &Signal) -> Result<Sizes, Vec<DesignError>> {
        let mut found = Vec::new();
        let rate = input.rate;
        if input.channels() == 0 {
            found.push(DesignError::NoChannels);
        }
        if !(self.cutoff > 0.0 && self.cutoff.is_finite()) {
            found.push(DesignError::setting("cutoff", self.cutoff, "must be finite and above 0"));
        }
        if !(self.max_dims > 0.0 && self.max_dims <= 1.0) {
            found.push(DesignError::setting("max_dims", self.max_dims, "must be above 0 and up to 1"));
        }
        let window = window_frames(self.window_ms, rate, &mut found);
        let frame_ms = 1e3 / rate.get();
        let half = self.window_ms / 2.0;
        if !(self.lookahead_ms >= 0.0 && self.lookahead_ms <= half) {
            let must = format!("must be 0 to {half} ms, half of window_ms");
            found.push(DesignError::setting("lookahead_ms", self.lookahead_ms, must));
        }
        if !(self.step_ms >= frame_ms / 2.0 && self.step_ms <= self.window_ms) {
            let must = format!("must be {frame_ms} to {} ms, which is window_ms", self.window_ms);
            found.push(DesignError::setting("step_ms", self.step_ms, must));
        }
        let calibration = self.calibration_frames(input, window, &mut found);
        let shaping = yulewalk::shaping(rate).map_err(|e| found.push(e)).ok();
        match (window, calibration, shaping) {
            (Some(window), Some(calibration), Some(shaping)) if found.is_empty() => Ok(Sizes {
                window,
                lookahead: frames(self.lookahead_ms, rate),
                step: frames(self.step_ms, rate).max(1),
                calibration,
                shaping,
            }),
            _ => Err(found),
        }
    }

    fn calibration_frames(
        &self,
        input: &Signal,
        window: Option<usize>,
        found: &mut Vec<DesignError>,
    ) -> Option<usize> {
        match &self.calibration {
            AsrCalibration::Stream { seconds } if *seconds >= 30.0 && *seconds <= 600.0 => {
                let count = frames(seconds * 1e3, input.rate);
                if window.is_some_and(|window| Calibrator::windows(count, window) < FEWEST_WINDOWS) {
                    let must =
                        format!("must be long enough for {FEWEST_WINDOWS} windows of {} ms", self.window_ms);
                    found.push(DesignError::setting("calibrate_s", seconds, must));
                    return None;
                }
                Some(count)
            }
            AsrCalibration::Stream { seconds } => {
                found.push(DesignError::setting("calibrate_s", seconds, "must be 30 to 600 s"));
                None
            }
            AsrCalibration::Given(state) => {
                if state.channels == input.channels() && state.rate == input.rate {
                    return Some(0);
                }
                let given = format!("[{} channels at {}]", state.channels, state.rate);
                let must = format!("must be for {} channels at {}", input.channels(), input.rate);
                found.push(DesignError::setting("calibration", given, must));
                None
            }
        }
    }
}

/// The window in frames.
pub(super) fn window_frames(window_ms: f64, rate: Hz, found: &mut Vec<DesignError>) -> Option<usize> {
    if (100.0..=5000.0).contains(&window_ms) {
        return Some(frames(window_ms, rate));
    }
    found.push(DesignError::setting("window_ms", window_ms, "must be 100 to 5000 ms"));
    None
}

/// The nearest number of frames, as NumPy rounds.
fn frames(ms: f64, rate: Hz) -> usize {
    (ms * 1e-3 * rate.get()).round_ties_even() as usize
}

impl fmt::Display for AsrSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "artefact subspace reconstruction, cutoff {} SD, windows of {} ms",
            self.cutoff, self.window_ms
        )?;
        match &self.calibration {
            AsrCalibration::Stream { seconds } => write!(f, ", calibrated on the first {seconds} s"),
            AsrCalibration::Given(_) => f.write_str(", calibrated before"),
        }
    }
}
