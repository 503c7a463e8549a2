//! What is recorded is there after any end of the daemon and of the disk, up to the last second.

use crate::recording::{recording_to, replay, run};
use bci_tests::{Child, Daemon, Outlet, Signal, Source, Subscriber, World, Xdf, XdfStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const FOUND: Duration = Duration::from_secs(20);
const SOON: Duration = Duration::from_secs(30);

/// Not known beforehand, within `from..to` ms.
fn some_time(from: u64, to: u64) -> Duration {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Duration::from_millis(from + u64::from(now.subsec_nanos()) / 1000 % (to - from))
}

/// Asserts that a stream holds everything up to at most a second before `newest_ns`.
fn assert_no_second_lost(raw: &XdfStream, newest_ns: i64) {
    let last = raw.last_s.expect("samples");
    let lost = newest_ns as f64 * 1e-9 - last;
    assert!(lost <= 1.0, "{lost} s are missing at the end");
    assert!(raw.in_order, "{raw:?}");
}

#[test]
fn a_daemon_that_was_killed_leaves_recordings_that_open_with_all_but_the_last_second() {
    let world = World::new("killed-recording");
    let stream = world.name("eeg");
    let folder = world.file("study");
    let _outlet = Outlet::looping(&world, &Source::one(&stream));
    let (mut files, mut newest) = (Vec::new(), Vec::new());
    for n in 1..=20 {
        let name = format!("daemon-{n}");
        let daemon = Daemon::with(&world, &name, &stream, &recording_to(&folder, ""), &[]);
        let mut subscriber = Subscriber::to(&world, &daemon);
        subscriber.until_intents(1, FOUND);
        let until = Instant::now() + some_time(0, 1700);
        while Instant::now() < until {
            subscriber.until_intents(1, SOON);
        }
        daemon.kill();
        newest.push(subscriber.intents().last().expect("one").newest_ns);
        files.push(run(&folder, n));
    }
    for (xdf, newest) in Xdf::read(&world, &files, None).iter().zip(newest) {
        assert_no_second_lost(xdf.stream(&stream), newest);
    }
    // What is there of the last one decides as it did.
    let (equal, found) = replay(&world, &files[19]);
    assert!(equal, "{found}");
}

/// A daemon whose recordings go to a disk of `kib` KiB, seen from outside through the daemon's own root.
fn on_a_small_disk(world: &World, stream: &str, kib: u32) -> (Daemon, PathBuf) {
    let folder = world.file("disk");
    std::fs::create_dir_all(&folder).expect("a folder");
    let mount = format!("mount -t tmpfs -o size={kib}k none {folder:?} && exec \"$0\" \"$@\"");
    let within = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", &mount];
    let name = format!("daemon-{kib}");
    let daemon = Daemon::with(world, &name, stream, &recording_to(&folder, ""), &within);
    let seen = PathBuf::from(format!("/proc/{}/root{}", daemon.id(), folder.display()));
    (daemon, seen)
}

fn record(world: &World, daemon: &Daemon, what: &str) -> (i32, String) {
    let mut child: Child = world.bcid("record", &[what, "--server", &format!("http://{}", daemon.address())]);
    (child.wait(SOON), child.rest(SOON))
}

fn status(world: &World, daemon: &Daemon) -> String {
    let (code, told) = record(world, daemon, "status");
    assert_eq!(code, 0);
    told
}

fn copied(world: &World, from: &Path, name: &str) -> PathBuf {
    let to = world.file(name);
    std::fs::copy(from, &to).expect("copied");
    to
}

#[test]
fn a_full_disk_costs_nothing_that_was_recorded_and_decoding_does_not_notice() {
    let world = World::new("full");
    let stream = world.name("eeg");
    let _outlet = Outlet::looping(&world, &Source::one(&stream));
    let (mut files, mut newest) = (Vec::new(), Vec::new());
    for kib in [72, 100, 128, 152, 180] {
        let (mut daemon, disk) = on_a_small_disk(&world, &stream, kib);
        let mut subscriber = Subscriber::to(&world, &daemon);
        subscriber.until_intents(1, FOUND);
        let begun = Instant::now();
        while !status(&world, &daemon).contains("THE DISK TAKES NOTHING") {
            assert!(begun.elapsed() < Duration::from_secs(60), "{kib} KiB are never full");
            subscriber.until_intents(1, SOON);
        }
        newest.push(subscriber.intents().last().expect("one").newest_ns);
        files.push(copied(&world, &run(&disk, 1), &format!("{kib}.xdf")));
        subscriber.until_intents(20, SOON);
        crate::support::assert_no_holes(&subscriber.intents());
        daemon.assert_alive();
        if kib == 72 {
            // Who ends it is told that the end is not there, and how much.
            let (code, told) = record(&world, &daemon, "stop");
            assert_eq!(code, 75, "{told}");
            assert!(status(&world, &daemon).contains(" LOST"));
        }
        daemon.kill();
    }
    for (xdf, newest) in Xdf::read(&world, &files, None).iter().zip(newest) {
        assert_no_second_lost(xdf.stream(&stream), newest);
    }
}

#[test]
fn a_disk_that_has_room_again_gets_what_waited_and_the_session_is_whole() {
    let world = World::new("room");
    let stream = world.name("eeg");
    let _outlet = Outlet::looping(&world, &Source::one(&stream));
    let (daemon, disk) = on_a_small_disk(&world, &stream, 2048);
    let ballast = disk.join("ballast");
    // As much as there is: the daemon's own pages stay.
    let _ = std::fs::write(&ballast, vec![1; 4 << 20]);
    let mut subscriber = Subscriber::to(&world, &daemon);
    subscriber.until_intents(1, FOUND);
    let begun = Instant::now();
    while !status(&world, &daemon).contains("THE DISK TAKES NOTHING") {
        assert!(begun.elapsed() < Duration::from_secs(60), "never full");
        subscriber.until_intents(1, SOON);
    }
    subscriber.until_intents(30, SOON);
    std::fs::remove_file(&ballast).expect("removed");
    while status(&world, &daemon).contains("THE DISK TAKES NOTHING") {
        assert!(begun.elapsed() < Duration::from_secs(60), "it does not go on");
        subscriber.until_intents(1, SOON);
    }
    subscriber.until_intents(20, SOON);
    // Still there, through the daemon's root, as long as it lives: a second for the end to be written.
    let side = run(&disk, 1).with_extension("bcid");
    let recording = copied(&world, &run(&disk, 1), "room.xdf");
    std::fs::create_dir(recording.with_extension("bcid")).expect("made");
    for file in ["session.json", "config.toml"] {
        std::fs::copy(side.join(file), recording.with_extension("bcid").join(file)).expect("copied");
    }
    assert_eq!(daemon.stop(Signal::Int).code, 0);
    let (equal, found) = replay(&world, &recording);
    assert!(equal && found["pipelines"][0]["ended_early"].is_null(), "{found}");
    assert!(found["pipelines"][0]["equal"].as_u64() > Some(50), "{found}");
}

/// A daemon that decodes, and cannot begin to record: a file is in the way of the folder.
struct Unwritable {
    folder: PathBuf,
    subscriber: Subscriber,
    daemon: Daemon,
    _outlet: Outlet,
}

impl Unwritable {
    fn decoding(world: &World, stream: &str) -> Self {
        let outlet = Outlet::looping(world, &Source::one(stream));
        let folder = world.file("study");
        std::fs::write(&folder, "").expect("written");
        let daemon = Daemon::with(world, "daemon", stream, &recording_to(&folder, ""), &[]);
        let mut subscriber = Subscriber::to(world, &daemon);
        subscriber.until("valid intent", FOUND, |e| e.intent().is_some_and(|i| i.valid));
        Self { folder, subscriber, daemon, _outlet: outlet }
    }
}

#[test]
fn a_disk_that_takes_nothing_from_the_start_does_not_keep_the_daemon_from_decoding() {
    let world = World::new("unwritable");
    let stream = world.name("eeg");
    let Unwritable { folder, mut subscriber, daemon, _outlet } = Unwritable::decoding(&world, &stream);
    assert!(status(&world, &daemon).contains("THE DISK TAKES NOTHING"));
    std::fs::remove_file(&folder).expect("removed");
    let begun = Instant::now();
    while !run(&folder, 1).exists() {
        assert!(begun.elapsed() < SOON, "it is not begun");
        subscriber.until_intents(1, SOON);
    }
    subscriber.until_intents(10, SOON);
    assert_eq!(daemon.stop(Signal::Int).code, 0);
    assert!(Xdf::read(&world, &[run(&folder, 1)], None)[0].stream(&stream).samples > 100);
}

#[test]
fn a_daemon_that_never_could_record_says_so_in_the_end() {
    let world = World::new("never");
    let unwritable = Unwritable::decoding(&world, &world.name("eeg"));
    assert_eq!(unwritable.daemon.stop(Signal::Int).code, 75);
}
