use bci_config::Table;
use bci_pipeline::IntentSpec;

/// The oldest that a window's newest sample may be when the configuration does not say, ms.
const MAX_AGE_MS: f64 = 500.0;

/// How posteriors become intents, and how the decoder is waited for.
pub(super) struct IntentPart {
    pub(super) intent: IntentSpec,
    pub(super) deadline_ms: Option<f64>,
    pub(super) anticipate: bool,
}

impl Default for IntentPart {
    /// In place of a table that is missing, which has been noted: nothing is said to be missing of it besides.
    fn default() -> Self {
        let intent =
            IntentSpec { threshold: Some(1.0), smoothing_ms: None, max_age_ms: MAX_AGE_MS, at: None };
        Self { intent, deadline_ms: None, anticipate: false }
    }
}

/// What is wrong has been noted, and a value that can be stands in.
pub(super) fn read_intent(mut t: Table<'_>) -> IntentPart {
    let smoothing = t.optional_within("smoothing_ms", 0.0..=60_000.0, "ms");
    let says_threshold = t.keys().any(|(key, _)| key == "threshold");
    let threshold = t.optional::<f64>("threshold").filter(|l| {
        // Written so that NaN fails.
        let permitted = l.value > 0.0 && l.value <= 1.0;
        if !permitted {
            t.mistakes().add(l.mistake("must be above 0, up to 1"));
        }
        permitted
    });
    let max_age = t.optional_within("max_age_ms", 1.0..=60_000.0, "ms");
    let deadline = t.optional_within("deadline_ms", 1.0..=60_000.0, "ms");
    let anticipate = t.optional::<bool>("anticipate").is_none_or(|a| a.value);
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
    };
    IntentPart { intent, deadline_ms: deadline.map(|l| l.value), anticipate }
}
