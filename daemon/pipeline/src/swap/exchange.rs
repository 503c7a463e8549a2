use super::report::Comparison;
use crate::decode::Decoded;
use crate::status::{Sink, Status};
use bci_types::{DecoderIdentity, Decoders, Intent, Numbers, Seq, ShadowReport, Swapped, Validity};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Which of the two lanes of a pipeline.
pub(crate) type LaneId = usize;

/// What the lane that does not publish decoded is kept for so many windows: for comparison, and to be published at a swap.
const KEPT: usize = 64;

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
    sink: Arc<dyn Sink>,
}

struct Inner {
    active: LaneId,
    lanes: [Option<Lane>; 2],
    /// The last intent published.
    last: Option<Published>,
    /// What the publishing lane decoded of late.
    told: VecDeque<Intent>,
    /// What the other did.
    untold: VecDeque<Intent>,
    comparison: Comparison,
    /// A swap is asked for.
    asked: bool,
    swaps: u64,
    /// The last number before the last swap.
    after: Option<Seq>,
    /// Since the candidate was loaded an odd number of times.
    rolled: bool,
    /// Swaps made because the decoder that published failed.
    rescues: u64,
}

/// A decoder at work.
pub(crate) struct Lane {
    pub(crate) identity: Arc<DecoderIdentity>,
    /// From one of its windows to the next, in frames of the stream.
    pub(crate) period: f64,
    /// Where it counts.
    counted: Arc<Status>,
    /// What is added to the numbers of its windows.
    offset: u64,
    /// It is to go on with the numbers of the other.
    rebase: bool,
    /// Faults in a row.
    faults: u32,
    newest: Option<(u64, Validity)>,
}

impl Lane {
    pub(crate) fn new(identity: Arc<DecoderIdentity>, period: f64, counted: Arc<Status>) -> Self {
        Self { identity, period, counted, offset: 0, rebase: false, faults: 0, newest: None }
    }
}

#[derive(Clone, Copy, Debug)]
struct Published {
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
        why: &'static str,
    },
}

impl Exchange {
    pub(crate) fn new(first: Lane, sink: Arc<dyn Sink>) -> Self {
        let inner = Inner {
            active: 0,
            lanes: [Some(first), None],
            last: None,
            told: VecDeque::with_capacity(KEPT),
            untold: VecDeque::with_capacity(KEPT),
            comparison: Comparison::new(),
            asked: false,
            swaps: 0,
            after: None,
            rolled: false,
            rescues: 0,
        };
        Self { inner: Mutex::new(inner), swapped: Condvar::new(), active: AtomicUsize::new(0), sink }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lane that publishes.
    pub(crate) fn active(&self) -> LaneId {
        self.active.load(Ordering::Acquire)
    }

    /// The other lane is taken by a candidate, which is compared from now on.
    pub(crate) fn load(&self, lane: Lane) -> Result<LaneId, SwapError> {
        let mut inner = self.lock();
        let id = 1 - inner.active;
        if let Some(there) = &inner.lanes[id] {
            return Err(SwapError::Occupied(there.identity.name.clone()));
        }
        inner.lanes[id] = Some(lane);
        inner.untold.clear();
        inner.told.clear();
        inner.comparison = Comparison::new();
        inner.rolled = false;
        Ok(id)
    }

    /// The other lane is empty from now on: what its thread may still tell is nobody's.
    pub(crate) fn discard(&self) -> Result<LaneId, SwapError> {
        let mut inner = self.lock();
        let id = 1 - inner.active;
        inner.lanes[id].take().ok_or(SwapError::NoCandidate)?;
        inner.untold.clear();
        inner.asked = false;
        self.swapped.notify_all();
        Ok(id)
    }

    /// A window was decoded on a lane.
    pub(crate) fn offer(&self, id: LaneId, decoded: Decoded) {
        let mut inner = self.lock();
        let inner = &mut *inner;
        let Decoded { intent, took_ns } = decoded;
        let Some(lane) = &mut inner.lanes[id] else { return };
        lane.newest = Some((intent.newest_frame, intent.validity));
        let fault = intent.validity.has(Validity::DECODER_FAULT);
        lane.faults = if fault { lane.faults + 1 } else { 0 };
        let (failing, two) = (lane.faults >= FAULTS, inner.lanes.iter().all(Option::is_some));
        if id == inner.active {
            if two {
                inner.comparison.took(false, took_ns);
                inner.compare(&intent, true);
            }
            inner.publish(id, intent.clone(), self.sink.as_ref());
            if two {
                keep(&mut inner.told, intent);
            }
        } else {
            inner.comparison.took(true, took_ns);
            inner.comparison.decoded(&intent);
            inner.compare(&intent, false);
            keep(&mut inner.untold, intent);
        }
        if inner.asked && inner.readiness().is_ok() {
            self.swap_now(inner);
        } else if failing && id == inner.active && two && inner.readiness().is_ok() {
            let name = inner.name(id);
            self.swap_now(inner);
            inner.rescues += 1;
            let back = inner.name(inner.active);
            tracing::error!(failed = %name, now = %back, "a decoder fails on every window: the other takes over");
        }
    }

    /// From one window of a lane to the next, in frames of the stream that is attached now.
    pub(crate) fn set_period(&self, id: LaneId, frames: f64) {
        if let Some(lane) = &mut self.lock().lanes[id] {
            lane.period = frames;
        }
    }

    /// A lane's thread has died. Whether the other goes on.
    pub(crate) fn died(&self, id: LaneId) -> bool {
        let mut inner = self.lock();
        let inner = &mut *inner;
        let name = inner.name(id);
        if id == inner.active {
            if inner.lanes[1 - id].is_none() {
                return false;
            }
            self.swap_now(inner);
            inner.rescues += 1;
        }
        tracing::error!(decoder = %name, "a decoder's thread died; the other goes on");
        inner.lanes[id] = None;
        inner.asked = false;
        self.swapped.notify_all();
        true
    }

    /// Swaps the candidate in as soon as it is level. `hash` is that of the model that is meant; any when empty.
    pub(crate) fn swap(&self, hash: &str, back: bool, patience: Duration) -> Result<Swapped, SwapError> {
        let until = Instant::now() + patience;
        let mut inner = self.lock();
        let id = 1 - inner.active;
        let lane = inner.lanes[id].as_ref().ok_or(SwapError::NoCandidate)?;
        let (name, sha256) = (lane.identity.name.clone(), lane.identity.model_sha256.clone());
        if back && !inner.rolled {
            return Err(SwapError::NotSwapped);
        }
        if !back && inner.rolled {
            return Err(SwapError::Swapped(inner.name(inner.active)));
        }
        if !hash.is_empty() && !sha256.eq_ignore_ascii_case(hash) {
            return Err(SwapError::Other(sha256, hash.to_owned()));
        }
        let swaps = inner.swaps;
        inner.asked = true;
        loop {
            if inner.swaps != swaps {
                break;
            }
            match inner.readiness() {
                Ok(()) => {
                    self.swap_now(&mut inner);
                    break;
                }
                Err(why) => {
                    let left = until.saturating_duration_since(Instant::now());
                    if left.is_zero() || inner.lanes[id].is_none() {
                        inner.asked = false;
                        return Err(SwapError::NotReady { name, why });
                    }
                    inner = self.swapped.wait_timeout(inner, left).unwrap_or_else(PoisonError::into_inner).0;
                }
            }
        }
        inner.asked = false;
        let now = inner.lanes[inner.active].as_ref().map(|lane| Arc::clone(&lane.identity));
        Ok(Swapped { now, after: inner.after })
    }

    /// The two trade places. What the new one decoded beyond the last window published is published now.
    fn swap_now(&self, inner: &mut Inner) {
        let new = 1 - inner.active;
        inner.active = new;
        inner.after = inner.last.map(|last| last.seq);
        inner.asked = false;
        inner.swaps += 1;
        inner.rolled = !inner.rolled;
        if let Some(lane) = &mut inner.lanes[new] {
            lane.rebase = true;
            lane.faults = 0;
        }
        std::mem::swap(&mut inner.told, &mut inner.untold);
        let last = inner.last.map(|last| last.newest_frame);
        let ahead: Vec<Intent> =
            inner.told.iter().filter(|i| last.is_none_or(|last| i.newest_frame > last)).cloned().collect();
        for intent in ahead {
            inner.publish(new, intent, self.sink.as_ref());
        }
        self.active.store(new, Ordering::Release);
        self.swapped.notify_all();
    }

    /// How the candidate has done.
    pub(crate) fn report(&self) -> Option<ShadowReport> {
        let inner = self.lock();
        let candidate = inner.lanes[1 - inner.active].as_ref()?;
        let posteriors = inner.untold.back().is_none_or(|i| i.kind == Numbers::Posterior);
        Some(
            inner
                .comparison
                .report(posteriors, candidate.counted.counters.windows_skipped.load(Ordering::Relaxed)),
        )
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

impl Inner {
    fn name(&self, id: LaneId) -> String {
        self.lanes[id].as_ref().map(|lane| lane.identity.name.clone()).unwrap_or_default()
    }

    /// Whether the candidate may take over now; else why not.
    fn readiness(&self) -> Result<(), &'static str> {
        let candidate = self.lanes[1 - self.active].as_ref().ok_or("it is gone")?;
        let Some((newest, validity)) = candidate.newest else { return Err("it has decoded no window yet") };
        if validity.has(Validity::DECODER_FAULT) {
            return Err("it fails on windows");
        }
        let active = self.lanes[self.active].as_ref();
        let (last, other) = (self.last, active.and_then(|lane| lane.newest).map(|(_, validity)| validity));
        if validity.has(Validity::SETTLING) && other.is_some_and(|v| !v.has(Validity::SETTLING)) {
            return Err("its filters or states have not settled yet");
        }
        // Its next window is not due before the last one published.
        match last {
            Some(last) if newest as f64 + candidate.period <= last.newest_frame as f64 => {
                Err("it does not keep up with the stream")
            }
            _ => Ok(()),
        }
    }

    /// Compares with what the other lane decoded of the same stretch of the stream, if it has.
    fn compare(&mut self, intent: &Intent, active: bool) {
        let Self { told, untold, comparison, lanes, .. } = self;
        let period = lanes.iter().flatten().map(|lane| lane.period).fold(f64::INFINITY, f64::min);
        let others = if active { &*untold } else { &*told };
        let near = |other: &&Intent| (other.newest_frame.abs_diff(intent.newest_frame) as f64) < 0.5 * period;
        if let Some(other) = others.iter().rev().find(near) {
            let (of_active, of_other) = if active { (intent, other) } else { (other, intent) };
            comparison.pair(of_active, of_other);
        }
    }

    fn publish(&mut self, id: LaneId, mut intent: Intent, sink: &dyn Sink) {
        let Some(lane) = &mut self.lanes[id] else { return };
        if let (true, Some(last)) = (std::mem::take(&mut lane.rebase), self.last) {
            // As many numbers on as hops in the stream.
            let frames = intent.newest_frame.saturating_sub(last.newest_frame) as f64;
            let hops = (frames / lane.period).round().max(1.0) as u64;
            lane.offset = (last.seq + hops).wrapping_sub(intent.seq);
        }
        intent.seq = intent.seq.wrapping_add(lane.offset);
        self.last = Some(Published { seq: intent.seq, newest_frame: intent.newest_frame });
        sink.intent(intent);
    }
}

fn keep(all: &mut VecDeque<Intent>, intent: Intent) {
    if all.len() == KEPT {
        all.pop_front();
    }
    all.push_back(intent);
}

#[cfg(test)]
mod tests;
