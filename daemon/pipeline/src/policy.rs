//! From posteriors to intents, and to honest doubt.

mod evidence;
mod hold;
mod motion;
#[cfg(test)]
mod tests;

pub use self::evidence::{Accumulation, EvidenceSpec};
pub use self::hold::HoldSpec;
pub use self::motion::{Drive, MotionSpec};

use self::evidence::Evidence;
use self::hold::{Held, Hold};
use self::motion::Motion;
use bci_types::{NoIntentReason, Outcome, Validity, Velocity};
use std::sync::Arc;

/// How posteriors become intents.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicySpec {
    /// Time constant of the exponential smoothing, in ms; 0 for none. Without meaning where evidence accumulates.
    pub smoothing_ms: f64,
    /// The smoothed probability that a class must reach, 0 to 1.
    pub threshold: f64,
    /// The oldest that a window's newest sample may be when it is decided on, in ms: what was meant then is not what is
    /// meant now.
    pub max_age_ms: f64,
    /// How log-posteriors add up, in the place of the smoothing.
    pub accumulation: Option<Accumulation>,
    /// Hysteresis, dwell, refractory period, rest.
    pub hold: HoldSpec,
    /// Velocities, where they are wanted.
    pub motion: Option<Arc<MotionSpec>>,
    /// For how long an intent may be acted upon when nothing more is heard, ms; 0: for ever.
    pub valid_ms: f64,
}

impl PolicySpec {
    /// Under which nothing is an intent, and nothing too old: for who looks at windows alone.
    pub const NOTHING: Self = Self {
        smoothing_ms: 0.0,
        threshold: 1.0,
        max_age_ms: f64::INFINITY,
        accumulation: None,
        hold: HoldSpec { release: None, dwell_ms: 0.0, refractory_ms: 0.0, rest: Vec::new() },
        motion: None,
        valid_ms: 0.0,
    };

    fn evidence(&self) -> EvidenceSpec {
        self.accumulation.map_or(EvidenceSpec::Smoothing(self.smoothing_ms), EvidenceSpec::Accumulation)
    }
}

/// How far ahead of this host a corrected stamp may seem, ms: more than the uncertainty of LSL's clock correction on any
/// usable network.
const AHEAD_MS: f64 = 100.0;

/// See [`Policy::is_stale`].
pub(crate) fn is_stale(age_ns: i64, max_age_ms: f64) -> bool {
    let age_ms = age_ns as f64 / 1e6;
    age_ms > max_age_ms || age_ms < -AHEAD_MS
}

/// The state of it; owned by the decoding thread.
///
/// Evidence starts from ignorance, all classes alike, so that a single window cannot fire an intent unless smoothing is off, and
/// falls back to ignorance whenever a window cannot be trusted: what was believed before a gap says nothing about after it.
#[derive(Clone, Debug)]
pub struct Policy {
    hop_ms: f64,
    reject_below: f32,
    max_age_ms: f64,
    valid_ms: f64,
    evidence: Evidence,
    hold: Hold,
    motion: Option<Motion>,
    /// For how long the intent has been one, ms; `None` where there is none.
    held_ms: Option<f64>,
    /// Evidence has decided, and begins anew with the next window.
    spent: bool,
}

impl Policy {
    /// For `classes` classes and a window every `hop_ms`.
    #[must_use]
    pub fn new(spec: PolicySpec, classes: usize, hop_ms: f64) -> Self {
        Self {
            hop_ms,
            reject_below: 0.0,
            max_age_ms: spec.max_age_ms,
            valid_ms: spec.valid_ms,
            evidence: Evidence::new(spec.evidence(), classes, hop_ms),
            hold: Hold::new(spec.hold, spec.threshold),
            motion: spec.motion.map(Motion::new),
            held_ms: None,
            spent: false,
        }
    }

    /// A window whose largest probability is below `least` tells nothing: all classes are alike in it.
    #[must_use]
    pub fn rejecting_below(self, least: f32) -> Self {
        Self { reject_below: least, ..self }
    }

    /// Falls back to ignorance, and stops.
    pub fn reset(&mut self) {
        self.evidence.reset();
        self.hold.reset();
        self.motion.iter_mut().for_each(Motion::stop);
        (self.held_ms, self.spent) = (None, false);
    }

    /// Whether a newest sample of this age is too old to act upon; or from a future further off than clock correction
    /// errs, so that its age is not known.
    #[must_use]
    pub fn is_stale(&self, age_ns: i64) -> bool {
        is_stale(age_ns, self.max_age_ms)
    }

    /// For how long an intent may be acted upon when nothing more is heard, ns; 0: for ever.
    #[must_use]
    pub fn valid_ns(&self) -> i64 {
        (self.valid_ms * 1e6) as i64
    }

    /// Takes in the posterior of the window `hops` after the last one, and decides. Windows in between were skipped.
    pub fn decide(&mut self, posterior: &[f32], validity: Validity, hops: u64) -> Outcome {
        let hops = hops.max(1);
        let elapsed_ms = self.hop_ms * hops as f64;
        if !validity.is_valid() {
            self.hold.pass(elapsed_ms);
            self.reset();
            return Outcome::NoIntent(NoIntentReason::InvalidData);
        }
        if std::mem::take(&mut self.spent) {
            self.evidence.reset();
            self.hold.end();
        }
        let rejected = posterior.iter().copied().fold(0.0, f32::max) < self.reject_below;
        if self.evidence.accumulates() && self.hold.is_refractory(elapsed_ms) {
            // What comes so soon after a decision is about that one.
            self.evidence.reset();
            self.hold.pass(elapsed_ms);
            self.follow(elapsed_ms);
            return self.none(NoIntentReason::Refractory);
        }
        let given_up = self.evidence.take((!rejected).then_some(posterior), hops);
        self.follow(elapsed_ms);
        let doubt = match (rejected, self.evidence.accumulates() && !given_up) {
            (true, _) => NoIntentReason::Rejected,
            (false, true) => NoIntentReason::Accumulating,
            (false, false) => NoIntentReason::BelowThreshold,
        };
        match self.hold.decide(self.evidence.belief(), elapsed_ms, doubt) {
            Held::Class(class, held_ms) => {
                self.spent = self.evidence.accumulates();
                self.held_ms = Some(held_ms);
                Outcome::Class(class)
            }
            Held::None(reason) => {
                self.spent = self.evidence.accumulates() && reason == NoIntentReason::Rest;
                self.none(reason)
            }
        }
    }

    /// Takes in velocities that a decoder yielded for the window `hops` after the last one.
    pub fn drive(&mut self, numbers: &[f32], validity: Validity, hops: u64) {
        let elapsed_ms = self.hop_ms * hops.max(1) as f64;
        match &mut self.motion {
            Some(motion) if validity.is_valid() => motion.follow(numbers, elapsed_ms),
            Some(motion) => motion.stop(),
            None => {}
        }
    }

    /// The probabilities on which the last decision rests, one a class.
    #[must_use]
    pub fn smoothed(&self) -> &[f32] {
        self.evidence.belief()
    }

    /// For how long the class last decided on has been the intent, ms; 0 in the window with which it began.
    #[must_use]
    pub fn held_ms(&self) -> Option<f64> {
        self.held_ms
    }

    /// The velocity that follows from it, where the configuration wants one.
    #[must_use]
    pub fn velocity(&self) -> Option<Velocity> {
        let motion = self.motion.as_ref()?;
        Some(Velocity {
            axes: Arc::clone(&motion.spec.axes),
            unit: Arc::clone(&motion.spec.unit),
            values: motion.velocity().to_vec(),
        })
    }

    fn none(&mut self, reason: NoIntentReason) -> Outcome {
        self.held_ms = None;
        Outcome::NoIntent(reason)
    }

    fn follow(&mut self, elapsed_ms: f64) {
        if let Some(motion) = &mut self.motion {
            motion.follow(self.evidence.belief(), elapsed_ms);
        }
    }
}
