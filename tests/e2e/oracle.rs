//! A whole recording through the whole daemon, against SciPy and ONNX Runtime.

use crate::support::{assert_no_holes, assert_path_in_order, assert_same_posterior};
use bci_tests::{Client, Daemon, Intent, Oracle, Signal, Subscriber, World, recording};
use std::time::Duration;

/// Times real time. Faster, and a busy machine's stalls are longer than the daemon's queue of windows.
const SPEED: u32 = 4;

/// The recording's 125 s, and then some.
const PLAYED: Duration = Duration::from_secs(125 / SPEED as u64 + 25);

/// The task of the demonstration on a clock that runs `SPEED` times as fast.
fn task(world: &World) -> String {
    let speed = f64::from(SPEED);
    let text = format!(
        "name = \"fists-feet\"\n[[cue]]\nmarker = \"T1\"\nclass = \"fists\"\n[[cue]]\nmarker = \"T2\"\nclass = \"feet\"\n\
         [window]\nfrom_s = {:?}\nto_s = {:?}\n",
        0.5 / speed,
        4.0 / speed
    );
    world.write("task.toml", &text).to_string_lossy().into_owned()
}

#[test]
fn every_window_and_trial_of_the_unseen_run_is_the_oracles() {
    let oracle = Oracle::read();
    let world = World::new("oracle");
    let (stream, markers) = (world.name("eeg"), world.name("markers"));
    let daemon = Daemon::demo(&world, &stream, &markers);
    let mut subscriber = Subscriber::to(&world, &daemon);
    let (server, json) = (format!("http://{}", daemon.address()), world.file("trials.json"));
    let (task, json_arg) = (task(&world), json.to_string_lossy().into_owned());
    let mut trials = world.bcid("trials", &["--server", &server, "--task", &task, "--json", &json_arg]);
    let _player = play(&world, &stream, &markers, &[]);

    subscriber.until_state("STREAMING", Duration::from_secs(20));
    subscriber.until_intents(oracle.newest_frame.len(), PLAYED);
    let intents = subscriber.intents();
    assert_no_holes(&intents);
    for (i, intent) in intents.iter().enumerate() {
        assert_eq!(
            intent.newest_frame, oracle.newest_frame[i],
            "the first frame is the file's first, none is lost"
        );
        assert_same_posterior(intent, &oracle.posterior[i], 1e-5);
        assert_path_in_order(intent);
        assert_eq!(intent.labels, oracle.classes);
        assert_eq!(intent.decoder[2], oracle.model_sha256);
    }

    let pipeline = Client::of(&world, &daemon).pipeline();
    let counts = ["samples_in", "samples_lost", "gaps", "windows", "windows_skipped", "decoder_faults"];
    let counts = counts.map(|key| Client::count(&pipeline, key));
    assert_eq!(counts, [20_000, 0, 0, 1985, 0, 0]);

    assert_eq!(trials.wait(Duration::from_secs(20)), 0, "{}", trials.rest(Duration::from_secs(1)));
    let scored: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(json).expect("trials wrote its summary"))
            .expect("the summary is JSON");
    assert_eq!((&scored["trials"], &scored["correct"]), (&15.into(), &14.into()));
    assert_eq!((&scored["events_missed"], &scored["samples_lost"]), (&0.into(), &0.into()));
    for (expected, got) in oracle.trials.iter().zip(scored["per_trial"].as_array().expect("trials")) {
        assert_eq!(got["cued"], expected.label.as_str(), "at {} s", expected.onset_s);
        assert_eq!(got["decided"], expected.decision.as_str(), "at {} s", expected.onset_s);
        assert_eq!(got["right"], expected.right);
        assert_eq!(got["windows"], expected.windows, "at {} s", expected.onset_s);
        for (class, mean) in expected.mean_posterior.iter().enumerate() {
            let off = (got["mean_posterior"][class].as_f64().expect("a number") - mean).abs();
            assert!(off < 1e-5, "at {} s: {got}", expected.onset_s);
        }
    }
    daemon.stop(Signal::Int).assert_sound();
}

/// Two daemons, two players, the same recording.
#[test]
fn the_same_recording_played_twice_is_the_same_to_the_last_bit() {
    let world = World::new("twice");
    let started = ["one", "two"].map(|which| {
        let (stream, markers) = (world.name(which), world.name(&format!("{which}-markers")));
        let pipeline = bci_tests::Pipeline { name: "p", stream: &stream };
        let daemon = Daemon::named(&world, which, &[pipeline], Some(&markers));
        let subscriber = Subscriber::to(&world, &daemon);
        let player = play(&world, &stream, &markers, &["--to", "20"]);
        (daemon, subscriber, player)
    });
    let windows = (20 * 160 - 160) / 10 + 1;
    let [one, two] = started.map(|(daemon, mut subscriber, _player)| {
        subscriber.until_intents(windows, Duration::from_secs(40));
        daemon.stop(Signal::Int).assert_sound();
        subscriber.intents().into_iter().map(decoded).collect::<Vec<_>>()
    });
    assert_eq!(one.len(), windows);
    assert!(one == two, "{:?}", one.iter().zip(&two).find(|(a, b)| a != b));
}

/// All of an intent but its times.
fn decoded(intent: &Intent) -> impl PartialEq + std::fmt::Debug + use<> {
    let Intent { sequence, window, smoothed, discrete, none, valid, causes, newest_frame, .. } =
        intent.clone();
    (sequence, newest_frame, window, smoothed, discrete, none, valid, causes)
}

fn play(world: &World, stream: &str, markers: &str, more: &[&str]) -> bci_tests::Child {
    let (file, speed) = (recording(), SPEED.to_string());
    let mut args =
        vec![file.to_str().expect("a path of this checkout"), "--name", stream, "--marker-name", markers];
    args.extend(["--rate", &speed, "--keep-stated-rate", "--wait-consumer"]);
    args.extend(more);
    world.bcid("play", &args)
}
