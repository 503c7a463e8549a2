//! A decoded window as a line of text in a recording.

use bci_types::{Intent, NoIntentReason, Numbers, Outcome, Validity, Withheld};
use serde::{Deserialize, Serialize};

/// A line that is none of ours.
#[derive(Debug, thiserror::Error)]
#[error("a line of the intents is not as written here")]
pub struct LineError(#[from] serde_json::Error);

/// A decoded window, with all that was decided and when: JSON, one a sample of the stream `bcid-intents-PIPELINE`, stamped with
/// its newest sample. Numbers come back bit for bit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IntentLine {
    /// The window's number. One that is missing was skipped, being late, if no line is missing.
    pub seq: u64,
    /// The line's number among its pipeline's. One that is missing was lost on the way into the recording.
    pub line: u64,
    /// The decoder's name,
    pub decoder: String,
    /// its version,
    pub version: String,
    /// and the SHA-256 of its model.
    pub model_sha256: String,
    /// `posterior`, `velocity`, `embedding` or `token_logits`.
    pub kind: String,
    /// The names of the numbers.
    pub labels: Vec<String>,
    /// What the decoder yielded.
    pub numbers: Vec<f32>,
    /// The smoothed posterior on which the decision rests.
    pub smoothed: Vec<f32>,
    /// The class that was decided on, if any was.
    pub intent: Option<String>,
    /// Why there is none: `below_threshold`, `invalid_data`, `rejected`, `rest`, `dwelling`, `refractory` or `accumulating`.
    pub no_intent: Option<String>,
    /// Which activation the class belongs to; 0 where there is none.
    #[serde(default)]
    pub activation: u64,
    /// What a cursor was to do, along each axis; empty where the configuration wants no velocity.
    #[serde(default)]
    pub velocity: Vec<f32>,
    /// Why clients were told of no intent whatever was decided: `paused` or `overruled`.
    #[serde(default)]
    pub withheld: Option<String>,
    /// Why the window may not be trusted; empty when it may.
    pub distrust: Vec<String>,
    /// A few samples of it were interpolated.
    pub bridged: bool,
    /// The first sample it rests on, ns on the LSL clock.
    pub oldest_sample_ns: i64,
    /// The last.
    pub newest_sample_ns: i64,
    /// The last one's position in the stream.
    pub newest_frame: u64,
    /// When its newest frame reached the process,
    pub acquired_ns: i64,
    /// was taken up by the signal thread,
    pub dequeued_ns: i64,
    /// was filtered,
    pub filtered_ns: i64,
    /// and decoded.
    pub decoded_ns: i64,
    /// The delay of the filters.
    pub signal_delay_ns: i64,
}

impl IntentLine {
    /// Of an intent.
    #[must_use]
    pub fn of(intent: &Intent) -> Self {
        let kind = match intent.kind {
            Numbers::Posterior => "posterior",
            Numbers::Velocity(_) => "velocity",
            Numbers::Embedding => "embedding",
            Numbers::TokenLogits(_) => "token_logits",
        };
        let (class, reason) = match intent.outcome {
            Outcome::Class(class) => (intent.labels.get(class).cloned(), None),
            Outcome::Numbers => (None, None),
            Outcome::NoIntent(reason) => (None, Some(why(reason))),
        };
        let ledger = intent.ledger;
        Self {
            seq: intent.seq,
            line: 0,
            decoder: intent.decoder.name.clone(),
            version: intent.decoder.version.clone(),
            model_sha256: intent.decoder.model_sha256.clone(),
            kind: kind.to_owned(),
            labels: intent.labels.to_vec(),
            numbers: intent.numbers.clone(),
            smoothed: intent.smoothed.clone(),
            intent: class,
            no_intent: reason.map(str::to_owned),
            activation: intent.action.activation,
            velocity: intent.action.motion.as_ref().map_or_else(Vec::new, |motion| motion.values.clone()),
            withheld: intent.action.withheld.map(|why| {
                let word = match why {
                    Withheld::Paused => "paused",
                    Withheld::Overruled => "overruled",
                };
                word.to_owned()
            }),
            distrust: intent.validity.causes().map(str::to_owned).collect(),
            bridged: intent.validity.has(Validity::BRIDGED),
            oldest_sample_ns: intent.oldest_sample.0,
            newest_sample_ns: intent.newest_sample.0,
            newest_frame: intent.newest_frame,
            acquired_ns: ledger.acquired.0,
            dequeued_ns: ledger.dequeued.0,
            filtered_ns: ledger.filtered.0,
            decoded_ns: ledger.decoded.0,
            signal_delay_ns: ledger.signal_delay_ns,
        }
    }

    /// A line of text.
    ///
    /// # Errors
    /// [`LineError`].
    pub fn parse(line: &str) -> Result<Self, LineError> {
        Ok(serde_json::from_str(line)?)
    }

    /// As a line of text.
    #[must_use]
    pub fn text(&self) -> String {
        // Of a structure of texts and numbers it cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The first thing in which `other` is not the same decision, bit for bit: its name, and both as text. When it was made does
    /// not count, nor which line it is.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Option<(&'static str, String, String)> {
        fn differ<T: PartialEq + std::fmt::Debug>(
            what: &'static str,
            a: &T,
            b: &T,
        ) -> Option<(&'static str, String, String)> {
            (a != b).then(|| (what, format!("{a:?}"), format!("{b:?}")))
        }
        let bits = |numbers: &[f32]| -> Vec<u32> { numbers.iter().map(|x| x.to_bits()).collect() };
        let numbers = |what, a: &Vec<f32>, b: &Vec<f32>| {
            (bits(a) != bits(b)).then(|| (what, format!("{a:?}"), format!("{b:?}")))
        };
        differ("seq", &self.seq, &other.seq)
            .or_else(|| differ("model_sha256", &self.model_sha256, &other.model_sha256))
            .or_else(|| differ("distrust", &self.distrust, &other.distrust))
            .or_else(|| numbers("numbers", &self.numbers, &other.numbers))
            .or_else(|| numbers("smoothed", &self.smoothed, &other.smoothed))
            .or_else(|| differ("intent", &self.intent, &other.intent))
            .or_else(|| differ("no_intent", &self.no_intent, &other.no_intent))
            .or_else(|| numbers("velocity", &self.velocity, &other.velocity))
            .or_else(|| differ("bridged", &self.bridged, &other.bridged))
            .or_else(|| differ("kind", &self.kind, &other.kind))
            .or_else(|| differ("labels", &self.labels, &other.labels))
            .or_else(|| differ("newest_sample_ns", &self.newest_sample_ns, &other.newest_sample_ns))
            .or_else(|| differ("oldest_sample_ns", &self.oldest_sample_ns, &other.oldest_sample_ns))
            .or_else(|| differ("newest_frame", &self.newest_frame, &other.newest_frame))
            .or_else(|| differ("signal_delay_ns", &self.signal_delay_ns, &other.signal_delay_ns))
    }
}

fn why(reason: NoIntentReason) -> &'static str {
    match reason {
        NoIntentReason::BelowThreshold => "below_threshold",
        NoIntentReason::InvalidData => "invalid_data",
        NoIntentReason::Rejected => "rejected",
        NoIntentReason::Rest => "rest",
        NoIntentReason::Dwelling => "dwelling",
        NoIntentReason::Refractory => "refractory",
        NoIntentReason::Accumulating => "accumulating",
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use bci_types::{Action, DecoderIdentity, HostNs, Ledger};
    use proptest::prelude::*;
    use std::sync::Arc;

    pub(crate) fn intent(seq: u64, numbers: Vec<f32>) -> Intent {
        Intent {
            seq,
            pipeline: "p".into(),
            decoder: Arc::new(DecoderIdentity {
                name: "d".into(),
                version: "1".into(),
                model_sha256: "ab".into(),
            }),
            kind: Numbers::Posterior,
            labels: vec!["left".to_owned(), "right \"x\"".to_owned()].into(),
            smoothed: numbers.clone(),
            numbers,
            outcome: Outcome::Class(1),
            action: Action::default(),
            validity: Validity::BRIDGED,
            oldest_sample: HostNs(1_000_000_001),
            newest_sample: HostNs(2_000_000_003),
            newest_frame: 160,
            ledger: Ledger { acquired: HostNs(2_000_100_003), ..Ledger::default() },
        }
    }

    proptest! {
        #[test]
        fn numbers_come_back_bit_for_bit(numbers in prop::collection::vec(prop::num::f32::NORMAL | prop::num::f32::SUBNORMAL | prop::num::f32::ZERO, 0..5)) {
            let line = IntentLine::of(&intent(7, numbers));
            let back = IntentLine::parse(&line.text()).expect("as written");
            prop_assert_eq!(line.difference(&back), None);
            prop_assert_eq!(back, line);
        }
    }

    #[test]
    fn the_smallest_difference_is_found_and_named() {
        let line = IntentLine::of(&intent(7, vec![0.25, 0.75]));
        assert_eq!((line.intent.as_deref(), line.bridged), (Some("right \"x\""), true));
        let mut other = line.clone();
        other.numbers[1] = f32::from_bits(0.75_f32.to_bits() + 1);
        assert_eq!(line.difference(&other).map(|(what, ..)| what), Some("numbers"));
        let later = IntentLine { decoded_ns: 9, acquired_ns: 8, ..line.clone() };
        assert_eq!(line.difference(&later), None);
        // -0 is not 0: bit for bit.
        let zero = IntentLine::of(&intent(7, vec![0.0]));
        assert!(zero.difference(&IntentLine::of(&intent(7, vec![-0.0]))).is_some());
    }
}
