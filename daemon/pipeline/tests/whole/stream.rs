//! Nothing is lost, doubled or mixed up between source and sink; what is lost is told.

use crate::rig::{HOP, LABELS, Open, Pull, Rig, WINDOW, value};
use bci_pipeline::State;
use bci_rt::guard;
use bci_types::{NoIntentReason, Outcome, Validity};
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

const PATIENT: Duration = Duration::from_secs(60);

/// Chunks of varying size, each sent only when the windows so far are through, so that none is skipped.
fn in_step(chunks: &[usize], frames: &mut usize, windows: &mut u64) -> Vec<Pull> {
    let mut script = Vec::new();
    let mut fresh = 0;
    for &n in chunks {
        script.push(Pull::Frames(n));
        let count = |held: usize| if held < WINDOW { 0 } else { (held - WINDOW) / HOP + 1 };
        *windows += (count(fresh + n) - count(fresh)) as u64;
        fresh += n;
        *frames += n;
        script.push(Pull::Await(*windows));
    }
    script
}

#[test]
fn every_window_arrives_once_in_order_and_right_over_reattachments() {
    let (mut frames, mut windows) = (0, 0);
    let chunks: Vec<usize> = (0..120).map(|i| 1 + i * 7 % 13).collect();
    let mut opens = Vec::new();
    for labels in [vec!["C3", "C4"], vec!["STIM", "C4", "Fz", "C3"], vec!["c4", "c3"]] {
        let mut script = in_step(&chunks, &mut frames, &mut windows);
        script.extend([Pull::Lose(80), Pull::Lost]);
        opens.push(Open::Stream(labels, script));
    }
    let before = guard::passes();
    let rig = Rig::start("", opens, |_| Ok(()), PATIENT);
    rig.wait("the end", |r| r.states().iter().filter(|(s, _)| *s == State::Lost).count() >= 3);
    let made = rig.shared.made.load(SeqCst);
    let (status, intents, seen) = rig.drain();
    let c = &status.counters;
    assert_eq!(c.samples_in.load(SeqCst), frames as u64);
    assert_eq!((c.samples_lost.load(SeqCst), c.gaps.load(SeqCst), c.reattached.load(SeqCst)), (0, 0, 2));
    assert_eq!((c.windows.load(SeqCst), c.windows_skipped.load(SeqCst)), (windows, 0));
    assert_eq!(intents.len() as u64, windows);
    assert!(intents.iter().map(|i| i.seq).eq(0..windows), "numbers go on over reattachments");
    for (intent, window) in intents.iter().zip(&seen) {
        // Positions count the time without a stream, as the values do: the window can be told by its newest frame.
        let first = intent.newest_frame + 1 - WINDOW as u64;
        let expected: Vec<f32> =
            LABELS.iter().flat_map(|l| (first..=intent.newest_frame).map(|n| value(n, l) as f32)).collect();
        assert_eq!(*window, expected, "window {}", intent.seq);
        assert_eq!(intent.newest_sample.0, 1_000_000_000_000 + (intent.newest_frame * 6_250_000) as i64);
        let l = intent.ledger;
        assert!(l.acquired <= l.dequeued && l.dequeued <= l.filtered && l.filtered <= l.decoded, "{l:?}");
        // Without filters nothing is remembered over the gap: no window holds a frame from before it.
        assert_eq!((intent.validity, intent.outcome), (Validity::VALID, Outcome::Class(1)));
    }
    assert_eq!(intents.last().unwrap().newest_frame + 80, made - 1);
    assert!(guard::passes() > before + 300, "the loops were watched");
    assert_eq!(guard::operations(), 0, "heap operations of the real-time threads");
}

#[test]
fn filters_allocate_nothing_either_and_mark_what_they_remember() {
    let steps =
        "[[steps]]\ncommon_average = {}\n[[steps]]\nband_pass = { low_hz = 8, high_hz = 30, order = 2 }\n";
    let (mut frames, mut windows) = (0, 0);
    let mut script = in_step(&[8; 60], &mut frames, &mut windows);
    let valid_until = windows;
    script.extend([Pull::Lose(20), Pull::Frames(2), Pull::Await(windows + 1)]);
    let rig = Rig::start(steps, vec![Open::Stream(vec!["Fz", "C4", "C3"], script)], |_| Ok(()), PATIENT);
    rig.wait("the end", |r| r.shared.intents_out.load(SeqCst) > windows);
    let (status, intents, _) = rig.drain();
    assert_eq!((status.counters.samples_lost.load(SeqCst), status.counters.gaps.load(SeqCst)), (20, 1));
    assert_eq!(intents[0].validity, Validity::SETTLING);
    assert_eq!(intents[0].outcome, Outcome::NoIntent(NoIntentReason::InvalidData));
    assert!(intents[valid_until as usize - 1].validity.is_valid());
    assert_eq!(intents.last().unwrap().validity, Validity::GAP);
    assert_eq!(guard::operations(), 0, "heap operations of the real-time threads");
}

/// A source that comes and goes faster than the signal thread looks: every frame that was acquired is decoded.
#[test]
fn a_flapping_source_loses_nothing() {
    let opens =
        (0..12).map(|_| Open::Stream(LABELS.to_vec(), vec![Pull::Frames(WINDOW), Pull::Lost])).collect();
    let rig = Rig::start_held("", opens, |_| Ok(()), PATIENT, true);
    // The signal thread sits in its first chunk while others come.
    rig.wait("three attachments", |r| r.counter(|c| &c.reattached) >= 2);
    rig.release_signal();
    rig.wait("all attachments", |r| r.counter(|c| &c.reattached) == 11);
    let (status, intents, _) = rig.drain();
    let c = &status.counters;
    assert_eq!(c.samples_in.load(SeqCst), 12 * WINDOW as u64);
    assert_eq!(
        c.windows.load(SeqCst) + c.samples_lost.load(SeqCst) / WINDOW as u64,
        12,
        "a window an attachment"
    );
    assert_eq!(c.samples_lost.load(SeqCst), 0);
    assert_eq!(intents.len() as u64 + c.windows_skipped.load(SeqCst), 12);
    assert_eq!(intents.last().unwrap().seq, 11);
    assert_eq!(guard::operations(), 0, "heap operations of the real-time threads");
}

/// The ring is full because the signal thread is held up: what was dropped is counted once, although the stamps show
/// the same hole, and positions stay right.
#[test]
fn what_a_full_ring_drops_is_counted_once() {
    // The ring takes 10 s, 1600 frames: 26 chunks of 60, whether the first of 10 was taken out or not.
    let mut script = vec![Pull::Frames(10), Pull::Gate(1)];
    script.extend([Pull::Frames(60); 40]);
    script.extend([Pull::Gate(2), Pull::Frames(10)]);
    let rig = Rig::start_held("", vec![Open::Stream(LABELS.to_vec(), script)], |_| Ok(()), PATIENT, true);
    rig.wait("the first chunk", |r| r.counter(|c| &c.samples_in) == 10);
    rig.open_gate(1);
    rig.wait("the ring to overflow", |r| r.counter(|c| &c.samples_in) == 2410);
    rig.release_signal();
    rig.wait("the ring to be emptied", |r| r.counter(|c| &c.windows) > (1570 - WINDOW) as u64 / 2);
    rig.open_gate(2);
    rig.wait("the last chunk", |r| r.counter(|c| &c.gaps) > 0);
    let (status, intents, _) = rig.drain();
    let c = &status.counters;
    assert_eq!((c.samples_in.load(SeqCst), c.samples_lost.load(SeqCst), c.gaps.load(SeqCst)), (2420, 840, 1));
    assert_eq!(intents.last().unwrap().newest_frame, 2419, "2420 frames were made, lost ones included");
    assert_eq!(c.windows.load(SeqCst), intents.len() as u64 + c.windows_skipped.load(SeqCst));
}

/// The same, but the source goes away before another chunk could tell.
#[test]
fn what_a_full_ring_drops_is_counted_even_when_nothing_follows() {
    let mut script = vec![Pull::Frames(50); 40];
    script.push(Pull::Lost);
    let rig = Rig::start_held("", vec![Open::Stream(LABELS.to_vec(), script)], |_| Ok(()), PATIENT, true);
    rig.wait("the loss", |r| r.states().iter().any(|(s, _)| *s == State::Lost));
    rig.release_signal();
    let (status, _, _) = rig.drain();
    let c = &status.counters;
    let decoded = c.windows.load(SeqCst) as usize * HOP + WINDOW - HOP;
    assert_eq!(c.samples_in.load(SeqCst), 2000);
    assert!(c.samples_lost.load(SeqCst) >= 350, "the ring takes 1600, and one chunk may be out of it");
    assert_eq!(
        decoded as u64 + c.samples_lost.load(SeqCst),
        2000,
        "every frame is in a window or counted as lost"
    );
}

/// Stopping lets everything through that was acquired before.
#[test]
fn draining_loses_nothing_already_acquired() {
    let script = vec![Pull::Frames(5); 60];
    let rig = Rig::start_held("", vec![Open::Stream(LABELS.to_vec(), script)], |_| Ok(()), PATIENT, true);
    rig.wait("all of it", |r| r.counter(|c| &c.samples_in) == 300);
    let shared = std::sync::Arc::clone(&rig.shared);
    let release = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(50));
        shared.hold_signal.store(false, SeqCst);
    });
    let (status, intents, _) = rig.drain();
    release.join().unwrap();
    let c = &status.counters;
    assert_eq!(c.windows.load(SeqCst), (300 - WINDOW as u64) / 2 + 1);
    assert_eq!(intents.len() as u64 + c.windows_skipped.load(SeqCst), c.windows.load(SeqCst));
    assert_eq!(intents.last().unwrap().newest_frame, 299, "the newest window of all was decoded");
    assert_eq!(status.state().state, State::Stopped);
}
