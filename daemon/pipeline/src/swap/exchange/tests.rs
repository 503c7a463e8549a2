//! Two lanes as they come, in any order: what is published is one sequence.

use super::*;
use crate::status::StatusChange;
use bci_types::{HostNs, Ledger, Marker, Outcome};
use proptest::prelude::*;

#[derive(Default)]
struct Published(Mutex<Vec<(u64, u64, String)>>);

impl Sink for Published {
    fn intent(&self, i: Intent) {
        self.0.lock().expect("lock").push((i.seq, i.newest_frame, i.decoder.name.clone()));
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

fn lane(name: &str) -> Lane {
    Lane::new(identity(name), 10.0, Arc::new(Status::new("p".into(), HostNs(0))))
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
        validity,
        oldest_sample: HostNs(0),
        newest_sample: HostNs(0),
        newest_frame,
        ledger: Ledger::default(),
    };
    Decoded { intent, took_ns: 1000 }
}

fn exchange() -> (Exchange, Arc<Published>) {
    let sink = Arc::new(Published::default());
    (Exchange::new(lane("a"), Arc::clone(&sink) as Arc<dyn Sink>), sink)
}

const SOON: Duration = Duration::ZERO;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Both lanes decode every window, each when it comes to it; swaps are asked for at any time. Every window is published,
    /// none twice, in order, with numbers that go on; and each by the lane that is said to publish.
    #[test]
    fn no_window_is_lost_or_doubled(order in prop::collection::vec(0u8..8, 1..400)) {
        let (exchange, sink) = exchange();
        exchange.load(lane("b")).expect("room");
        // Lane b was loaded later: its own numbers begin later.
        exchange.offer(0, decoded("a", 5, 59, Validity::VALID, 0.7));
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
                        exchange.offer(id, decoded(["a", "b"][id], seq, 9 + n * 10, Validity::VALID, 0.7));
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
    exchange.load(lane("b")).expect("room");
    assert!(matches!(exchange.load(lane("c")), Err(SwapError::Occupied(name)) if name == "b"));
    let not = |why: &str| Err(format!("the candidate b is not ready: {why}"));
    assert_eq!(swap(), not("it has decoded no window yet"));
    exchange.offer(0, decoded("a", 0, 9, Validity::VALID, 0.5));
    exchange.offer(1, decoded("b", 0, 9, Validity::DECODER_FAULT, 0.5));
    assert_eq!(swap(), not("it fails on windows"));
    exchange.offer(1, decoded("b", 1, 19, Validity::SETTLING, 0.5));
    assert_eq!(swap(), not("its filters or states have not settled yet"));
    exchange.offer(1, decoded("b", 2, 29, Validity::VALID, 0.5));
    for (n, frame) in [(1, 19), (2, 29), (3, 39)] {
        exchange.offer(0, decoded("a", n, frame, Validity::VALID, 0.5));
    }
    assert_eq!(swap(), not("it does not keep up with the stream"));
    assert_eq!(
        exchange.swap("other", false, SOON).map_err(|e| e.to_string()),
        Err("the candidate loaded is hash of b, not other".into())
    );
    assert_eq!(exchange.swap("", true, SOON), Err(SwapError::NotSwapped));
    exchange.offer(1, decoded("b", 3, 39, Validity::VALID, 0.5));
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
    exchange.load(lane("b")).expect("room");
    exchange.offer(0, decoded("a", 7, 79, Validity::VALID, 0.5));
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| exchange.swap("", false, Duration::from_secs(20)));
        while !exchange.lock().asked {
            std::thread::yield_now();
        }
        exchange.offer(1, decoded("b", 0, 79, Validity::VALID, 0.5));
        assert_eq!(
            waiting.join().expect("joined").map(|s| s.now.map(|d| d.name.clone())),
            Ok(Some("b".into()))
        );
    });
    exchange.offer(1, decoded("b", 1, 89, Validity::VALID, 0.5));
    exchange.offer(0, decoded("a", 8, 89, Validity::VALID, 0.5));
    let told = sink.0.lock().expect("lock").clone();
    assert_eq!(told, [(7, 79, "a".to_owned()), (8, 89, "b".to_owned())]);
}

#[test]
fn a_decoder_that_fails_on_and_on_gives_way_to_the_one_that_works() {
    let (exchange, sink) = exchange();
    exchange.load(lane("b")).expect("room");
    for n in 0..6u64 {
        exchange.offer(1, decoded("b", n, 9 + n * 10, Validity::VALID, 0.5));
        let fails = if n >= 2 { Validity::DECODER_FAULT } else { Validity::VALID };
        exchange.offer(0, decoded("a", n, 9 + n * 10, fails, 0.5));
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
    assert!(!exchange.died(0), "there is no other");
    let (exchange, _) = self::exchange();
    exchange.load(lane("b")).expect("room");
    assert!(exchange.died(1));
    assert_eq!(exchange.decoders().other, None);
    exchange.load(lane("c")).expect("room again");
    assert!(exchange.died(0));
    assert_eq!(exchange.decoders().active.map(|d| d.name.clone()), Some("c".into()));
}

#[test]
fn agreement_and_drift_are_of_windows_that_both_could_trust() {
    let (exchange, _) = exchange();
    exchange.load(lane("b")).expect("room");
    for (n, (validity, p, q)) in
        [(Validity::VALID, 0.9, 0.9), (Validity::VALID, 0.9, 0.1), (Validity::GAP, 0.1, 0.9)]
            .into_iter()
            .enumerate()
    {
        let (n, frame) = (n as u64, 9 + n as u64 * 10);
        // Whoever comes first.
        if n.is_multiple_of(2) {
            exchange.offer(0, decoded("a", n, frame, validity, p));
            exchange.offer(1, decoded("b", n, frame, Validity::VALID, q));
        } else {
            exchange.offer(1, decoded("b", n, frame, Validity::VALID, q));
            exchange.offer(0, decoded("a", n, frame, validity, p));
        }
    }
    let report = exchange.report().expect("a candidate");
    assert_eq!((report.windows, report.compared, report.agreed, report.agreed_on_intent), (3, 2, 1, 1));
    assert!((0.2..0.3).contains(&report.drift) && report.recent_drift == report.drift, "{report:?}");
    assert_eq!((report.active.count, report.candidate.count), (3, 3));
    assert!((report.candidate.p50_us - 1.0).abs() < 0.01);
}
