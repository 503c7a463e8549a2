use super::covariance::Covariance;
use super::frames::{every, whole};
use super::latest::Latest;
use super::shrinkage::Shrinkage;
use super::triangle;
use crate::design::DesignError;
use crate::element::{Element, Emit, Reframe};
use crate::linalg::SymmetricEigen;
use crate::run::{RetuneError, all_finite, same, same_channels};
use crate::signal::Signal;
use std::any::Any;

/// What [`Covariances`] computes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CovariancesSpec {
    /// The window in ms, a whole number of samples.
    pub window_ms: f64,
    /// From one output to the next in ms, a whole number of samples.
    pub hop_ms: f64,
    /// How far the matrix is drawn towards its mean variance.
    pub shrinkage: Shrinkage,
    /// Whether each channel's mean over the window is taken away first.
    pub centre: bool,
    /// Of how many groups of as many channels one after the other, each by itself; 1 for all channels together. Behind a
    /// filter bank, as many as it has bands.
    pub groups: usize,
    /// Whether the matrix's logarithm is given, with what is beside the diagonal times the root of 2: pyRiemann's tangent
    /// space at the unit matrix, where lengths are those of the matrices. Where the signal was aligned, that is the tangent
    /// space at the mean.
    pub log: bool,
}

/// The covariance of the last window, every hop: the upper triangle with the diagonal, row by row, as
/// `channels * (channels + 1) / 2` output channels, in the square of the signal's unit; one group of channels after the
/// other. The first output comes when the window is full. Each window is computed anew: nothing drifts, and a NaN is gone
/// with its window.
///
/// See [`Covariance`] for what it equals.
#[derive(Debug)]
pub struct Covariances {
    covariance: Covariance,
    latest: Latest,
    /// `[channels x channels]` of a group.
    matrix: Box<[f64]>,
    log: Option<SymmetricEigen>,
}

impl Covariances {
    /// Allocates. Also gives what comes out.
    ///
    /// # Errors
    /// Everything wrong with the settings at once; no channels.
    pub fn design(input: &Signal, spec: &CovariancesSpec) -> Result<(Self, Signal), Vec<DesignError>> {
        let all = input.channels();
        let mut mistakes = Vec::new();
        let grouped = spec.groups > 0 && all.is_multiple_of(spec.groups);
        if !grouped {
            let must = format!("must divide the {all} channels");
            mistakes.push(DesignError::setting("groups", spec.groups, must));
        }
        let channels = if grouped { all / spec.groups } else { all };
        let mut frames = |key, ms| whole(key, ms, input.rate).map_err(|e| mistakes.push(e)).unwrap_or(1);
        let (window, hop) = (frames("window_ms", spec.window_ms), frames("hop_ms", spec.hop_ms));
        if spec.log && spec.shrinkage.is_none() && window <= channels {
            // Such a matrix has no full rank, and the logarithm of what is not there is infinite.
            let must = format!(
                "must be \"ledoit_wolf\", \"oas\" or a share above 0 where log = true and a window has no more frames \
                 ({window}) than channels ({channels})"
            );
            mistakes.push(DesignError::setting("shrinkage", spec.shrinkage, must));
        }
        let covariance = match Covariance::design(channels, spec.shrinkage, spec.centre) {
            Ok(covariance) if mistakes.is_empty() => covariance,
            Ok(_) => return Err(mistakes),
            Err(more) => {
                mistakes.extend(more);
                return Err(mistakes);
            }
        };
        let element = Self {
            covariance,
            latest: Latest::design(all, window, hop, spec.groups),
            matrix: vec![0.0; channels * channels].into_boxed_slice(),
            log: spec.log.then(|| SymmetricEigen::design(channels)),
        };
        let labels = triangle::labels(&input.labels, channels);
        Ok((element, Signal { rate: every(hop, input.rate), labels }))
    }

    fn is_like(&self, ready: &Covariances) -> Result<(), RetuneError> {
        same_channels(self.latest.channels(), ready.latest.channels())?;
        let shape = |of: &Covariances| {
            (of.latest.window(), of.latest.hop(), of.covariance.channels(), of.log.is_some())
        };
        if shape(self) == shape(ready) { Ok(()) } else { Err(RetuneError::Kind) }
    }
}

impl Element for Covariances {
    fn reset(&mut self) {
        self.covariance.reset();
        self.latest.reset();
    }

    /// Nothing: frames leave with their window.
    fn restart(&mut self) {}

    fn skip(&mut self, frames: u64) -> u64 {
        self.latest.skip(frames)
    }

    fn settle_samples(&self, _tolerance: f64) -> usize {
        self.latest.window()
    }

    fn window_samples(&self) -> usize {
        self.latest.window()
    }

    fn delay_samples(&self, _at_hz: f64) -> f64 {
        (self.latest.window() - 1) as f64 / 2.0
    }

    /// The two channels of each output; with a shrinkage other than none, or of the logarithm, every channel of the group
    /// reaches them all.
    fn reaches(&self, outputs: &[bool]) -> Vec<bool> {
        let channels = self.covariance.channels();
        let mixed = self.covariance.shrinkage() != Shrinkage::None || self.log.is_some();
        let mut inputs = vec![false; self.latest.channels()];
        let groups = outputs.chunks(triangle::size(channels));
        for (inputs, outputs) in inputs.chunks_mut(channels).zip(groups) {
            let pairs = (0..channels).flat_map(|i| (i..channels).map(move |j| (i, j)));
            for ((i, j), _) in pairs.zip(outputs).filter(|(_, marked)| **marked) {
                inputs[i] = true;
                inputs[j] = true;
            }
            if mixed && outputs.contains(&true) {
                inputs.fill(true);
            }
        }
        inputs
    }

    fn is_finite_state(&self) -> bool {
        all_finite(self.latest.frames())
    }

    fn fits(&self, ready: &dyn Element) -> Result<(), RetuneError> {
        self.is_like(same::<Self>(ready)?)
    }

    fn retune(&mut self, ready: &dyn Element) -> Result<(), RetuneError> {
        let ready = same::<Self>(ready)?;
        self.is_like(ready)?;
        self.covariance.retune(&ready.covariance);
        Ok(())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Reframe for Covariances {
    fn most_frames(&self, input: usize) -> usize {
        input.div_ceil(self.latest.hop())
    }

    fn process(&mut self, input: &[f64], _learn: bool, out: &mut Emit<'_>) {
        for (n, frame) in input.chunks_exact(self.latest.channels()).enumerate() {
            if self.latest.push(frame) {
                self.compute(out.frame(n));
            }
        }
    }
}

impl Covariances {
    /// What is known of the last window, group by group.
    fn compute(&mut self, out: &mut [f64]) {
        let Self { covariance, latest, matrix, log } = self;
        let channels = covariance.channels();
        for (group, out) in out.chunks_exact_mut(triangle::size(channels)).enumerate() {
            covariance.of_window(latest.group(group, channels), matrix);
            triangle::write(matrix, log.as_mut(), out);
        }
    }
}
