//! Real recordings are read as pyxdf reads them (tests/vectors/make.py).
#![allow(clippy::unwrap_used, reason = "a test")]

use bci_xdf::{File, Stream, clock, dejitter, read};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::path::{Path, PathBuf};

/// pyxdf seeks the line through the clock offsets by another way, and ends a little before the end of it.
const LINE_S: f64 = 2e-6;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn numbers(v: &Value) -> Vec<f64> {
    v.as_array().unwrap().iter().map(|n| n.as_f64().unwrap()).collect()
}

fn check_stamps(stamps: &[f64], expected: &Value, at: &[usize], within: f64, what: &str) {
    for (i, wanted) in at.iter().zip(numbers(&expected["at"])) {
        assert!((stamps[*i] - wanted).abs() <= within, "{what} {i}: {} for {wanted}", stamps[*i]);
    }
    let Some(first) = stamps.first() else { return };
    let mean = stamps.iter().map(|t| t - first).sum::<f64>() / stamps.len() as f64;
    let wanted = expected["mean_above_first"].as_f64().unwrap();
    // NumPy sums otherwise.
    assert!((mean - wanted).abs() <= within + 1e-9 * wanted.abs(), "{what} mean: {mean} for {wanted}");
}

fn check_values(stream: &Stream, expected: &Value, at: &[usize], what: &str) {
    let channels = stream.info.channel_count;
    if let Some(texts) = stream.values.texts() {
        let hash = Sha256::digest(texts.join("\n").as_bytes());
        let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            expected["sha256"],
            hash,
            "{what}: {:?} for {}",
            &texts[..texts.len().min(5)],
            expected["texts"]
        );
        return;
    }
    for (i, wanted) in at.iter().zip(expected["values"].as_array().unwrap()) {
        let sample: Vec<f64> =
            (0..channels).map(|c| stream.values.number(i * channels + c).unwrap()).collect();
        assert_eq!(sample, numbers(wanted), "{what} {i}");
    }
    for (c, wanted) in numbers(&expected["sum"]).into_iter().enumerate() {
        let all = (0..stream.stamps.len()).map(|i| stream.values.number(i * channels + c).unwrap());
        let (sum, size) = all.fold((0.0, 1.0), |(sum, size), x| (sum + x, size + x.abs()));
        assert!((sum - wanted).abs() <= 1e-12 * size, "{what} channel {c}: {sum} for {wanted}");
    }
}

fn check_stream(stream: &Stream, expected: &Value, what: &str) {
    let info = &stream.info;
    assert_eq!(expected["name"], info.name.as_str(), "{what}");
    assert_eq!(expected["type"], info.kind.as_str(), "{what}");
    assert_eq!(expected["channels"], info.channel_count, "{what}");
    assert_eq!(expected["rate"].as_f64().unwrap(), info.nominal_srate, "{what}");
    assert_eq!(expected["format"], info.format.word(), "{what}");
    assert_eq!(expected["samples"], stream.stamps.len(), "{what}");
    if let Some(offsets) = expected["offsets"].as_u64() {
        assert_eq!(offsets, stream.clock_offsets.len() as u64, "{what}");
    }
    let at: Vec<usize> = numbers(&expected["at"]).iter().map(|i| *i as usize).collect();
    check_stamps(&stream.stamps, &expected["raw"], &at, 0.0, &format!("{what} raw"));
    let corrected = clock::corrected(stream);
    check_stamps(&corrected, &expected["corrected"], &at, LINE_S, &format!("{what} corrected"));
    if info.is_regular() && !info.can_drop_samples {
        let laid = dejitter::lines(&corrected, info.nominal_srate);
        check_stamps(&laid, &expected["laid"], &at, LINE_S, &format!("{what} laid"));
        let rate = dejitter::effective_rate(&laid, info.nominal_srate).unwrap_or(0.0);
        let wanted = expected["effective_rate"].as_f64().unwrap();
        assert!((rate - wanted).abs() <= 1e-6 * wanted, "{what}: {rate} Hz for {wanted}");
    }
    check_values(stream, expected, &at, what);
}

fn check(expected: &Value) -> File {
    let file = expected["file"].as_str().unwrap();
    let found = read(&std::fs::read(root().join(file)).unwrap()).unwrap();
    assert_eq!(expected["datetime"].as_str(), found.info.datetime.as_deref(), "{file}");
    let streams = expected["streams"].as_array().unwrap();
    assert_eq!(streams.len(), found.streams.len(), "{file}");
    for wanted in streams {
        let id = wanted["id"].as_u64().unwrap();
        let stream = found.streams.iter().find(|s| u64::from(s.id) == id).unwrap();
        check_stream(stream, wanted, &format!("{file} stream {id}"));
    }
    found
}

fn all() -> Vec<Value> {
    let text = std::fs::read_to_string(root().join("drivers/xdf/tests/vectors/pyxdf.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn is_shipped(expected: &Value) -> bool {
    !expected["file"].as_str().unwrap().starts_with("../shared/")
}

#[test]
fn shipped_recordings_are_read_as_pyxdf_reads_them() {
    let shipped: Vec<_> = all().into_iter().filter(is_shipped).collect();
    assert_eq!(shipped.len(), 3);
    shipped.iter().for_each(|expected| drop(check(expected)));
}

/// Recordings that a clone alone does not have; absent ones are passed over.
#[test]
fn shared_recordings_are_read_as_pyxdf_reads_them() {
    let shared: Vec<_> = all().into_iter().filter(|expected| !is_shipped(expected)).collect();
    assert_eq!(shared.len(), 20);
    for expected in shared.iter().filter(|e| root().join(e["file"].as_str().unwrap()).exists()) {
        check(expected);
    }
}

/// A file that was cut anywhere is read up to the cut, and says so.
#[test]
fn a_recording_cut_off_is_read_up_to_the_cut() {
    let whole = std::fs::read(root().join("drivers/xdf/tests/data/minimal.xdf")).unwrap();
    let of_whole = read(&whole).unwrap();
    let mut told = 0;
    for length in 0..whole.len() {
        let Ok(cut) = read(&whole[..length]) else { continue };
        told += usize::from(cut.warnings.iter().any(|w| w.contains("cut off")));
        for (part, whole) in cut.streams.iter().zip(&of_whole.streams) {
            assert_eq!(part.info, whole.info);
            assert_eq!(part.stamps, whole.stamps[..part.stamps.len()], "cut at {length}");
            assert_eq!(part.values.len(), part.stamps.len() * part.info.channel_count, "cut at {length}");
            if part.footer.is_none() {
                assert!(cut.warnings.iter().any(|w| w.contains("was not ended")), "cut at {length}");
            }
        }
    }
    assert!(told > whole.len() / 2, "{told}");
}
