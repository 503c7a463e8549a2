//! Decoders are loaded, compared, swapped and rolled back while the stream runs, and nothing is lost.

use bci_tests::{Client, Daemon, HOP, Intent, Outlet, Signal, Source, Subscriber, World, bundle};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(30);

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder").flatten() {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to)
        } else {
            fs::copy(entry.path(), to).map(drop).expect("copied")
        }
    }
}

/// The shipped decoder, its `decoder.toml` changed, packed anew: another decoder.
fn variant(world: &World, name: &str, changes: &[(&str, &str)]) -> PathBuf {
    let (raw, packed) = (world.file(&format!("{name}-raw")), world.file(name));
    copy(&bundle(), &raw);
    let mut text = fs::read_to_string(raw.join("decoder.toml")).expect("a bundle");
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        text = text.replacen(from, to, 1);
    }
    fs::write(raw.join("decoder.toml"), text).expect("written");
    let segment = raw.join("golden/segment.npy");
    let (raw, out, segment) = (raw.to_string_lossy(), packed.to_string_lossy(), segment.to_string_lossy());
    let mut pack =
        world.bcid("decoder", &["pack", &raw, "--out", &out, "--segment", &segment, "--origin", "S001R10"]);
    assert_eq!(pack.wait(SOON), 0, "packing {name}");
    packed
}

fn request(folder: &Path) -> Value {
    json!({ "bundle": folder.to_string_lossy() })
}

fn hash(decoder: &Value) -> String {
    decoder["model_sha256"].as_str().expect("a hash").to_owned()
}

/// Asserts that windows follow each other without a hole: numbers by one, frames by a hop.
fn assert_whole(intents: &[&Intent]) {
    for pair in intents.windows(2) {
        assert_eq!(pair[1].sequence, pair[0].sequence + 1, "after {}", pair[0].sequence);
        assert_eq!(pair[1].newest_frame, pair[0].newest_frame + HOP, "after {}", pair[0].sequence);
    }
}

#[test]
fn two_hundred_swaps_in_less_than_a_minute_lose_and_double_nothing() {
    let world = World::new("swaps");
    let stream = world.name("eeg");
    let daemon = Daemon::following(&world, &stream);
    let other = variant(&world, "other", &[("version = \"1.0.0\"", "version = \"2.0.0\"")]);
    let mut client = Client::of(&world, &daemon);
    let mut subscriber = Subscriber::to(&world, &daemon);
    let _outlet = Outlet::looping(&world, &Source::one(&stream));
    subscriber.until_intents(20, SOON);

    let loaded = client.decoders("LoadCandidate", &request(&other)).expect("it holds");
    let new = hash(&loaded["candidate"]["decoder"]);
    let old = hash(&client.pipeline()["decoder"]);
    assert_ne!(new, old);
    let begun = Instant::now();
    let mut ends = Vec::new();
    for n in 0..200 {
        let call = if n % 2 == 0 { "SwapDecoder" } else { "RollBackDecoder" };
        let done = client.decoders(call, &json!({})).unwrap_or_else(|e| panic!("swap {n}: {e:?}"));
        let expected = if n % 2 == 0 { &new } else { &old };
        assert_eq!(hash(&done["active"]), *expected, "swap {n}");
        ends.push((Client::count(&done, "after_sequence"), expected.clone()));
        // Now and then some windows pass between two swaps.
        std::thread::sleep(Duration::from_millis(n % 5 * 40));
    }
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(60), "200 swaps took {took:?}");
    let last = ends[199].0;
    subscriber.until("the last swap", SOON, |e| e.intent().is_some_and(|i| i.sequence >= last + 10));
    let intents = subscriber.intents();
    assert_whole(&intents);
    // Each intent is by the decoder that publishes by then.
    let (mut active, mut next) = (old.clone(), 0);
    let mut by_new = 0;
    for intent in &intents {
        while next < ends.len() && intent.sequence > ends[next].0 {
            active.clone_from(&ends[next].1);
            next += 1;
        }
        assert_eq!(intent.decoder[2], active, "intent {}", intent.sequence);
        by_new += usize::from(active == new);
    }
    assert!(next == 200 && by_new > 20, "{next} swaps, {by_new} intents of the other");
    let report = client.decoders("GetShadowReport", &json!({})).expect("a candidate");
    let (compared, agreed) = (Client::count(&report, "compared"), Client::count(&report, "agreed"));
    assert!(compared > 100 && agreed == compared, "the same weights agree: {report}");
    assert_eq!(report["drift"], 0.0);
    client.decoders("DiscardCandidate", &json!({})).expect("discarded");
    let status = client.pipeline();
    assert_eq!(Client::count(&status, "windows_skipped"), 0, "{status}");
    daemon.stop(Signal::Int).assert_sound();
}

/// A decoder that wants another signal (another band, its own filters) is a candidate like any other.
#[test]
fn a_decoder_of_another_band_takes_over_without_a_hole() {
    let world = World::new("another-band");
    let stream = world.name("eeg");
    let daemon = Daemon::following(&world, &stream);
    let other = variant(
        &world,
        "other",
        &[("high_hz = 30.0", "high_hz = 24.0"), ("version = \"1.0.0\"", "version = \"2.0.0\"")],
    );
    let mut client = Client::of(&world, &daemon);
    let mut subscriber = Subscriber::to(&world, &daemon);
    let _outlet = Outlet::looping(&world, &Source::one(&stream));
    subscriber.until_intents(30, SOON);
    client.decoders("LoadCandidate", &request(&other)).expect("it holds");
    // At once: the swap waits until its filters have settled.
    let done = client.decoders("SwapDecoder", &json!({ "patience_s": 20 })).expect("it becomes ready");
    let after = Client::count(&done, "after_sequence");
    subscriber.until("ten more", SOON, |e| e.intent().is_some_and(|i| i.sequence >= after + 10));
    client.decoders("DiscardCandidate", &json!({})).expect("the other ends");
    let back = client.decoders("RollBackDecoder", &json!({})).expect_err("there is nothing to roll back to");
    assert_eq!(back.0, "FAILED_PRECONDITION");
    subscriber.until_intents(20, SOON);
    let intents = subscriber.intents();
    assert_whole(&intents);
    for intent in &intents {
        assert_eq!(intent.decoder[1], if intent.sequence > after { "2.0.0" } else { "1.0.0" });
        assert!(intent.valid || intent.sequence < 12, "intent {}: {:?}", intent.sequence, intent.causes);
    }
    daemon.stop(Signal::Int).assert_sound();
}

/// What does not hold is refused with every reason, and what runs goes on as if nothing had been.
#[test]
fn a_candidate_that_does_not_hold_leaves_the_old_one_running() {
    let world = World::new("broken");
    let stream = world.name("eeg");
    let mut daemon = Daemon::following(&world, &stream);
    let mut client = Client::of(&world, &daemon);
    let mut subscriber = Subscriber::to(&world, &daemon);
    let _outlet = Outlet::looping(&world, &Source::one(&stream));
    subscriber.until_intents(20, SOON);
    let broken = |name: &str, damage: &dyn Fn(&Path)| {
        let folder = world.file(name);
        copy(&bundle(), &folder);
        damage(&folder);
        folder
    };
    let model = |folder: &Path| folder.join("model.onnx");
    let cut = broken("cut", &|folder| {
        let bytes = fs::read(model(folder)).expect("a model");
        fs::write(model(folder), &bytes[..bytes.len() / 2]).expect("written");
    });
    let golden = broken("golden", &|folder| {
        let expected = folder.join("golden/expected.npy");
        let mut bytes = fs::read(&expected).expect("golden");
        let last = bytes.len() - 2;
        bytes[last] ^= 0x40;
        fs::write(expected, bytes).expect("written");
    });
    let wide =
        variant(&world, "wide", &[("window_samples = 160", "window_samples = 160"), ("\"FC3\"", "\"Xx9\"")]);
    for (folder, parts) in [
        (cut, &["SHA-256", "changed since the bundle was made"][..]),
        (golden, &["expected.npy has SHA-256"]),
        (wide, &["lacks Xx9"]),
        (world.file("nowhere"), &["cannot be read"]),
    ] {
        let (code, details) =
            client.decoders("LoadCandidate", &request(&folder)).expect_err("it does not hold");
        assert_eq!(code, "FAILED_PRECONDITION", "{details}");
        for part in parts {
            assert!(details.contains(part), "{part} not in {details}");
        }
    }
    let (code, details) = client.decoders("SwapDecoder", &json!({})).expect_err("there is none");
    assert!(code == "FAILED_PRECONDITION" && details.contains("no candidate is loaded"), "{code} {details}");
    subscriber.until_intents(20, SOON);
    assert_whole(&subscriber.intents());
    daemon.assert_alive();
    daemon.stop(Signal::Int).assert_sound();
}
