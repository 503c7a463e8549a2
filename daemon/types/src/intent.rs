use crate::{HostNs, Validity};
use std::sync::Arc;

/// The number of a window within a pipeline: starts at 0, grows by one a hop, never repeats. A hole means windows
/// that were skipped or dropped.
pub type Seq = u64;

/// Which decoder spoke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecoderIdentity {
    /// The bundle's name.
    pub name: String,
    /// The bundle's version.
    pub version: String,
    /// SHA-256 of the model file, lower-case hex.
    pub model_sha256: String,
}

/// Why no intent is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoIntentReason {
    /// No class reached the threshold.
    BelowThreshold,
    /// The window cannot be trusted; see its validity.
    InvalidData,
    /// The decoder itself was too unsure of this window for it to count as evidence.
    Rejected,
    /// The class that means that nothing is wanted reached the threshold.
    Rest,
    /// A class reached the threshold, and has to stay there for some time yet.
    Dwelling,
    /// An intent ended so short a time ago that none may begin yet.
    Refractory,
    /// Evidence is being gathered, and does not decide yet.
    Accumulating,
}

/// Why an intent that was decided on is withheld from those who would act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Withheld {
    /// An operator paused the pipeline.
    Paused,
    /// A pipeline that goes before this one has an intent.
    Overruled,
}

/// A velocity.
#[derive(Clone, Debug, PartialEq)]
pub struct Velocity {
    /// The axes.
    pub axes: Arc<[String]>,
    /// Along each, in `unit`.
    pub values: Vec<f32>,
    /// The unit, such as `1/s`.
    pub unit: Arc<str>,
}

/// What is to be done about a decision.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Action {
    /// Which activation the class belongs to: they are counted from 1 in each pipeline; 0 where there is none.
    pub activation: u64,
    /// For how long the class has been the intent, ms.
    pub held_ms: f64,
    /// What a cursor is to do, where the configuration says how that follows.
    pub motion: Option<Velocity>,
    /// Until when it may be acted upon; `None`: until another comes.
    pub valid_until: Option<HostNs>,
    /// Nobody is to act upon it.
    pub withheld: Option<Withheld>,
}

impl Action {
    /// Nothing is to be done.
    pub fn stop(&mut self) {
        (self.activation, self.held_ms) = (0, 0.0);
        self.motion.iter_mut().for_each(|motion| motion.values.fill(0.0));
    }
}

/// What the numbers are that a decoder yields for a window.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Numbers {
    /// A probability a class; they sum to 1.
    #[default]
    Posterior,
    /// A velocity an axis, in this unit.
    Velocity(Arc<str>),
    /// Nothing by themselves.
    Embedding,
    /// A logit a token, of so many steps one after the other.
    TokenLogits(usize),
}

/// What the policy made of the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The class at this index of the decoder's classes.
    Class(usize),
    /// The numbers as they are: of a decoder of anything but classes.
    Numbers,
    /// Honest doubt.
    NoIntent(NoIntentReason),
}

/// When each step of the path ended, on the host clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// The newest frame of the window reached this process.
    pub acquired: HostNs,
    /// The signal thread took it out of the ring.
    pub dequeued: HostNs,
    /// Filters done, window complete.
    pub filtered: HostNs,
    /// Inference and policy done.
    pub decoded: HostNs,
    /// By how much what the decoder sees lags what the electrodes saw, in ns: the delay of the filters in the middle of
    /// what they let through. In none of the times above.
    pub signal_delay_ns: i64,
}

/// One decoded window.
#[derive(Clone, Debug, PartialEq)]
pub struct Intent {
    /// Its number.
    pub seq: Seq,
    /// The pipeline that made it.
    pub pipeline: Arc<str>,
    /// The decoder that made it.
    pub decoder: Arc<DecoderIdentity>,
    /// What `numbers` are.
    pub kind: Numbers,
    /// The names of the numbers, in the decoder's order: classes, axes or tokens; none for an embedding.
    pub labels: Arc<[String]>,
    /// What the decoder yielded for this window alone; of classes their posterior. All 0 where it failed or was not asked.
    pub numbers: Vec<f32>,
    /// Of classes the smoothed posterior on which `outcome` rests; else empty.
    pub smoothed: Vec<f32>,
    /// The decision.
    pub outcome: Outcome,
    /// What is to be done about it.
    pub action: Action,
    /// Whether the window may be trusted, and why not.
    pub validity: Validity,
    /// The window's first frame.
    pub oldest_sample: HostNs,
    /// The window's last frame.
    pub newest_sample: HostNs,
    /// The position of the window's last frame in the stream, counted from 0 at the daemon's first frame, frames
    /// known to be lost included.
    pub newest_frame: u64,
    /// When each step ended.
    pub ledger: Ledger,
}

impl Intent {
    /// The class that may be acted upon, by its index: none where the intent is withheld.
    #[must_use]
    pub fn class(&self) -> Option<usize> {
        match (self.outcome, self.action.withheld) {
            (Outcome::Class(class), None) => Some(class),
            _ => None,
        }
    }
}

/// Whether a marker is the one that is named. A number is the same however it is written: recorders make texts of numbers,
/// `2.000000000000000` of 2.
#[must_use]
pub fn is_same_marker(named: &str, marker: &str) -> bool {
    let (named, marker) = (named.trim(), marker.trim());
    let number = |text: &str| text.parse::<f64>().ok();
    named == marker || number(named).is_some_and(|n| number(marker) == Some(n))
}

/// A marker from a marker stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marker {
    /// The stream it came from.
    pub stream: Arc<str>,
    /// The text as sent.
    pub text: String,
    /// The time its sender gave it, clock-corrected.
    pub time: HostNs,
    /// When it reached this process.
    pub received: HostNs,
}
