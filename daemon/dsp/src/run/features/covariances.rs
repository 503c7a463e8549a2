use super::covariance::Covariance;
use super::frames::{every, whole};
use super::shrinkage::Shrinkage;
use crate::design::DesignError;
use crate::element::{Element, Emit, Reframe};
use crate::linalg::SymmetricEigen;
use crate::run::beat::pass_over;
use crate::run::{RetuneError, all_finite, same, same_channels};
use crate::signal::Signal;
use std::any::Any;
use std::f64::consts::SQRT_2;

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
    window: usize,
    hop: usize,
    /// `[2 window x channels]`: every frame stands twice, one window apart, so that the last window is always in one
    /// piece.
    ring: Box<[f64]>,
    /// The oldest frame, which the next replaces.
    at: usize,
    /// Frames until the next window is due; never 0.
    until_due: usize,
    /// A window has been due.
    begun: bool,
    channels: usize,
    /// `[window x channels of a group]`: a group's window, where there are several.
    own: Box<[f64]>,
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
        let zeros = |n: usize| vec![0.0; n].into_boxed_slice();
        let pair = |(a, b): (&String, &String)| {
            if a.is_empty() || b.is_empty() { String::new() } else { format!("{a}*{b}") }
        };
        let of_group = |labels: &[String]| -> Vec<String> {
            (0..channels).flat_map(|i| labels[i..].iter().map(move |b| pair((&labels[i], b)))).collect()
        };
        let labels = input.labels.chunks(channels.max(1)).flat_map(of_group).collect();
        let element = Self {
            covariance,
            window,
            hop,
            ring: zeros(2 * window * all),
            at: 0,
            until_due: window,
            begun: false,
            channels: all,
            own: zeros(if channels == all { 0 } else { window * channels }),
            matrix: zeros(channels * channels),
            log: spec.log.then(|| SymmetricEigen::design(channels)),
        };
        Ok((element, Signal { rate: every(hop, input.rate), labels }))
    }

    fn is_like(&self, ready: &Covariances) -> Result<(), RetuneError> {
        same_channels(self.channels, ready.channels)?;
        let shape = |of: &Covariances| (of.window, of.hop, of.covariance.channels(), of.log.is_some());
        if shape(self) == shape(ready) { Ok(()) } else { Err(RetuneError::Kind) }
    }
}

impl Element for Covariances {
    fn reset(&mut self) {
        self.covariance.reset();
        self.ring.fill(0.0);
        self.at = 0;
        self.until_due = self.window;
        self.begun = false;
    }

    /// Nothing: frames leave with their window.
    fn restart(&mut self) {}

    fn skip(&mut self, frames: u64) -> u64 {
        if self.begun { pass_over(&mut self.until_due, self.hop, frames) } else { 0 }
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

    /// The two channels of each output; with a shrinkage other than none, or of the logarithm, every channel of the group
    /// reaches them all.
    fn reaches(&self, outputs: &[bool]) -> Vec<bool> {
        let channels = self.covariance.channels();
        let mixed = self.covariance.shrinkage() != Shrinkage::None || self.log.is_some();
        let mut inputs = vec![false; self.channels];
        let groups = outputs.chunks(channels * (channels + 1) / 2);
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
        all_finite(&self.ring)
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
        input.div_ceil(self.hop)
    }

    fn process(&mut self, input: &[f64], _learn: bool, out: &mut Emit<'_>) {
        let channels = self.channels;
        for (n, frame) in input.chunks_exact(channels).enumerate() {
            for at in [self.at, self.at + self.window] {
                self.ring[at * channels..(at + 1) * channels].copy_from_slice(frame);
            }
            self.at = (self.at + 1) % self.window;
            self.until_due -= 1;
            if self.until_due > 0 {
                continue;
            }
            self.until_due = self.hop;
            self.begun = true;
            self.compute(out.frame(n));
        }
    }
}

impl Covariances {
    /// What is known of the window that the ring holds, group by group.
    fn compute(&mut self, mut out: &mut [f64]) {
        let Self { covariance, channels: all, own, matrix, log, .. } = self;
        let channels = covariance.channels();
        let window = &self.ring[self.at * *all..(self.at + self.window) * *all];
        for first in (0..*all).step_by(channels) {
            if channels == *all {
                covariance.of_window(window, matrix);
            } else {
                for (own, frame) in own.chunks_exact_mut(channels).zip(window.chunks_exact(*all)) {
                    own.copy_from_slice(&frame[first..first + channels]);
                }
                covariance.of_window(own, matrix);
            }
            if let Some(eigen) = log {
                match eigen.decompose(matrix) {
                    Ok(()) => eigen.log(matrix),
                    Err(_) => matrix.fill(f64::NAN),
                }
            }
            let beside = if log.is_some() { SQRT_2 } else { 1.0 };
            for (i, row) in matrix.chunks_exact(channels).enumerate() {
                let (part, after) = out.split_at_mut(channels - i);
                part[0] = row[i];
                part[1..].iter_mut().zip(&row[i + 1..]).for_each(|(out, x)| *out = beside * x);
                out = after;
            }
        }
    }
}
