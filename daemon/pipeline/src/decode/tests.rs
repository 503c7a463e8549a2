//! Late windows, stale windows, evidence over holes, and decoders that remember.

use super::*;
use crate::policy::PolicySpec;
use bci_models::DecodeError;
use bci_models::bundle::Output;
use bci_types::HostNs;
use std::sync::atomic::AtomicI64;

const HOP_NS: i64 = 10_000_000;
const FED: Fed = Fed { window: 1, hop: 1, hops: false };

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
    posterior: [f32; 2],
}

fn taking(ns: i64, clock: &Arc<Set>) -> Box<Taking> {
    let output = Output::posteriors(&["a", "b"]);
    Box::new(Taking { ns, clock: Arc::clone(clock), output, posterior: [0.5, 0.5] })
}

impl Decoder for Taking {
    fn identity(&self) -> Arc<DecoderIdentity> {
        Arc::new(DecoderIdentity { name: String::new(), version: String::new(), model_sha256: String::new() })
    }
    fn output(&self) -> &Output {
        &self.output
    }
    fn decode(&mut self, _: &[f32], posterior: &mut [f32]) -> Result<(), DecodeError> {
        self.clock.0.fetch_add(self.ns, Ordering::SeqCst);
        posterior.copy_from_slice(&self.posterior);
        Ok(())
    }
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
    let policy = Policy::new(
        PolicySpec { smoothing_ms: 0.0, threshold: 0.7, max_age_ms: 500.0, ..PolicySpec::NOTHING },
        2,
        10.0,
    );
    let mut stage = DecodeStage::new("p".into(), decoder, FED, policy, Duration::from_nanos(HOP_NS as u64));
    let (counters, mut kept) = (Counters::default(), Vec::new());
    let mut told = |d: Decoded| kept.push((d.intent.seq, d.intent.ledger.decoded - d.intent.ledger.filtered));
    decode_loop(&mut stage, &queue, clock.as_ref(), &counters, &mut told, &AtomicBool::new(true));
    (kept, counters.windows_skipped.load(Ordering::SeqCst))
}

#[test]
fn a_window_whose_newest_sample_is_too_old_is_no_intent() {
    let clock = Arc::new(Set(AtomicI64::new(0)));
    let decoder = taking(0, &clock);
    let policy = Policy::new(
        PolicySpec { smoothing_ms: 0.0, threshold: 0.5, max_age_ms: 500.0, ..PolicySpec::NOTHING },
        2,
        10.0,
    );
    let mut stage = DecodeStage::new("p".into(), decoder, FED, policy, Duration::from_millis(10));
    let queue = WindowQueue::new(1, 1);
    let (mut slot, _) = queue.take().expect("a slot");
    slot.newest_sample = HostNs(1_000_000_000);
    slot.ledger.acquired = HostNs(1_000_000_000);
    let counters = Counters::default();
    let mut at = |ns: i64| {
        clock.0.store(ns, Ordering::SeqCst);
        let intent = stage.decode(&slot, clock.as_ref(), &counters).intent;
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
    let policy = Policy::new(
        PolicySpec { smoothing_ms: 100.0, threshold: 0.7, max_age_ms: 500.0, ..PolicySpec::NOTHING },
        2,
        10.0,
    );
    let mut stage = DecodeStage::new("p".into(), decoder, FED, policy, Duration::from_millis(10));
    let counters = Counters::default();
    stage.policy.decide(&[1.0, 0.0], Validity::VALID, 1000);
    let queue = WindowQueue::new(1, 1);
    let (mut slot, _) = queue.take().expect("a slot");
    assert!(stage.decode(&slot, clock.as_ref(), &counters).intent.smoothed[0] > 0.9, "evidence lasts");
    slot.epoch = 1;
    assert_eq!(stage.decode(&slot, clock.as_ref(), &counters).intent.smoothed, [0.5, 0.5]);
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

/// Remembers: its posterior tells how many windows it has taken in since it was reset, in sixteenths.
struct Remembering {
    output: Output,
    taken: u32,
    resets: Arc<std::sync::Mutex<Vec<Reset>>>,
}

impl Decoder for Remembering {
    fn identity(&self) -> Arc<DecoderIdentity> {
        Arc::new(DecoderIdentity { name: String::new(), version: String::new(), model_sha256: String::new() })
    }
    fn output(&self) -> &Output {
        &self.output
    }
    fn decode(&mut self, window: &[f32], posterior: &mut [f32]) -> Result<(), DecodeError> {
        if window[0] < 0.0 {
            return Err(DecodeError::NotProbabilities(vec![f32::NAN]));
        }
        self.taken += 1;
        let p = self.taken as f32 / 16.0;
        posterior.copy_from_slice(&[p, 1.0 - p]);
        Ok(())
    }
    fn has_memory(&self) -> bool {
        true
    }
    fn reset(&mut self, how: Reset) {
        self.taken = 0;
        self.resets.lock().expect("lock").push(how);
    }
}

/// A decoder fed by hops of 2, whose window is 6, through windows as described: what was remembered at each, whether it was
/// trusted, and the time of its first frame.
fn remembered(windows: &[(u64, u64, u32, Validity, f32)]) -> (Vec<(u32, bool, i64)>, Vec<Reset>) {
    let clock = Set(AtomicI64::new(0));
    let resets = Arc::default();
    let output = Output { settle_samples: 6, ..Output::posteriors(&["a", "b"]) };
    let decoder = Box::new(Remembering { output, taken: 0, resets: Arc::clone(&resets) });
    let policy =
        PolicySpec { smoothing_ms: 0.0, threshold: 0.7, max_age_ms: f64::INFINITY, ..PolicySpec::NOTHING };
    let fed = Fed { window: 6, hop: 2, hops: true };
    let policy = Policy::new(policy, 2, 10.0);
    let mut stage = DecodeStage::new("p".into(), decoder, fed, policy, Duration::from_millis(10));
    let queue = WindowQueue::new(2, 1);
    let seen = windows.iter().map(|&(seq, epoch, attachment, validity, x)| {
        let (mut slot, _) = queue.take().expect("a slot");
        slot.window.fill(x);
        (slot.seq, slot.epoch, slot.attachment, slot.validity) = (seq, epoch, attachment, validity);
        slot.oldest_sample = HostNs(seq as i64 * 100);
        let intent = stage.decode(&slot, &clock, &Counters::default()).intent;
        queue.recycle(slot);
        ((intent.numbers[0] * 16.0) as u32, intent.validity.is_valid(), intent.oldest_sample.0)
    });
    let seen = seen.collect();
    (seen, std::mem::take(&mut *resets.lock().expect("lock")))
}

#[test]
fn what_is_remembered_ends_with_every_break_and_is_trusted_once_it_is_long_enough() {
    let ok = Validity::VALID;
    let at = |seq| (seq, 0, 0, ok, 1.0);
    let (seen, resets) = remembered(&[at(0), at(1), at(2), at(3)]);
    assert_eq!(seen, [(1, false, 0), (2, false, 0), (3, true, 0), (4, true, 100)]);
    assert_eq!(resets, [Reset::Attachment]);
    // A window that is missing, a hole that touches none, and a new attachment.
    for (broken, how) in [
        ((4, 0, 0, ok, 1.0), Reset::Invalid),
        ((3, 1, 0, ok, 1.0), Reset::Invalid),
        ((3, 1, 1, ok, 1.0), Reset::Attachment),
    ] {
        let (seen, resets) = remembered(&[at(0), at(1), at(2), broken]);
        assert_eq!(seen[3], (1, false, broken.0 as i64 * 100), "{broken:?}");
        assert_eq!(resets, [Reset::Attachment, how]);
    }
    // What cannot be trusted is not taken in; nor does what was before outlive it.
    let (seen, resets) =
        remembered(&[at(0), at(1), at(2), (3, 0, 0, Validity::RAILED, 1.0), at(4), at(5), at(6)]);
    assert_eq!(seen[3..], [(0, false, 300), (1, false, 400), (2, false, 400), (3, true, 400)]);
    assert_eq!(resets, [Reset::Attachment, Reset::Invalid]);
    // Nor does it outlive a failure.
    let (seen, resets) = remembered(&[at(0), at(1), at(2), (3, 0, 0, ok, -1.0), at(4)]);
    assert_eq!(seen[3..], [(0, false, 300), (1, false, 400)]);
    assert_eq!(resets, [Reset::Attachment, Reset::Invalid]);
}

/// A late window of a decoder that remembers is taken in, though nothing is told of it.
#[test]
fn late_windows_are_remembered() {
    let queue = WindowQueue::new(2, 16);
    for seq in 0..5 {
        let (mut slot, _) = queue.take().expect("a slot");
        slot.seq = seq;
        slot.window.fill(1.0);
        slot.ledger.filtered = HostNs(seq as i64 * HOP_NS);
        queue.submit(slot);
    }
    let output = Output { settle_samples: 6, ..Output::posteriors(&["a", "b"]) };
    let decoder = Box::new(Remembering { output, taken: 0, resets: Arc::default() });
    let policy =
        PolicySpec { smoothing_ms: 0.0, threshold: 0.7, max_age_ms: f64::INFINITY, ..PolicySpec::NOTHING };
    let fed = Fed { window: 6, hop: 2, hops: true };
    let deadline = Duration::from_nanos(HOP_NS as u64);
    let mut stage = DecodeStage::new("p".into(), decoder, fed, Policy::new(policy, 2, 10.0), deadline);
    let (counters, mut told) = (Counters::default(), Vec::new());
    let clock = Set(AtomicI64::new(100 * HOP_NS));
    let mut tell =
        |d: Decoded| told.push((d.intent.seq, d.intent.numbers[0] * 16.0, d.intent.validity.is_valid()));
    decode_loop(&mut stage, &queue, &clock, &counters, &mut tell, &AtomicBool::new(true));
    assert_eq!(told, [(4, 5.0, true)]);
    assert_eq!(counters.windows_skipped.load(Ordering::SeqCst), 4);
}

/// A window of which the decoder itself is too unsure is no evidence, and the intent says so.
#[test]
fn a_window_below_the_decoders_own_threshold_is_rejected() {
    let clock = Arc::new(Set(AtomicI64::new(0)));
    let mut decoder = taking(0, &clock);
    if let OutputKind::Classes(classes) = &mut decoder.output.kind {
        classes.reject_below = 0.6;
    }
    let policy = Policy::new(
        PolicySpec { smoothing_ms: 0.0, threshold: 0.55, max_age_ms: 500.0, ..PolicySpec::NOTHING },
        2,
        10.0,
    );
    let mut stage = DecodeStage::new("p".into(), decoder, FED, policy, Duration::from_millis(10));
    let queue = WindowQueue::new(1, 1);
    let (slot, _) = queue.take().expect("a slot");
    let intent = stage.decode(&slot, clock.as_ref(), &Counters::default()).intent;
    assert_eq!(intent.outcome, Outcome::NoIntent(NoIntentReason::Rejected));
    assert_eq!(intent.smoothed, [0.5, 0.5]);
}

/// Fed by the hop, what was interpolated within the decoder's window is told of every decision that rests on it.
#[test]
fn interpolated_frames_are_told_as_long_as_they_are_in_the_decoders_window() {
    let clock = Set(AtomicI64::new(0));
    let output = Output { settle_samples: 6, ..Output::posteriors(&["a", "b"]) };
    let decoder = Box::new(Remembering { output, taken: 0, resets: Arc::default() });
    let policy =
        PolicySpec { smoothing_ms: 0.0, threshold: 0.7, max_age_ms: f64::INFINITY, ..PolicySpec::NOTHING };
    let fed = Fed { window: 6, hop: 2, hops: true };
    let mut stage =
        DecodeStage::new("p".into(), decoder, fed, Policy::new(policy, 2, 10.0), Duration::from_millis(10));
    let queue = WindowQueue::new(2, 1);
    let bridged: Vec<bool> = (0..8)
        .map(|seq| {
            let (mut slot, _) = queue.take().expect("a slot");
            slot.window.fill(1.0);
            slot.seq = seq;
            slot.validity = if seq == 4 { Validity::BRIDGED } else { Validity::VALID };
            let validity = stage.decode(&slot, &clock, &Counters::default()).intent.validity;
            queue.recycle(slot);
            validity.has(Validity::BRIDGED)
        })
        .collect();
    // Window 6 = three hops: 4, 5 and 6 rest on it, as they would be told fed by the window.
    assert_eq!(bridged, [false, false, false, false, true, true, true, false]);
}

/// A decoder that favours a class on this day is levelled by the windows of trials, and by those alone; where filters began from
/// nothing, so does that.
#[test]
fn posteriors_are_levelled_by_how_frequent_classes_seem_in_trials() {
    let clock = Arc::new(Set(AtomicI64::new(0)));
    let mut decoder = taking(0, &clock);
    decoder.posterior = [0.8, 0.2];
    if let OutputKind::Classes(classes) = &mut decoder.output.kind {
        classes.prior_windows = Some(10);
    }
    let policy = Policy::new(
        PolicySpec { smoothing_ms: 0.0, threshold: 0.7, max_age_ms: 500.0, ..PolicySpec::NOTHING },
        2,
        10.0,
    );
    let mut stage = DecodeStage::new("p".into(), decoder, FED, policy, Duration::from_millis(10));
    let queue = WindowQueue::new(1, 1);
    let mut next = |seq: u64, generation: u64, teaches: bool, validity: Validity| {
        let (mut slot, _) = queue.take().expect("a slot");
        (slot.seq, slot.generation, slot.teaches, slot.validity) = (seq, generation, teaches, validity);
        let intent = stage.decode(&slot, clock.as_ref(), &Counters::default()).intent;
        queue.recycle(slot);
        intent.numbers
    };
    assert_eq!(next(0, 1, false, Validity::VALID), [0.8, 0.2], "nothing was learned yet");
    for seq in 1..=1000 {
        next(seq, 1, true, Validity::VALID);
    }
    let levelled = next(1001, 1, false, Validity::VALID);
    assert!((levelled[0] - 0.5).abs() < 0.01, "{levelled:?}");
    for seq in 1002..2000 {
        assert_eq!(next(seq, 1, false, Validity::VALID), levelled, "no trial");
    }
    assert_eq!(next(2000, 1, false, Validity::GAP), [0.8, 0.2], "what cannot be trusted is told as it is");
    assert_eq!(next(2001, 2, false, Validity::VALID), [0.8, 0.2], "filters began from nothing");
}
