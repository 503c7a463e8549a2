//! From posteriors to intents, and to honest doubt.

use bci_types::{NoIntentReason, Outcome, Validity};

/// How posteriors become intents.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PolicySpec {
    /// Time constant of the exponential smoothing, in ms; 0 for none.
    pub smoothing_ms: f64,
    /// The smoothed probability that a class must reach, 0 to 1.
    pub threshold: f64,
    /// The oldest that a window's newest sample may be when it is decided on, in ms: what was meant then is not what is
    /// meant now.
    pub max_age_ms: f64,
}

impl PolicySpec {
    /// Under which nothing is an intent, and nothing too old: for who looks at windows alone.
    pub const NOTHING: Self = Self { smoothing_ms: 0.0, threshold: 1.0, max_age_ms: f64::INFINITY };
}

/// How far ahead of this host a corrected stamp may seem, ms: more than the uncertainty of LSL's clock correction on any
/// usable network.
const AHEAD_MS: f64 = 100.0;

/// See [`Policy::is_stale`].
pub(crate) fn is_stale(age_ns: i64, max_age_ms: f64) -> bool {
    let age_ms = age_ns as f64 / 1e6;
    age_ms > max_age_ms || age_ms < -AHEAD_MS
}

/// The index of the largest value; the first of equal ones, as NumPy's `argmax` has it.
fn first_largest(values: &[f32]) -> Option<usize> {
    let mut best: Option<usize> = None;
    for (i, v) in values.iter().enumerate() {
        if best.is_none_or(|b| *v > values[b]) {
            best = Some(i);
        }
    }
    best
}

/// The state of the smoothing; owned by the decoding thread.
///
/// Evidence is an exponentially weighted mean of the window posteriors. It starts from ignorance, all classes alike,
/// so that a single window cannot fire an intent unless smoothing is off, and falls back to ignorance whenever a
/// window cannot be trusted: what was believed before a gap says nothing about after it.
#[derive(Clone, Debug)]
pub struct Policy {
    weight: f32,
    threshold: f32,
    reject_below: f32,
    max_age_ms: f64,
    smoothed: Vec<f32>,
}

impl Policy {
    /// For `classes` classes and a window every `hop_ms`.
    #[must_use]
    pub fn new(spec: PolicySpec, classes: usize, hop_ms: f64) -> Self {
        let weight = if spec.smoothing_ms > 0.0 { 1.0 - (-hop_ms / spec.smoothing_ms).exp() } else { 1.0 };
        let mut policy = Self {
            weight: weight as f32,
            threshold: spec.threshold as f32,
            reject_below: 0.0,
            max_age_ms: spec.max_age_ms,
            smoothed: vec![0.0; classes],
        };
        policy.reset();
        policy
    }

    /// A window whose largest probability is below `least` tells nothing: all classes are alike in it.
    #[must_use]
    pub fn rejecting_below(self, least: f32) -> Self {
        Self { reject_below: least, ..self }
    }

    /// Falls back to ignorance.
    pub fn reset(&mut self) {
        let alike = 1.0 / self.smoothed.len().max(1) as f32;
        self.smoothed.fill(alike);
    }

    /// Whether a newest sample of this age is too old to act upon; or from a future further off than clock correction
    /// errs, so that its age is not known.
    #[must_use]
    pub fn is_stale(&self, age_ns: i64) -> bool {
        is_stale(age_ns, self.max_age_ms)
    }

    /// Takes in the posterior of the window `hops` after the last one, and decides. Windows in between were skipped.
    pub fn decide(&mut self, posterior: &[f32], validity: Validity, hops: u64) -> Outcome {
        if !validity.is_valid() {
            self.reset();
            return Outcome::NoIntent(NoIntentReason::InvalidData);
        }
        let rejected = posterior.iter().copied().fold(0.0, f32::max) < self.reject_below;
        let alike = 1.0 / self.smoothed.len().max(1) as f32;
        let kept = (1.0 - self.weight).powf(hops.max(1) as f32);
        for (class, s) in self.smoothed.iter_mut().enumerate() {
            let told = if rejected { alike } else { posterior[class] };
            *s = kept * *s + (1.0 - kept) * told;
        }
        match first_largest(&self.smoothed) {
            Some(class) if self.smoothed[class] >= self.threshold => Outcome::Class(class),
            _ if rejected => Outcome::NoIntent(NoIntentReason::Rejected),
            _ => Outcome::NoIntent(NoIntentReason::BelowThreshold),
        }
    }

    /// The smoothed posterior on which the last decision rests, one a class.
    #[must_use]
    pub fn smoothed(&self) -> &[f32] {
        &self.smoothed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SPEC: PolicySpec = PolicySpec { smoothing_ms: 500.0, threshold: 0.7, max_age_ms: 500.0 };
    const DOUBT: Outcome = Outcome::NoIntent(NoIntentReason::BelowThreshold);

    #[test]
    fn evidence_must_last_before_an_intent_fires() {
        let mut policy = Policy::new(SPEC, 2, 62.5);
        let decisions: Vec<_> = (0..16).map(|_| policy.decide(&[0.0, 1.0], Validity::VALID, 1)).collect();
        // 1 - exp(-t / 500 ms) passes 0.4 (0.5 + 0.5 * 0.4 = 0.7) at 255 ms: the fifth window of 62.5 ms.
        assert_eq!(decisions[..4], [DOUBT; 4]);
        assert_eq!(decisions[4..], [Outcome::Class(1); 12]);
    }

    #[test]
    fn one_untrusted_window_forgets_everything() {
        let mut policy = Policy::new(SPEC, 2, 62.5);
        for _ in 0..50 {
            policy.decide(&[1.0, 0.0], Validity::VALID, 1);
        }
        let outcome = policy.decide(&[1.0, 0.0], Validity::GAP, 1);
        assert_eq!(outcome, Outcome::NoIntent(NoIntentReason::InvalidData));
        assert_eq!(policy.smoothed(), [0.5, 0.5]);
        assert_eq!(policy.decide(&[1.0, 0.0], Validity::VALID, 1), DOUBT);
    }

    #[test]
    fn skipped_windows_make_old_evidence_older() {
        let mut whole = Policy::new(SPEC, 2, 62.5);
        let mut skipping = Policy::new(SPEC, 2, 62.5);
        for _ in 0..20 {
            whole.decide(&[1.0, 0.0], Validity::VALID, 1);
            skipping.decide(&[1.0, 0.0], Validity::VALID, 1);
        }
        for _ in 0..8 {
            whole.decide(&[0.0, 1.0], Validity::VALID, 1);
        }
        skipping.decide(&[0.0, 1.0], Validity::VALID, 8);
        assert!((whole.smoothed()[0] - skipping.smoothed()[0]).abs() < 1e-5);
    }

    #[test]
    fn doubt_between_equals_is_the_first() {
        assert_eq!(first_largest(&[0.5, 0.5]), Some(0));
        assert_eq!(first_largest(&[0.2, 0.5, 0.3]), Some(1));
        assert_eq!(first_largest(&[]), None);
    }

    #[test]
    fn without_smoothing_each_window_speaks_for_itself() {
        let mut policy =
            Policy::new(PolicySpec { smoothing_ms: 0.0, threshold: 0.7, max_age_ms: 500.0 }, 3, 10.0);
        assert_eq!(policy.decide(&[0.1, 0.8, 0.1], Validity::VALID, 1), Outcome::Class(1));
        assert_eq!(policy.decide(&[0.5, 0.4, 0.1], Validity::VALID, 1), DOUBT);
    }

    proptest! {
        #[test]
        fn what_is_smoothed_stays_a_distribution(ps in prop::collection::vec(0.0f32..=1.0, 1..300)) {
            let mut policy = Policy::new(SPEC, 2, 10.0);
            for p in ps {
                policy.decide(&[p, 1.0 - p], Validity::VALID, 1);
                let sum: f32 = policy.smoothed().iter().sum();
                prop_assert!((sum - 1.0).abs() < 1e-4);
                prop_assert!(policy.smoothed().iter().all(|s| (0.0..=1.0001).contains(s)));
            }
        }
    }
}
