//! What a replay takes from the recording because it depended on the machine: chunks for which the decoder had no room.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use bci_config::Mistakes;
use bci_models::{Bundle, Device, OrtDecoder};
use bci_pipeline::{Lived, Offline, PipelineSpec, PolicySpec};
use bci_record::{Manifest, Naming, Note, Recorder, Template, Wish};
use bci_rt::edge::Header;
use bci_types::{Chunk, HostNs, StreamSpec};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use support::{Rig, root};

/// Frames of a chunk, and chunks: less than the recorder's ring holds.
const FRAMES: usize = 16;
const CHUNKS: usize = 90;

/// Synthetic noise, recorded as a daemon would that was too busy for the chunks that `undecoded` says; and the number of windows.
/// `told` is whether the recording says so.
fn recorded(rig: &Rig, run: u32, undecoded: impl Fn(usize) -> bool, told: bool) -> (PathBuf, usize) {
    let folder = root().join("models/zoo/eegmmidb-s001-fists-feet");
    let mistakes = Mistakes::new();
    let bundle = Bundle::read(&folder, &mistakes).unwrap();
    let decoder = OrtDecoder::load(&bundle, Device::Cpu).unwrap();
    let rate = bundle.input.rate.value;
    let stream = StreamSpec::eeg("noise", rate, bundle.input.channels.iter());
    let policy = PolicySpec { smoothing_ms: 500.0, threshold: 0.9, max_age_ms: 500.0, ..PolicySpec::NOTHING };
    let mut offline =
        Offline::new(&PipelineSpec::plain("p", policy), &bundle, Box::new(decoder), &stream).unwrap();
    let configuration = format!(
        "[[pipeline]]\nname = \"p\"\ndecoder = {folder:?}\n[pipeline.stream]\nname = \"noise\"\n\
         [pipeline.intent]\nthreshold = 0.9\nsmoothing_ms = 500\n"
    );
    let facts = json!({ "configuration_folder": rig.path("") });
    let naming = Naming { participant: "x".into(), run: Some(run), ..Naming::default() };
    let template = Template::parse("%p_%r.xdf").unwrap();
    let manifest = Manifest { configuration, facts };
    let recorder = Recorder::start().unwrap();
    let path = recorder.begin(Wish { folder: rig.path("study"), template, naming, manifest }).unwrap();
    let intake = recorder.intake();
    let mut ring = intake.attach(&"p".into(), &stream, None, FRAMES);
    let (mut chunk, mut missing, mut windows) = (Chunk::with_capacity(stream.channels.len(), FRAMES), 0, 0);
    let mut state = 1u64;
    for n in 0..CHUNKS {
        chunk.clear();
        for frame in 0..FRAMES {
            let mut next = || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                f64::from(((state >> 40) as f32 / 16_777_216.0 - 0.5) * 60.0)
            };
            let values: Vec<f64> = stream.channels.iter().map(|_| next()).collect();
            assert!(chunk.push(100.0 + (n * FRAMES + frame) as f64 / rate.get(), &values));
        }
        chunk.acquired = HostNs::from_lsl_seconds(chunk.stamps()[FRAMES - 1]);
        chunk.undecoded = told && undecoded(n);
        assert!(ring.push(&chunk));
        if undecoded(n) {
            missing += FRAMES as u64;
            continue;
        }
        let dropped_before = std::mem::take(&mut missing);
        let header = Header { frames: FRAMES, acquired: chunk.acquired, dropped_before, ..Header::default() };
        let as_it_was = |_| Lived::Decoded { stale: false };
        offline.repeat(header, chunk.samples(), chunk.stamps(), as_it_was, |decoded| {
            windows += 1;
            intake.note(|| Note::Intent(Arc::new(decoded.intent)));
        });
    }
    recorder.end().unwrap();
    (path, windows)
}

fn replayed(rig: &Rig, path: &Path) -> (i32, String) {
    let output = rig.bcid(&["replay", path.to_str().unwrap()]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    (output.status.code().unwrap(), text)
}

#[test]
fn chunks_that_the_decoder_had_no_room_for_are_missing_again() {
    let rig = Rig::new();
    let (path, windows) = recorded(&rig, 1, |n| (50..54).contains(&n) || n == 60, true);
    let (code, told) = replayed(&rig, &path);
    assert!(windows > 50 && code == 0, "{told}");
    assert!(told.contains(&format!("all {windows} equal, bit for bit")), "{told}");
    // That it does matter: the same recording, did it not say so.
    let (path, _) = recorded(&rig, 2, |n| (50..54).contains(&n), false);
    let (code, told) = replayed(&rig, &path);
    assert!(code == 1 && told.contains("DIFFERS"), "{told}");
}
