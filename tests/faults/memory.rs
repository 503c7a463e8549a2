//! A machine that has no memory left.

use bci_tests::{Client, Daemon, Intent, Outlet, Signal, Source, Subscriber, World};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const FOUND: Duration = Duration::from_secs(20);
const SOON: Duration = Duration::from_secs(30);
/// How long memory is short, and how often everything that can be taken is taken.
const SHORT: Duration = Duration::from_secs(15);
const EVERY: Duration = Duration::from_millis(250);
/// Of the 240 windows of that time, the fewest that must be decided in it.
const FEWEST: usize = 60;
/// How soon after it all must be as it was.
const IN_STEP: Duration = Duration::from_secs(3);

/// A control group for memory, of version 1 or 2; removed when dropped, once nothing runs in it.
struct Group {
    folder: PathBuf,
    /// Version 2.
    unified: bool,
}

impl Group {
    /// `None` where the system does not let it be made.
    fn new(name: &str) -> Option<Self> {
        let (first, second) = (Path::new("/sys/fs/cgroup/memory"), Path::new("/sys/fs/cgroup"));
        let unified = !first.is_dir();
        let folder = if unified { second } else { first }.join(name);
        fs::create_dir(&folder).ok()?;
        let group = Self { folder, unified };
        group.folder.join(group.taker()).exists().then_some(group)
    }

    /// The file that asks the kernel to take back what it can.
    fn taker(&self) -> &'static str {
        if self.unified { "memory.reclaim" } else { "memory.force_empty" }
    }

    /// Takes back all memory that can be read from a disk again: code, models, files. Fails when not all of it can be.
    fn squeeze(&self) {
        let _ = fs::write(self.folder.join(self.taker()), if self.unified { "1G" } else { "0" });
    }

    /// Pages that had to be read again.
    fn read_again(&self) -> u64 {
        let stat = fs::read_to_string(self.folder.join("memory.stat")).unwrap_or_default();
        let value = |key: &str| stat.lines().find_map(|line| line.strip_prefix(key)?.trim().parse().ok());
        value("pgmajfault ").unwrap_or(0)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        for _ in 0..100 {
            if fs::remove_dir(&self.folder).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Code and models are taken away again and again, and have to be read from the disk while windows are due.
#[test]
#[allow(clippy::print_stderr, reason = "says that it was left out, and why")]
fn where_memory_is_short_decoding_is_late_at_worst_and_nothing_is_lost() {
    let world = World::alone("memory");
    let Some(group) = Group::new(&world.name("group")) else {
        eprintln!("left out: no control group for memory can be made here");
        return;
    };
    let stream = world.name("eeg");
    let mut outlet = Outlet::looping(&world, &Source::one(&stream));
    // A copy of its own: the group is charged for its pages.
    let script = format!(
        "echo $$ > {:?} && cp \"$0\" {:?} && exec {1:?} \"$@\"",
        group.folder.join("cgroup.procs"),
        world.file("bcid")
    );
    let daemon = Daemon::with(&world, "daemon", &stream, "", &["sh", "-c", &script]);
    let mut subscriber = Subscriber::to(&world, &daemon);
    let mut client = Client::of(&world, &daemon);
    subscriber.until("valid intent", FOUND, |e| e.intent().is_some_and(|i| i.valid));
    let (before, begun) = (group.read_again(), Instant::now());
    let first = subscriber.seen.len();
    let short_from_ns = subscriber.intents().last().map_or(0, |i| i.newest_ns);
    while begun.elapsed() < SHORT {
        group.squeeze();
        std::thread::sleep(EVERY);
    }
    let read_again = group.read_again() - before;
    assert!(read_again > 100, "memory was not short: {read_again} pages were read again");
    // In step again, with nothing that waits anywhere.
    let over = Instant::now();
    subscriber.until("event", SOON, |_| over.elapsed() > IN_STEP);
    let settled = subscriber.seen.len();
    let meanwhile = |i: &&Intent| i.ledger.0[3] < short_from_ns + SHORT.as_nanos() as i64;
    let decided = subscriber.seen[first..].iter().filter_map(|e| e.intent()).filter(meanwhile).count();
    assert!(decided >= FEWEST, "{decided} windows decided while memory was short");
    subscriber.until_intents(20, SOON);
    let status = client.pipeline();
    assert_eq!(outlet.sent().left_out, 0, "the source itself kept pace");
    for none in ["samples_lost", "gaps", "reattached", "decoder_faults", "samples_repeated"] {
        assert_eq!(Client::count(&status, none), 0, "{none}");
    }
    for intent in subscriber.seen[first..].iter().filter_map(|e| e.intent()) {
        let stale = intent.ledger.0[3] - intent.newest_ns > 600_000_000;
        assert!(!(stale && intent.valid), "decided late, and not told: {intent:?}");
    }
    for intent in subscriber.seen[settled..].iter().filter_map(|e| e.intent()) {
        let behind = intent.received_ns - intent.newest_ns > 300_000_000;
        assert!(intent.valid && !behind, "a backlog is left: {intent:?}");
    }
    drop(subscriber);
    daemon.stop(Signal::Int).assert_sound();
}
