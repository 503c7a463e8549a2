//! Many clients, one of them slow.

use bci_tests::{Client, Daemon, Event, Outlet, Pipeline, Signal, Source, Subscriber, World};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

/// More than gRPC's window, the transport's buffers and the daemon's backlog hold together.
const FLOOD: u64 = 4000;

#[test]
fn a_client_that_does_not_read_is_told_exactly_what_it_missed_and_disturbs_nobody() {
    let world = World::new("slow");
    let (stream, markers) = (world.name("eeg"), world.name("markers"));
    let daemon = Daemon::start(&world, &[Pipeline { name: "p", stream: &stream }], Some(&markers));
    let mut client = Client::of(&world, &daemon);
    let mut healthy = Subscriber::to(&world, &daemon);
    let mut stalled = Subscriber::stalled(&world, &daemon);
    let mut outlet = Outlet::looping(&world, &Source::one(&stream).with_markers(&markers));
    healthy.until_intents(1, Duration::from_secs(20));

    let text = "x".repeat(1000);
    outlet.flood(FLOOD, &text);
    let last = format!("{text} {}", FLOOD - 1);
    healthy.until("last marker", Duration::from_secs(20), |e| e.marker().is_some_and(|m| m.marker == last));
    healthy.until_intents(1, Duration::from_secs(20));
    assert_eq!(client.status()["subscribers"], 2);

    stalled.read_on();
    let after = healthy.intents().last().map_or(0, |i| i.sequence);
    stalled.until("intent", Duration::from_secs(20), |e| e.intent().is_some_and(|i| i.sequence == after));

    let whole: Vec<String> = from_first_intent(&healthy.seen).map(name).collect();
    assert!(!whole.iter().any(|e| e.starts_with("missed")), "the healthy client missed events");
    let numbers: Vec<u64> =
        healthy.markers().iter().filter_map(|m| m.marker.rsplit(' ').next()?.parse().ok()).collect();
    assert!(numbers.iter().copied().eq(0..FLOOD), "every marker, in order");

    // The slow client's events are the healthy one's, less those that it was told of, at the places it was told.
    let (mut place, mut missed_in_all) = (0, 0);
    for event in from_first_intent(&stalled.seen) {
        if let Event::Missed { missed, .. } = event {
            place += *missed as usize;
            missed_in_all += missed;
        } else {
            assert_eq!(name(event), whole[place], "after {missed_in_all} missed events");
            place += 1;
        }
    }
    assert!(missed_in_all > 1000, "the flood overflowed: {missed_in_all} missed");
    assert_eq!(Client::count(&client.status(), "events_dropped"), missed_in_all);
    daemon.stop(Signal::Int).assert_sound();
}

/// A client in Python that went away, or whose connection did, goes on where it was: every window once, the old ones named as old.
/// After a restart of the daemon it is told that there is nothing to go on with.
#[test]
fn a_client_that_comes_back_has_every_window_once() {
    let world = World::new("back");
    let stream = world.name("eeg");
    let daemon = Daemon::start(&world, &[Pipeline { name: "p", stream: &stream }], None);
    let mut first = Subscriber::to(&world, &daemon);
    let _outlet = Outlet::looping(&world, &Source::one(&stream));
    first.until_intents(20, Duration::from_secs(20));
    let last = first.intents().last().map_or((0, [0, 0]), |i| (i.sequence, i.place));
    drop(first);
    let mut meanwhile = Subscriber::to(&world, &daemon);
    meanwhile.until_intents(10, Duration::from_secs(20));
    let mut back = Subscriber::back(&world, &daemon, last.1);
    back.until_intents(30, Duration::from_secs(20));
    let intents = back.intents();
    let numbers: Vec<u64> = intents.iter().map(|i| i.sequence).collect();
    let expected: Vec<u64> = (last.0 + 1..).take(numbers.len()).collect();
    assert_eq!(numbers, expected);
    let old = intents.iter().take_while(|i| i.replayed).count();
    assert!(
        old >= 10 && !intents[old..].is_empty() && intents[old..].iter().all(|i| !i.replayed),
        "{old} replayed"
    );
    daemon.stop(Signal::Int).assert_sound();

    let daemon = Daemon::named(&world, "anew", &[Pipeline { name: "p", stream: &stream }], None);
    let mut again = Subscriber::back(&world, &daemon, last.1);
    let is_other = |e: &Event| matches!(e, Event::Missed { missed: 0, another_run: true });
    again.until("word of another run", Duration::from_secs(20), is_other);
    again.until_intents(3, Duration::from_secs(20));
    daemon.stop(Signal::Int).assert_sound();
}

/// Through the local socket a client, in Python here, gets what another gets over TCP; the file is the user's own, and goes
/// with the daemon.
#[test]
fn the_local_socket_tells_what_tcp_tells() {
    let world = World::new("socket");
    let stream = world.name("eeg");
    let daemon = Daemon::following(&world, &stream);
    let file = PathBuf::from(daemon.socket().strip_prefix("unix:").expect("a socket's address"));
    assert_eq!(std::fs::metadata(&file).expect("the socket").permissions().mode() & 0o777, 0o600);
    let (mut local, mut over_tcp) = (Subscriber::locally(&world, &daemon), Subscriber::to(&world, &daemon));
    let _outlet = Outlet::looping(&world, &Source::one(&stream));
    local.until_intents(40, Duration::from_secs(20));
    over_tcp.until_intents(40, Duration::from_secs(20));
    let said =
        |s: &Subscriber| s.intents()[..40].iter().map(|i| (i.sequence, i.newest_ns)).collect::<Vec<_>>();
    assert_eq!(said(&local), said(&over_tcp));
    daemon.stop(Signal::Int).assert_sound();
    assert!(!file.exists(), "the socket's file was left behind");
}

fn from_first_intent(events: &[Event]) -> impl Iterator<Item = &Event> {
    events.iter().skip_while(|e| e.intent().is_none())
}

fn name(event: &Event) -> String {
    match event {
        Event::Intent(i) => format!("intent {}", i.sequence),
        Event::Marker(m) => format!("marker {}", m.marker.trim_start_matches('x')),
        Event::State(s) => format!("state {}", s.state),
        Event::Missed { missed, .. } => format!("missed {missed}"),
        Event::End { end, .. } => format!("end {end}"),
    }
}
