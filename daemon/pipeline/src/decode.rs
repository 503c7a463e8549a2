//! The decoding thread: windows in their order, late ones skipped in favour of newer ones and counted.

mod anticipation;
mod memory;

use self::anticipation::{Anticipation, Turn};
pub use self::memory::Fed;
use self::memory::Memory;
use crate::policy::Policy;
use crate::slots::{Slot, WindowQueue};
use crate::status::{Counters, count};
use bci_models::bundle::{OutputKind, Reset};
use bci_models::{Decoder, Prior};
use bci_rt::clock::Clock;
use bci_rt::doorbell;
use bci_types::{Action, DecoderIdentity, HostNs, Intent, NoIntentReason, Numbers, Outcome, Seq, Validity};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How long no window may come until the decoder is kept warm: ONNX Runtime and the caches beneath it are slow to begin
/// again after some tenths of a second.
const COLD_AFTER: Duration = Duration::from_millis(100);

/// What turns windows into intents; owned by the decoding thread.
pub struct DecodeStage {
    pipeline: Arc<str>,
    decoder: Box<dyn Decoder>,
    identity: Arc<DecoderIdentity>,
    kind: Numbers,
    labels: Arc<[String]>,
    /// How frequent classes seem, where posteriors are levelled by that, and by which filters.
    prior: Option<Prior>,
    generation: Option<u64>,
    memory: Option<Memory>,
    policy: Policy,
    numbers: Vec<f32>,
    deadline_ns: i64,
    anticipation: Option<Anticipation>,
    /// Whether the last window was not decoded.
    faulty: bool,
    /// The epoch and the number of the last window decoded.
    epoch: u64,
    last: Option<Seq>,
}

/// A window decoded.
#[derive(Clone, Debug)]
pub struct Decoded {
    /// What became of it.
    pub intent: Intent,
    /// How long inference and policy took, ns.
    pub took_ns: i64,
    /// The window could be trusted until it was decoded.
    pub spoilt: bool,
    /// Nothing before it is evidence: it is the first window, or the first after a hole.
    pub afresh: bool,
    /// How many windows it is after the one decoded before it.
    pub hops: u64,
}

impl DecodeStage {
    /// A stage of `decoder`, fed as said, and `policy`. A window that has waited longer than `deadline` is skipped
    /// when a newer one is there.
    #[must_use]
    pub fn new(
        pipeline: Arc<str>,
        decoder: Box<dyn Decoder>,
        fed: Fed,
        policy: Policy,
        deadline: Duration,
    ) -> Self {
        let output = decoder.output();
        let prior = output.classes().and_then(|c| Some(Prior::new(c.labels.len(), c.prior_windows?)));
        let (kind, reject_below) = match &output.kind {
            OutputKind::Classes(classes) => (Numbers::Posterior, classes.reject_below as f32),
            OutputKind::Velocity { unit, .. } => (Numbers::Velocity(unit.as_str().into()), 0.0),
            OutputKind::Embedding { .. } => (Numbers::Embedding, 0.0),
            OutputKind::TokenLogits { steps, .. } => (Numbers::TokenLogits(*steps), 0.0),
        };
        Self {
            pipeline,
            identity: decoder.identity(),
            kind,
            labels: output.labels().into(),
            prior,
            generation: None,
            memory: decoder.has_memory().then(|| Memory::new(fed, output.settle_samples)),
            numbers: vec![0.0; output.numbers()],
            decoder,
            policy: policy.rejecting_below(reject_below),
            deadline_ns: i64::try_from(deadline.as_nanos()).unwrap_or(i64::MAX),
            anticipation: None,
            faulty: false,
            epoch: 0,
            last: None,
        }
    }

    /// Gets ready shortly before windows come, which is every `hop_ms`; costs a few hundredths of the time between them.
    #[must_use]
    pub fn anticipating(mut self, hop_ms: f64) -> Self {
        self.anticipation = Some(Anticipation::new(hop_ms * 1e6));
        self
    }

    /// Who decodes.
    #[must_use]
    pub fn identity(&self) -> &Arc<DecoderIdentity> {
        &self.identity
    }

    /// Decodes one window.
    pub(crate) fn decode(&mut self, slot: &Slot, clock: &dyn Clock, counters: &Counters) -> Decoded {
        self.decode_as(slot, clock, counters, None)
    }

    /// Decodes one window; whether it is too old by now may be known already.
    pub(crate) fn decode_as(
        &mut self,
        slot: &Slot,
        clock: &dyn Clock,
        counters: &Counters,
        stale: Option<bool>,
    ) -> Decoded {
        let begun = clock.now();
        let validity = self.run(slot, counters);
        let now = clock.now();
        let mut validity = validity;
        // By the source's clock, and by our own should that one be wrong.
        let is_stale = |since| self.policy.is_stale(now - since);
        if stale.unwrap_or_else(|| is_stale(slot.newest_sample) || is_stale(slot.ledger.acquired)) {
            validity = validity.with(Validity::STALE);
        }
        let spoilt = slot.validity.is_valid() && !validity.is_valid();
        count(&counters.windows_invalid, u64::from(spoilt));
        let hole = slot.epoch != self.epoch;
        if hole {
            self.policy.reset();
        }
        let afresh = hole || self.last.is_none();
        let hops = self.last.map_or(1, |last| slot.seq.saturating_sub(last));
        (self.epoch, self.last) = (slot.epoch, Some(slot.seq));
        self.level(slot, validity);
        let (outcome, smoothed) = self.outcome(validity, hops);
        let held_ms = self.policy.held_ms().unwrap_or(0.0);
        let oldest_sample = self.memory.as_ref().map_or(slot.oldest_sample, |m| m.oldest(slot));
        let mut ledger = slot.ledger;
        let intent = Intent {
            seq: slot.seq,
            pipeline: Arc::clone(&self.pipeline),
            decoder: Arc::clone(&self.identity),
            kind: self.kind.clone(),
            labels: Arc::clone(&self.labels),
            numbers: self.numbers.clone(),
            smoothed,
            outcome,
            action: Action { held_ms, motion: self.policy.velocity(), ..Action::default() },
            validity,
            oldest_sample,
            newest_sample: slot.newest_sample,
            newest_frame: slot.newest_frame,
            ledger,
        };
        ledger.decoded = clock.now();
        let valid_ns = self.policy.valid_ns();
        let action = Action {
            valid_until: (valid_ns > 0).then(|| HostNs(ledger.decoded.0.saturating_add(valid_ns))),
            ..intent.action
        };
        let took_ns = ledger.decoded - begun;
        Decoded { intent: Intent { ledger, action, ..intent }, took_ns, spoilt, afresh, hops }
    }

    /// Waits until `ready`, warms the decoder up and waits awake for a window, until `until` at most.
    fn get_ready(&mut self, ready: i64, until: i64, queue: &WindowQueue, clock: &dyn Clock) {
        let left = ready - clock.now().0;
        if left > 0 {
            doorbell::wait(Duration::from_nanos(left.unsigned_abs()));
        }
        // Woken by a window, or for no reason.
        if queue.has_more() || clock.now().0 < ready {
            return;
        }
        let Some(_turn) = Turn::take() else {
            doorbell::wait(Duration::from_nanos((until - ready).unsigned_abs()));
            return;
        };
        let begun = clock.now();
        self.decoder.keep_warm();
        if let Some(anticipation) = &mut self.anticipation {
            anticipation.warmed(clock.now() - begun);
        }
        while !queue.has_more() && clock.now().0 < until {
            // Whoever brings the window may need this processor.
            std::thread::yield_now();
        }
    }

    /// Lets a decoder that remembers go on over a window that is too late to be told of.
    pub(crate) fn pass_over(&mut self, slot: &Slot, counters: &Counters) {
        if self.memory.is_some() {
            self.run(slot, counters);
        }
    }

    /// Runs the decoder on a window; whether what it yielded may be trusted.
    fn run(&mut self, slot: &Slot, counters: &Counters) -> Validity {
        let mut validity = slot.validity;
        if let Some(memory) = &mut self.memory {
            if let Some(how) = memory.meet(slot) {
                self.decoder.reset(how);
            }
            if !validity.is_valid() {
                // What cannot be trusted is not to be remembered.
                self.decoder.reset(Reset::Invalid);
                memory.forget();
                self.numbers.fill(0.0);
                return validity;
            }
        }
        if self.memory.as_ref().is_some_and(Memory::is_bridged) {
            validity = validity.with(Validity::BRIDGED);
        }
        if let Err(e) = self.decoder.decode(&slot.window, &mut self.numbers) {
            validity = validity.with(Validity::DECODER_FAULT);
            self.numbers.fill(0.0);
            count(&counters.decoder_faults, 1);
            if let Some(memory) = &mut self.memory {
                self.decoder.reset(Reset::Invalid);
                memory.forget();
            }
            // Told when it begins; the counter tells how often.
            if !std::mem::replace(&mut self.faulty, true) {
                tracing::error!(
                    pipeline = %self.pipeline,
                    decoder = %self.identity.name,
                    window = slot.seq,
                    error = %bci_driver_api::error_chain(&e),
                    "decoding fails"
                );
            }
            return validity;
        }
        if std::mem::replace(&mut self.faulty, false) {
            tracing::info!(pipeline = %self.pipeline, window = slot.seq, "decoding works again");
        }
        let settled = self.memory.as_mut().is_none_or(Memory::took);
        if settled { validity } else { validity.with(Validity::SETTLING) }
    }

    /// Levels the posterior against how frequent classes seem on this day.
    fn level(&mut self, slot: &Slot, validity: Validity) {
        let Some(prior) = &mut self.prior else { return };
        // Filters that began from nothing forgot what they learned, and so is this forgotten.
        if self.generation.replace(slot.generation) != Some(slot.generation) {
            prior.reset();
        }
        if validity.is_valid() {
            if slot.teaches {
                prior.learn(&self.numbers);
            }
            prior.level(&mut self.numbers);
        }
    }

    fn outcome(&mut self, validity: Validity, hops: u64) -> (Outcome, Vec<f32>) {
        if self.kind != Numbers::Posterior {
            self.policy.drive(&self.numbers, validity, hops);
            let valid = validity.is_valid();
            let none = Outcome::NoIntent(NoIntentReason::InvalidData);
            return (if valid { Outcome::Numbers } else { none }, Vec::new());
        }
        let outcome = self.policy.decide(&self.numbers, validity, hops);
        (outcome, self.policy.smoothed().to_vec())
    }
}

/// Decodes until `stop` is set and the queue is empty; every window decoded goes to `told`.
pub fn decode_loop(
    stage: &mut DecodeStage,
    queue: &WindowQueue,
    clock: &dyn Clock,
    counters: &Counters,
    told: &mut dyn FnMut(Decoded),
    stop: &AtomicBool,
) {
    loop {
        let mut any = false;
        while let Some(slot) = queue.receive() {
            any = true;
            if let Some(anticipation) = &mut stage.anticipation {
                anticipation.came(slot.ledger.filtered.0);
            }
            let waited = clock.now() - slot.ledger.filtered;
            if waited > stage.deadline_ns && queue.has_more() {
                count(&counters.windows_skipped, 1);
                stage.pass_over(&slot, counters);
            } else {
                let decoded = stage.decode(&slot, clock, counters);
                if let Some(anticipation) = &mut stage.anticipation {
                    anticipation.decoded(decoded.took_ns);
                }
                told(decoded);
            }
            queue.recycle(slot);
        }
        if stop.load(Ordering::Acquire) {
            // The signal thread ended before `stop` was set: nothing comes after an empty queue.
            if !queue.has_more() {
                return;
            }
            continue;
        }
        match stage.anticipation.as_ref().and_then(Anticipation::next) {
            Some((ready, until)) if clock.now().0 < until => stage.get_ready(ready, until, queue, clock),
            _ => {
                if !any {
                    stage.decoder.keep_warm();
                }
                doorbell::wait(COLD_AFTER);
            }
        }
    }
}

#[cfg(test)]
mod tests;
