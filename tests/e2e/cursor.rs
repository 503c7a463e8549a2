//! The pointer moves by intents, and stands still by itself as soon as nothing can be trusted any more.

use bci_tests::{Cursor, Daemon, Outlet, Pipeline, Signal, Source, World};
use rustix::time::{ClockId, clock_gettime};
use std::time::{Duration, Instant};

/// For how long an intent is valid here, and what a busy machine may add, ms.
const VALID_MS: i64 = 400;
const LATE_MS: i64 = 150;

fn now_ns() -> i64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec * 1_000_000_000 + now.tv_nsec
}

fn config(stream: &str, listen: &str) -> String {
    let pipeline = bci_tests::pipeline(&Pipeline { name: "p", stream })
        .replace("threshold = 0.7", "threshold = 0.7\nvalid_ms = 400");
    format!(
        "[server]\nlisten = \"{listen}\"\nanonymous = [\"intents:read\", \"calibrate\"]\n{pipeline}\
         [pipeline.velocity]\n[[pipeline.velocity.axis]]\naxis = \"x\"\nplus = \"feet\"\nminus = \"fists\"\n"
    )
}

/// It moves, and after `stop` no more than an intent is valid for.
fn stands_still_after(cursor: &mut Cursor, what: &str, stop: impl FnOnce()) {
    cursor.moves_after(now_ns(), Duration::from_secs(30));
    let stopped = now_ns();
    stop();
    std::thread::sleep(Duration::from_millis(1500));
    let last = cursor.last_step_ns().expect("it had moved");
    let after_ms = (last - stopped) / 1_000_000;
    assert!(after_ms <= VALID_MS + LATE_MS, "{what}: it moved for {after_ms} ms more");
}

#[test]
fn it_stands_still_when_the_daemon_dies_or_hangs_or_the_source_is_pulled_and_goes_on_by_itself() {
    let world = World::new("cursor");
    let stream = world.name("eeg");
    let daemon = Daemon::configured(&world, "daemon", &config(&stream, "127.0.0.1:0"));
    let address = daemon.address().to_owned();
    let mut cursor = Cursor::printing(&world, &address);
    let outlet = Outlet::looping(&world, &Source::one(&stream));

    // Stopped for three seconds: nothing moves, and what waited is not acted upon.
    stands_still_after(&mut cursor, "a daemon that hangs", || daemon.signal(Signal::Stop));
    std::thread::sleep(Duration::from_millis(1500));
    let awake = now_ns();
    daemon.signal(Signal::Cont);
    cursor.moves_after(awake, Duration::from_secs(20));

    // The client itself stopped: it does not leap when it goes on.
    cursor.signal(Signal::Stop);
    std::thread::sleep(Duration::from_secs(3));
    let awake = now_ns();
    cursor.signal(Signal::Cont);
    cursor.moves_after(awake, Duration::from_secs(20));
    assert!(cursor.largest_step() <= 60, "{} pixels in a step", cursor.largest_step());

    stands_still_after(&mut cursor, "a source that is pulled", || drop(outlet));
    let _outlet = Outlet::looping(&world, &Source::one(&stream));
    cursor.moves_after(now_ns(), Duration::from_secs(30));

    // Dead, and started anew at the same place: it is found again, and it is told that it is another.
    stands_still_after(&mut cursor, "a daemon that dies", || daemon.kill());
    let daemon = Daemon::configured(&world, "anew", &config(&stream, &address));
    cursor.moves_after(now_ns(), Duration::from_secs(30));
    assert!(cursor.told().iter().any(|text| text == "the daemon was started anew"), "{:?}", cursor.told());

    // Paused by an operator.
    let server = format!("http://{address}");
    stands_still_after(&mut cursor, "a pause", || {
        let mut pause = world.bcid("pause", &["--server", &server, "--reason", "coffee"]);
        assert_eq!(pause.wait(Duration::from_secs(20)), 0);
    });
    let mut resume = world.bcid("resume", &["--server", &server]);
    assert_eq!(resume.wait(Duration::from_secs(20)), 0);
    cursor.moves_after(now_ns(), Duration::from_secs(20));
    daemon.stop(Signal::Int).assert_sound();
}

/// On a display of its own, whose pointer another program reads.
#[test]
fn the_pointer_of_a_display_moves() {
    let world = World::new("pointer");
    let stream = world.name("eeg");
    let daemon = Daemon::configured(&world, "daemon", &config(&stream, "127.0.0.1:0"));
    let _outlet = Outlet::looping(&world, &Source::one(&stream));
    let display = bci_tests::Display::start(&world);
    let before = display.pointer();
    let _cursor = Cursor::on(&world, daemon.address(), &display);
    let begun = Instant::now();
    loop {
        let (x, y) = display.pointer();
        assert_eq!(y, before.1, "no axis of the velocity is y");
        if (x - before.0).abs() > 20 {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "the pointer is at {x}, and was at {}", before.0);
        std::thread::sleep(Duration::from_millis(50));
    }
    daemon.stop(Signal::Int).assert_sound();
}
