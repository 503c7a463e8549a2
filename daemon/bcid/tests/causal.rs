//! Nothing that is decided depends on what comes later: of every shipped decoder, through the daemon's own path.
#![allow(clippy::unwrap_used, reason = "a test")]

use bci_config::Mistakes;
use bci_models::{Bundle, Device, OrtDecoder};
use bci_pipeline::{Offline, PipelineSpec, PolicySpec};
use bci_types::{Intent, StreamSpec};
use std::path::{Path, PathBuf};

/// Frames of a chunk; what is changed begins within one.
const CHUNK: usize = 7;
/// How much is played, s.
const SECONDS: f64 = 9.0;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

fn bundles() -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> =
        std::fs::read_dir(root().join("models/zoo")).unwrap().map(|e| e.unwrap().path()).collect();
    all.retain(|path| path.join("decoder.toml").is_file());
    all.sort();
    assert!(all.len() >= 20, "{} bundles", all.len());
    all
}

/// Noise of some tens of uV, the same for the same seed.
fn noise(seed: u64, numbers: usize) -> Vec<f64> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f64 / 16_777_216.0 - 0.5
    };
    (0..numbers).map(|_| 30.0 * (next() + next() + next())).collect()
}

fn stream(bundle: &Bundle) -> StreamSpec {
    StreamSpec::eeg("noise", bundle.input.rate.value, bundle.input.channels.iter())
}

fn decide(folder: &Path, samples: &[f64]) -> Vec<Intent> {
    let mistakes = Mistakes::new();
    let bundle = Bundle::read(folder, &mistakes).unwrap_or_else(|| panic!("{:?}", mistakes.into_sorted()));
    let decoder = OrtDecoder::load(&bundle, Device::Cpu).unwrap();
    let stream = stream(&bundle);
    let policy = PolicySpec { smoothing_ms: 500.0, threshold: 0.6, max_age_ms: 500.0, ..PolicySpec::NOTHING };
    let mut offline =
        Offline::new(&PipelineSpec::plain("p", policy), &bundle, Box::new(decoder), &stream).unwrap();
    let (channels, rate) = (stream.channels.len(), bundle.input.rate.get());
    let mut intents = Vec::new();
    for (i, chunk) in samples.chunks(CHUNK * channels).enumerate() {
        let stamps: Vec<f64> =
            (0..chunk.len() / channels).map(|n| 100.0 + (i * CHUNK + n) as f64 / rate).collect();
        offline.take(chunk, &stamps, |decoded| intents.push(decoded.intent));
    }
    intents
}

/// The intent without when it was made: that of a chunk is its last sample's time.
fn decision(intent: &Intent) -> (u64, Vec<u32>, Vec<u32>, String) {
    let bits = |numbers: &[f32]| numbers.iter().map(|x| x.to_bits()).collect();
    let rest = format!(
        "{:?} {:?} {:?} {:?}",
        intent.outcome, intent.validity, intent.oldest_sample, intent.newest_sample
    );
    (intent.newest_frame, bits(&intent.numbers), bits(&intent.smoothed), rest)
}

#[test]
fn no_shipped_decoder_looks_ahead() {
    let mut looked_at = 0;
    for folder in bundles() {
        let bundle = Bundle::read(&folder, &Mistakes::new()).unwrap();
        let channels = bundle.input.channels.len();
        let frames = (SECONDS * bundle.input.rate.get()) as usize;
        let samples = noise(1, frames * channels);
        let before = decide(&folder, &samples);
        assert!(before.len() > 10, "{}: {} decisions", folder.display(), before.len());
        // In the middle of a chunk, at a window's end, one frame after it; by other noise, by what is no number.
        let end = before[before.len() * 2 / 3].newest_frame as usize + 1;
        for (from, other) in [(end, f64::NAN), (end + 1, 1.0), (end / CHUNK * CHUNK + CHUNK / 2, -3.0)] {
            let mut changed = samples.clone();
            changed[from * channels..].iter_mut().for_each(|x| *x = 5.0 - *x * other);
            let after = decide(&folder, &changed);
            let past = |intents: &[Intent]| -> Vec<_> {
                intents.iter().filter(|i| (i.newest_frame as usize) < from).map(decision).collect()
            };
            assert!(past(&before) == past(&after), "{}: looks ahead of frame {from}", folder.display());
            let future = |intents: &[Intent]| -> Vec<_> {
                intents.iter().filter(|i| i.newest_frame as usize >= from).map(decision).collect()
            };
            assert!(
                future(&before) != future(&after),
                "{}: nothing changed after frame {from}",
                folder.display()
            );
            looked_at += past(&before).len();
        }
    }
    assert!(looked_at > 2000, "{looked_at} decisions were compared");
}
