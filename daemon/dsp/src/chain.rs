use crate::design::{DesignError, Sos};
use crate::run::{CommonAverage, SosFilter, all_finite};
use crate::step::StepSpec;
use bci_types::Hz;

/// A list of steps, validated against a stream and run in order.
///
/// Causal; owned by one thread. Its output is that of its steps one after the other, bit for bit.
#[derive(Clone, Debug)]
pub struct Chain {
    channels: usize,
    rate: Hz,
    stages: Box<[Stage]>,
    /// All filters in a row, for what is computed from the chain as a whole; references have no memory.
    filters: Option<Sos>,
}

#[derive(Clone, Debug)]
enum Stage {
    /// Neighbouring filters run as one cascade: one pass over the block instead of one each.
    Filter(SosFilter),
    Average(CommonAverage),
}

impl Chain {
    /// A chain at rest for frames of `channels` channels at `rate`. No steps at all make a chain that changes
    /// nothing. Allocates.
    ///
    /// # Errors
    /// Everything wrong with every step at once, each with the step's index; no channels count against step 0.
    pub fn design(steps: &[StepSpec], rate: Hz, channels: usize) -> Result<Self, Vec<(usize, DesignError)>> {
        let mut mistakes = Vec::new();
        if channels == 0 {
            mistakes.push((0, DesignError::NoChannels));
        }
        let mut designed = Vec::with_capacity(steps.len());
        for (i, step) in steps.iter().enumerate() {
            match step.design(rate) {
                Ok(filter) => designed.push(filter),
                Err(found) => mistakes.extend(found.into_iter().map(|e| (i, e))),
            }
        }
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        Self::assemble(&designed, rate, channels).map_err(|e| vec![(0, e)])
    }

    fn assemble(designed: &[Option<Sos>], rate: Hz, channels: usize) -> Result<Self, DesignError> {
        let mut stages = Vec::new();
        for run in designed.chunk_by(|a, b| a.is_some() == b.is_some()) {
            match joined(run) {
                Some(sos) => stages.push(Stage::Filter(SosFilter::design(&sos, channels)?)),
                None => {
                    for _ in run {
                        stages.push(Stage::Average(CommonAverage::design(channels, None)?));
                    }
                }
            }
        }
        Ok(Self { channels, rate, stages: stages.into_boxed_slice(), filters: joined(designed) })
    }

    /// Back to rest.
    pub fn reset(&mut self) {
        for stage in &mut self.stages {
            match stage {
                Stage::Filter(filter) => filter.reset(),
                Stage::Average(average) => average.reset(),
            }
        }
    }

    /// Runs every step over `[frames x channels]` in place. Returns whether every output is finite.
    ///
    /// Once false, the filters hold NaN or infinity and every later block is false too, until
    /// [`Chain::reset`]. An overflow in a block's very last frame may show only in the next block.
    #[must_use = "a chain that has met NaN or infinity stays poisoned until it is reset"]
    pub fn process(&mut self, frames: &mut [f64]) -> bool {
        for stage in &mut self.stages {
            match stage {
                Stage::Filter(filter) => filter.process(frames),
                Stage::Average(average) => average.process(frames),
            }
        }
        all_finite(frames)
    }

    /// Whether no filter holds NaN or infinity.
    #[must_use]
    pub fn is_finite_state(&self) -> bool {
        self.stages.iter().all(|stage| match stage {
            Stage::Filter(filter) => filter.is_finite_state(),
            Stage::Average(_) => true,
        })
    }

    /// Samples until the whole chain has settled, as [`Sos::settle_samples`] defines it for its filters in a row;
    /// 0 without filters. Takes time: not for the hot path.
    #[must_use]
    pub fn settle_samples(&self, tolerance: f64) -> usize {
        self.filters.as_ref().map_or(0, |f| f.settle_samples(tolerance))
    }

    /// The group delay of all filters together at `at_hz`, in samples; 0 without filters.
    #[must_use]
    pub fn group_delay_samples(&self, at_hz: f64) -> f64 {
        self.filters.as_ref().map_or(0.0, |f| f.group_delay_samples(at_hz))
    }

    /// The gain of all filters together at `at_hz` in decibels; 0 without filters. References count as 1.
    #[must_use]
    pub fn gain_db(&self, at_hz: f64) -> f64 {
        self.filters.as_ref().map_or(0.0, |f| f.gain_db(at_hz))
    }

    /// Channels a frame.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// The sampling rate it was made for.
    #[must_use]
    pub fn rate(&self) -> Hz {
        self.rate
    }
}

/// The filters among `designed` as one cascade.
fn joined(designed: &[Option<Sos>]) -> Option<Sos> {
    designed.iter().flatten().cloned().reduce(|a, b| a.then(&b))
}
