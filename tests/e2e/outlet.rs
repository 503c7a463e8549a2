//! Intents as an LSL stream, read by a program that nobody here wrote.

use bci_tests::{Daemon, Inlet, Outlet, Pipeline, Signal, Source, Subscriber, World};
use std::time::Duration;

/// Every window, so that what is told over LSL can be held against what is told over gRPC, one by one.
#[test]
fn the_stream_of_intents_tells_what_clients_are_told_on_the_clock_of_the_samples() {
    let world = World::new("intents");
    let (stream, name) = (world.name("eeg"), world.name("intents"));
    let pipeline = bci_tests::pipeline(&Pipeline { name: "p", stream: &stream });
    let text = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\n[outlet]\nname = {name:?}\nevery_window = true\n{pipeline}"
    );
    let daemon = Daemon::configured(&world, "daemon", &text);
    let mut inlet = Inlet::of(&world, &name);
    let mut subscriber = Subscriber::to(&world, &daemon);
    let _outlet = Outlet::looping(&world, &Source::one(&stream));
    subscriber.until_intents(60, Duration::from_secs(30));
    let intents = subscriber.intents();
    let mut compared = 0;
    while compared < 40 {
        let (told, stamp_ns) = inlet.next(Duration::from_secs(20));
        let Some(intent) = intents.iter().find(|i| Some(i.sequence) == told["sequence"].as_u64()) else {
            continue;
        };
        // LSL corrects its clock by some microseconds even on one machine.
        assert!(stamp_ns.abs_diff(intent.newest_ns) < 1_000_000, "{stamp_ns} is not {}", intent.newest_ns);
        assert_eq!(told["pipeline"], "p");
        assert_eq!(told["intent"].is_null(), !told["reason"].is_null(), "{told}");
        compared += 1;
    }
    daemon.stop(Signal::Int).assert_sound();
}
