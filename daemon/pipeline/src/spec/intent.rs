use crate::policy::{Accumulation, Drive, HoldSpec, MotionSpec, PolicySpec};
use bci_config::{Located, Mistake, Place};
use bci_models::Bundle;
use bci_models::bundle::OutputKind;
use std::sync::Arc;

/// Hops for which an intent may be acted upon when nothing more is heard, where the configuration does not say, and the least, ms.
const VALID_HOPS: f64 = 3.0;
const LEAST_VALID_MS: f64 = 300.0;

/// How posteriors become intents, as far as it is configured. What is not is the decoder's affair: with another decoder it is another.
#[derive(Clone, Debug, Default)]
pub struct IntentSpec {
    /// The probability that a class must reach; absent: what the decoder states.
    pub threshold: Option<f64>,
    /// Time constant of the smoothing, ms; absent: 0 where the threshold is configured, else what the decoder states.
    pub smoothing_ms: Option<f64>,
    /// The oldest that a window's newest sample may be, ms.
    pub max_age_ms: f64,
    /// Where the threshold stands, or the table that has none; `None` where no file says it.
    pub at: Option<Place>,
    /// Evidence adds up to single decisions, in the place of the smoothing.
    pub gathering: Option<Gathering>,
    /// The probability below which an intent ends; absent: the threshold.
    pub release: Option<Located<f64>>,
    /// How long a class must stay at the threshold, ms.
    pub dwell_ms: f64,
    /// How long after an intent none begins, ms.
    pub refractory_ms: f64,
    /// Classes that mean that nothing is wanted.
    pub rest: Option<Located<Vec<String>>>,
    /// For how long an intent may be acted upon when nothing more is heard, ms; absent: three hops, 300 ms at least.
    pub valid_ms: Option<f64>,
    /// How velocities are made, where they are.
    pub velocity: Option<VelocitySpec>,
}

/// How evidence adds up.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Gathering {
    /// Time constant with which it is forgotten, ms.
    pub leak_ms: Option<f64>,
    /// When it is given up, ms.
    pub give_up_ms: Option<f64>,
}

/// How velocities are made.
#[derive(Clone, Debug, PartialEq)]
pub struct VelocitySpec {
    /// The table.
    pub at: Place,
    /// Velocity at full drive, in `unit`; or what a decoder's own are multiplied by.
    pub gain: f64,
    /// Drive up to this moves nothing.
    pub dead_zone: f64,
    /// Time constant with which velocity follows, ms.
    pub decay_ms: f64,
    /// The unit.
    pub unit: String,
    /// What drives each axis; none of a decoder of velocities.
    pub axes: Vec<AxisSpec>,
}

/// An axis, and the classes that drive it.
#[derive(Clone, Debug, PartialEq)]
pub struct AxisSpec {
    /// Its name.
    pub axis: String,
    /// The class that drives it up,
    pub plus: Option<Located<String>>,
    /// and down.
    pub minus: Option<Located<String>>,
}

impl From<PolicySpec> for IntentSpec {
    /// Threshold, smoothing and age, all configured, and in no file.
    fn from(policy: PolicySpec) -> Self {
        let PolicySpec { smoothing_ms, threshold, max_age_ms, .. } = policy;
        Self { threshold: Some(threshold), smoothing_ms: Some(smoothing_ms), max_age_ms, ..Self::default() }
    }
}

impl IntentSpec {
    /// The policy for the decoder of `bundle`, with a window every `hop_ms`: what is configured goes first.
    ///
    /// # Errors
    /// Every mistake: no threshold is configured, and the decoder states none; one that is too low between so many classes; classes
    /// that the decoder does not have.
    pub fn policy(&self, bundle: &Bundle, hop_ms: f64) -> Result<PolicySpec, Vec<Mistake>> {
        let mut found = Vec::new();
        let labels = bundle.output.classes().map(|classes| classes.labels.as_slice());
        let motion =
            self.velocity.as_ref().and_then(|velocity| velocity.of(bundle, &mut found)).map(Arc::new);
        let valid_ms = self.valid_ms.unwrap_or((VALID_HOPS * hop_ms).max(LEAST_VALID_MS));
        let plain = PolicySpec { max_age_ms: self.max_age_ms, motion, valid_ms, ..PolicySpec::NOTHING };
        let Some(labels) = labels else {
            // It yields no intents of classes, whatever is said of them.
            let (threshold, smoothing_ms) = (self.threshold.unwrap_or(0.0), self.smoothing_ms.unwrap_or(0.0));
            let policy = PolicySpec { smoothing_ms, threshold, ..plain };
            return if found.is_empty() { Ok(policy) } else { Err(found) };
        };
        let (threshold, smoothing_ms) = match (self.threshold, bundle.intent) {
            (Some(threshold), _) => (threshold, self.smoothing_ms.unwrap_or(0.0)),
            (None, Some(own)) => (own.threshold, self.smoothing_ms.unwrap_or(own.smoothing_ms)),
            (None, None) => {
                found.push(self.missing(bundle));
                (1.0, 0.0)
            }
        };
        let chance = 1.0 / labels.len() as f64;
        // As it will be compared, in single precision.
        if let Some(at) = self.at.as_ref().filter(|_| threshold as f32 <= chance as f32) {
            let classes = labels.len();
            found.push(at.mistake(format!(
                "must be above {chance:.3}: between {classes} classes, one always reaches that"
            )));
        }
        if let Some(release) = self.release.as_ref().filter(|release| release.value > threshold) {
            found.push(release.mistake(format!("must be up to the threshold, which is {threshold}")));
        }
        let mut rest = Vec::new();
        for label in self.rest.iter().flat_map(|rest| &rest.value) {
            match (labels.iter().position(|known| known == label), &self.rest) {
                (Some(class), _) => rest.push(class),
                (None, Some(at)) => found.push(at.mistake(no_class(label, bundle, labels))),
                (None, None) => {}
            }
        }
        if let Some(at) = self.rest.as_ref().filter(|_| rest.len() == labels.len()) {
            found.push(at.mistake("must leave a class that can be an intent".to_owned()));
        }
        let window_ms = bundle.input.window_samples.value as f64 * 1e3 / bundle.windowed.rate.get();
        let accumulation = self.gathering.map(|Gathering { leak_ms, give_up_ms }| Accumulation {
            fresh: (hop_ms / window_ms).min(1.0),
            leak_ms,
            give_up_ms,
        });
        let hold = HoldSpec {
            release: self.release.as_ref().map(|release| release.value),
            dwell_ms: self.dwell_ms,
            refractory_ms: self.refractory_ms,
            rest,
        };
        if found.is_empty() {
            Ok(PolicySpec { smoothing_ms, threshold, accumulation, hold, ..plain })
        } else {
            Err(found)
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

impl VelocitySpec {
    /// For the decoder of `bundle`; what is wrong is added to `found`.
    fn of(&self, bundle: &Bundle, found: &mut Vec<Mistake>) -> Option<MotionSpec> {
        let name = &bundle.identity.name;
        let output = &bundle.output;
        let (axes, drives) = match &output.kind {
            OutputKind::Classes(classes) => {
                if self.axes.is_empty() {
                    found.push(self.at.mistake(format!(
                        "must have an [[pipeline.velocity.axis]] at least: the decoder {name} yields classes"
                    )));
                    return None;
                }
                let labels = classes.labels.as_slice();
                let mut index = |label: &Option<Located<String>>| {
                    let label = label.as_ref()?;
                    let found_at = labels.iter().position(|known| *known == label.value);
                    if found_at.is_none() {
                        found.push(label.mistake(no_class(label, bundle, labels)));
                    }
                    found_at
                };
                let drives = self.axes.iter();
                let drives: Vec<Drive> = drives
                    .map(|axis| Drive::Classes { plus: index(&axis.plus), minus: index(&axis.minus) })
                    .collect();
                (self.axes.iter().map(|axis| axis.axis.clone()).collect(), drives)
            }
            OutputKind::Velocity { .. } => {
                if !self.axes.is_empty() {
                    found.push(self.at.mistake(format!(
                        "must have no axis: the decoder {name} yields velocities along its own"
                    )));
                }
                let labels: Arc<[String]> = output.labels().into();
                let drives = (0..labels.len()).map(Drive::Number).collect();
                (labels, drives)
            }
            _ => {
                let problem =
                    format!("must not be there: the decoder {name} yields neither classes nor velocities");
                found.push(self.at.mistake(problem));
                return None;
            }
        };
        Some(MotionSpec {
            axes,
            drives,
            gain: self.gain,
            dead_zone: self.dead_zone,
            decay_ms: self.decay_ms,
            unit: self.unit.as_str().into(),
        })
    }
}

fn no_class(label: &str, bundle: &Bundle, labels: &[String]) -> String {
    format!("the decoder {} has no class {label:?}; it has {}", bundle.identity.name, labels.join(", "))
}
