use super::spec::{AlignMode, AlignSpec, Metric};
use crate::design::DesignError;
use crate::linalg::{EigenError, SymmetricEigen, multiply, symmetrise};
use crate::run::{Covariance, RetuneError};

/// The mean of covariances that is the reference, and the transform that makes it the unit matrix.
#[derive(Clone, Debug)]
pub(super) struct Reference {
    channels: usize,
    frames: usize,
    metric: Metric,
    estimator: Covariance,
    schedule: Schedule,
    /// Windows learned from since the last reset.
    learned: u32,
    /// The reference it begins with, and as how many windows that counts; zeros where none was given.
    given: Box<[f64]>,
    prior: u32,
    /// `[channels x channels]` each: the reference, its root and its inverse root, which is the transform.
    mean: Box<[f64]>,
    root: Box<[f64]>,
    transform: Box<[f64]>,
    covariance: Box<[f64]>,
    scratch: [Box<[f64]>; 2],
    eigen: SymmetricEigen,
    /// `[frames x channels]`: a window before it is transformed.
    window: Box<[f64]>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Schedule {
    Fixed,
    First(u32),
    Running(Option<u32>),
}

impl Reference {
    /// Of `channels` channels of group `group`; `spec` was checked.
    pub(super) fn design(
        channels: usize,
        frames: usize,
        spec: &AlignSpec,
        group: usize,
    ) -> Result<Self, Vec<DesignError>> {
        let zeros = |len: usize| vec![0.0; len].into_boxed_slice();
        let square = || zeros(channels * channels);
        let (schedule, prior) = match &spec.mode {
            AlignMode::Fixed { .. } => (Schedule::Fixed, 0),
            AlignMode::FirstWindows { windows } => (Schedule::First(*windows), 0),
            AlignMode::Running { horizon } => (Schedule::Running(*horizon), 0),
            AlignMode::Onwards { windows, horizon, .. } => (Schedule::Running(*horizon), *windows),
        };
        let own = group * channels * channels..(group + 1) * channels * channels;
        let given = spec.mode.given().map_or_else(square, |reference| reference[own].into());
        let mut own = Self {
            channels,
            frames,
            metric: spec.metric,
            estimator: Covariance::design(channels, spec.shrinkage, true)?,
            schedule,
            learned: 0,
            given,
            prior,
            mean: square(),
            root: square(),
            transform: square(),
            covariance: square(),
            scratch: [square(), square()],
            eigen: SymmetricEigen::design(channels),
            window: zeros(frames * channels),
        };
        own.reset();
        Ok(own)
    }

    /// The given reference, or the identity until there is something to learn from.
    pub(super) fn reset(&mut self) {
        self.learned = 0;
        self.mean.fill(0.0);
        self.mean.iter_mut().step_by(self.channels + 1).for_each(|x| *x = 1.0);
        self.root.copy_from_slice(&self.mean);
        self.transform.copy_from_slice(&self.mean);
        if self.is_given() {
            self.scratch[0].copy_from_slice(&self.given);
            // It was decomposed when it was checked.
            let _ = self.adopt();
        }
    }

    /// Learns from a window, its frames in any order. What is not finite or has no power at all teaches nothing.
    pub(super) fn learn(&mut self, window: &[f64]) {
        if self.weight().is_some() {
            self.estimate(window);
            self.learn_estimated();
        }
    }

    /// The covariance of a window, for what follows.
    pub(super) fn estimate(&mut self, window: &[f64]) {
        self.estimator.of_window(window, &mut self.covariance);
    }

    /// Learns from the covariance that was estimated last.
    pub(super) fn learn_estimated(&mut self) {
        let Some(weight) = self.weight() else { return };
        let trace: f64 = self.covariance.iter().step_by(self.channels + 1).sum();
        if !(trace > 0.0 && trace.is_finite()) {
            return;
        }
        if self.step(weight).is_ok() {
            self.learned = self.learned.saturating_add(1);
        }
    }

    /// The covariance that was estimated last, recentred; as it is until there is a reference.
    pub(super) fn recentred(&mut self, out: &mut [f64]) {
        if !self.is_there() {
            out.copy_from_slice(&self.covariance);
            return;
        }
        let (n, product) = (self.channels, &mut self.scratch[1]);
        multiply(&self.covariance, &self.transform, n, n, product);
        multiply(&self.transform, product, n, n, out);
        symmetrise(n, out);
    }

    /// `[rows x channels]` in place, up to a window's frames at a time.
    pub(super) fn apply(&mut self, frames: &mut [f64]) {
        if !self.is_there() {
            return;
        }
        for part in frames.chunks_mut(self.window.len()) {
            let before = &mut self.window[..part.len()];
            before.copy_from_slice(part);
            // The transform is symmetric: rows are columns.
            multiply(before, &self.transform, self.channels, self.channels, part);
        }
    }

    /// Takes over the settings of `ready`; what was learned stays where it means the same.
    pub(super) fn retune(&mut self, ready: &Self) -> Result<(), RetuneError> {
        self.fits(ready)?;
        let learned_alike = self.metric == ready.metric
            && self.estimator.shrinkage() == ready.estimator.shrinkage()
            && self.schedule != Schedule::Fixed
            && ready.schedule != Schedule::Fixed
            && self.prior == ready.prior
            && self.given == ready.given;
        self.metric = ready.metric;
        self.estimator.retune(&ready.estimator);
        self.schedule = ready.schedule;
        self.given.copy_from_slice(&ready.given);
        self.prior = ready.prior;
        if !learned_alike {
            self.reset();
        }
        Ok(())
    }

    pub(super) fn fits(&self, ready: &Self) -> Result<(), RetuneError> {
        if ready.channels != self.channels {
            return Err(RetuneError::Channels { have: self.channels, got: ready.channels });
        }
        if ready.frames != self.frames {
            return Err(RetuneError::Kind);
        }
        Ok(())
    }

    pub(super) fn learned(&self) -> u32 {
        self.learned
    }

    /// Whether there is a reference, learned or given.
    pub(super) fn is_there(&self) -> bool {
        self.learned > 0 || self.is_given()
    }

    /// Whether it begins with one that was given.
    pub(super) fn is_given(&self) -> bool {
        self.schedule == Schedule::Fixed || self.prior > 0
    }

    pub(super) fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// How much the next window weighs; `None` when nothing is to be learned any more.
    fn weight(&self) -> Option<f64> {
        let equal = 1.0 / (f64::from(self.learned) + f64::from(self.prior) + 1.0);
        match self.schedule {
            Schedule::Fixed => None,
            Schedule::First(windows) => (self.learned < windows).then_some(equal),
            Schedule::Running(None) => Some(equal),
            Schedule::Running(Some(horizon)) => Some(equal.max(1.0 / f64::from(horizon))),
        }
    }

    /// Moves the mean towards the covariance; on an error nothing has changed.
    fn step(&mut self, weight: f64) -> Result<(), EigenError> {
        let n = self.channels;
        if !self.is_there() {
            self.scratch[0].copy_from_slice(&self.covariance);
            return self.adopt();
        }
        let [next, product] = &mut self.scratch;
        match self.metric {
            Metric::Euclid => {
                for ((next, mean), c) in next.iter_mut().zip(&self.mean).zip(&self.covariance) {
                    *next = mean + weight * (c - mean);
                }
            }
            Metric::Riemann => {
                // M^(1/2) (M^(-1/2) C M^(-1/2))^w M^(1/2).
                multiply(&self.covariance, &self.transform, n, n, product);
                multiply(&self.transform, product, n, n, next);
                self.eigen.decompose(next)?;
                self.eigen.power(weight, next);
                multiply(next, &self.root, n, n, product);
                multiply(&self.root, product, n, n, next);
                symmetrise(n, next);
            }
        }
        self.adopt()
    }

    /// Makes the first scratch matrix the reference.
    fn adopt(&mut self) -> Result<(), EigenError> {
        self.eigen.decompose(&self.scratch[0])?;
        self.mean.copy_from_slice(&self.scratch[0]);
        self.eigen.inverse_sqrt(&mut self.transform);
        if self.metric == Metric::Riemann {
            self.eigen.sqrt(&mut self.root);
        }
        Ok(())
    }
}
