//! The decoding thread: windows in their order, late ones skipped in favour of newer ones and counted.

use crate::policy::Policy;
use crate::slots::{Slot, WindowQueue};
use crate::status::{Counters, MeasuredRate, Sink, Status, count};
use bci_models::Decoder;
use bci_rt::clock::Clock;
use bci_rt::doorbell;
use bci_types::{DecoderIdentity, Intent, Seq, Validity};
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
    /// Whether it was told that the real rate is not the stated one.
    rate_told: bool,
    /// Whether the last window was not decoded.
    faulty: bool,
    /// The epoch and the number of the last window decoded.
    epoch: u64,
    last: Option<Seq>,
}

impl DecodeStage {
    /// A stage of `decoder` and `policy`. A window that has waited longer than `deadline` is skipped when a newer
    /// one is there.
    #[must_use]
    pub fn new(pipeline: Arc<str>, decoder: Box<dyn Decoder>, policy: Policy, deadline: Duration) -> Self {
        let classes: Arc<[String]> = decoder.output().labels().into();
        Self {
            pipeline,
            identity: decoder.identity(),
            posterior: vec![0.0; classes.len()],
            classes,
            decoder,
            policy,
            deadline_ns: i64::try_from(deadline.as_nanos()).unwrap_or(i64::MAX),
            rate_told: false,
            faulty: false,
            epoch: 0,
            last: None,
        }
    }

    /// Decodes one window.
    fn decode(&mut self, slot: &Slot, clock: &dyn Clock, counters: &Counters) -> Intent {
        let mut validity = slot.validity;
        if let Err(e) = self.decoder.decode(&slot.window, &mut self.posterior) {
            validity = validity.with(Validity::DECODER_FAULT);
            self.posterior.fill(0.0);
            count(&counters.decoder_faults, 1);
            // Told when it begins; the counter tells how often.
            if !std::mem::replace(&mut self.faulty, true) {
                tracing::error!(pipeline = %self.pipeline, window = slot.seq, error = %e, "decoding fails");
            }
        } else if std::mem::replace(&mut self.faulty, false) {
            tracing::info!(pipeline = %self.pipeline, window = slot.seq, "decoding works again");
        }
        let now = clock.now();
        // By the source's clock, and by our own should that one be wrong.
        if self.policy.is_stale(now - slot.newest_sample) || self.policy.is_stale(now - slot.ledger.acquired)
        {
            validity = validity.with(Validity::STALE);
        }
        if slot.validity.is_valid() && !validity.is_valid() {
            count(&counters.windows_invalid, 1);
        }
        if !self.rate_told && counters.rate.off.load(Ordering::Relaxed) {
            self.rate_told = true;
            let hz = MeasuredRate::of(&counters.rate.sampled_hz);
            tracing::warn!(
                pipeline = %self.pipeline,
                measured_hz = hz,
                "the stream's real rate is not the stated one: give `rate_hz` under [pipeline.stream], and a `resample` step"
            );
        }
        if slot.epoch != self.epoch {
            self.policy.reset();
        }
        let hops = self.last.map_or(1, |last| slot.seq.saturating_sub(last));
        (self.epoch, self.last) = (slot.epoch, Some(slot.seq));
        let outcome = self.policy.decide(&self.posterior, validity, hops);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::PolicySpec;
    use crate::status::StatusChange;
    use bci_models::DecodeError;
    use bci_models::bundle::Output;
    use bci_types::{HostNs, Marker};
    use std::sync::Mutex;
    use std::sync::atomic::AtomicI64;

    const HOP_NS: i64 = 10_000_000;

    /// Reads what it is set to; a decode moves it on.
    struct Set(AtomicI64);

    impl Clock for Set {
        fn now(&self) -> HostNs {
            HostNs(self.0.load(Ordering::SeqCst))
        }
    }

    struct Taking {
        ns: i64,
        clock: Arc<Set>,
        output: Output,
    }

    fn taking(ns: i64, clock: &Arc<Set>) -> Box<Taking> {
        Box::new(Taking { ns, clock: Arc::clone(clock), output: Output::posteriors(&["a", "b"]) })
    }

    impl Decoder for Taking {
        fn identity(&self) -> Arc<DecoderIdentity> {
            Arc::new(DecoderIdentity {
                name: String::new(),
                version: String::new(),
                model_sha256: String::new(),
            })
        }
        fn output(&self) -> &Output {
            &self.output
        }
        fn decode(&mut self, _: &[f32], posterior: &mut [f32]) -> Result<(), DecodeError> {
            self.clock.0.fetch_add(self.ns, Ordering::SeqCst);
            posterior.copy_from_slice(&[0.5, 0.5]);
            Ok(())
        }
    }

    #[derive(Default)]
    struct Kept(Mutex<Vec<(u64, i64)>>);

    impl Sink for Kept {
        fn intent(&self, i: Intent) {
            self.0.lock().expect("lock").push((i.seq, i.ledger.decoded - i.ledger.filtered));
        }
        fn marker(&self, _: Marker) {}
        fn status(&self, _: StatusChange) {}
    }

    /// Windows that became ready every hop are found at `now`; each takes `decode_ns`. Which are decoded, and how old
    /// they are then?
    fn decoded(windows: u64, now: i64, decode_ns: i64) -> (Vec<(u64, i64)>, u64) {
        let queue = WindowQueue::new(1, 16);
        for seq in 0..windows {
            let (mut slot, _) = queue.take().expect("a slot");
            slot.seq = seq;
            slot.ledger.filtered = HostNs(seq as i64 * HOP_NS);
            queue.submit(slot);
        }
        let clock = Arc::new(Set(AtomicI64::new(now)));
        let decoder = taking(decode_ns, &clock);
        let policy =
            Policy::new(PolicySpec { smoothing_ms: 0.0, threshold: 0.7, max_age_ms: 500.0 }, 2, 10.0);
        let stage = DecodeStage::new("p".into(), decoder, policy, Duration::from_nanos(HOP_NS as u64));
        let (status, sink) = (Status::new("p".into(), HostNs(0)), Kept::default());
        decode_loop(stage, &queue, clock.as_ref(), &status, &sink, &AtomicBool::new(true));
        let kept = std::mem::take(&mut *sink.0.lock().expect("lock"));
        (kept, status.counters.windows_skipped.load(Ordering::SeqCst))
    }

    #[test]
    fn a_window_whose_newest_sample_is_too_old_is_no_intent() {
        let clock = Arc::new(Set(AtomicI64::new(0)));
        let decoder = taking(0, &clock);
        let policy =
            Policy::new(PolicySpec { smoothing_ms: 0.0, threshold: 0.5, max_age_ms: 500.0 }, 2, 10.0);
        let mut stage = DecodeStage::new("p".into(), decoder, policy, Duration::from_millis(10));
        let queue = WindowQueue::new(1, 1);
        let (mut slot, _) = queue.take().expect("a slot");
        slot.newest_sample = HostNs(1_000_000_000);
        slot.ledger.acquired = HostNs(1_000_000_000);
        let counters = Counters::default();
        let mut at = |ns: i64| {
            clock.0.store(ns, Ordering::SeqCst);
            let intent = stage.decode(&slot, clock.as_ref(), &counters);
            (intent.validity, matches!(intent.outcome, bci_types::Outcome::Class(_)))
        };
        assert_eq!(at(1_500_000_000), (Validity::VALID, true));
        assert_eq!(at(1_500_000_001), (Validity::STALE, false));
        assert_eq!(at(950_000_000), (Validity::VALID, true), "ahead by the correction's error is no fault");
        assert_eq!(at(800_000_000), (Validity::STALE, false), "further ahead, the age is not known");
        assert_eq!(counters.windows_invalid.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn evidence_does_not_outlive_a_hole_that_touches_no_window() {
        let clock = Arc::new(Set(AtomicI64::new(0)));
        let decoder = taking(0, &clock);
        let policy =
            Policy::new(PolicySpec { smoothing_ms: 100.0, threshold: 0.7, max_age_ms: 500.0 }, 2, 10.0);
        let mut stage = DecodeStage::new("p".into(), decoder, policy, Duration::from_millis(10));
        let counters = Counters::default();
        stage.policy.decide(&[1.0, 0.0], Validity::VALID, 1000);
        let queue = WindowQueue::new(1, 1);
        let (mut slot, _) = queue.take().expect("a slot");
        assert!(stage.decode(&slot, clock.as_ref(), &counters).smoothed[0] > 0.9, "evidence lasts");
        slot.epoch = 1;
        assert_eq!(stage.decode(&slot, clock.as_ref(), &counters).smoothed, [0.5, 0.5]);
    }

    #[test]
    fn what_is_late_is_skipped_for_what_is_newer_and_only_then() {
        // In time: both, though the first has waited for exactly a hop.
        assert_eq!(decoded(2, 10_000_000, 1_000_000), (vec![(0, 11_000_000), (1, 2_000_000)], 0));
        // 45 ms late: windows 0 to 3 have waited longer than a hop and a newer one is there.
        assert_eq!(decoded(5, 45_000_000, 1_000_000), (vec![(4, 6_000_000)], 4));
        // Late, but nothing newer is there: better late than never.
        assert_eq!(decoded(1, 99_000_000, 1_000_000), (vec![(0, 100_000_000)], 0));
        // Each takes 2.5 hops: the one that waited for more than a hop meanwhile is skipped.
        assert_eq!(decoded(4, 0, 25_000_000), (vec![(0, 25_000_000), (2, 30_000_000), (3, 45_000_000)], 1));
    }
}
