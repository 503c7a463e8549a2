//! How the daemon ends.

use crate::support::assert_no_holes;
use bci_tests::{Daemon, Outlet, Pipeline, Signal, Source, Subscriber, World};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(20);

fn drains_on(signal: Signal) {
    let world = World::new("ending");
    let stream = world.name("eeg");
    let daemon = Daemon::following(&world, &stream);
    let mut subscriber = Subscriber::to(&world, &daemon);
    let _outlet = Outlet::looping(&world, &Source::one(&stream));
    subscriber.until_intents(20, SOON);
    let ended = daemon.stop(signal);
    ended.assert_sound();
    assert!(ended.took < Duration::from_secs(3), "with a client that reads: {:?}", ended.took);
    assert_eq!(subscriber.until_end(SOON), "OK", "the stream of events ends, it does not break");
    assert!(subscriber.seen.iter().any(|e| e.is_state("STOPPED")), "and says why");
    let intents = subscriber.intents();
    assert_no_holes(&intents);
    let windows = ended.summary["pipelines"][0]["windows"].as_u64();
    assert_eq!(intents.last().map(|i| i.sequence + 1), windows, "every window that was begun was delivered");
}

#[test]
fn ctrl_c_drains() {
    drains_on(Signal::Int);
}

#[test]
fn a_request_to_end_drains() {
    drains_on(Signal::Term);
}

#[test]
fn a_client_that_does_not_read_does_not_keep_the_daemon() {
    let world = World::new("clinging");
    let (stream, markers) = (world.name("eeg"), world.name("markers"));
    let daemon = Daemon::start(&world, &[Pipeline { name: "p", stream: &stream }], Some(&markers));
    let mut reading = Subscriber::to(&world, &daemon);
    let _stalled = Subscriber::stalled(&world, &daemon);
    let mut outlet = Outlet::looping(&world, &Source::one(&stream).with_markers(&markers));
    reading.until_intents(1, SOON);
    outlet.flood(1500, &"x".repeat(1000));
    daemon.stop(Signal::Int).assert_sound();
    assert_eq!(reading.until_end(SOON), "OK");
}

#[test]
fn waiting_for_a_stream_is_no_reason_to_stay() {
    let world = World::new("waiting");
    let daemon = Daemon::following(&world, &world.name("eeg"));
    let ended = daemon.stop(Signal::Int);
    assert_eq!(ended.code, 0);
    assert!(ended.took < Duration::from_secs(4), "it took {:?}", ended.took);
}
