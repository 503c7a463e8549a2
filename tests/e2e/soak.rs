//! What grows over time, if anything does.

use crate::recording::{recording_to, replay, run};
use crate::support::assert_no_holes;
use bci_tests::{Client, Daemon, Outlet, Signal, Source, Subscriber, World};
use std::time::{Duration, Instant};

/// Two minutes.
const LONG: Duration = Duration::from_secs(120);
/// Until everything has been touched once.
const SETTLED: Duration = Duration::from_secs(30);
const FOUND: Duration = Duration::from_secs(30);

/// Resident memory of a process, bytes.
fn resident(id: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{id}/statm")).expect("it runs");
    let pages: u64 = text.split(' ').nth(1).and_then(|n| n.parse().ok()).expect("a number");
    pages * 4096
}

fn p99(mut ages: Vec<i64>) -> i64 {
    ages.sort_unstable();
    ages[ages.len() * 99 / 100]
}

#[test]
fn two_minutes_in_real_time_lose_nothing_and_grow_nothing() {
    let world = World::new("soak");
    let stream = world.name("eeg");
    let folder = world.file("study");
    let mut outlet = Outlet::looping(&world, &Source::one(&stream));
    let daemon = Daemon::with(&world, "daemon", &stream, &recording_to(&folder, ""), &[]);
    let mut subscriber = Subscriber::to(&world, &daemon);
    let mut client = Client::of(&world, &daemon);
    subscriber.until("valid intent", FOUND, |e| e.intent().is_some_and(|i| i.valid));
    let begun = Instant::now();
    let mut settled = None;
    while begun.elapsed() < LONG {
        subscriber.until_intents(1, FOUND);
        if begun.elapsed() > SETTLED && settled.is_none() {
            settled = Some(resident(daemon.id()));
        }
    }
    let (before, after) = (settled.expect("long enough"), resident(daemon.id()));
    assert!(after < before + (4 << 20), "resident memory grew from {before} to {after} bytes");
    let status = client.pipeline();
    let sent = outlet.sent();
    assert_eq!(sent.left_out, 0, "the source itself kept pace");
    let taken = Client::count(&status, "samples_in");
    // What was sent before the daemon was there, and what is on its way.
    assert!(taken <= sent.frames, "{taken} of {}", sent.frames);
    for none in
        ["samples_lost", "gaps", "windows_skipped", "reattached", "decoder_faults", "samples_repeated"]
    {
        assert_eq!(Client::count(&status, none), 0, "{none}");
    }
    let intents = subscriber.intents();
    assert_no_holes(&intents);
    let ages: Vec<i64> = intents.iter().map(|i| i.received_ns - i.newest_ns).collect();
    let third = ages.len() / 3;
    let (first, last) = (p99(ages[..third].to_vec()), p99(ages[2 * third..].to_vec()));
    // A busy machine has its moments: what grows over two minutes would grow by more.
    assert!(last < 3 * first + 50_000_000, "the 99th percentile went from {first} to {last} ns");
    let last = intents[intents.len() - 1];
    assert!(last.received_ns - last.newest_ns < 500_000_000, "a backlog is left: {last:?}");
    assert_eq!(daemon.stop(Signal::Int).code, 0);
    let (equal, found) = replay(&world, &run(&folder, 1));
    assert!(equal && found["pipelines"][0]["equal"].as_u64() >= Some(1900), "{found}");
}
