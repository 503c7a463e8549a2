//! Samples that are held up, cut off, doubled, changed.

use bci_tests::proxy::{Layout, Proxy};
use bci_tests::{Client, Daemon, Intent, LABELS, Outlet, Signal, Source, Subscriber, World};
use std::time::{Duration, Instant};

const FOUND: Duration = Duration::from_secs(20);
const SOON: Duration = Duration::from_secs(30);
const FLOAT32: Layout = Layout { channels: LABELS.len(), value_bytes: 4 };

/// A source that plays for ever, the proxy, the daemon behind it, and a subscriber that has seen a valid intent.
struct Rig {
    subscriber: Subscriber,
    client: Client,
    daemon: Daemon,
    proxy: Proxy,
    _outlet: Outlet,
    _worlds: [World; 2],
}

impl Rig {
    fn new(name: &str) -> Self {
        let (there, here) = (World::new(&format!("{name}-source")), World::new(name));
        let stream = here.name("eeg");
        let outlet = Outlet::looping(&there, &Source::one(&stream));
        let proxy = Proxy::between(&there, &here, &stream, FLOAT32);
        let daemon = Daemon::following(&here, &stream);
        let mut subscriber = Subscriber::to(&here, &daemon);
        let client = Client::of(&here, &daemon);
        subscriber.until("valid intent", FOUND, |e| e.intent().is_some_and(|i| i.valid));
        Self { subscriber, client, daemon, proxy, _outlet: outlet, _worlds: [there, here] }
    }

    /// Intents that come within a time.
    fn during(&mut self, time: Duration) -> Vec<Intent> {
        let (from, until) = (self.subscriber.seen.len(), Instant::now() + time);
        while Instant::now() < until {
            self.subscriber.until_intents(1, SOON);
        }
        self.subscriber.seen[from..].iter().filter_map(|e| e.intent()).cloned().collect()
    }

    fn until_valid(&mut self) {
        self.subscriber.until("valid intent", SOON, |e| e.intent().is_some_and(|i| i.valid));
    }

    fn count(&mut self, key: &str) -> u64 {
        Client::count(&self.client.pipeline(), key)
    }
}

/// pylsl 88, lsl_archived 270, brainflow 522: a stream stopped and nobody noticed. lsl_archived 321: old data decoded as new.
#[test]
fn a_stream_that_freezes_is_told_of_at_once_and_what_comes_late_is_never_decoded_as_new() {
    let mut rig = Rig::new("freeze");
    rig.proxy.set(|f| f.frozen = true);
    let frozen = Instant::now();
    let silent = rig.subscriber.until_state("SILENT", SOON);
    let told = frozen.elapsed();
    // 0.5 s, and what a busy machine adds.
    assert!(told < Duration::from_millis(1500), "told after {told:?}");
    std::thread::sleep(Duration::from_secs(2));
    rig.proxy.set(|f| f.frozen = false);
    rig.until_valid();
    let late: Vec<&Intent> = rig.subscriber.seen[silent..]
        .iter()
        .filter_map(|e| e.intent())
        .filter(|i| i.received_ns - i.newest_ns > 600_000_000)
        .collect();
    assert!(!late.is_empty(), "what was held up came");
    for intent in late {
        assert!(!intent.valid && intent.discrete.is_none(), "old data decided: {intent:?}");
        assert!(intent.causes.contains(&"STALE".to_owned()), "{:?}", intent.causes);
    }
    assert_eq!(rig.count("samples_lost"), 0, "held up, not lost");
    rig.daemon.assert_alive();
}

/// liblsl 180: what was opened again yields nothing. labstreaminglayer 105: a quick return breaks the receiver.
#[test]
fn a_connection_that_is_cut_is_made_again_each_time_and_the_hole_is_marked() {
    let mut rig = Rig::new("cut");
    for n in 1..=5 {
        rig.proxy.cut();
        rig.subscriber.until_state("LOST", SOON);
        rig.subscriber.until_state("STREAMING", FOUND);
        rig.until_valid();
        assert_eq!(rig.count("reattached"), n);
    }
    let intents = rig.subscriber.intents();
    let holes = intents.windows(2).filter(|pair| pair[1].newest_frame - pair[0].newest_frame > 10);
    for pair in holes {
        assert!(!pair[1].valid && pair[1].causes.contains(&"GAP".to_owned()), "{:?}", pair[1]);
    }
    rig.daemon.assert_alive();
}

#[test]
fn a_delay_is_measured_and_beyond_the_bound_nothing_is_decided() {
    let mut rig = Rig::new("delay");
    rig.proxy.set(|f| f.delay = Duration::from_millis(250));
    let _ = rig.during(Duration::from_secs(2));
    let intents = rig.during(Duration::from_secs(2));
    for intent in &intents {
        let age = intent.received_ns - intent.newest_ns;
        assert!(age >= 250_000_000, "the delay shows: {age} ns");
    }
    assert!(intents.iter().filter(|i| i.valid).count() > intents.len() / 2, "within 0.5 s all is well");
    rig.proxy.set(|f| f.delay = Duration::from_millis(900));
    let _ = rig.during(Duration::from_secs(3));
    let intents = rig.during(Duration::from_secs(2));
    assert!(intents.iter().all(|i| !i.valid && i.discrete.is_none()), "nothing is decided on 0.9 s old data");
    rig.proxy.set(|f| f.delay = Duration::ZERO);
    rig.until_valid();
}

/// What is sent twice must not be decoded as twice as much signal.
#[test]
fn samples_that_come_twice_are_taken_once() {
    let mut rig = Rig::new("twice");
    let before = rig.count("samples_repeated");
    rig.proxy.set(|f| f.duplicate = true);
    let intents = rig.during(Duration::from_secs(4));
    rig.proxy.set(|f| f.duplicate = false);
    let twice = rig.count("samples_repeated") - before;
    assert!(twice > 300, "{twice} were told");
    for pair in intents.windows(2) {
        assert_eq!(pair[1].newest_frame - pair[0].newest_frame, 10, "frames are counted once");
    }
    assert!(
        intents.iter().skip(2).all(|i| i.valid),
        "and nothing is wrong with them: {:?}",
        intents.iter().map(|i| &i.causes).collect::<Vec<_>>()
    );
}

#[test]
fn samples_out_of_order_are_put_in_order_or_marked() {
    let mut rig = Rig::new("order");
    rig.proxy.set(|f| f.reorder = true);
    let _ = rig.during(Duration::from_millis(1500));
    let intents = rig.during(Duration::from_secs(2));
    assert!(intents.iter().all(|i| i.newest_ns >= i.oldest_ns));
    rig.proxy.set(|f| f.reorder = false);
    rig.until_valid();
    rig.daemon.assert_alive();
}

#[test]
fn samples_that_are_left_out_are_counted() {
    let mut rig = Rig::new("left-out");
    // A hole of 1/160 s is jitter; two in three would not be. One in 40 stretches windows.
    rig.proxy.set(|f| f.leave_out_every = 2);
    let intents = rig.during(Duration::from_secs(4));
    let last = &intents[intents.len() / 2..];
    assert!(last.iter().all(|i| !i.valid && i.causes.contains(&"GAP".to_owned())), "{:?}", last[0]);
    rig.proxy.set(|f| f.leave_out_every = 0);
    rig.until_valid();
    rig.daemon.assert_alive();
}

#[test]
fn changed_bytes_never_become_a_decision_or_an_end() {
    let mut rig = Rig::new("changed");
    // The exponent of a value: 1e38 or NaN.
    let exponent = 9 + 4 * 3 + 3;
    rig.proxy.set(|f| f.corrupt = (50, exponent, 0x7f));
    let intents = rig.during(Duration::from_secs(4));
    assert!(intents.iter().any(|i| !i.valid), "it is seen");
    rig.proxy.set(|f| f.corrupt = (0, 0, 0));
    rig.until_valid();
    // A tag that says that there is no stamp: what follows is read askew, stamps are nonsense, and it is begun anew.
    rig.proxy.set(|f| f.corrupt = (200, 0, 1));
    rig.subscriber.until_state("LOST", SOON);
    rig.proxy.set(|f| f.corrupt = (0, 0, 0));
    rig.subscriber.until_state("STREAMING", FOUND);
    rig.until_valid();
    rig.daemon.assert_alive();
}

/// labstreaminglayer 134, 131, 102: stamps that jump.
#[test]
fn a_clock_that_is_set_forward_or_back_is_told_and_windows_across_it_are_not_trusted() {
    let mut rig = Rig::new("step");
    let before = rig.count("clock_steps");
    rig.proxy.set(|f| f.stamps_off_s = -0.2);
    rig.subscriber.until("a window across the step", SOON, |e| {
        e.intent().is_some_and(|i| {
            !i.valid && (i.causes.contains(&"CLOCK_STEP".to_owned()) || i.causes.contains(&"GAP".to_owned()))
        })
    });
    rig.until_valid();
    assert!(rig.count("clock_steps") > before);
    rig.proxy.set(|f| f.stamps_off_s = 0.0);
    rig.until_valid();
    rig.daemon.assert_alive();
}

/// lsl_archived 331: no clock offsets, and no warning.
#[test]
fn a_clock_that_cannot_be_compared_is_warned_of() {
    let (there, here) = (World::new("mute-source"), World::new("mute"));
    let stream = here.name("eeg");
    let _outlet = Outlet::looping(&there, &Source::one(&stream));
    let proxy = Proxy::between(&there, &here, &stream, FLOAT32);
    proxy.set(|f| f.no_clock = true);
    let daemon = Daemon::following(&here, &stream);
    let mut subscriber = Subscriber::to(&here, &daemon);
    subscriber.until_state("STREAMING", FOUND);
    let log = std::fs::read_to_string(here.file("daemon.log")).expect("a log");
    assert!(log.contains("its clock could not be measured yet"), "{log}");
}

/// pylsl 57: a backlog that grows, and is worked off as if it were now.
#[test]
fn a_daemon_that_was_stopped_skips_its_backlog_and_is_in_step_again() {
    let mut rig = Rig::new("stopped");
    rig.daemon.signal(Signal::Stop);
    std::thread::sleep(Duration::from_secs(4));
    rig.daemon.signal(Signal::Cont);
    let from = rig.subscriber.seen.len();
    rig.subscriber.until("an intent in step", SOON, |e| {
        e.intent().is_some_and(|i| i.valid && i.received_ns - i.newest_ns < 300_000_000)
    });
    let late = rig.subscriber.seen[from..].iter().filter_map(|e| e.intent());
    let late: Vec<_> = late.filter(|i| i.received_ns - i.newest_ns > 700_000_000).collect();
    for intent in &late {
        assert!(!intent.valid && intent.discrete.is_none(), "old data decided: {intent:?}");
    }
    let after = rig.during(Duration::from_secs(3));
    let age = |i: &Intent| i.received_ns - i.newest_ns;
    assert!(
        after.iter().all(|i| age(i) < 300_000_000),
        "a backlog stays: {:?}",
        after.iter().map(age).collect::<Vec<_>>()
    );
}
