//! How long it takes from a sample's stamp to the intent's receipt in another process.

use crate::support::assert_no_holes;
use bci_tests::{Daemon, Outlet, Signal, Source, Subscriber, World, recording};
use serde_json::Value;
use std::time::Duration;

/// 64 channels at 160 Hz, sent one by one, in real time. The bounds are for any build on any machine: what a compiler in
/// the background does to the player and the client, which are ordinary processes, is no fault of the daemon, but a
/// buffer that waits on the way, or an acknowledgement (40 ms), would show in every window. What an optimised build on
/// an idle machine reaches is in the demonstration's report.
#[test]
fn latency_from_stamp_to_receipt_in_real_time() {
    let world = World::alone("latency");
    let (stream, markers) = (world.name("eeg"), world.name("markers"));
    let daemon = Daemon::demo(&world, &stream, &markers);
    let mut subscriber = Subscriber::to(&world, &daemon);
    let file = recording();
    let args = [
        &file.to_string_lossy(),
        "--name",
        &stream,
        "--marker-name",
        &markers,
        "--wait-consumer",
        "--to",
        "14",
    ];
    let _player = world.bcid("play", &args);
    subscriber.until_state("STREAMING", Duration::from_secs(20));
    subscriber.until_state("LOST", Duration::from_secs(30));
    daemon.stop(Signal::Int).assert_sound();

    let intents = subscriber.intents();
    assert_eq!(
        intents.len(),
        (14 * 160 - 160) / 10 + 1,
        "windows were skipped: the machine is too busy to measure"
    );
    assert_no_holes(&intents);
    let steps = ["acquire", "queue", "filter", "decode", "publish", "receive"];
    for (step, name) in steps.iter().enumerate() {
        show(name, intents.iter().map(|i| i.path_ns()[step + 1] - i.path_ns()[step]));
    }
    let [p50, p90, p99] = show("total", intents.iter().map(|i| i.received_ns - i.newest_ns));
    assert!(p50 < 10.0, "half of the windows take longer than {p50:.3} ms");
    assert!(p90 < 30.0, "one window in ten takes longer than {p90:.3} ms");
    assert!(p99 < 500.0, "one window in a hundred takes longer than {p99:.3} ms");
}

/// The 50th, 90th and 99th percentile, ms.
#[allow(clippy::print_stderr, reason = "what the test measured")]
fn show(step: &str, durations_ns: impl Iterator<Item = i64>) -> [f64; 3] {
    let mut ms: Vec<f64> = durations_ns.map(|ns| ns as f64 / 1e6).collect();
    ms.sort_by(f64::total_cmp);
    let at = |q: f64| ms[(q * (ms.len() - 1) as f64).round() as usize];
    let (p50, p90, p99, max) = (at(0.5), at(0.9), at(0.99), at(1.0));
    eprintln!("{step:<8} p50 {p50:>8.3} ms   p90 {p90:>8.3} ms   p99 {p99:>8.3} ms   max {max:>8.3} ms");
    [p50, p90, p99]
}

/// Not how quick: that every intent that was measured has a line of times, in the order of the steps.
#[test]
fn every_intent_that_was_measured_has_a_line() {
    let world = World::new("each");
    let stream = world.name("eeg");
    let daemon = Daemon::following(&world, &stream);
    let _outlet = Outlet::looping(&world, &Source::one(&stream));
    let (server, json, csv) =
        (format!("http://{}", daemon.address()), world.file("found.json"), world.file("each.csv"));
    let (to_json, to_csv) = (json.to_string_lossy(), csv.to_string_lossy());
    let args =
        ["--server", &server, "--settle", "0", "--seconds", "2", "--json", &to_json, "--each", &to_csv];
    assert_eq!(world.bcid("latency", &args).wait(Duration::from_secs(40)), 0);

    let found: Value = serde_json::from_str(&std::fs::read_to_string(&json).expect("written")).expect("JSON");
    let text = std::fs::read_to_string(&csv).expect("written");
    let mut lines = text.lines();
    let columns = "pipeline,sequence,valid,newest_sample_ns,acquired_ns,queued_ns,filtered_ns,decoded_ns,published_ns,received_ns";
    assert_eq!(lines.next(), Some(columns));
    let mut intents = 0;
    for line in lines {
        let cells: Vec<&str> = line.split(',').collect();
        assert_eq!((cells.len(), cells[0]), (10, "p"), "{line}");
        assert!(cells[2].parse::<bool>().is_ok(), "{line}");
        let times: Vec<i64> = cells[4..].iter().map(|n| n.parse().expect("a number")).collect();
        assert!(times.is_sorted(), "{line}");
        intents += 1;
    }
    assert_eq!(Some(intents), found["intents"].as_u64());
    assert!(intents > 10, "{found}");
}
