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
        spec: PolicySpec,
        windows: &'a [SeenWindow],
    ) -> impl Iterator<Item = Option<usize>> + use<'a> {
        let mut policy = Policy::new(spec, self.classes, self.hop_ms).rejecting_below(self.reject_below);
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
    pub(crate) fn decide(&self, spec: PolicySpec, session: &mut Session) {
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
