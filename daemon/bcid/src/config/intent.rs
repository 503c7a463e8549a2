use bci_config::{Located, Table};
use bci_pipeline::{AxisSpec, Gathering, IntentSpec, VelocitySpec};

/// The oldest that a window's newest sample may be when the configuration does not say, ms.
const MAX_AGE_MS: f64 = 500.0;
/// The unit of velocities where the configuration does not say: widths of the workspace a second.
const WIDTHS_A_SECOND: &str = "1/s";

/// How posteriors become intents, and how the decoder is waited for.
pub(super) struct IntentPart {
    pub(super) intent: IntentSpec,
    pub(super) deadline_ms: Option<f64>,
    pub(super) anticipate: bool,
}

impl Default for IntentPart {
    /// In place of a table that is missing, which has been noted: nothing is said to be missing of it besides.
    fn default() -> Self {
        let intent = IntentSpec { threshold: Some(1.0), max_age_ms: MAX_AGE_MS, ..IntentSpec::default() };
        Self { intent, deadline_ms: None, anticipate: false }
    }
}

/// What is wrong has been noted, and a value that can be stands in.
pub(super) fn read_intent(mut t: Table<'_>) -> IntentPart {
    let smoothing = t.optional_within("smoothing_ms", 0.0..=60_000.0, "ms");
    let says_threshold = t.keys().any(|(key, _)| key == "threshold");
    let threshold = probability(&mut t, "threshold");
    let release = probability(&mut t, "release");
    let dwell = t.optional_within("dwell_ms", 0.0..=60_000.0, "ms");
    let refractory = t.optional_within("refractory_ms", 0.0..=600_000.0, "ms");
    let rest = t.optional::<Vec<String>>("rest");
    let max_age = t.optional_within("max_age_ms", 1.0..=60_000.0, "ms");
    let valid = t.optional_within("valid_ms", 10.0..=60_000.0, "ms");
    let deadline = t.optional_within("deadline_ms", 1.0..=60_000.0, "ms");
    let anticipate = t.optional::<bool>("anticipate").is_none_or(|a| a.value);
    let gathering = t.optional_table("accumulate").map(read_gathering);
    if gathering.is_some() {
        // A decision lasts for one window: what is said of its length would mean nothing.
        let without = [("smoothing_ms", &smoothing), ("dwell_ms", &dwell), ("release", &release)];
        for (_, given) in without {
            if let Some(given) = given {
                t.mistakes().add(given.mistake(
                    "must be left out beside `accumulate`: evidence adds up to single decisions there",
                ));
            }
        }
    }
    let at = match (&threshold, says_threshold) {
        (Some(threshold), _) => Some(threshold.at.clone()),
        (None, true) => None,
        (None, false) => Some(t.place().clone()),
    };
    t.finish();
    let intent = IntentSpec {
        threshold: threshold.map(|l| l.value).or(says_threshold.then_some(1.0)),
        smoothing_ms: smoothing.map(|l| l.value),
        max_age_ms: max_age.map_or(MAX_AGE_MS, |l| l.value),
        at,
        gathering,
        release,
        dwell_ms: dwell.map_or(0.0, |l| l.value),
        refractory_ms: refractory.map_or(0.0, |l| l.value),
        rest,
        valid_ms: valid.map(|l| l.value),
        velocity: None,
    };
    IntentPart { intent, deadline_ms: deadline.map(|l| l.value), anticipate }
}

fn probability(t: &mut Table<'_>, key: &str) -> Option<Located<f64>> {
    t.optional::<f64>(key).filter(|l| {
        // Written so that NaN fails.
        let permitted = l.value > 0.0 && l.value <= 1.0;
        if !permitted {
            t.mistakes().add(l.mistake("must be above 0, up to 1"));
        }
        permitted
    })
}

fn read_gathering(mut t: Table<'_>) -> Gathering {
    let leak_ms = t.optional_within("leak_ms", 1.0..=600_000.0, "ms").map(|l| l.value);
    let give_up_ms = t.optional_within("give_up_ms", 1.0..=600_000.0, "ms").map(|l| l.value);
    t.finish();
    Gathering { leak_ms, give_up_ms }
}

/// How velocities are made.
pub(super) fn read_velocity(mut t: Table<'_>) -> VelocitySpec {
    let at = t.place().clone();
    let gain = t.optional_within("gain", -1e6..=1e6, "").map_or(1.0, |l| l.value);
    let dead_zone = t.optional_within("dead_zone", 0.0..=0.99, "").map_or(0.0, |l| l.value);
    let decay_ms = t.optional_within("decay_ms", 0.0..=60_000.0, "ms").map_or(0.0, |l| l.value);
    let unit = t.optional::<String>("unit").map_or_else(|| WIDTHS_A_SECOND.to_owned(), |l| l.value);
    let mut axes: Vec<AxisSpec> = Vec::new();
    for mut axis in t.tables("axis") {
        let name = axis.required::<String>("axis");
        let (plus, minus) = (axis.optional("plus"), axis.optional("minus"));
        let (mistakes, place) = (axis.mistakes(), axis.place().clone());
        axis.finish();
        if plus.is_none() && minus.is_none() {
            mistakes.add(place.mistake("must say which class drives it: `plus`, `minus` or both"));
        }
        let Some(name) = name else { continue };
        if axes.iter().any(|other| other.axis == name.value) {
            mistakes.add(name.mistake("two axes have this name"));
        }
        if axes.len() == 3 {
            mistakes.add(place.mistake("must not be there: a cursor has three axes at most"));
        }
        axes.push(AxisSpec { axis: name.value, plus, minus });
    }
    t.finish();
    VelocitySpec { at, gain, dead_zone, decay_ms, unit, axes }
}
