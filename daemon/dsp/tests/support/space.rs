//! The vectors of the steps across channels.

#![allow(dead_code, reason = "each test file uses its part")]

use super::support::{hz, number, numbers};
use bci_dsp::montage::LaplacianSize;
use bci_dsp::{Chain, Over, Signal, SpaceSpec, StepSpec};
use serde_json::Value;

/// A real recording: labels as in its file, and `[frames x channels]` in the file's units.
pub(crate) struct Recording {
    pub(crate) signal: Signal,
    pub(crate) frames: Vec<f64>,
}

pub(crate) fn recording(file: &Value) -> Recording {
    let (gain, offset) = (numbers(&file["gain"]), numbers(&file["offset"]));
    let rows = file["frames"].as_array().expect("frames");
    let frames = rows.iter().flat_map(|row| {
        let digits = numbers(row);
        (0..digits.len()).map(|i| digits[i] * gain[i] + offset[i]).collect::<Vec<_>>()
    });
    let signal = Signal::new(hz(number(&file["rate_hz"])), &texts(&file["labels"]));
    Recording { frames: frames.collect(), signal }
}

/// 64 channels of real EEG for 1 s at 160 Hz, in uV. Source and licence: `vectors/README.md`.
pub(crate) fn eeg64() -> Recording {
    let recording = recording(&super::support::json(include_str!("../vectors/space/eeg64.json")));
    assert_eq!((recording.signal.channels(), recording.frames.len()), (64, 160 * 64));
    recording
}

pub(crate) fn texts(value: &Value) -> Vec<String> {
    value.as_array().expect("a list").iter().map(|t| t.as_str().expect("a text").to_owned()).collect()
}

fn maybe_texts(value: &Value) -> Option<Vec<String>> {
    value.is_array().then(|| texts(value))
}

fn nested(value: &Value) -> Vec<Vec<String>> {
    value.as_array().map(|lists| lists.iter().map(texts).collect()).unwrap_or_default()
}

/// A step as `vectors/space/make.py` writes it: as in a configuration.
pub(crate) fn step(value: &Value) -> SpaceSpec {
    let (kind, keys) = value.as_object().and_then(|o| o.iter().next()).expect("a step");
    let over = || Over { channels: maybe_texts(&keys["channels"]), except: maybe_texts(&keys["except"]) };
    match kind.as_str() {
        "select" => SpaceSpec::Select { channels: texts(&keys["channels"]) },
        "drop" => SpaceSpec::Drop { channels: texts(&keys["channels"]) },
        "common_average" => SpaceSpec::CommonAverage { over: over() },
        "common_median" => SpaceSpec::CommonMedian { over: over() },
        "reference" => SpaceSpec::Reference {
            channels: texts(&keys["channels"]),
            keep: keys["keep"].as_bool().unwrap_or(false),
        },
        "laplacian" => SpaceSpec::Laplacian {
            size: if keys["size"] == "small" { LaplacianSize::Small } else { LaplacianSize::Large },
            channels: maybe_texts(&keys["channels"]),
        },
        "bipolar" => SpaceSpec::Bipolar { pairs: nested(&keys["pairs"]), chains: nested(&keys["chain"]) },
        "interpolate" => SpaceSpec::Interpolate { channels: texts(&keys["channels"]) },
        "spatial_filter" => SpaceSpec::SpatialFilter {
            rows: keys["rows"].as_array().expect("rows").iter().map(numbers).collect(),
            names: maybe_texts(&keys["names"]),
        },
        other => panic!("no such kind: {other}"),
    }
}

/// Every step of `vectors/space/outputs.json`.
pub(crate) fn every_space_step() -> Vec<SpaceSpec> {
    let file = super::support::json(include_str!("../vectors/space/outputs.json"));
    file.as_array().expect("steps").iter().map(|row| step(&row["step"])).collect()
}

pub(crate) fn chain(specs: &[SpaceSpec], signal: &Signal) -> Chain {
    let steps: Vec<StepSpec> = specs.iter().cloned().map(StepSpec::Space).collect();
    Chain::design(&steps, signal, 1 << 12).expect("a valid chain")
}

/// What is wrong with one step, in words.
pub(crate) fn refusal(spec: SpaceSpec, signal: &Signal) -> Vec<String> {
    let mistakes = Chain::design(&[StepSpec::Space(spec)], signal, 16).expect_err("a wrong step");
    mistakes.iter().map(|(_, e)| e.to_string()).collect()
}
