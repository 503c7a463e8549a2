use super::covariance::Covariance;
use super::frames::{every, whole};
use super::shrinkage::Shrinkage;
use crate::design::DesignError;
use crate::element::{Element, Emit, Reframe};
use crate::run::beat::pass_over;
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
}

/// The covariance of the last window, every hop: the upper triangle with the diagonal, row by row, as
/// `channels * (channels + 1) / 2` output channels, in the square of the signal's unit. The first output comes when the
/// window is full. Each window is computed anew: nothing drifts, and a NaN is gone with its window.
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
    /// `[channels x channels]`.
    matrix: Box<[f64]>,
}

impl Covariances {
    /// Allocates. Also gives what comes out.
    ///
    /// # Errors
    /// Everything wrong with the settings at once; no channels.
    pub fn design(input: &Signal, spec: &CovariancesSpec) -> Result<(Self, Signal), Vec<DesignError>> {
        let channels = input.channels();
        let mut mistakes = Vec::new();
        let mut frames = |key, ms| whole(key, ms, input.rate).map_err(|e| mistakes.push(e)).unwrap_or(1);
        let (window, hop) = (frames("window_ms", spec.window_ms), frames("hop_ms", spec.hop_ms));
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
        let labels = &input.labels;
        let labels =
            (0..channels).flat_map(|i| labels[i..].iter().map(move |b| pair((&labels[i], b)))).collect();
        let element = Self {
            covariance,
            window,
            hop,
            ring: zeros(2 * window * channels),
            at: 0,
            until_due: window,
            begun: false,
            matrix: zeros(channels * channels),
        };
        Ok((element, Signal { rate: every(hop, input.rate), labels }))
    }

    fn is_like(&self, ready: &Covariances) -> Result<(), RetuneError> {
        let (have, got) = (self.covariance.channels(), ready.covariance.channels());
        same_channels(have, got)?;
        if (self.window, self.hop) == (ready.window, ready.hop) { Ok(()) } else { Err(RetuneError::Kind) }
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

    fn delay_samples(&self, _at_hz: f64) -> f64 {
        (self.window - 1) as f64 / 2.0
    }

    /// The two channels of each output; with a shrinkage other than none, every channel reaches them all.
    fn reaches(&self, outputs: &[bool]) -> Vec<bool> {
        let channels = self.covariance.channels();
        let mut inputs = vec![false; channels];
        let pairs = (0..channels).flat_map(|i| (i..channels).map(move |j| (i, j)));
        for ((i, j), _) in pairs.zip(outputs).filter(|(_, marked)| **marked) {
            inputs[i] = true;
            inputs[j] = true;
        }
        if self.covariance.shrinkage() != Shrinkage::None && outputs.contains(&true) {
            inputs.fill(true);
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
        let channels = self.covariance.channels();
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
            let window = &self.ring[self.at * channels..(self.at + self.window) * channels];
            self.covariance.of_window(window, &mut self.matrix);
            let mut rest = out.frame(n);
            for (i, row) in self.matrix.chunks_exact(channels).enumerate() {
                let (part, after) = rest.split_at_mut(channels - i);
                part.copy_from_slice(&row[i..]);
                rest = after;
            }
        }
    }
}
