use crate::faults::FaultSpec;
use crate::policy::PolicySpec;
use crate::teaching::Teaching;
use bci_config::{Located, Mistake, Place};
use bci_models::Bundle;
use bci_models::steps::Step;
use bci_types::{Hz, Unit};
use std::sync::Arc;

/// A pipeline as it is configured, before it meets a stream.
#[derive(Clone, Debug)]
pub struct PipelineSpec {
    /// Its name.
    pub name: Arc<str>,
    /// Labels in the order of the stream's channels, for a stream that gives none or wrong ones: these win. Whoever
    /// states them vouches for the order, also after the stream was attached anew.
    pub labels: Option<Located<Vec<String>>>,
    /// The unit of a stream that states none.
    pub unit: Option<Located<Unit>>,
    /// A step between two stamps longer than this, beyond what the rate explains, is a gap, in ms.
    pub gap_ms: f64,
    /// Whether times are told as smoothed over the stamps rather than as stamped.
    pub dejitter: bool,
    /// The real rate of a stream that states a wrong one.
    pub rate: Option<Located<Hz>>,
    /// How faults of the signal are found and dealt with.
    pub faults: FaultSpec,
    /// Channels that the rig's own conditioning works on; absent: every channel that is EEG or of no stated kind.
    pub channels: Option<Located<Vec<String>>>,
    /// The rig's own steps, run before the decoder's.
    pub conditioning: Vec<Step>,
    /// The window in ms, when the configuration states it: it must be the decoder's.
    pub window_ms: Option<Located<f64>>,
    /// The hop in ms, when it is to differ from the decoder's own.
    pub hop_ms: Option<Located<f64>>,
    /// Whether the decoder is warmed up shortly before each window.
    pub anticipate: bool,
    /// How long a window may wait for the decoder, in ms, until a newer one is decoded in its stead; absent: a hop.
    pub deadline_ms: Option<f64>,
    /// When adaptive steps may learn; always, where it is not said.
    pub teaching: Option<Arc<Teaching>>,
    /// Whether the decoder's alignments begin from nothing, in the place of the references in its bundle.
    pub anew: bool,
    /// From posteriors to intents.
    pub intent: IntentSpec,
}

/// How posteriors become intents, as far as it is configured. What is not is the decoder's affair: with another decoder it is another.
#[derive(Clone, Debug)]
pub struct IntentSpec {
    /// The smoothed probability that a class must reach; absent: what the decoder states.
    pub threshold: Option<f64>,
    /// Time constant of the smoothing, ms; absent: 0 where the threshold is configured, else what the decoder states.
    pub smoothing_ms: Option<f64>,
    /// The oldest that a window's newest sample may be, ms.
    pub max_age_ms: f64,
    /// Where the threshold stands, or the table that has none; `None` where no file says it.
    pub at: Option<Place>,
}

impl From<PolicySpec> for IntentSpec {
    /// All of it configured, and in no file.
    fn from(policy: PolicySpec) -> Self {
        let PolicySpec { smoothing_ms, threshold, max_age_ms } = policy;
        Self { threshold: Some(threshold), smoothing_ms: Some(smoothing_ms), max_age_ms, at: None }
    }
}

impl IntentSpec {
    /// The policy for the decoder of `bundle`: what is configured goes first.
    ///
    /// # Errors
    /// No threshold is configured, and the decoder states none; one that is too low between so many classes.
    pub fn policy(&self, bundle: &Bundle) -> Result<PolicySpec, Mistake> {
        let max_age_ms = self.max_age_ms;
        let Some(classes) = bundle.output.classes().map(|classes| classes.labels.len()) else {
            // It yields no intents of classes, whatever is said of them.
            let (threshold, smoothing_ms) = (self.threshold.unwrap_or(0.0), self.smoothing_ms.unwrap_or(0.0));
            return Ok(PolicySpec { smoothing_ms, threshold, max_age_ms });
        };
        let (threshold, smoothing_ms) = match (self.threshold, bundle.intent) {
            (Some(threshold), _) => (threshold, self.smoothing_ms.unwrap_or(0.0)),
            (None, Some(own)) => (own.threshold, self.smoothing_ms.unwrap_or(own.smoothing_ms)),
            (None, None) => return Err(self.missing(bundle)),
        };
        let chance = 1.0 / classes as f64;
        // As it will be compared, in single precision.
        match &self.at {
            Some(at) if threshold as f32 <= chance as f32 => Err(at.mistake(format!(
                "must be above {chance:.3}: between {classes} classes, one always reaches that"
            ))),
            _ => Ok(PolicySpec { smoothing_ms, threshold, max_age_ms }),
        }
    }

    fn missing(&self, bundle: &Bundle) -> Mistake {
        let says =
            |key: &str| format!("`{key}` is missing, and the decoder {} states none", bundle.identity.name);
        match &self.at {
            Some(at) => {
                let nothing = Place { key: String::new(), shown: String::new(), ..at.clone() };
                nothing.mistake(says(&format!("{}.threshold", at.key)))
            }
            None => Mistake::elsewhere(says("threshold")),
        }
    }
}

impl PipelineSpec {
    /// One of which nothing is configured but its name and the policy.
    #[must_use]
    pub fn plain(name: &str, policy: PolicySpec) -> Self {
        Self {
            name: name.into(),
            labels: None,
            unit: None,
            gap_ms: 20.0,
            dejitter: false,
            rate: None,
            faults: FaultSpec::default(),
            channels: None,
            conditioning: Vec::new(),
            window_ms: None,
            hop_ms: None,
            anticipate: false,
            deadline_ms: None,
            teaching: None,
            anew: false,
            intent: policy.into(),
        }
    }
}
