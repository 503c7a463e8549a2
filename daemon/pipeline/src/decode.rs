//! The decoding thread: newest windows first served, late ones skipped and counted.

use crate::policy::Policy;
use crate::slots::{Slot, WindowQueue};
use crate::status::{Counters, Sink, Status, count};
use bci_models::Decoder;
use bci_rt::clock::Clock;
use bci_rt::doorbell;
use bci_types::{DecoderIdentity, Intent, Validity};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// What turns windows into intents; owned by the decoding thread.
pub struct DecodeStage {
    pipeline: Arc<str>,
    decoder: Box<dyn Decoder>,
    identity: Arc<DecoderIdentity>,
    classes: Arc<[String]>,
    policy: Policy,
    posterior: Vec<f32>,
    deadline_ns: i64,
}

impl DecodeStage {
    /// A stage of `decoder` and `policy`. A window that has waited longer than `deadline` is skipped when a newer
    /// one is there.
    #[must_use]
    pub fn new(pipeline: Arc<str>, decoder: Box<dyn Decoder>, policy: Policy, deadline: Duration) -> Self {
        let classes = decoder.classes();
        Self {
            pipeline,
            identity: decoder.identity(),
            posterior: vec![0.0; classes.len()],
            classes,
            decoder,
            policy,
            deadline_ns: i64::try_from(deadline.as_nanos()).unwrap_or(i64::MAX),
        }
    }

    /// Decodes one window.
    fn decode(&mut self, slot: &Slot, clock: &dyn Clock, counters: &Counters) -> Intent {
        let mut validity = slot.validity;
        if let Err(e) = self.decoder.decode(&slot.window, &mut self.posterior) {
            validity = validity.with(Validity::DECODER_FAULT);
            self.posterior.fill(0.0);
            count(&counters.decoder_faults, 1);
            tracing::error!(pipeline = %self.pipeline, window = slot.seq, error = %e, "a window was not decoded");
        }
        let outcome = self.policy.decide(&self.posterior, validity);
        let mut ledger = slot.ledger;
        let intent = Intent {
            seq: slot.seq,
            pipeline: Arc::clone(&self.pipeline),
            decoder: Arc::clone(&self.identity),
            classes: Arc::clone(&self.classes),
            posterior: self.posterior.clone(),
            smoothed: self.policy.smoothed().to_vec(),
            outcome,
            validity,
            oldest_sample: slot.oldest_sample,
            newest_sample: slot.newest_sample,
            newest_frame: slot.newest_frame,
            ledger,
        };
        ledger.decoded = clock.now();
        Intent { ledger, ..intent }
    }
}

/// Decodes until `stop` is set and the queue is empty.
pub fn decode_loop(
    mut stage: DecodeStage,
    queue: &WindowQueue,
    clock: &dyn Clock,
    status: &Status,
    sink: &dyn Sink,
    stop: &AtomicBool,
) {
    loop {
        while let Some(slot) = queue.receive() {
            let waited = clock.now() - slot.ledger.filtered;
            if waited > stage.deadline_ns && queue.has_more() {
                count(&status.counters.windows_skipped, 1);
            } else {
                sink.intent(stage.decode(&slot, clock, &status.counters));
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
        doorbell::wait(Duration::from_millis(100));
    }
}
