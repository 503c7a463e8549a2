//! What an operator is told about the source.

use crate::rig::{LABELS, Open, Pull, Rig};
use bci_driver_api::SourceError;
use bci_pipeline::State::{self, Lost, Refused, Silent, Stopped, Streaming, Waiting};
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

const PATIENT: Duration = Duration::from_secs(60);

fn not_found() -> SourceError {
    SourceError::NotFound { query: "q".into() }
}
fn unreachable_() -> SourceError {
    SourceError::Unreachable { stream: "s".into(), reason: "r".into() }
}
fn ambiguous() -> SourceError {
    SourceError::Ambiguous { query: "q".into(), found: vec!["one".into(), "two".into()] }
}
fn unusable() -> SourceError {
    SourceError::Unusable { stream: "s".into(), reason: "it carries text".into() }
}
fn backend() -> SourceError {
    SourceError::Backend { operation: "opening".into(), source: "no memory".into() }
}
fn lost() -> SourceError {
    SourceError::Lost { stream: "s".into() }
}

fn told(rig: &Rig) -> Vec<State> {
    rig.states().into_iter().map(|(s, _)| s).collect()
}

#[test]
fn each_failure_is_told_in_order_and_in_words() {
    let opens = vec![
        Open::Fails(not_found),
        Open::Fails(unreachable_),
        Open::Fails(ambiguous),
        Open::Stream(LABELS.to_vec(), vec![Pull::Frames(6), Pull::Lost]),
        Open::Fails(lost),
        Open::Fails(unusable),
    ];
    let rig = Rig::start("", opens, |_| Ok(()), PATIENT);
    // A refusal is pondered for a second; a stop does not have to wait for it.
    rig.wait("the last refusal", |r| told(r).iter().filter(|s| **s == Refused).count() == 2);
    let begun = std::time::Instant::now();
    let shared = std::sync::Arc::clone(&rig.shared);
    rig.drain();
    assert!(begun.elapsed() < Duration::from_millis(700), "{:?}", begun.elapsed());
    let states = shared.states.lock().unwrap().clone();
    let expected = [
        (Waiting, "looking for q"),
        (Waiting, "the stream s is announced but cannot be reached: r"),
        (Refused, "2 streams match q: one; two"),
        (Streaming, "attached to fake (2 channels, 160 Hz)"),
        (Lost, "the stream fake was lost"),
        (Lost, "the stream s was lost"),
        (Refused, "the stream s cannot be used: it carries text"),
        (Stopped, "stopped"),
    ];
    assert_eq!(states, expected.map(|(s, words)| (s, words.to_owned())));
}

#[test]
fn a_backend_failure_is_told_with_its_cause() {
    let rig = Rig::start("", vec![Open::Fails(backend)], |_| Ok(()), PATIENT);
    rig.wait("the failure", |r| !r.states().is_empty());
    assert_eq!(rig.states()[0], (Refused, "opening failed: no memory".to_owned()));
    rig.drain();
}

#[test]
fn a_stream_that_does_not_fit_is_refused_with_every_reason_and_another_is_taken() {
    let opens = vec![
        Open::Stream(vec!["Fz", "Cz"], vec![Pull::Frames(6)]),
        Open::Stream(LABELS.to_vec(), vec![Pull::Frames(6)]),
    ];
    let steps = "[[steps]]\nnotch = { freq_hz = 79, q = 30 }\n";
    let rig = Rig::start(steps, opens, |_| Ok(()), PATIENT);
    rig.wait("the second stream", |r| told(r).last() == Some(&Streaming));
    let states = rig.states();
    assert_eq!(states[0].0, Refused);
    assert!(states[0].1.contains("the stream fake lacks C3, C4, which the decoder d needs"), "{states:?}");
    assert_eq!(rig.counter(|c| &c.reattached), 0, "a refused stream was never attached");
    rig.wait("its samples", |r| r.counter(|c| &c.samples_in) == 6);
    rig.drain();
}

#[test]
fn silence_is_told_and_a_new_instance_takes_over() {
    let opens = vec![
        Open::Stream(
            LABELS.to_vec(),
            vec![Pull::Frames(6), Pull::Gate(1), Pull::Frames(6), Pull::Superseded],
        ),
        Open::Stream(LABELS.to_vec(), vec![Pull::Frames(6)]),
    ];
    let rig = Rig::start("", opens, |_| Ok(()), PATIENT);
    rig.wait("silence", |r| told(r).last() == Some(&Silent));
    assert_eq!(rig.counter(|c| &c.samples_in), 6);
    rig.open_gate(1);
    rig.wait("the new instance", |r| r.counter(|c| &c.reattached) == 1);
    rig.wait("its samples", |r| r.counter(|c| &c.samples_in) == 18);
    assert_eq!(told(&rig), [Streaming, Silent, Streaming, Silent, Lost, Streaming]);
    assert!(rig.states()[1].1.starts_with("no samples from fake for more than "));
    rig.drain();
}

/// A source that opens and is gone at once, and a look-up that fails at once, must not keep a processor busy: the
/// thread has real-time priority.
#[test]
fn a_source_that_keeps_failing_at_once_is_not_hammered() {
    let mut opens: Vec<Open> = (0..10_000).map(|_| Open::Fails(not_found)).collect();
    let rig = Rig::start("", std::mem::take(&mut opens), |_| Ok(()), PATIENT);
    std::thread::sleep(Duration::from_millis(300));
    let looked = rig.shared.opens.load(SeqCst);
    rig.drain();
    let opens = (0..10_000).map(|_| Open::Stream(LABELS.to_vec(), vec![Pull::Lost])).collect();
    let rig = Rig::start("", opens, |_| Ok(()), PATIENT);
    std::thread::sleep(Duration::from_millis(300));
    let opened = rig.shared.opens.load(SeqCst);
    rig.drain();
    assert!((1..30).contains(&looked) && (1..30).contains(&opened), "{looked} and {opened} times in 0.3 s");
}
