//! The no-allocation guard over acquisition and signal path.

use bci_tests::{Client, Daemon, Outlet, Pipeline, Signal, Source, Subscriber, World};
use std::time::Duration;

/// Through what a day brings: the stream appears, markers, a client that comes and goes, a freeze, a loss, a return.
#[test]
fn real_time_loops_never_touch_the_heap() {
    let world = World::new("guard");
    let (stream, markers) = (world.name("eeg"), world.name("markers"));
    let daemon = Daemon::start(&world, &[Pipeline { name: "p", stream: &stream }], Some(&markers));
    let mut client = Client::of(&world, &daemon);
    let source = Source::one(&stream).with_markers(&markers);
    let mut subscriber = Subscriber::to(&world, &daemon);
    let mut outlet = Outlet::looping(&world, &source);
    subscriber.until_intents(30, Duration::from_secs(30));
    outlet.flood(200, "marker");
    outlet.signal(Signal::Stop);
    subscriber.until_state("SILENT", Duration::from_secs(5));
    outlet.signal(Signal::Cont);
    subscriber.until_intents(10, Duration::from_secs(20));
    drop(outlet);
    subscriber.until_state("LOST", Duration::from_secs(5));
    let _outlet = Outlet::looping(&world, &source);
    drop(Subscriber::to(&world, &daemon));
    subscriber.until_intents(30, Duration::from_secs(30));

    let status = client.status();
    assert_eq!(Client::count(&status, "realtime_heap_operations"), 0);
    let watched = Client::count(&status, "realtime_loops_watched");
    assert!(watched > 1000, "{watched} passes watched");
    let ended = daemon.stop(Signal::Int);
    ended.assert_sound();
    assert!(ended.summary["realtime_loops_watched"].as_u64() >= Some(watched), "{}", ended.summary);
}
