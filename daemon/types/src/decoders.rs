use crate::{DecoderIdentity, Seq};
use std::sync::Arc;

/// How a candidate has done beside the decoder that publishes, since it was loaded.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ShadowReport {
    /// Windows that the candidate decoded.
    pub windows: u64,
    /// Windows of those on which it failed.
    pub faults: u64,
    /// Windows that it skipped because it was late.
    pub skipped: u64,
    /// Windows that both decoded and that could be trusted.
    pub compared: u64,
    /// Of these, on how many the most probable class was the same. Of decoders of classes alone.
    pub agreed: u64,
    /// Of these, on how many the two came to the same intent or lack of one, by their smoothed posteriors.
    pub agreed_on_intent: u64,
    /// The mean Jensen-Shannon divergence of the two posteriors, in bits: 0 when they are alike, 1 when they have nothing in
    /// common. Of decoders of anything else, the root mean square difference of their numbers.
    pub drift: f64,
    /// The same over the last 100 windows compared.
    pub recent_drift: f64,
    /// How long inference and policy take, of the one that publishes.
    pub active: Latency,
    /// The same of the candidate.
    pub candidate: Latency,
    /// Why it cannot be swapped in now, in words; `None` when it can.
    pub not_ready: Option<String>,
}

/// A distribution of durations.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Latency {
    /// How many.
    pub count: u64,
    /// Median, us.
    pub p50_us: f64,
    /// 99th percentile, us.
    pub p99_us: f64,
    /// Largest, us.
    pub max_us: f64,
}

/// What a swap did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Swapped {
    /// Who publishes now.
    pub now: Option<Arc<DecoderIdentity>>,
    /// The last window that the one before published.
    pub after: Option<Seq>,
}

/// Who decodes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decoders {
    /// The one that publishes; `None` when its thread died and there is no other.
    pub active: Option<Arc<DecoderIdentity>>,
    /// The one that runs in its shadow.
    pub other: Option<Arc<DecoderIdentity>>,
    /// Whether the one that publishes was the candidate, so that it can be rolled back.
    pub swapped: bool,
    /// Swaps and rollbacks since start.
    pub swaps: u64,
    /// Those of them made because the decoder that published failed.
    pub rescues: u64,
}
