//! Real recordings are read as MNE-Python reads them (tests/vectors/make.py).
#![allow(clippy::unwrap_used, reason = "a test")]

use bci_driver_playback::{Recording, open};
use bci_types::{ChannelKind, Unit};
use serde_json::Value;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn vectors() -> Vec<Value> {
    let text = std::fs::read_to_string(root().join("drivers/playback/tests/vectors/mne.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn numbers(v: &Value) -> Vec<f64> {
    v.as_array().unwrap().iter().map(|n| n.as_f64().unwrap()).collect()
}

/// MNE goes through volts and back; what it loses is far below the recorders' resolution.
fn close(got: f64, wanted: f64) -> bool {
    (got - wanted).abs() <= 1e-9 * (1.0 + wanted.abs())
}

fn check_samples(recording: &Recording, expected: &Value) {
    let file = &expected["file"];
    let [group] = recording.groups() else { panic!("{file}: one rate") };
    assert!(close(group.rate().get(), expected["rate"].as_f64().unwrap()), "{file}");
    assert_eq!(group.frames(), expected["frames_total"].as_u64().unwrap(), "{file}");
    assert_eq!(expected["labels"], serde_json::json!(group.original_labels()), "{file}");
    let channels = group.channels().len();
    let mut frame = vec![0.0; channels];
    for (n, values) in numbers(&expected["frames"]).iter().zip(expected["values"].as_array().unwrap()) {
        assert_eq!(group.read_frames(*n as u64, &mut frame), 1);
        for ((got, wanted), spec) in frame.iter().zip(numbers(values)).zip(group.channels()) {
            assert!(close(*got, wanted), "{file} frame {n} {spec:?}: {got} for {wanted}");
        }
    }
    // In chunks that fit no record length.
    let mut chunk = vec![0.0; 37 * channels];
    let (mut sum, mut squares, mut at) = (vec![0.0; channels], vec![0.0; channels], 0);
    while at < group.frames() {
        let got = group.read_frames(at, &mut chunk);
        for (i, v) in chunk[..got * channels].iter().enumerate() {
            sum[i % channels] += v;
            squares[i % channels] += v * v;
        }
        at += got as u64;
    }
    let frames = group.frames() as f64;
    for (i, (mean, rms)) in numbers(&expected["mean"]).into_iter().zip(numbers(&expected["rms"])).enumerate()
    {
        assert!((sum[i] / frames - mean).abs() <= 1e-9 * (1.0 + rms), "{file} channel {i} mean");
        assert!(close((squares[i] / frames).sqrt(), rms), "{file} channel {i} rms");
    }
}

fn check_annotations(recording: &Recording, expected: &Value) {
    // Where onsets are equal MNE sorts by other keys.
    let key =
        |a: &(f64, f64, String), b: &(f64, f64, String)| a.0.total_cmp(&b.0).then_with(|| a.2.cmp(&b.2));
    let mut wanted: Vec<_> = expected["annotations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|a| (a[0].as_f64().unwrap(), a[1].as_f64().unwrap(), a[2].as_str().unwrap().to_owned()))
        .collect();
    let mut got: Vec<_> = recording
        .annotations()
        .iter()
        // Of BrainVision's first segment MNE takes the date, and leaves it out.
        .filter(|a| a.text != "New Segment/")
        .map(|a| (a.onset_s, a.duration_s.unwrap_or(0.0), a.text.clone()))
        .collect();
    wanted.sort_by(key);
    got.sort_by(key);
    assert_eq!(got.len(), wanted.len(), "{}", expected["file"]);
    for (g, w) in got.iter().zip(&wanted) {
        assert!((g.0 - w.0).abs() < 1e-9 && (g.1 - w.1).abs() < 1e-9 && g.2 == w.2, "{g:?} for {w:?}");
    }
}

fn check(expected: &Value) -> Recording {
    let recording = open(root().join(expected["file"].as_str().unwrap())).unwrap();
    check_samples(&recording, expected);
    check_annotations(&recording, expected);
    match expected["start"].as_str().map(|start| &start[..19]) {
        Some(second) => assert!(recording.start().unwrap().starts_with(second), "{:?}", recording.start()),
        None => assert_eq!(recording.start(), None),
    }
    assert_eq!(recording.warnings(), [""; 0], "{}", expected["file"]);
    recording
}

#[test]
fn shipped_recordings_are_read_as_mne_reads_them() {
    let all = vectors();
    let shipped: Vec<_> =
        all.iter().filter(|v| !v["file"].as_str().unwrap().starts_with("../shared/")).collect();
    assert_eq!(shipped.len(), 5);
    for expected in shipped {
        check(expected);
    }
}

/// Recordings that a clone alone does not have; absent ones are passed over.
#[test]
fn shared_recordings_are_read_as_mne_reads_them() {
    for expected in vectors() {
        let file = expected["file"].as_str().unwrap();
        if file.starts_with("../shared/") && root().join(file).exists() {
            let recording = check(&expected);
            let inside_the_skull = file.contains("ieeg");
            let is_eeg = |c: &bci_types::ChannelSpec| c.kind == ChannelKind::Eeg;
            let eeg = recording.groups()[0].channels().iter().filter(|c| is_eeg(c)).count();
            assert!(!inside_the_skull || eeg == 0, "{file}: {eeg} channels taken for EEG");
        }
    }
}

#[test]
fn an_eegmmidb_run_has_its_montage_and_cues() {
    let run = open(root().join("models/data/eegmmidb/S001R10.edf")).unwrap();
    assert_eq!((run.format(), run.start()), ("EDF+C", Some("2009-08-12T16:15:00")));
    let group = &run.groups()[0];
    assert_eq!((group.channels().len(), group.rate().get(), group.frames()), (64, 160.0, 20_000));
    assert_eq!(group.duration_s(), 125.0);
    let labels: Vec<_> = group.channels().iter().filter_map(|c| c.label.as_deref()).collect();
    assert_eq!(&labels[..3], ["Fc5", "Fc3", "Fc1"]);
    assert_eq!(group.original_labels()[63], "Iz..");
    assert!(group.channels().iter().all(|c| c.kind == ChannelKind::Eeg && c.unit == Unit::Microvolts));
    let cues = |text: &str| run.annotations().iter().filter(|a| a.text == text).count();
    assert_eq!((cues("T0"), cues("T1") + cues("T2"), run.annotations().len()), (15, 15, 30));
}

#[test]
fn a_start_between_two_seconds_is_in_the_start_not_in_the_onsets() {
    let r = open(root().join("drivers/playback/tests/data/subsecond_starttime.edf")).unwrap();
    assert_eq!(r.start(), Some("2020-01-24T04:05:56.3945312"));
    assert!((r.annotations()[0].onset_s - 1.951_171_9).abs() < 1e-12);
    assert_eq!(r.groups()[0].frame_time_s(0), 0.0);
}
