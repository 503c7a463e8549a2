//! Two lanes as they come, in any order: what is published is one sequence.

use super::*;
use crate::status::StatusChange;
use bci_rt::clock::Clock;
use bci_types::{HostNs, Intent, Ledger, Marker, NoIntentReason, Numbers, Outcome, Validity};
use proptest::prelude::*;
use std::sync::atomic::AtomicI64;

#[derive(Default)]
struct Published(Mutex<Vec<(u64, u64, String)>>, Mutex<Vec<Intent>>);

impl Sink for Published {
    fn intent(&self, i: Intent) {
        self.0.lock().expect("lock").push((i.seq, i.newest_frame, i.decoder.name.clone()));
        self.1.lock().expect("lock").push(i);
    }
    fn marker(&self, _: Marker) {}
    fn status(&self, _: StatusChange) {}
}

fn identity(name: &str) -> Arc<DecoderIdentity> {
    Arc::new(DecoderIdentity {
        name: name.into(),
        version: "1".into(),
        model_sha256: format!("hash of {name}"),
    })
}

/// Windows every 10 frames, which are 10 ms.
fn lane(name: &str) -> Lane {
    Lane::new(identity(name), 10.0, 10.0, Arc::default(), Arc::default())
}

/// What the lane's own thread does with what it decoded.
fn tell(exchange: &Exchange, id: LaneId, decoded: Decoded) {
    let of = exchange.lock().lanes[id].as_ref().map(|lane| Arc::clone(lane.counted()));
    exchange.offer(id, &of.expect("a lane"), decoded);
}

fn dies(exchange: &Exchange, id: LaneId) -> bool {
    let of = exchange.lock().lanes[id].as_ref().map(|lane| Arc::clone(lane.counted()));
    exchange.died(id, &of.expect("a lane"))
}

fn decoded(name: &str, seq: u64, newest_frame: u64, validity: Validity, p: f32) -> Decoded {
    let intent = Intent {
        seq,
        pipeline: "p".into(),
        decoder: identity(name),
        kind: Numbers::Posterior,
        labels: Arc::new(["a".to_owned(), "b".to_owned()]),
        numbers: vec![p, 1.0 - p],
        smoothed: vec![p, 1.0 - p],
        outcome: Outcome::Class(usize::from(p < 0.5)),
        action: bci_types::Action::default(),
        validity,
        oldest_sample: HostNs(0),
        newest_sample: HostNs(0),
        newest_frame,
        ledger: Ledger::default(),
    };
    Decoded { intent, took_ns: 1000, spoilt: false, afresh: false, hops: 1 }
}

/// Stands still until it is set.
#[derive(Default)]
struct Set(AtomicI64);

impl Clock for Set {
    fn now(&self) -> HostNs {
        HostNs(self.0.load(Ordering::SeqCst))
    }
}

fn exchange() -> (Exchange, Arc<Published>) {
    let (exchange, sink, _) = timed();
    (exchange, sink)
}

fn timed() -> (Exchange, Arc<Published>, Arc<Set>) {
    let (sink, clock) = (Arc::new(Published::default()), Arc::new(Set::default()));
    let status = Arc::new(Status::new("p".into(), HostNs(0)));
    let outside = Outside { sink: sink.clone(), status, clock: clock.clone(), max_age_ms: 500.0 };
    (Exchange::new(lane("a"), outside), sink, clock)
}

const SOON: Duration = Duration::ZERO;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Both lanes decode every window, each when it comes to it; swaps are asked for at any time. Every window is published,
    /// none twice, in order, with numbers that go on; and each by the lane that is said to publish.
    #[test]
    fn no_window_is_lost_or_doubled(order in prop::collection::vec(0u8..8, 1..400)) {
        let (exchange, sink) = exchange();
        exchange.load(1, lane("b")).expect("room");
        // Lane b was loaded later: its own numbers begin later.
        tell(&exchange, 0, decoded("a", 5, 59, Validity::VALID, 0.7));
        let mut next = [6u64, 5];
        let (mut swaps, mut back) = (0, false);
        for what in order {
            match what {
                0 => {
                    if exchange.swap("", back, SOON).is_ok() {
                        back = !back;
                        swaps += 1;
                    }
                }
                id => {
                    let id = usize::from(id) % 2;
                    // Neither is ever further ahead of the other than windows can wait.
                    if next[id] < next[1 - id] + 8 {
                        let n = next[id];
                        let seq = if id == 0 { n } else { n - 5 };
                        tell(&exchange, id, decoded(["a", "b"][id], seq, 9 + n * 10, Validity::VALID, 0.7));
                        next[id] += 1;
                    }
                }
            }
        }
        let told = sink.0.lock().expect("lock").clone();
        let (active, count) = (exchange.active(), exchange.decoders().swaps);
        prop_assert_eq!(count, swaps);
        for (k, (seq, frame, _)) in told.iter().enumerate() {
            prop_assert_eq!((*seq, *frame), (5 + k as u64, 9 + (5 + k as u64) * 10));
        }
        prop_assert!(told.len() as u64 >= next[active] - 5, "all that the publishing lane decoded");
        let changes = told.windows(2).filter(|w| w[0].2 != w[1].2).count() as u64;
        prop_assert!(changes <= swaps);
    }
}

#[test]
fn a_candidate_is_swapped_in_only_when_it_is_level_settled_and_well() {
    let (exchange, _) = exchange();
    let swap = || exchange.swap("", false, SOON).map(|_| ()).map_err(|e| e.to_string());
    assert_eq!(swap(), Err("no candidate is loaded".into()));
    exchange.load(1, lane("b")).expect("room");
    assert!(matches!(exchange.load(1, lane("c")), Err(SwapError::Occupied(name)) if name == "b"));
    let not = |why: &str| Err(format!("the candidate b is not ready: {why}"));
    assert_eq!(swap(), not("it has decoded no window yet"));
    tell(&exchange, 0, decoded("a", 0, 9, Validity::VALID, 0.5));
    tell(&exchange, 1, decoded("b", 0, 9, Validity::DECODER_FAULT, 0.5));
    assert_eq!(swap(), not("it fails on windows"));
    tell(&exchange, 1, decoded("b", 1, 19, Validity::SETTLING, 0.5));
    assert_eq!(swap(), not("its filters or states have not settled yet"));
    tell(&exchange, 1, decoded("b", 2, 29, Validity::VALID, 0.5));
    for (n, frame) in [(1, 19), (2, 29), (3, 39)] {
        tell(&exchange, 0, decoded("a", n, frame, Validity::VALID, 0.5));
    }
    assert_eq!(swap(), not("it does not keep up with the stream"));
    assert_eq!(
        exchange.swap("other", false, SOON).map_err(|e| e.to_string()),
        Err("the candidate loaded is hash of b, not other".into())
    );
    assert_eq!(exchange.swap("", true, SOON), Err(SwapError::NotSwapped));
    tell(&exchange, 1, decoded("b", 3, 39, Validity::VALID, 0.5));
    assert_eq!(swap(), Ok(()));
    assert_eq!(exchange.decoders().active.map(|d| d.name.clone()), Some("b".into()));
    assert_eq!(swap(), Err("the candidate b publishes already; `rollback` brings the other back".into()));
    assert_eq!(exchange.swap("", true, SOON).map(|s| s.after), Ok(Some(3)));
    assert_eq!(exchange.discard().map(|_| ()), Ok(()));
    assert_eq!(exchange.discard().map(|_| ()), Err(SwapError::NoCandidate));
}

/// A swap that is asked for before the candidate is level takes place as soon as it is.
#[test]
fn a_swap_waits_for_the_candidate() {
    let (exchange, sink) = exchange();
    exchange.load(1, lane("b")).expect("room");
    tell(&exchange, 0, decoded("a", 7, 79, Validity::VALID, 0.5));
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| exchange.swap("", false, Duration::from_secs(20)));
        while !exchange.lock().is_asked() {
            std::thread::yield_now();
        }
        tell(&exchange, 1, decoded("b", 0, 79, Validity::VALID, 0.5));
        assert_eq!(
            waiting.join().expect("joined").map(|s| s.now.map(|d| d.name.clone())),
            Ok(Some("b".into()))
        );
    });
    tell(&exchange, 1, decoded("b", 1, 89, Validity::VALID, 0.5));
    tell(&exchange, 0, decoded("a", 8, 89, Validity::VALID, 0.5));
    let told = sink.0.lock().expect("lock").clone();
    assert_eq!(told, [(7, 79, "a".to_owned()), (8, 89, "b".to_owned())]);
}

#[test]
fn a_decoder_that_fails_on_and_on_gives_way_to_the_one_that_works() {
    let (exchange, sink) = exchange();
    exchange.load(1, lane("b")).expect("room");
    for n in 0..6u64 {
        tell(&exchange, 1, decoded("b", n, 9 + n * 10, Validity::VALID, 0.5));
        let fails = if n >= 2 { Validity::DECODER_FAULT } else { Validity::VALID };
        tell(&exchange, 0, decoded("a", n, 9 + n * 10, fails, 0.5));
    }
    let decoders = exchange.decoders();
    assert_eq!((decoders.active.map(|d| d.name.clone()), decoders.rescues), (Some("b".into()), 1));
    let told = sink.0.lock().expect("lock").clone();
    let frames: Vec<u64> = told.iter().map(|t| t.1).collect();
    assert_eq!(frames, [9, 19, 29, 39, 49, 59]);
    assert_eq!(told[5].2, "b");
}

#[test]
fn a_lane_that_dies_leaves_the_other() {
    let (exchange, _) = exchange();
    assert!(!dies(&exchange, 0), "there is no other");
    let (exchange, _) = self::exchange();
    exchange.load(1, lane("b")).expect("room");
    assert!(dies(&exchange, 1));
    assert_eq!(exchange.decoders().other, None);
    exchange.load(1, lane("c")).expect("room again");
    assert!(dies(&exchange, 0));
    assert_eq!(exchange.decoders().active.map(|d| d.name.clone()), Some("c".into()));
}

#[test]
fn agreement_and_drift_are_of_windows_that_both_could_trust() {
    let (exchange, _) = exchange();
    exchange.load(1, lane("b")).expect("room");
    for (n, (validity, p, q)) in
        [(Validity::VALID, 0.9, 0.9), (Validity::VALID, 0.9, 0.1), (Validity::GAP, 0.1, 0.9)]
            .into_iter()
            .enumerate()
    {
        let (n, frame) = (n as u64, 9 + n as u64 * 10);
        // Whoever comes first.
        if n.is_multiple_of(2) {
            tell(&exchange, 0, decoded("a", n, frame, validity, p));
            tell(&exchange, 1, decoded("b", n, frame, Validity::VALID, q));
        } else {
            tell(&exchange, 1, decoded("b", n, frame, Validity::VALID, q));
            tell(&exchange, 0, decoded("a", n, frame, validity, p));
        }
    }
    let report = exchange.report().expect("a candidate");
    assert_eq!((report.windows, report.compared, report.agreed, report.agreed_on_intent), (3, 2, 1, 1));
    assert!((0.2..0.3).contains(&report.drift) && report.recent_drift == report.drift, "{report:?}");
    assert_eq!((report.active.count, report.candidate.count), (3, 3));
    assert!((report.candidate.p50_us - 1.0).abs() < 0.01);
}

/// Latencies of more than 2 us are told as they are.
#[test]
fn latency_of_a_real_run_is_reported() {
    let (exchange, _) = exchange();
    exchange.load(1, lane("b")).expect("room");
    for n in 0..100 {
        let mut of_b = decoded("b", n, 9 + n * 10, Validity::VALID, 0.5);
        of_b.took_ns = 500_000;
        tell(&exchange, 1, of_b);
    }
    let report = exchange.report().expect("a candidate");
    assert!((report.candidate.p50_us - 500.0).abs() < 1.0, "{report:?}");
}

/// The publishing thread dies while the candidate is behind: nothing is published twice.
#[test]
fn no_window_is_doubled_when_the_publishing_thread_dies() {
    let (exchange, sink) = exchange();
    exchange.load(1, lane("b")).expect("room");
    for n in 0..5u64 {
        tell(&exchange, 0, decoded("a", n, 9 + n * 10, Validity::VALID, 0.5));
        if n < 3 {
            tell(&exchange, 1, decoded("b", n, 9 + n * 10, Validity::VALID, 0.5));
        }
    }
    assert!(dies(&exchange, 0));
    // The candidate comes to what waits in its own queue.
    for n in 3..6u64 {
        tell(&exchange, 1, decoded("b", n, 9 + n * 10, Validity::VALID, 0.5));
    }
    let frames: Vec<u64> = sink.0.lock().expect("lock").iter().map(|t| t.1).collect();
    assert_eq!(frames, [9, 19, 29, 39, 49, 59]);
}

/// A stream that states 1000.9 Hz is taken by a decoder made for 1000 Hz, hop 20 (bind permits a thousandth):
/// its period is then told as 20.018 frames, windows come every 20.
#[test]
fn no_window_is_doubled_where_the_stated_rate_is_a_little_high() {
    let (exchange, sink) = exchange();
    exchange.load(1, lane("b")).expect("room");
    // Registry::tell_periods: hop_ms * 1e-3 * stated.
    exchange.set_period(0, 20.0 * 1e-3 * 1000.9);
    exchange.set_period(1, 20.0 * 1e-3 * 1000.9);
    for n in 0..3u64 {
        tell(&exchange, 0, decoded("a", n, 19 + n * 20, Validity::VALID, 0.5));
    }
    for n in 0..2u64 {
        tell(&exchange, 1, decoded("b", n, 19 + n * 20, Validity::VALID, 0.5));
    }
    // One window behind: it is not level.
    let _ = exchange.swap("", false, SOON);
    tell(&exchange, 1, decoded("b", 2, 59, Validity::VALID, 0.5));
    let frames: Vec<u64> = sink.0.lock().expect("lock").iter().map(|t| t.1).collect();
    assert_eq!(frames, [19, 39, 59], "published twice");
}

/// The model that is meant is swapped in, and no other, whatever other clients do meanwhile.
#[test]
fn a_waiting_swap_never_swaps_another_model_in() {
    let (exchange, _) = exchange();
    exchange.load(1, lane("b")).expect("room");
    tell(&exchange, 0, decoded("a", 7, 79, Validity::VALID, 0.5));
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| exchange.swap("hash of b", false, Duration::from_millis(500)));
        while !exchange.lock().is_asked() {
            std::thread::yield_now();
        }
        exchange.discard().expect("b");
        exchange.load(1, lane("c")).expect("room");
        tell(&exchange, 1, decoded("c", 0, 79, Validity::VALID, 0.5));
        let swapped = waiting.join().expect("joined").map(|s| s.now.map(|d| d.name.clone()));
        assert!(swapped.is_err(), "{swapped:?}");
    });
    assert_eq!(exchange.decoders().active.map(|d| d.name.clone()), Some("a".into()));
}

/// A client that gives up does not make another wait to the end of its patience.
#[test]
fn a_swap_that_gives_up_leaves_that_of_another_client() {
    let (exchange, _) = exchange();
    exchange.load(1, lane("b")).expect("room");
    tell(&exchange, 0, decoded("a", 7, 79, Validity::VALID, 0.5));
    std::thread::scope(|scope| {
        let patient = scope.spawn(|| exchange.swap("", false, Duration::from_secs(3)));
        while !exchange.lock().is_asked() {
            std::thread::yield_now();
        }
        assert!(exchange.swap("", false, SOON).is_err());
        let begun = Instant::now();
        tell(&exchange, 1, decoded("b", 0, 79, Validity::VALID, 0.5));
        assert!(patient.join().expect("joined").is_ok());
        assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    });
}

/// After a swap the report is of the decoder that publishes now and of the one in the shadow now.
#[test]
fn the_report_after_a_swap_does_not_mix_the_two() {
    let (exchange, _) = exchange();
    exchange.load(1, lane("b")).expect("room");
    let took = |name: &str, n: u64, ns: i64, v| {
        let mut d = decoded(name, n, 9 + n * 10, v, 0.5);
        d.took_ns = ns;
        d
    };
    for n in 0..10u64 {
        tell(&exchange, 0, took("a", n, 1000, Validity::VALID));
        // The candidate fails at first.
        let v = if n < 5 { Validity::DECODER_FAULT } else { Validity::VALID };
        tell(&exchange, 1, took("b", n, 2000, v));
    }
    exchange.swap("", false, SOON).expect("level");
    for n in 10..20u64 {
        tell(&exchange, 0, took("a", n, 1000, Validity::VALID));
        tell(&exchange, 1, took("b", n, 2000, Validity::VALID));
    }
    let r = exchange.report().expect("a is in the shadow");
    // a took 1 us and never failed; b took 2 us.
    assert_eq!(r.faults, 0, "a never failed: {r:?}");
    assert!((r.candidate.max_us - 1.0).abs() < 0.01 && (r.active.p50_us - 2.0).abs() < 0.01, "{r:?}");
}

/// The publishing decoder hangs for longer than what is kept (64 windows) while the candidate goes on: at the swap
/// nothing is lost.
#[test]
fn a_swap_away_from_a_hanging_decoder_loses_nothing() {
    let (exchange, sink) = exchange();
    exchange.load(1, lane("b")).expect("room");
    tell(&exchange, 0, decoded("a", 0, 9, Validity::VALID, 0.5));
    for n in 0..101u64 {
        tell(&exchange, 1, decoded("b", n, 9 + n * 10, Validity::VALID, 0.5));
    }
    exchange.swap("", false, SOON).expect("level");
    let frames: Vec<u64> = sink.0.lock().expect("lock").iter().map(|t| t.1).collect();
    assert_eq!(frames.len(), 101, "windows lost: {:?}", &frames[..3]);
}

/// What is published at a swap is judged by what it is worth by then: intents of seconds ago are none.
#[test]
fn what_a_swap_publishes_late_is_stale() {
    let (exchange, sink, clock) = timed();
    exchange.load(1, lane("b")).expect("room");
    tell(&exchange, 0, decoded("a", 0, 9, Validity::VALID, 0.5));
    for n in 0..3u64 {
        let mut of_b = decoded("b", n, 9 + n * 10, Validity::VALID, 0.9);
        of_b.intent.newest_sample = HostNs(n as i64 * 400_000_000);
        of_b.intent.ledger.acquired = of_b.intent.newest_sample;
        tell(&exchange, 1, of_b);
    }
    clock.0.store(1_000_000_000, Ordering::SeqCst);
    exchange.swap("", false, SOON).expect("level");
    let told = sink.1.lock().expect("lock").clone();
    let [_, late, timely] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!(
        (late.validity, late.outcome),
        (Validity::STALE, Outcome::NoIntent(NoIntentReason::InvalidData))
    );
    assert_eq!(late.smoothed, [0.5, 0.5]);
    assert_eq!((timely.validity, timely.outcome), (Validity::VALID, Outcome::Class(0)));
    let counters = &exchange.outside.status.counters;
    assert_eq!(counters.windows_invalid.load(Ordering::SeqCst), 1);
}

/// Windows that the new one has not decoded either are lost, and counted.
#[test]
fn windows_that_neither_decoded_are_counted_as_skipped_at_a_swap() {
    let (exchange, sink) = exchange();
    exchange.load(1, lane("b")).expect("room");
    tell(&exchange, 0, decoded("a", 0, 9, Validity::VALID, 0.5));
    for n in [0u64, 2, 3, 5] {
        tell(&exchange, 1, decoded("b", n, 9 + n * 10, Validity::VALID, 0.5));
    }
    exchange.swap("", false, SOON).expect("level");
    let numbers: Vec<u64> = sink.0.lock().expect("lock").iter().map(|t| t.0).collect();
    assert_eq!(numbers, [0, 2, 3, 5]);
    assert_eq!(exchange.outside.status.counters.windows_skipped.load(Ordering::SeqCst), 2);
}

/// A thread of a decoder that was discarded may still be in a run: it speaks and dies for nobody.
#[test]
fn a_discarded_decoder_is_not_heard_in_the_name_of_the_next() {
    let (exchange, _) = exchange();
    let discarded: Arc<Counters> = Arc::default();
    let of_b = Lane::new(identity("b"), 10.0, 10.0, Arc::clone(&discarded), Arc::default());
    exchange.load(1, of_b).expect("room");
    exchange.discard().expect("b");
    exchange.load(1, lane("c")).expect("room");
    exchange.offer(1, &discarded, decoded("b", 0, 9, Validity::VALID, 0.5));
    assert!(exchange.died(1, &discarded));
    let report = exchange.report().expect("c is there");
    assert_eq!((report.windows, report.not_ready.as_deref()), (0, Some("it has decoded no window yet")));
}

/// Where the windows of the two never end together, a decoder that fails is still replaced by one that is up to date.
#[test]
fn the_other_takes_over_whatever_the_phase_of_its_windows() {
    let (exchange, _) = exchange();
    exchange.load(1, lane("b")).expect("room");
    for n in 0..5u64 {
        tell(&exchange, 1, decoded("b", n, 2 + n * 10, Validity::VALID, 0.5));
        tell(&exchange, 0, decoded("a", n, 9 + n * 10, Validity::DECODER_FAULT, 0.5));
    }
    assert_eq!(exchange.decoders().active.map(|d| d.name.clone()), Some("b".into()));
}
