//! Decoders that are loaded, swapped and discarded while a pipeline runs.

use crate::rig::{LABELS, Open, Pull, RATE, Rig, WINDOW, bundle_with, candidate};
use bci_models::DecodeError;
use bci_pipeline::State;
use bci_types::{Intent, Outcome, Validity};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

const PATIENT: Duration = Duration::from_secs(60);

fn fine(_: u64) -> Result<(), DecodeError> {
    Ok(())
}

/// As a run that does not end.
fn hang(hangs: &AtomicBool) -> Result<(), DecodeError> {
    while hangs.load(SeqCst) {
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

fn fails(_: u64) -> Result<(), DecodeError> {
    Err(DecodeError::NotProbabilities(Vec::new()))
}

/// The decoder that publishes fits the source that comes back; a candidate that does not must not stop it.
#[test]
fn a_candidate_that_does_not_fit_the_returned_source_does_not_stop_the_one_that_publishes() {
    let three = || vec!["C3", "C4", "Cz"];
    let opens = vec![
        Open::Stream(three(), vec![Pull::Frames(6), Pull::Gate(1), Pull::Lost]),
        // The same amplifier, without Cz.
        Open::Stream(LABELS.to_vec(), vec![Pull::Frames(20), Pull::Gate(2), Pull::Lost]),
        Open::Stream(three(), vec![Pull::Frames(20), Pull::Gate(3)]),
    ];
    let rig = Rig::start("", opens, fine, PATIENT);
    let out = |n: u64| rig.wait("intents", |r| r.shared.intents_out.load(SeqCst) >= n);
    out(2);
    let desk = &rig.running.desk;
    desk.load(bundle_with(&["C3", "Cz"], WINDOW, ""), candidate(&rig.shared, fine)).unwrap();
    rig.open_gate(1);
    out(11);
    let why = desk.report().unwrap().not_ready.unwrap();
    assert!(why.contains("does not fit the stream") && why.contains("lacks Cz"), "{why}");
    assert!(desk.swap("", Duration::ZERO).is_err());
    // It runs again as soon as it fits again.
    rig.open_gate(2);
    out(20);
    rig.wait("the candidate", |r| r.running.desk.report().unwrap().windows >= 9);
    desk.swap("", Duration::from_secs(10)).unwrap();
    let refused: Vec<_> = rig.states().into_iter().filter(|(s, _)| *s == State::Refused).collect();
    assert!(refused.is_empty(), "{refused:?}");
    let (_, intents, _) = rig.drain();
    let numbers: Vec<u64> = intents.iter().map(|i| i.seq).collect();
    assert_eq!(numbers, (0..20).collect::<Vec<_>>());
}

/// Where the configuration leaves it open, each decoder acts as it states it: the policy trades places with it, and back. One that
/// states nothing is not loaded.
#[test]
fn the_policy_goes_with_the_decoder_where_it_is_the_decoders() {
    let opens = vec![Open::Stream(
        LABELS.to_vec(),
        vec![Pull::Frames(8), Pull::Gate(1), Pull::Frames(8), Pull::Gate(2), Pull::Frames(8), Pull::Gate(3)],
    )];
    // Every window yields 0.9 for the second class.
    let stating = |threshold: &str| {
        bundle_with(&LABELS, WINDOW, &format!("[intent]\nthreshold = {threshold}\nsmoothing_ms = 0\n"))
    };
    let rig = Rig::start_with_its_decoders_policy(stating("0.8"), opens, fine);
    let out = |n: u64| rig.wait("intents", |r| r.shared.intents_out.load(SeqCst) >= n);
    out(3);
    let desk = &rig.running.desk;
    let refused = desk.load(bundle_with(&LABELS, WINDOW, ""), candidate(&rig.shared, fine)).unwrap_err();
    assert!(
        refused.to_string().contains("`threshold` is missing, and the decoder d states none"),
        "{refused}"
    );
    let binding = desk.load(stating("0.95"), candidate(&rig.shared, fine)).unwrap();
    assert_eq!(binding.policy.threshold, 0.95);
    rig.open_gate(1);
    out(7);
    let first = desk.swap("", Duration::from_secs(10)).unwrap().after.unwrap();
    rig.open_gate(2);
    out(11);
    let second = desk.roll_back(Duration::from_secs(10)).unwrap().after.unwrap();
    let (_, intents, _) = rig.drain();
    for intent in &intents {
        let acts = intent.seq <= first || intent.seq > second;
        assert_eq!(intent.outcome == Outcome::Class(1), acts, "window {} ({first}, {second})", intent.seq);
    }
    assert!(second > first && intents.len() >= 11);
}

/// After a swap the pipeline's status counts what the decoder that publishes does.
#[test]
fn faults_of_the_decoder_that_publishes_are_counted_after_a_swap() {
    let opens = vec![Open::Stream(
        LABELS.to_vec(),
        vec![Pull::Frames(6), Pull::Gate(1), Pull::Frames(20), Pull::Gate(2), Pull::Frames(4), Pull::Gate(3)],
    )];
    let rig = Rig::start("", opens, fine, PATIENT);
    rig.wait("intents", |r| r.shared.intents_out.load(SeqCst) >= 2);
    // Well at first, failing from its 11th window on; the other fails then too, so that it is not rescued.
    fn later(n: u64) -> Result<(), DecodeError> {
        if n < 10 { fine(n) } else { fails(n) }
    }
    rig.running.desk.load(bundle_with(&LABELS, WINDOW, ""), candidate(&rig.shared, later)).unwrap();
    rig.open_gate(1);
    rig.wait("all", |r| r.shared.intents_out.load(SeqCst) >= 12);
    rig.wait("the candidate", |r| r.running.desk.report().unwrap().windows >= 10);
    rig.running.desk.swap("", Duration::from_secs(1)).unwrap();
    rig.open_gate(2);
    rig.wait("all", |r| r.shared.intents_out.load(SeqCst) >= 14);
    let counted = rig.counter(|c| &c.decoder_faults);
    let (_, intents, _) = rig.drain();
    let told = intents.iter().filter(|i: &&Intent| i.validity.has(Validity::DECODER_FAULT)).count() as u64;
    assert!(told > 0);
    assert_eq!(counted, told, "decoder_faults of the status against the intents published with a fault");
}

/// A candidate that is slow to end does not keep the source that comes back from being read.
#[test]
fn a_source_that_returns_does_not_wait_for_a_discarded_candidate() {
    let opens = vec![
        Open::Stream(
            LABELS.to_vec(),
            vec![Pull::Frames(12), Pull::Gate(1), Pull::Frames(2), Pull::Gate(2), Pull::Lost],
        ),
        Open::Stream(LABELS.to_vec(), vec![Pull::Frames(20)]),
    ];
    let rig = Rig::start("", opens, fine, PATIENT);
    rig.wait("intents", |r| r.shared.intents_out.load(SeqCst) >= 5);
    static HANGS: AtomicBool = AtomicBool::new(true);
    fn hangs(_: u64) -> Result<(), DecodeError> {
        hang(&HANGS)
    }
    rig.running.desk.load(bundle_with(&LABELS, WINDOW, ""), candidate(&rig.shared, hangs)).unwrap();
    rig.open_gate(1);
    rig.wait("the sixth", |r| r.shared.intents_out.load(SeqCst) >= 6);
    rig.wait("the candidate's first", |r| r.shared.windows.lock().unwrap().len() >= 7);
    let before = rig.shared.intents_out.load(SeqCst);
    let desk = Arc::clone(&rig.running.desk);
    let discarding = std::thread::spawn(move || desk.discard());
    rig.wait("no candidate", |r| r.running.desk.decoders().other.is_none());
    rig.open_gate(2);
    rig.wait("intents of the source that returned", |r| r.shared.intents_out.load(SeqCst) > before);
    assert!(!rig.running.is_broken() && !discarding.is_finished());
    HANGS.store(false, SeqCst);
    discarding.join().unwrap().unwrap();
    rig.drain();
}

/// A candidate died; the next one must not take the place of the path that the publishing decoder has its windows from.
#[test]
fn a_dead_candidate_does_not_cost_the_publishing_decoder_its_path() {
    let mut script = Vec::new();
    for gate in 1..8 {
        script.extend([Pull::Frames(20), Pull::Gate(gate)]);
    }
    let rig = Rig::start("", vec![Open::Stream(LABELS.to_vec(), script)], fine, PATIENT);
    let out = |n: u64| rig.wait("intents", |r| r.shared.intents_out.load(SeqCst) >= n);
    let desk = &rig.running.desk;
    out(9);
    // Shares the path of the first, and takes its place.
    desk.load(bundle_with(&LABELS, WINDOW, ""), candidate(&rig.shared, fine)).unwrap();
    rig.open_gate(1);
    out(19);
    desk.swap("", Duration::from_secs(2)).unwrap();
    desk.discard().unwrap();
    // Has a path of its own, and panics.
    let band = "[[preprocessing]]\nband_pass = { low_hz = 8.0, high_hz = 30.0, order = 2 }\n";
    desk.load(bundle_with(&LABELS, WINDOW, band), candidate(&rig.shared, |_| panic!("as scripted"))).unwrap();
    rig.open_gate(2);
    rig.wait("its end", |r| r.running.desk.decoders().other.is_none());
    out(29);
    // Another one, of another window.
    desk.load(bundle_with(&LABELS, WINDOW * 2, ""), candidate(&rig.shared, fine)).unwrap();
    rig.open_gate(3);
    // It still gets windows.
    out(39);
    rig.drain();
}

/// A candidate with a signal path of its own is handed over together with a source that came back: its windows are still those
/// of the same place in the stream, so that it can be compared and swapped in.
#[test]
fn a_source_lost_and_back_while_a_candidate_loads() {
    let opens = vec![
        Open::Stream(
            LABELS.to_vec(),
            vec![Pull::Frames(12), Pull::Gate(1), Pull::Frames(2), Pull::Gate(2), Pull::Lost],
        ),
        Open::Stream(LABELS.to_vec(), vec![Pull::Frames(12), Pull::Gate(3), Pull::Frames(12), Pull::Gate(9)]),
    ];
    let rig = Rig::start("", opens, fine, PATIENT);
    let out = |n: u64| rig.wait("intents", |r| r.shared.intents_out.load(SeqCst) >= n);
    out(5);
    let desk = &rig.running.desk;
    desk.load(bundle_with(&LABELS, WINDOW, ""), candidate(&rig.shared, fine)).unwrap();
    // The signal thread is busy with a chunk.
    rig.shared.hold_signal.store(true, SeqCst);
    rig.open_gate(1);
    rig.wait("the chunk", |r| r.counter(|c| &c.samples_in) >= 14);
    desk.discard().unwrap();
    desk.load(bundle_with(&LABELS, WINDOW * 2, ""), candidate(&rig.shared, fine)).unwrap();
    rig.open_gate(2);
    rig.wait("the source again", |r| r.counter(|c| &c.samples_in) >= 26);
    rig.release_signal();
    out(11);
    rig.open_gate(3);
    out(17);
    let swapped = desk.swap("", Duration::from_secs(10));
    rig.drain();
    assert!(swapped.is_ok(), "{swapped:?}");
}

/// Windows that the shadow did not decode because it was late are told, wherever they were given up.
#[test]
fn windows_that_overflow_the_shadows_queue_are_reported_as_skipped() {
    let mut script = vec![Pull::Frames(4), Pull::Gate(1)];
    for n in 1..=40 {
        script.extend([Pull::Frames(2), Pull::Await(1 + n)]);
    }
    script.push(Pull::Gate(9));
    let rig = Rig::start("", vec![Open::Stream(LABELS.to_vec(), script)], fine, PATIENT);
    rig.wait("intents", |r| r.shared.intents_out.load(SeqCst) >= 1);
    static HANGS: AtomicBool = AtomicBool::new(true);
    fn slow(_: u64) -> Result<(), DecodeError> {
        hang(&HANGS)
    }
    rig.running.desk.load(bundle_with(&LABELS, WINDOW, ""), candidate(&rig.shared, slow)).unwrap();
    rig.open_gate(1);
    rig.wait("all", |r| r.shared.intents_out.load(SeqCst) >= 41);
    let accounted = |r: &Rig| r.running.desk.report().map_or(0, |told| told.windows + told.skipped);
    // Ten wait at most, one of them in the run that hangs.
    assert!((30..40).contains(&accounted(&rig)), "{}", accounted(&rig));
    HANGS.store(false, SeqCst);
    rig.wait("every window", |r| accounted(r) == 40);
    let own = rig.counter(|c| &c.windows_skipped);
    rig.drain();
    assert_eq!(own, 0, "of the decoder that publishes");
}

/// Two decoders of the same hop and different windows are compared after the source came back as before.
#[test]
fn windows_end_together_after_the_source_came_back() {
    let opens = vec![
        Open::Stream(
            LABELS.to_vec(),
            vec![Pull::Frames(12), Pull::Gate(1), Pull::Frames(12), Pull::Gate(2), Pull::Lost],
        ),
        Open::Stream(LABELS.to_vec(), vec![Pull::Frames(12), Pull::Gate(3), Pull::Frames(12), Pull::Gate(9)]),
    ];
    let rig = Rig::start("", opens, fine, PATIENT);
    let out = |n: u64| rig.wait("intents", |r| r.shared.intents_out.load(SeqCst) >= n);
    out(5);
    rig.running.desk.load(bundle_with(&LABELS, WINDOW + 1, ""), candidate(&rig.shared, fine)).unwrap();
    rig.open_gate(1);
    out(11);
    let compared = |n: u64| {
        rig.wait("comparisons", |r| r.running.desk.report().is_some_and(|told| told.compared >= n));
    };
    // Those that end with frames 17, 19, 21 and 23.
    compared(4);
    rig.open_gate(2);
    out(16);
    rig.open_gate(3);
    out(22);
    compared(14);
    rig.drain();
}

/// The publishing decoder is slow for a while, its queue overflows, and the candidate, which decoded all of it, takes over: what
/// is published was not skipped.
#[test]
fn what_a_swap_publishes_is_not_counted_as_skipped() {
    let mut script = vec![Pull::Frames(4), Pull::Gate(1)];
    for n in 1..=20 {
        script.extend([Pull::Frames(2), Pull::Gate(1 + n)]);
    }
    script.push(Pull::Gate(99));
    static HANGS: AtomicBool = AtomicBool::new(true);
    fn slow(n: u64) -> Result<(), DecodeError> {
        if n == 1 { hang(&HANGS) } else { Ok(()) }
    }
    let rig = Rig::start("", vec![Open::Stream(LABELS.to_vec(), script)], slow, PATIENT);
    rig.wait("intents", |r| r.shared.intents_out.load(SeqCst) >= 1);
    rig.running.desk.load(bundle_with(&LABELS, WINDOW, ""), candidate(&rig.shared, fine)).unwrap();
    for n in 1..=20 {
        rig.open_gate(n);
        rig.wait("the candidate", |r| r.running.desk.report().unwrap().windows >= n);
    }
    let shadow = rig.running.desk.report().unwrap();
    rig.running.desk.swap("", Duration::from_secs(1)).unwrap();
    let published = rig.shared.intents_out.load(SeqCst);
    let (windows, skipped) = (rig.counter(|c| &c.windows), rig.counter(|c| &c.windows_skipped));
    HANGS.store(false, SeqCst);
    rig.drain();
    assert_eq!(
        published + skipped,
        windows,
        "{published} published, {skipped} skipped of {windows}; {shadow:?}"
    );
}

/// A candidate's filters run on the signal thread of the decoder that publishes: one that would hold it up is refused, with
/// what it takes, and nothing has changed.
#[test]
fn a_candidate_whose_filters_would_hold_up_the_other_is_refused() {
    let script = vec![Pull::Frames(6), Pull::Gate(1), Pull::Frames(20), Pull::Gate(2)];
    let rig = Rig::start("", vec![Open::Stream(LABELS.to_vec(), script)], fine, PATIENT);
    let out = |n: u64| rig.wait("intents", |r| r.shared.intents_out.load(SeqCst) >= n);
    out(2);
    let desk = &rig.running.desk;
    // 2560 Hz and back: 8 times 16383 coefficients are 670 million products a second for a channel.
    let fir =
        "[[preprocessing]]\nfir = { low_hz = 8.0, high_hz = 30.0, taps = 16383, window = \"hamming\" }\n";
    let resample = |hz: f64| format!("[[preprocessing]]\nresample = {{ rate_hz = {hz} }}\n");
    let heavy = format!("{}{}{}", resample(16.0 * RATE), fir.repeat(8), resample(RATE));
    let refused = desk.load(bundle_with(&LABELS, WINDOW, &heavy), candidate(&rig.shared, fine));
    let why = refused.unwrap_err().to_string();
    assert!(why.contains("the filters of d take") && why.contains("must be 20 % at most"), "{why}");
    assert!(desk.decoders().other.is_none() && desk.report().is_none());
    // There is room for one that is lighter.
    let band = "[[preprocessing]]\nband_pass = { low_hz = 8.0, high_hz = 30.0, order = 2 }\n";
    desk.load(bundle_with(&LABELS, WINDOW, band), candidate(&rig.shared, fine)).unwrap();
    rig.open_gate(1);
    out(12);
    // Of 20 frames, with the first 4 of its own.
    rig.wait("the candidate", |r| r.running.desk.report().unwrap().windows == 9);
    rig.drain();
}
