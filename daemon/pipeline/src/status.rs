//! How a pipeline is, readable from any thread.

use bci_rt::edge::Writer;
use bci_types::{HostNs, Intent, Marker, StreamSpec};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The state of a pipeline's stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Looking for the stream.
    Waiting,
    /// Samples flow.
    Streaming,
    /// Attached, but no sample came for longer than the rate allows.
    Silent,
    /// The source went away; looking for its return.
    Lost,
    /// There, but it does not fit.
    Refused,
    /// Ended.
    Stopped,
}

/// A state, in words too, and since when.
#[derive(Clone, Debug, PartialEq)]
pub struct StatusChange {
    /// The pipeline.
    pub pipeline: Arc<str>,
    /// The state.
    pub state: State,
    /// The state before; the same when only the words are new.
    pub before: State,
    /// In words, with the reason where there is one.
    pub message: String,
    /// Since when.
    pub since: HostNs,
}

/// Counters of a pipeline.
#[derive(Debug, Default)]
pub struct Counters {
    /// Frames received from the source.
    pub samples_in: AtomicU64,
    /// Frames known to be missing, or dropped because a ring was full.
    pub samples_lost: AtomicU64,
    /// Frames that came again, and were left out.
    pub samples_repeated: AtomicU64,
    /// Holes in the stream.
    pub gaps: AtomicU64,
    /// Times the source was attached again.
    pub reattached: AtomicU64,
    /// Windows completed.
    pub windows: AtomicU64,
    /// Windows skipped because decoding was late.
    pub windows_skipped: AtomicU64,
    /// Windows that could not be trusted.
    pub windows_invalid: AtomicU64,
    /// Windows on which the decoder failed.
    pub decoder_faults: AtomicU64,
    /// How long the source was away in all, ms.
    pub away_ms: AtomicU64,
    /// Times the source's clock was set.
    pub clock_steps: AtomicU64,
    /// The real rate.
    pub rate: MeasuredRate,
    /// What a step that removes artefacts did.
    pub artefacts: Artefacts,
    /// Frames that were missing or spoilt and were interpolated.
    pub frames_bridged: AtomicU64,
    /// Frames with NaN, infinity or a number beyond any voltage.
    pub frames_not_finite: AtomicU64,
}

/// What a step that removes artefacts did since it was calibrated; 0 without one.
#[derive(Debug, Default)]
pub struct Artefacts {
    /// Stretches of the signal that were judged.
    pub windows: AtomicU64,
    /// Those of which something was removed.
    pub reconstructed: AtomicU64,
    /// The power removed over the power that came in, in millionths.
    pub power_ppm: AtomicU64,
}

/// The real rate of the stream as its stamps tell, each number as the bits of an f64; 0 until it is known to a thousandth.
#[derive(Debug, Default)]
pub struct MeasuredRate {
    /// Of the source's sampling, gaps left out, Hz.
    pub sampled_hz: AtomicU64,
    /// At which frames come, gaps included, Hz.
    pub delivered_hz: AtomicU64,
    /// Root mean square of what smoothing changes in the stamps, seconds.
    pub jitter_s: AtomicU64,
    /// Whether it has been off the stated rate by more than half a per cent.
    pub off: AtomicBool,
}

impl MeasuredRate {
    /// One of them as a number.
    #[must_use]
    pub fn of(bits: &AtomicU64) -> f64 {
        f64::from_bits(bits.load(Ordering::Relaxed))
    }
}

/// Adds to a counter; order against other counters does not matter.
pub(crate) fn count(counter: &AtomicU64, n: u64) {
    counter.fetch_add(n, Ordering::Relaxed);
}

/// What is known of a running pipeline.
#[derive(Debug)]
pub struct Status {
    /// Counters.
    pub counters: Counters,
    now: Mutex<(StatusChange, Option<StreamSpec>)>,
    /// Whether its readers are to begin anew.
    renew: AtomicBool,
}

impl Status {
    pub(crate) fn new(pipeline: Arc<str>, since: HostNs) -> Self {
        let change = StatusChange {
            pipeline,
            state: State::Waiting,
            before: State::Waiting,
            message: "looking for the stream".to_owned(),
            since,
        };
        Self { counters: Counters::default(), now: Mutex::new((change, None)), renew: AtomicBool::new(false) }
    }

    /// Asks that filters and adaptive steps begin from nothing at the next chunk, and who records with them. No sample is lost;
    /// windows cannot be trusted until the filters have settled.
    pub fn begin_anew(&self) {
        self.renew.store(true, Ordering::Release);
    }

    /// Whether that was asked since the last time.
    pub(crate) fn is_to_begin_anew(&self) -> bool {
        self.renew.swap(false, Ordering::AcqRel)
    }

    /// The state now.
    #[must_use]
    pub fn state(&self) -> StatusChange {
        self.now.lock().unwrap_or_else(PoisonError::into_inner).0.clone()
    }

    /// The stream attached now, or last.
    #[must_use]
    pub fn stream(&self) -> Option<StreamSpec> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner).1.clone()
    }

    /// Takes on a state; returns it when it is new.
    pub(crate) fn change(&self, state: State, message: &str, at: HostNs) -> Option<StatusChange> {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        if now.0.state == state && now.0.message == message {
            return None;
        }
        now.0 = StatusChange {
            pipeline: Arc::clone(&now.0.pipeline),
            state,
            before: now.0.state,
            message: message.to_owned(),
            since: at,
        };
        Some(now.0.clone())
    }

    pub(crate) fn attached(&self, stream: &StreamSpec) {
        self.now.lock().unwrap_or_else(PoisonError::into_inner).1 = Some(stream.clone());
    }
}

/// Where a pipeline's results go. Called from the decoding thread and, between samples, from others; must not block.
pub trait Sink: Send + Sync {
    /// A window was decoded.
    fn intent(&self, intent: Intent);
    /// A marker arrived.
    fn marker(&self, marker: Marker);
    /// A stream changed its state.
    fn status(&self, change: StatusChange);
    /// The pipeline attached `stream`, which comes in chunks of up to `frames` frames and describes itself so: the writer's end
    /// of a ring for its raw frames, where anybody wants them.
    fn attached(
        &self,
        pipeline: &Arc<str>,
        stream: &StreamSpec,
        description: Option<&str>,
        frames: usize,
    ) -> Option<Writer> {
        let _ = (pipeline, stream, description, frames);
        None
    }
}
