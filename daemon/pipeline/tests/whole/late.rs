//! Decoders that are slow, that fail, that panic.

use crate::rig::{LABELS, Open, Pull, Rig};
use bci_models::DecodeError;
use bci_types::{NoIntentReason, Outcome, Validity};
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

/// A window every millisecond, 20 ms to decode one: windows are skipped and counted, none is queued up, and what is
/// decoded is new.
#[test]
fn a_slow_decoder_skips_to_the_newest_window() {
    let paced: Vec<Pull> = (1..400).flat_map(|i| [Pull::Gate(i), Pull::Frames(2)]).collect();
    let slow = |_| {
        std::thread::sleep(Duration::from_millis(20));
        Ok(())
    };
    let rig = Rig::start("", vec![Open::Stream(LABELS.to_vec(), paced)], slow, Duration::from_millis(1));
    for i in 1..400 {
        rig.open_gate(i);
        std::thread::sleep(Duration::from_millis(1));
    }
    rig.wait("all frames", |r| r.counter(|c| &c.samples_in) == 798);
    let (status, intents, _) = rig.drain();
    let c = &status.counters;
    let (windows, skipped) = (c.windows.load(SeqCst), c.windows_skipped.load(SeqCst));
    assert_eq!(windows, 398);
    assert_eq!(windows, skipped + intents.len() as u64, "every window is decoded or counted as skipped");
    assert!(skipped > 300, "{skipped}");
    assert!(intents.windows(2).all(|i| i[0].seq < i[1].seq), "never an older one after a newer one");
    assert_eq!(intents.last().unwrap().seq, 397, "the newest is decoded in the end");
    // Were windows served in turn, eight would wait for 20 ms each. The bound leaves room for a busy machine.
    let mut waited: Vec<i64> =
        intents.iter().map(|i| i.ledger.decoded - i.ledger.filtered - 20_000_000).collect();
    waited.sort_unstable();
    assert!(waited[waited.len() / 2] < 20_000_000, "median wait {} ns", waited[waited.len() / 2]);
}

#[test]
fn a_decoder_fault_is_told_in_the_intent_and_forgets_the_evidence() {
    let fails_on_3 = |n| if n == 3 { Err(DecodeError::NotProbabilities(vec![f32::NAN])) } else { Ok(()) };
    let script = (0..10).flat_map(|i| [Pull::Frames(2), Pull::Await(i)]).collect();
    let rig =
        Rig::start("", vec![Open::Stream(LABELS.to_vec(), script)], fails_on_3, Duration::from_secs(60));
    rig.wait("the windows", |r| r.shared.intents_out.load(SeqCst) == 9);
    let (status, intents, _) = rig.drain();
    for (n, intent) in intents.iter().enumerate() {
        if n == 3 {
            assert_eq!(intent.validity, Validity::DECODER_FAULT);
            assert_eq!(intent.outcome, Outcome::NoIntent(NoIntentReason::InvalidData));
            assert_eq!((&*intent.numbers, &*intent.smoothed), (&[0.0, 0.0][..], &[0.5, 0.5][..]));
        } else {
            assert_eq!((intent.validity, intent.outcome), (Validity::VALID, Outcome::Class(1)), "{n}");
        }
    }
    assert_eq!(status.counters.decoder_faults.load(SeqCst), 1);
}

#[test]
fn a_panicking_decoder_breaks_the_pipeline_visibly_and_drains_all_the_same() {
    let panics = |n| if n == 2 { panic!("as scripted") } else { Ok(()) };
    let script = vec![Pull::Frames(2); 100];
    let rig = Rig::start("", vec![Open::Stream(LABELS.to_vec(), script)], panics, Duration::from_secs(60));
    rig.wait("the break", |r| r.running.is_broken());
    rig.wait("the other threads to go on", |r| r.counter(|c| &c.windows) == 99);
    let status = std::sync::Arc::clone(&rig.running.status);
    assert_eq!(rig.running.drain(), ["dec"]);
    let c = &status.counters;
    assert!(c.windows_skipped.load(SeqCst) > 0, "windows that nobody takes are counted as skipped");
}
