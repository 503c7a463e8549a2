//! The live policy over posteriors that were kept: what a session's intents would have been from another threshold on, or over
//! another smoothing.
//!
//! An intent is a function of posteriors, validity, holes and hops alone. A session holds all of these, and what decides here is the
//! policy that decides in the daemon: nothing is estimated.

use bci_calibration::{SeenWindow, Session};
use bci_models::Bundle;
use bci_pipeline::{Policy, PolicySpec};
use bci_types::{Outcome, Validity};

/// Where policies decide: what they are told besides posteriors.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Policies {
    classes: usize,
    hop_ms: f64,
    reject_below: f32,
}

impl Policies {
    /// Of a decoder of `classes` classes with a window every `hop_ms`.
    pub(crate) fn new(classes: usize, hop_ms: f64) -> Self {
        Self { classes, hop_ms, reject_below: 0.0 }
    }

    /// Of the decoder of `bundle`, with a window every `hop_ms`.
    pub(crate) fn of(bundle: &Bundle, hop_ms: f64) -> Self {
        let classes = bundle.output.classes();
        Self {
            classes: classes.map_or(0, |classes| classes.labels.len()),
            hop_ms,
            reject_below: classes.map_or(0.0, |classes| classes.reject_below as f32),
        }
    }

    /// What one policy decides on each window.
    pub(crate) fn intents<'a>(
        &self,
        spec: &PolicySpec,
        windows: &'a [SeenWindow],
    ) -> impl Iterator<Item = Option<usize>> + use<'a> {
        let mut policy =
            Policy::new(spec.clone(), self.classes, self.hop_ms).rejecting_below(self.reject_below);
        windows.iter().map(move |window| {
            if window.afresh {
                policy.reset();
            }
            let validity = if window.valid { Validity::VALID } else { Validity::GAP };
            match policy.decide(&window.posterior, validity, window.hops) {
                Outcome::Class(class) => Some(class),
                _ => None,
            }
        })
    }

    /// Puts what one policy decides in the place of what was decided.
    pub(crate) fn decide(&self, spec: &PolicySpec, session: &mut Session) {
        let intents: Vec<_> = self.intents(spec, &session.windows).collect();
        session.windows.iter_mut().zip(intents).for_each(|(window, intent)| window.intent = intent);
    }

    /// Thresholds to try, rising: a hundredth apart above what guessing yields; closer below 1, where decoders that are sure of
    /// themselves differ.
    pub(crate) fn thresholds(&self) -> Vec<f64> {
        let chance = 1.0 / self.classes.max(1) as f64;
        let hundredths = (1..100).map(|percent| f64::from(percent) / 100.0).filter(|p| *p > chance + 1e-3);
        hundredths.chain([0.995, 0.998, 0.999]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(p: f32, valid: bool, afresh: bool, hops: u64) -> SeenWindow {
        SeenWindow {
            oldest_s: 0.0,
            newest_s: 0.0,
            valid,
            posterior: vec![p, 1.0 - p],
            intent: None,
            afresh,
            hops,
        }
    }

    /// What came before a hole, or a window that cannot be trusted, is forgotten; windows that were skipped count.
    #[test]
    fn holes_faults_and_skipped_windows_are_as_they_were() {
        let policies = Policies::new(2, 100.0);
        let spec = PolicySpec {
            smoothing_ms: 100.0,
            threshold: 0.8,
            max_age_ms: f64::INFINITY,
            ..PolicySpec::NOTHING
        };
        // From 0.5 towards 1 by 1 - 1/e a window: 0.82, 0.93.
        let sure = |afresh, hops| window(1.0, true, afresh, hops);
        let windows = [
            sure(true, 1),
            sure(false, 1),
            window(1.0, false, false, 1),
            // From ignorance again.
            window(0.9, true, false, 1),
            window(0.9, true, false, 1),
            window(0.9, true, true, 1),
            window(0.9, true, false, 5),
        ];
        let found: Vec<_> = policies.intents(&spec, &windows).collect();
        assert_eq!(found, [Some(0), Some(0), None, None, Some(0), None, Some(0)]);
    }

    #[test]
    fn a_window_below_the_decoders_own_least_is_no_evidence() {
        let policies = Policies { reject_below: 0.75, ..Policies::new(2, 100.0) };
        let spec = PolicySpec {
            smoothing_ms: 0.0,
            threshold: 0.6,
            max_age_ms: f64::INFINITY,
            ..PolicySpec::NOTHING
        };
        let windows = [0.8, 0.7, 0.76].map(|p| window(p, true, false, 1));
        assert_eq!(policies.intents(&spec, &windows).collect::<Vec<_>>(), [Some(0), None, Some(0)]);
    }

    #[test]
    fn thresholds_lie_above_what_guessing_yields() {
        for (classes, first) in [(2, 0.51), (3, 0.34), (4, 0.26), (5, 0.21)] {
            let thresholds = Policies::new(classes, 100.0).thresholds();
            assert_eq!((thresholds[0], thresholds.last()), (first, Some(&0.999)), "{classes} classes");
            assert!(thresholds.is_sorted());
        }
    }
}
