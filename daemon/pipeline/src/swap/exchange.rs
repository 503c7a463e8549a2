use super::lane::Lane;
use super::report::Comparison;
use crate::activations::Activations;
use crate::decode::Decoded;
use crate::status::{Counters, Sink, Status};
use bci_rt::clock::Clock;
use bci_types::{DecoderIdentity, Decoders, Seq, ShadowReport, Swapped};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

mod inner;

/// Which of the two lanes of a pipeline.
pub(crate) type LaneId = usize;

/// Windows in a row on which the decoder that publishes fails until the other takes over.
const FAULTS: u32 = 3;

/// Decides which of two decoders is heard. What each decodes comes here, from its own thread; the one that publishes is
/// published, the other compared with it. A swap takes place between two windows, under the lock, and only when the other
/// is level: so that no window is lost, none comes twice, and numbers go on.
pub(crate) struct Exchange {
    inner: Mutex<Inner>,
    swapped: Condvar,
    /// The lane that publishes, for who must not wait for the lock.
    active: AtomicUsize,
    /// Nobody decodes any more.
    broken: AtomicBool,
    outside: Outside,
}

/// What the exchange works for.
pub(crate) struct Outside {
    pub(crate) sink: Arc<dyn Sink>,
    /// The pipeline's: what publishes counts here.
    pub(crate) status: Arc<Status>,
    pub(crate) clock: Arc<dyn Clock>,
    /// The oldest that a newest sample may be.
    pub(crate) max_age_ms: f64,
}

struct Inner {
    active: LaneId,
    lanes: [Option<Lane>; 2],
    /// The last intent published.
    last: Option<Published>,
    /// Of what is published, whoever decoded it.
    activations: Activations,
    comparison: Comparison,
    /// Clients that wait for a swap.
    waiting: Vec<Ticket>,
    /// Tickets so far.
    tickets: u64,
    swaps: u64,
    /// The last number before the last swap.
    after: Option<Seq>,
    /// Since the candidate was loaded an odd number of times.
    rolled: bool,
    /// Swaps made because the decoder that published failed.
    rescues: u64,
    /// Whether it was told that the real rate is not the stated one.
    rate_told: bool,
}

/// A client that waits until one lane publishes.
struct Ticket {
    number: u64,
    /// The lane that is meant, by where it counts.
    wants: Arc<Counters>,
    outcome: Option<Result<Swapped, SwapError>>,
}

#[derive(Clone, Copy, Debug)]
struct Published {
    by: LaneId,
    seq: Seq,
    newest_frame: u64,
}

/// Why decoders were not swapped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SwapError {
    /// There is only one.
    #[error("no candidate is loaded")]
    NoCandidate,
    /// A candidate is loaded already.
    #[error("the candidate {0} is loaded already: discard it first")]
    Occupied(String),
    /// None was swapped since it was loaded.
    #[error("there is nothing to roll back to: the candidate has not been swapped in")]
    NotSwapped,
    /// The candidate is the one that publishes.
    #[error("the candidate {0} publishes already; `rollback` brings the other back")]
    Swapped(String),
    /// Another is meant than is loaded.
    #[error("the candidate loaded is {0}, not {1}")]
    Other(String, String),
    /// It is not ready.
    #[error("the candidate {name} is not ready: {why}")]
    NotReady {
        /// Its name.
        name: String,
        /// Why, in words.
        why: String,
    },
}

impl Exchange {
    pub(crate) fn new(first: Lane, outside: Outside) -> Self {
        let inner = Inner {
            active: 0,
            lanes: [Some(first), None],
            last: None,
            activations: Activations::default(),
            comparison: Comparison::new(),
            waiting: Vec::new(),
            tickets: 0,
            swaps: 0,
            after: None,
            rolled: false,
            rescues: 0,
            rate_told: false,
        };
        let (active, broken) = (AtomicUsize::new(0), AtomicBool::new(false));
        Self { inner: Mutex::new(inner), swapped: Condvar::new(), active, broken, outside }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lane that publishes.
    pub(crate) fn active(&self) -> LaneId {
        self.active.load(Ordering::Acquire)
    }

    /// Whether nobody decodes any more. Never waits.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Acquire)
    }

    /// Which lanes decode.
    pub(crate) fn alive(&self) -> [bool; 2] {
        self.lock().lanes.each_ref().map(Option::is_some)
    }

    /// Whether there is room for a candidate.
    pub(crate) fn has_room(&self) -> Result<(), SwapError> {
        let inner = self.lock();
        inner.lanes[1 - inner.active].as_ref().map_or(Ok(()), |there| Err(there.occupies()))
    }

    /// Lane `id` is taken by a candidate, which is compared from now on.
    pub(crate) fn load(&self, id: LaneId, lane: Lane) -> Result<(), SwapError> {
        let mut inner = self.lock();
        if let Some(there) = &inner.lanes[id] {
            return Err(there.occupies());
        }
        inner.lanes[id] = Some(lane);
        inner.lanes.iter_mut().flatten().for_each(Lane::begin_anew);
        inner.comparison = Comparison::new();
        inner.rolled = false;
        Ok(())
    }

    /// The other lane is empty from now on: what its thread may still tell is nobody's.
    pub(crate) fn discard(&self) -> Result<LaneId, SwapError> {
        let mut inner = self.lock();
        let id = 1 - inner.active;
        let lane = inner.lanes[id].take().ok_or(SwapError::NoCandidate)?;
        inner.disappoint(&lane, "it was discarded");
        self.swapped.notify_all();
        Ok(id)
    }

    /// A window was decoded on lane `id` by the decoder that counts `of`; one that was discarded is not heard.
    pub(crate) fn offer(&self, id: LaneId, of: &Arc<Counters>, decoded: Decoded) {
        let mut inner = self.lock();
        let inner = &mut *inner;
        let Some(lane) = inner.lanes[id].as_mut().filter(|lane| lane.is_of(of)) else { return };
        let spent = lane.met(&decoded);
        let two = inner.lanes.iter().all(Option::is_some);
        if two {
            inner.compare(id, &decoded.intent);
        }
        // What the other has published already is nobody's miss.
        if id == inner.active && inner.publish(id, decoded.intent.clone(), &self.outside) {
            spent.count_in(&self.outside.status.counters);
        }
        if let (true, Some(lane)) = (two, &mut inner.lanes[id]) {
            lane.keep(decoded);
        }
        let failing = inner.lanes[inner.active].as_ref().is_some_and(|lane| lane.faults() >= FAULTS);
        if (failing || inner.is_asked()) && inner.readiness().is_ok() {
            let name = inner.name(inner.active);
            self.swap_now(inner);
            if failing {
                inner.rescues += 1;
                let back = inner.name(inner.active);
                tracing::error!(failed = %name, now = %back, "a decoder fails on every window: the other takes over");
            }
        }
    }

    /// From one window of a lane to the next, in frames of the stream that is attached now.
    pub(crate) fn set_period(&self, id: LaneId, frames: f64) {
        if let Some(lane) = &mut self.lock().lanes[id] {
            lane.period = frames;
        }
    }

    /// Why a lane has no windows of the stream that is attached now, in words; `None` when it has.
    pub(crate) fn set_unfit(&self, id: LaneId, why: Option<String>) {
        if let Some(lane) = &mut self.lock().lanes[id] {
            lane.unfit = why;
        }
    }

    /// The thread of lane `id` has died, on which the decoder ran that counts `of`. Whether the pipeline goes on.
    pub(crate) fn died(&self, id: LaneId, of: &Arc<Counters>) -> bool {
        let mut inner = self.lock();
        let inner = &mut *inner;
        if inner.lanes[id].as_ref().is_none_or(|lane| !lane.is_of(of)) {
            return true;
        }
        let name = inner.name(id);
        if id == inner.active {
            if inner.lanes[1 - id].as_ref().is_none_or(|lane| lane.unfit.is_some()) {
                self.broken.store(true, Ordering::Release);
                return false;
            }
            self.swap_now(inner);
            inner.rescues += 1;
        }
        tracing::error!(decoder = %name, "a decoder's thread died; the other goes on");
        if let Some(lane) = inner.lanes[id].take() {
            inner.disappoint(&lane, "its thread died");
        }
        self.swapped.notify_all();
        true
    }

    /// Swaps the candidate in as soon as it is level. `hash` is that of the model that is meant; any when empty. The candidate
    /// of now is meant, and none that comes later.
    pub(crate) fn swap(&self, hash: &str, back: bool, patience: Duration) -> Result<Swapped, SwapError> {
        let until = Instant::now() + patience;
        let mut inner = self.lock();
        let lane = inner.lanes[1 - inner.active].as_ref().ok_or(SwapError::NoCandidate)?;
        let DecoderIdentity { name, model_sha256, .. } = (*lane.identity).clone();
        if back && !inner.rolled {
            return Err(SwapError::NotSwapped);
        }
        if !back && inner.rolled {
            return Err(SwapError::Swapped(inner.name(inner.active)));
        }
        if !hash.is_empty() && !model_sha256.eq_ignore_ascii_case(hash) {
            return Err(SwapError::Other(model_sha256, hash.to_owned()));
        }
        let Err(mut why) = inner.readiness() else {
            self.swap_now(&mut inner);
            return Ok(inner.swapped());
        };
        let ticket = inner.ask();
        loop {
            if let Some(outcome) = inner.outcome(ticket) {
                return outcome;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                inner.waiting.retain(|waits| waits.number != ticket);
                return Err(SwapError::NotReady { name, why });
            }
            inner = self.swapped.wait_timeout(inner, left).unwrap_or_else(PoisonError::into_inner).0;
            why = inner.readiness().err().unwrap_or(why);
        }
    }

    /// The two trade places. What the new one decoded beyond the last window published is published now.
    fn swap_now(&self, inner: &mut Inner) {
        let new = 1 - inner.active;
        inner.active = new;
        inner.after = inner.last.map(|last| last.seq);
        inner.swaps += 1;
        inner.rolled = !inner.rolled;
        if let Some(lane) = &mut inner.lanes[new] {
            lane.takes_over();
        }
        inner.catch_up(&self.outside);
        inner.content();
        self.active.store(new, Ordering::Release);
        self.swapped.notify_all();
    }

    /// How the candidate has done.
    pub(crate) fn report(&self) -> Option<ShadowReport> {
        let inner = self.lock();
        let [active, candidate] = [inner.active, 1 - inner.active].map(|id| inner.lanes[id].as_ref());
        let (active, candidate) = (active?, candidate?);
        let report = inner.comparison.report(candidate.yields_posteriors());
        let (of, candidate) = (active.figures(), candidate.figures());
        Some(ShadowReport {
            windows: candidate.windows,
            faults: candidate.faults,
            skipped: candidate.skipped,
            active: of.latency,
            candidate: candidate.latency,
            not_ready: inner.readiness().err(),
            ..report
        })
    }

    /// The decoder that publishes, the other, and whether the other was swapped out by hand or failure.
    pub(crate) fn decoders(&self) -> Decoders {
        let inner = self.lock();
        let of = |id: LaneId| inner.lanes[id].as_ref().map(|lane| Arc::clone(&lane.identity));
        Decoders {
            active: of(inner.active),
            other: of(1 - inner.active),
            swapped: inner.rolled,
            swaps: inner.swaps,
            rescues: inner.rescues,
        }
    }
}

#[cfg(test)]
mod tests;
