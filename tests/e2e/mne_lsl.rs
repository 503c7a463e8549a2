//! mne-lsl's player of recordings, which the daemon must take as it comes: volts, units as powers of ten, `Fc3.` for FC3,
//! stamps on whole chunks, an annotation stream of text.

use crate::support::{assert_no_holes, assert_same_posterior};
use bci_tests::{
    Client, Daemon, HOP, Intent, Oracle, Player, RATE, Section, Signal, Subscriber, WINDOW, World, root,
};
use std::time::Duration;

/// The part played: the trials at 54.0 s (fists) and 62.3 s (feet), and time before them to attach and settle.
const FROM_S: f64 = 48.0;
const TO_S: f64 = 66.6;
const TRIALS: [f64; 2] = [54.0, 62.3];

/// The player waits for no reader, so that the daemon's filter starts later in the recording than the oracle's: they
/// differ by what the oracle's still remembers of before. The slowest pole of the 8 to 30 Hz band-pass has a radius of
/// 0.926 at 160 Hz: of a difference of 1 mV, 0.926^320 = 2e-11 is left after these two seconds, below single precision.
const FORGOTTEN: u64 = 320;

#[test]
fn mne_lsl_plays_the_recording_and_the_daemon_decodes_it_as_the_oracle_does() {
    let world = World::new("mne");
    let stream = world.name("eeg");
    let markers = format!("{stream}-annotations");
    let daemon = Daemon::demo(&world, &stream, &markers);
    let mut subscriber = Subscriber::to(&world, &daemon);
    let json = world.file("trials.json");
    let (server, task) =
        (format!("http://{}", daemon.address()), root().join("deploy/config/demo-task.toml"));
    let mut trials = world.bcid(
        "trials",
        &["--server", &server, "--task", &task.to_string_lossy(), "--json", &json.to_string_lossy()],
    );
    let player = Player::start(&world, &stream, FROM_S, TO_S, HOP);
    let whole = Section::between(0.0, TO_S).reference(&world);
    subscriber.until_state("STREAMING", Duration::from_secs(20));
    let pipeline = Client::of(&world, &daemon).pipeline();
    subscriber.until_state("LOST", Duration::from_secs(40));
    assert_eq!((&pipeline["channels"], &pipeline["rate_hz"]), (&64.into(), &RATE.into()));

    // Which frame of the recording a window ends with: its annotations tell, stamped on the same clock. The player stamps
    // a chunk's last sample with the chunk's end, but annotations from its begin: a sample is stamped one period later
    // than an annotation at its place.
    let cues: Vec<_> = subscriber.markers().into_iter().filter(|m| m.marker != "T0").cloned().collect();
    let sent = player.annotations.iter().filter(|(_, text)| text != "T0");
    let told: Vec<_> = sent.filter(|(onset, _)| TRIALS.contains(onset)).collect();
    assert_eq!(
        cues.iter().map(|c| &c.marker).collect::<Vec<_>>(),
        told.iter().map(|(_, text)| text).collect::<Vec<_>>()
    );
    let frame_of = |newest_ns: i64| {
        let frame = ((newest_ns - cues[0].time_ns) as f64 / 1e9 + TRIALS[0]) * RATE - 1.0;
        assert!((frame - frame.round()).abs() < 0.01, "stamps lie on the recording's samples: {frame}");
        frame.round() as u64
    };
    let intents = subscriber.intents();
    assert_no_holes(&intents);
    let frames: Vec<u64> = intents.iter().map(|i| frame_of(i.newest_ns)).collect();
    assert!(frames.windows(2).all(|w| w[1] == w[0] + HOP), "no sample is lost");
    let attached = frames[0] + 1 - WINDOW;
    let first = (FROM_S * RATE) as u64;
    assert!(attached - first < (5.0 * RATE) as u64, "attached in time for the first trial");

    // Exactly what SciPy and ONNX Runtime make of it from that frame on.
    let section = Section::between(FROM_S, TO_S).seen_from(attached - first);
    let reference = section.reference(&world);
    for (intent, frame) in intents.iter().zip(&frames) {
        let Some(posterior) = reference.at(frame - first) else {
            // The player stamps its last chunk, of six frames, as if it had ten: four seem to be missing before it.
            assert!(
                *frame >= (TO_S * RATE) as u64 && intent.causes == ["GAP"],
                "{frame}: {:?}",
                intent.causes
            );
            continue;
        };
        assert_same_posterior(intent, posterior, 1e-5);
    }
    // And, settled, what they make of the whole recording: the oracle where it has this window, else the same computed.
    let oracle = Oracle::read();
    for (newest, posterior) in oracle.newest_frame.iter().zip(&oracle.posterior) {
        let computed = whole.at(*newest).unwrap_or(posterior);
        assert!((computed[0] - posterior[0]).abs() < 1e-6, "the reference is the oracle's at {newest}");
    }
    let settled = |i: &&Intent| {
        frame_of(i.oldest_ns) >= attached + FORGOTTEN && frame_of(i.newest_ns) < (TO_S * RATE) as u64
    };
    let compared: Vec<&Intent> = intents.iter().copied().filter(settled).collect();
    assert!(compared.len() > 150, "{} windows compared", compared.len());
    for intent in compared {
        assert!(intent.valid, "{:?}", intent.causes);
        assert_same_posterior(intent, whole.at(frame_of(intent.newest_ns)).expect("a window"), 1e-5);
    }

    assert_eq!(trials.wait(Duration::from_secs(20)), 0, "{}", trials.rest(Duration::from_secs(1)));
    let scored: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(json).expect("trials wrote its summary"))
            .expect("the summary is JSON");
    let scored = scored["per_trial"].as_array().expect("trials");
    assert_eq!(scored.len(), TRIALS.len());
    for (got, onset_s) in scored.iter().zip(TRIALS) {
        let expected = oracle.trials.iter().find(|t| t.onset_s == onset_s).expect("the oracle has it");
        assert_eq!(got["decided"], expected.decision.as_str(), "at {onset_s} s");
        let off = (got["mean_posterior"][0].as_f64().expect("a number") - expected.mean_posterior[0]).abs();
        // Its windows begin at the frame where the daemon attached, the oracle's at the file's: up to a hop apart.
        assert!(off < 0.02, "at {onset_s} s: {got}");
    }
    daemon.stop(Signal::Int).assert_sound();
}
