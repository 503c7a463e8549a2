//! What is played is what was recorded: every stream under its own name, in its own format, value by value.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use bci_driver_api::{MarkerSourceFactory as _, Source as _};
use bci_driver_lsl::{InletOptions, Liblsl, LslMarkerFactory, LslSourceFactory, Query};
use bci_types::{Chunk, Rate, SampleFormat};
use std::time::{Duration, Instant};
use support::{Rig, Running, root};

const FILE: &str = "drivers/xdf/tests/data/minimal.xdf";

fn lsl(rig: &Rig) -> Liblsl {
    let lsl = Liblsl::load().unwrap();
    lsl.configure(&std::fs::read_to_string(rig.path("lsl_api.cfg")).unwrap()).unwrap();
    lsl
}

#[test]
fn every_stream_of_an_xdf_is_played_under_its_own_name() {
    let rig = Rig::new();
    let lsl = lsl(&rig);
    let _playing = Running::start(rig.bcid(&["play", FILE, "--loop", "--wait-consumer"]), "playing ");
    let named = |name: &str| Query { name: Some(name.into()), ..Query::default() };
    let options = InletOptions { clock: Duration::from_millis(100), ..InletOptions::default() };
    let mut markers = LslMarkerFactory::new(lsl, named("SendDataString"), options.clone());
    let mut texts = markers.open(Duration::from_secs(20)).unwrap();
    let mut samples = LslSourceFactory::new(lsl, named("SendDataC"), options);
    let mut source = samples.open_source(Duration::from_secs(20)).unwrap();
    let spec = source.spec().clone();
    assert_eq!((spec.kind.as_str(), spec.format, spec.channels.len()), ("EEG", SampleFormat::Int16, 3));
    assert!(matches!(spec.rate, Rate::Regular(hz) if hz.get() == 10.0));

    let recording = bci_driver_playback::open(root().join(FILE)).unwrap();
    let group = &recording.groups()[0];
    let mut recorded = vec![0.0; 27];
    assert_eq!(group.read_frames(0, &mut recorded), 9);
    let (mut heard, mut stamps) = (Vec::new(), Vec::new());
    let mut chunk = Chunk::with_capacity(3, 64);
    let begun = Instant::now();
    while heard.len() < 18 * 3 {
        assert!(begun.elapsed() < Duration::from_secs(20), "{} numbers came", heard.len());
        source.pull(&mut chunk, Duration::from_millis(200)).unwrap();
        heard.extend_from_slice(chunk.samples());
        stamps.extend_from_slice(chunk.stamps());
    }
    // Twice round, from wherever it was joined.
    let first = (0..9).find(|i| heard[..3] == recorded[i * 3..i * 3 + 3]).expect("a frame of the recording");
    for (n, frame) in heard.chunks_exact(3).take(18).enumerate() {
        let at = (first + n) % 9;
        assert_eq!(frame, &recorded[at * 3..at * 3 + 3], "frame {n}");
        if n > 0 && at > 0 {
            let apart = group.frame_time_s(at as u64) - group.frame_time_s(at as u64 - 1);
            assert!((stamps[n] - stamps[n - 1] - apart).abs() < 1e-6, "frame {n}: {stamps:?}");
        }
    }
    let text = texts.pull(Duration::from_secs(20)).unwrap().expect("a marker");
    assert!(recording.annotations().iter().any(|a| a.text == text.text), "{text:?}");
}

#[test]
fn names_are_given_to_one_stream_alone() {
    let rig = Rig::new();
    let two = rig.path("two.edf");
    // A recording without streams of its own plays its first group, under the name that is given.
    std::fs::copy(root().join("models/data/eegmmidb/S001R10.edf"), &two).unwrap();
    let playing = Running::start(
        rig.bcid(&["play", two.to_str().unwrap(), "--name", "own", "--loop"]),
        "64 channels at 160 Hz",
    );
    let output = rig.bcid(&["streams"]).output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(told.contains("own"), "{told}");
    assert_eq!(playing.interrupt(), Some(0));
}
