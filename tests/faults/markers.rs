//! Markers, too many and late.

use bci_tests::{Daemon, Outlet, Source, Subscriber, World};
use std::time::Duration;

const FOUND: Duration = Duration::from_secs(20);
const SOON: Duration = Duration::from_secs(60);

#[test]
fn thousands_of_markers_all_arrive_in_order_and_cost_no_window() {
    const MANY: usize = 5000;
    let world = World::new("flood");
    let (stream, markers) = (world.name("eeg"), world.name("markers"));
    let mut outlet = Outlet::looping(&world, &Source::one(&stream).with_markers(&markers));
    let more = format!("[[markers]]\nname = {markers:?}\n");
    let daemon = Daemon::with(&world, "daemon", &stream, &more, &[]);
    let mut subscriber = Subscriber::to(&world, &daemon);
    subscriber.until("valid intent", FOUND, |e| e.intent().is_some_and(|i| i.valid));
    outlet.flood(MANY as u64, "m");
    subscriber.have_markers(MANY, SOON);
    subscriber.until_intents(20, SOON);
    let numbers: Vec<usize> = subscriber
        .markers()
        .iter()
        .map(|m| m.marker.strip_prefix("m ").and_then(|n| n.parse().ok()).expect("a number"))
        .collect();
    assert!(numbers.iter().copied().eq(0..MANY), "not every marker once, in order");
    let intents = subscriber.intents();
    for pair in intents.windows(2) {
        assert_eq!(pair[1].sequence, pair[0].sequence + 1, "windows are missing");
    }
    let late = intents.iter().filter(|i| i.received_ns - i.newest_ns > 500_000_000).count();
    assert_eq!(late, 0, "windows came late");
}
