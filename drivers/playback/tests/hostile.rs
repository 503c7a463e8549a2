//! Files that lie: no panic, no endless work, no memory that the file's length does not justify. One test, so that
//! the process's memory is its own.
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use bci_driver_playback::edf::{EdfError, MAX_ANNOTATIONS, read};
use bci_driver_playback::{Due, Options, Player};
use common::{File, Signal, counting};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

/// Far above what files of some kilobytes need, far below what a lying header can ask for.
const ROOM_BYTES: u64 = 48 << 20;

/// What the crafted file of 40 MB and the permitted annotations take; the 20 times as many that it holds would take
/// more than 1.5 GB.
const PACKED_ROOM_BYTES: u64 = 512 << 20;

/// What reads as a number and means trouble, each 8 bytes.
const NASTY: [&[u8; 8]; 16] = [
    b"        ",
    b"0       ",
    b"1       ",
    b"-1      ",
    b"2       ",
    b"99999999",
    b"-9999999",
    b"1e308   ",
    b"-1e308  ",
    b"1e-308  ",
    b"nan     ",
    b"inf     ",
    b"0.3     ",
    b"\0\0\0\0\0\0\0\0",
    b"\xff\xff\xff\xff\xff\xff\xff\xff",
    b"EDF+D   ",
];

fn whole_files() -> [Vec<u8>; 2] {
    let records =
        [("+0", "+0.5\x151.5\x14cue\x14\0"), ("+1", "-3\x14a\x14b\x14\0"), ("+7.5", "+3\x14c\x14\0")];
    let edf = counting("EDF+D", "1", 40, &records);
    let mut bdf = counting("BDF+C", "1", 40, &records);
    bdf.bdf = true;
    [edf.bytes(), bdf.bytes()]
}

/// Reads, and where that goes well uses everything.
fn exercise(bytes: Vec<u8>) -> Result<(), TestCaseError> {
    let length = bytes.len() as u64;
    let Ok(recording) = read(bytes, "hostile") else { return Ok(()) };
    prop_assert!(recording.annotations().len() as u64 <= length / 2);
    prop_assert!(recording.annotations().iter().all(|a| a.onset_s.is_finite()));
    let mut values = 0;
    for (i, group) in recording.groups().iter().enumerate() {
        values += group.frames() * group.channels().len() as u64;
        prop_assert!(group.segments().len() as u64 <= length);
        let mut frame = vec![0.0; group.channels().len()];
        let mut before = f64::NEG_INFINITY;
        for n in 0..group.frames() {
            prop_assert_eq!(group.read_frames(n, &mut frame), 1);
            let time = group.frame_time_s(n);
            prop_assert!(time.is_finite() && time >= before, "{time} after {before}");
            before = time;
        }
        let span = recording.span(i, None, None).unwrap();
        let options = Options { chunk_frames: 7, ..Options::default() };
        // Where a sample's period is lost in the size of its time, it cannot be played.
        let Ok(mut player) = Player::new(&recording, i, span, options) else { continue };
        let mut frames = 0;
        while let Some(due) = player.take_due(f64::INFINITY) {
            if let Due::Frames { frames: n, .. } = due {
                frames += n as u64;
            }
        }
        prop_assert_eq!(frames, player.lap_frames());
    }
    prop_assert!(values * 2 <= length);
    Ok(())
}

/// A line of the process's own account of its address space, bytes; `None` where the system keeps none.
fn account_bytes(name: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|l| l.starts_with(name))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib * 1024)
}

/// Runs `work` and holds the most address space that it took meanwhile below `room_bytes`.
fn within(room_bytes: u64, work: impl FnOnce()) {
    let now = account_bytes("VmSize:").zip(account_bytes("VmPeak:"));
    // The peak of before would hide as much: it is taken up, unused, to stand at the peak again.
    let ballast = now.map(|(size, peak)| Vec::<u8>::with_capacity((peak - size) as usize));
    let before = account_bytes("VmPeak:");
    work();
    std::hint::black_box(&ballast);
    if let Some((before, after)) = before.zip(account_bytes("VmPeak:")) {
        assert!(after - before < room_bytes, "{} bytes more than before", after - before);
    }
}

#[test]
fn no_bytes_make_the_reader_panic_or_take_memory() {
    let whole = whole_files();
    for file in &whole {
        read(file.clone(), "whole").unwrap();
        exercise(file.clone()).unwrap();
    }
    within(ROOM_BYTES, || each_field_lies(&whole));
    within(ROOM_BYTES, || random_bytes_and_changes(&whole));
    within(PACKED_ROOM_BYTES, packed_with_annotations);
}

fn each_field_lies(whole: &[Vec<u8>]) {
    for file in whole {
        // All fields of the header, of 1024 bytes, start at multiples of 4.
        for at in (0..1024 - 4).step_by(4) {
            for value in NASTY {
                let mut lying = file.clone();
                lying[at..at + 8].copy_from_slice(value);
                exercise(lying).unwrap();
            }
        }
    }
}

fn random_bytes_and_changes(whole: &[Vec<u8>]) {
    let config = ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = TestRunner::new(config.clone());
    // Nothing but the first bytes right.
    runner
        .run(&(any::<bool>(), vec(any::<u8>(), 0..3000)), |(bdf, mut bytes)| {
            let version = if bdf { b"\xffBIOSEMI" } else { b"0       " };
            let known = bytes.len().min(8);
            bytes[..known].copy_from_slice(&version[..known]);
            exercise(bytes)
        })
        .unwrap();
    // A right file with fields and bytes changed, and its end cut.
    let mut runner = TestRunner::new(config);
    let fields = vec((0..1024 / 4 - 1_usize, prop::sample::select(&NASTY[..])), 0..4);
    let bytes = vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
    runner
        .run(&(0..whole.len(), fields, bytes, 0..400_usize), |(which, fields, changes, cut)| {
            let mut file = whole[which].clone();
            for (at, value) in fields {
                file[at * 4..at * 4 + 8].copy_from_slice(value);
            }
            for (at, value) in changes {
                let at = at.index(file.len());
                file[at] = value;
            }
            file.truncate(file.len() - cut);
            exercise(file)
        })
        .unwrap();
}

fn packed_with_annotations() {
    let mut texts = b"+0\x14\x14\0+0\x14".to_vec();
    texts.extend(b"a\x14".repeat(20 * MAX_ANNOTATIONS));
    let signal = Signal::annotations("EDF Annotations", texts.len() / 2 + 1);
    let file = File::new("EDF+C", "1", &[signal]).record(&[&texts]);
    let refusal = read(file.bytes(), "packed").unwrap_err();
    assert_eq!(refusal, EdfError::Annotations { limit: MAX_ANNOTATIONS, offset: 512 });
}
