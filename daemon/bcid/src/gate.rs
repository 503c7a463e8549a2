//! What stands between a decision and those who would act upon it: pauses, and pipelines that go before others.

use bci_server::Pause;
use bci_types::{HostNs, Intent, Withheld};
use std::sync::{Arc, Mutex, PoisonError};

/// Decides which intents are withheld; shared by the pipelines that decide and the operators that pause.
#[derive(Debug)]
pub(crate) struct Gate(Mutex<Vec<Entry>>);

/// A pipeline.
#[derive(Debug)]
struct Entry {
    name: Arc<str>,
    /// Its place in the order, the first first; none where it takes no part.
    rank: Option<usize>,
    pause: Option<Pause>,
    /// Until when it has an intent.
    holds_until: Option<HostNs>,
}

/// For how long an intent holds that says nothing of it, ns.
const HOLDS_NS: i64 = 1_000_000_000;

impl Gate {
    /// For these pipelines, of which some go before others.
    pub(crate) fn new(names: impl IntoIterator<Item = Arc<str>>, order: &[Arc<str>]) -> Self {
        let entries = names.into_iter().map(|name| {
            let rank = order.iter().position(|other| *other == name);
            Entry { name, rank, pause: None, holds_until: None }
        });
        Self(Mutex::new(entries.collect()))
    }

    /// Withholds the intents of a pipeline, or no longer.
    pub(crate) fn pause(&self, name: &str, pause: Option<Pause>) {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = entries.iter_mut().find(|entry| *entry.name == *name) {
            entry.pause = pause;
        }
    }

    /// Why those of a pipeline are withheld.
    pub(crate) fn paused(&self, name: &str) -> Option<Pause> {
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.iter().find(|entry| *entry.name == *name).and_then(|entry| entry.pause.clone())
    }

    /// Says of an intent whether it is withheld.
    pub(crate) fn pass(&self, intent: &mut Intent) {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(of) = entries.iter().position(|entry| entry.name == intent.pipeline) else { return };
        let now = intent.ledger.decoded;
        let before = |other: &Entry| matches!((other.rank, entries[of].rank), (Some(a), Some(b)) if a < b);
        let overruled =
            entries.iter().any(|other| before(other) && other.holds_until.is_some_and(|until| until > now));
        intent.action.withheld = match (&entries[of].pause, overruled) {
            (Some(_), _) => Some(Withheld::Paused),
            (None, true) => Some(Withheld::Overruled),
            (None, false) => None,
        };
        let until = || intent.action.valid_until.unwrap_or(HostNs(now.0.saturating_add(HOLDS_NS)));
        let holds_until = intent.class().map(|_| until());
        entries[of].holds_until = holds_until;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bci_types::{Action, DecoderIdentity, Ledger, NoIntentReason, Numbers, Outcome, Validity};

    fn intent(pipeline: &str, acts: bool, decoded: i64) -> Intent {
        let nothing = String::new;
        Intent {
            seq: 0,
            pipeline: pipeline.into(),
            decoder: Arc::new(DecoderIdentity {
                name: nothing(),
                version: nothing(),
                model_sha256: nothing(),
            }),
            kind: Numbers::Posterior,
            labels: Arc::new(["a".to_owned()]),
            numbers: vec![1.0],
            smoothed: vec![1.0],
            outcome: if acts { Outcome::Class(0) } else { Outcome::NoIntent(NoIntentReason::BelowThreshold) },
            action: Action { valid_until: Some(HostNs(decoded + 300)), ..Action::default() },
            validity: Validity::VALID,
            oldest_sample: HostNs(0),
            newest_sample: HostNs(0),
            newest_frame: 0,
            ledger: Ledger { decoded: HostNs(decoded), ..Ledger::default() },
        }
    }

    #[test]
    fn one_that_goes_before_overrules_for_as_long_as_its_intent_is_valid() {
        let names = ["last", "first", "apart"].map(Arc::from);
        let gate = Gate::new(names, &["first".into(), "last".into()]);
        let pass = |pipeline: &str, acts, at| {
            let mut intent = intent(pipeline, acts, at);
            gate.pass(&mut intent);
            intent.action.withheld
        };
        assert_eq!(pass("last", true, 0), None);
        assert_eq!(pass("first", true, 10), None, "who goes first is not overruled");
        assert_eq!(pass("last", true, 20), Some(Withheld::Overruled));
        assert_eq!(pass("apart", true, 20), None, "who takes no part neither overrules nor is overruled");
        assert_eq!(pass("last", true, 309), Some(Withheld::Overruled));
        assert_eq!(pass("last", true, 310), None, "a decoder that says nothing more holds nobody up");
        assert_eq!(pass("first", true, 320), None);
        assert_eq!(pass("first", false, 330), None);
        assert_eq!(pass("last", true, 340), None);
    }

    #[test]
    fn what_is_paused_is_withheld_and_overrules_nobody() {
        let gate = Gate::new(["a", "b"].map(Arc::from), &["a".into(), "b".into()]);
        let pause = Pause { since: HostNs(1), reason: "r".into(), by: "b".into() };
        gate.pause("a", Some(pause.clone()));
        assert_eq!((gate.paused("a"), gate.paused("b")), (Some(pause), None));
        let pass = |pipeline: &str, at| {
            let mut intent = intent(pipeline, true, at);
            gate.pass(&mut intent);
            intent.action.withheld
        };
        assert_eq!(pass("a", 0), Some(Withheld::Paused));
        assert_eq!(pass("b", 1), None);
        gate.pause("a", None);
        assert_eq!(pass("a", 2), None);
        assert_eq!(pass("b", 3), Some(Withheld::Overruled));
    }
}
