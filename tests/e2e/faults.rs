//! Sources that die, freeze, and come back changed.

use crate::support::{assert_no_holes, assert_path_in_order};
use bci_tests::{Client, Daemon, Event, Intent, LABELS, Outlet, RATE, Signal, Source, Subscriber, World};
use std::time::Duration;

/// For a loss or a silence to be told.
const TOLD: Duration = Duration::from_secs(5);
/// For a stream to be found and attached.
const FOUND: Duration = Duration::from_secs(20);
/// For some seconds of windows, on a busy machine.
const WINDOWS: Duration = Duration::from_secs(20);

#[test]
fn a_source_that_was_killed_is_told_of_and_taken_up_again_when_it_returns() {
    let world = World::new("killed");
    let stream = world.name("eeg");
    let mut daemon = Daemon::following(&world, &stream);
    let mut client = Client::of(&world, &daemon);
    let mut subscriber = Subscriber::to(&world, &daemon);
    let outlet = Outlet::looping(&world, &Source::one(&stream));
    subscriber.until("valid intent", FOUND, |e| e.intent().is_some_and(|i| i.valid));

    outlet.signal(Signal::Kill);
    let lost = subscriber.until_state("LOST", TOLD);
    let gone = client.pipeline();
    assert_eq!(gone["stream"]["state"], "STREAM_STATE_LOST");
    assert_eq!(Client::count(&gone, "reattached"), 0);
    daemon.assert_alive();
    drop(outlet);

    let mut outlet = Outlet::looping(&world, &Source::one(&stream));
    let playing = outlet.playing();
    let back = subscriber.until_state("STREAMING", FOUND);
    subscriber.until("valid intent", WINDOWS, |e| e.intent().is_some_and(|i| i.valid));

    let intents = subscriber.intents();
    assert_no_holes(&intents);
    intents.iter().for_each(|i| assert_path_in_order(i));
    // The last window is still being decoded when the loss is told: what counts is when its samples came.
    let [lost_ns, back_ns] = [lost, back].map(|place| since_ns(&subscriber.seen[place]));
    let (before, after): (Vec<&Intent>, Vec<&Intent>) =
        intents.iter().partition(|i| i.ledger.0[0] <= lost_ns);
    assert!(after.iter().all(|i| i.ledger.0[0] > back_ns), "no windows without samples");
    assert_eq!(after[0].oldest_ns, playing.stamp_ns(0), "no window reaches across the loss");
    assert!(after[0].causes.contains(&"GAP".to_owned()), "{:?}", after[0]);
    assert_eq!(after[0].none.as_deref(), Some("INVALID_DATA"));
    let valid = after.iter().filter(|i| i.valid).count();
    assert_eq!(
        valid,
        1,
        "invalid until settled, then valid: {:?}",
        after.iter().map(|i| i.valid).collect::<Vec<_>>()
    );
    // Positions in the stream go on with the time that passed.
    let last = before[before.len() - 1];
    let passed_s = (after[0].newest_ns - last.newest_ns) as f64 / 1e9;
    let frames = (after[0].newest_frame - last.newest_frame) as f64;
    assert!((frames - passed_s * RATE).abs() <= 1.0, "{frames} frames in {passed_s} s");

    let now = client.pipeline();
    assert_eq!(now["stream"]["state"], "STREAM_STATE_STREAMING");
    assert_eq!(Client::count(&now, "reattached"), 1);
    daemon.stop(Signal::Int).assert_sound();
}

#[test]
fn a_source_that_freezes_is_silent_and_its_gap_is_counted_to_the_sample() {
    let world = World::new("frozen");
    let stream = world.name("eeg");
    let daemon = Daemon::following(&world, &stream);
    let mut client = Client::of(&world, &daemon);
    let mut subscriber = Subscriber::to(&world, &daemon);
    let mut outlet = Outlet::looping(&world, &Source::one(&stream));
    subscriber.until("valid intent", FOUND, |e| e.intent().is_some_and(|i| i.valid));

    outlet.signal(Signal::Stop);
    let silent = subscriber.until_state("SILENT", TOLD);
    assert_eq!(client.pipeline()["stream"]["state"], "STREAM_STATE_SILENT");
    assert_eq!(client.health("bci.v1.IntentService"), "NOT_SERVING");
    std::thread::sleep(Duration::from_secs(3));
    outlet.signal(Signal::Cont);
    subscriber.until_state("STREAMING", TOLD);
    subscriber.until("valid intent", WINDOWS, |e| e.intent().is_some_and(|i| i.valid));

    let intents = subscriber.intents();
    assert_no_holes(&intents);
    let told_ns = since_ns(&subscriber.seen[silent]);
    let silence = told_ns..told_ns + 3_000_000_000;
    assert!(intents.iter().all(|i| !silence.contains(&i.ledger.0[0])), "no windows without samples");
    let left_out = outlet.sent().left_out;
    assert!(left_out > 3 * 160, "the source left out {left_out} frames");
    let now = client.pipeline();
    assert_eq!(Client::count(&now, "samples_lost"), left_out);
    assert!(Client::count(&now, "gaps") >= 1);
    assert_eq!(Client::count(&now, "reattached"), 0, "the source was there all the time");
    // What is told of a window's place in the stream is true across the gap too.
    let (first, last) = (intents[0], intents[intents.len() - 1]);
    let frames = (last.newest_frame - first.newest_frame) as f64;
    let passed_s = (last.newest_ns - first.newest_ns) as f64 / 1e9;
    assert!((frames - passed_s * RATE).abs() < 0.01, "{frames} frames in {passed_s} s");
    for intent in &intents {
        let span_s = (intent.newest_ns - intent.oldest_ns) as f64 / 1e9;
        let whole = (span_s - 159.0 / RATE).abs() < 1e-6;
        assert!(whole || !intent.valid, "window {} spans {span_s} s and is valid", intent.sequence);
        assert!(whole || intent.causes.contains(&"GAP".to_owned()), "{:?}", intent.causes);
    }
    daemon.stop(Signal::Int).assert_sound();
}

#[test]
fn a_source_that_hangs_is_left_for_the_one_that_was_started_in_its_place() {
    let world = World::new("hung");
    let stream = world.name("eeg");
    let daemon = Daemon::following(&world, &stream);
    let mut client = Client::of(&world, &daemon);
    let mut subscriber = Subscriber::to(&world, &daemon);
    let hung = Outlet::looping(&world, &Source::one(&stream));
    subscriber.until_intents(1, FOUND);

    hung.signal(Signal::Stop);
    subscriber.until_state("SILENT", TOLD);
    let mut outlet = Outlet::looping(&world, &Source::one(&stream));
    let lost = subscriber.until_state("LOST", FOUND);
    subscriber.until_state("STREAMING", FOUND);
    subscriber.until_intents(1, WINDOWS);
    let intents = subscriber.intents();
    assert_no_holes(&intents);
    let first = intents.iter().find(|i| i.ledger.0[0] > since_ns(&subscriber.seen[lost]));
    assert_eq!(first.map(|i| i.oldest_ns), Some(outlet.playing().stamp_ns(0)), "of the new one alone");
    assert_eq!(Client::count(&client.pipeline(), "reattached"), 1);
    daemon.stop(Signal::Int).assert_sound();
}

#[test]
fn a_source_that_returns_without_a_channel_is_refused_by_its_name_until_a_right_one_comes() {
    let world = World::new("unfit");
    let stream = world.name("eeg");
    let mut daemon = Daemon::following(&world, &stream);
    let mut client = Client::of(&world, &daemon);
    let mut subscriber = Subscriber::to(&world, &daemon);
    let outlet = Outlet::looping(&world, &Source::one(&stream));
    subscriber.until_intents(1, FOUND);
    drop(outlet);
    subscriber.until_state("LOST", TOLD);

    let lacking: Vec<&str> = LABELS.into_iter().filter(|l| *l != "C3").collect();
    let unfit = Outlet::announce_unplayed(&world, &Source { labels: &lacking, ..Source::one(&stream) });
    let refused = subscriber.until_state("REFUSED", FOUND);
    let Event::State(told) = &subscriber.seen[refused] else { unreachable!("it was found as a state") };
    assert!(told.message.contains("lacks C3,"), "{}", told.message);
    assert_eq!(client.pipeline()["stream"]["state"], "STREAM_STATE_REFUSED");
    daemon.assert_alive();
    drop(unfit);

    let _outlet = Outlet::looping(&world, &Source::one(&stream));
    let back = subscriber.until_state("STREAMING", FOUND);
    subscriber.until_intents(1, WINDOWS);
    assert!(subscriber.seen[refused..back].iter().all(|e| e.intent().is_none()));
    assert_no_holes(&subscriber.intents());
    assert_eq!(Client::count(&client.pipeline(), "reattached"), 1);
    daemon.stop(Signal::Int).assert_sound();
}

fn since_ns(event: &Event) -> i64 {
    let Event::State(state) = event else { panic!("{event:?} is no state") };
    state.since_ns
}
