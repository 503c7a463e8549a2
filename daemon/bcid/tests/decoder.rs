//! `bcid decoder inspect|verify|pack` from outside.

#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use serde_json::Value;
use std::fs;
use support::Rig;

/// What the command printed, and its exit code.
fn ran(rig: &Rig, args: &[&str]) -> (i32, String, String) {
    let mut all = vec!["decoder"];
    all.extend(args);
    let output = rig.bcid(&all).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn a_bundle_that_holds_is_verified_and_timed() {
    let rig = Rig::new();
    rig.decoder(&[]);
    let (folder, json) = (rig.path("decoder"), rig.path("found.json"));
    let (folder, file) = (folder.to_str().unwrap(), json.to_str().unwrap());
    let (code, out, told) = ran(&rig, &["verify", folder, "--decoders", "3", "--json", file]);
    assert_eq!(code, 0, "{told}");
    assert!(out.contains("ran on CPU (9 nodes on CPU)") && out.ends_with("  verified\n"), "{out}");
    let found: Value = serde_json::from_str(&fs::read_to_string(&json).unwrap()).unwrap();
    assert_eq!((&found["provider"], &found["runs"]), (&"CPU".into(), &600.into()));
    assert!(found["golden"]["windows"].as_u64().unwrap() > 10, "{found}");
    assert!(found["p50_us"].as_f64().unwrap() > 0.0 && found["p99_us"].as_f64() >= found["p50_us"].as_f64());
}

#[test]
fn every_reason_is_told_at_once() {
    let rig = Rig::new();
    rig.decoder(&[("licence = ", "license = ")]);
    fs::write(rig.path("decoder/golden/expected.npy"), "no numbers").unwrap();
    fs::write(rig.path("decoder/model.onnx"), "no model").unwrap();
    let (code, out, told) = ran(&rig, &["verify", rig.path("decoder").to_str().unwrap()]);
    assert_eq!((code, out.as_str()), (78, ""));
    for part in [
        "4 mistakes",
        "`licence` is missing",
        "unknown key; did you mean `licence`?",
        "model.onnx has SHA-256",
        "golden/expected.npy has SHA-256",
    ] {
        assert!(told.contains(part), "{part} in {told}");
    }
}

#[test]
fn a_golden_row_that_is_off_and_a_gpu_that_is_not_there_are_refused() {
    let rig = Rig::new();
    rig.decoder(&[]);
    let folder = rig.path("decoder");
    let folder = folder.to_str().unwrap();
    if ran(&rig, &["verify", folder, "--device", "prefer-cuda"]).1.contains("DEGRADED") {
        let (code, _, told) = ran(&rig, &["verify", folder, "--device", "cuda"]);
        assert!(code == 78 && told.contains("CUDA"), "{told}");
    }
    let file = rig.path("decoder/golden/expected.npy");
    let mut rows = fs::read(&file).unwrap();
    let before = bci_models::bundle::sha256_hex(&rows);
    let at = rows.len() - 8;
    let first = f32::from_le_bytes(rows[at..at + 4].try_into().unwrap());
    rows[at..at + 4].copy_from_slice(&(first + 0.01).to_le_bytes());
    fs::write(&file, &rows).unwrap();
    let toml = rig.path("decoder/decoder.toml");
    let text = fs::read_to_string(&toml).unwrap().replace(&before, &bci_models::bundle::sha256_hex(&rows));
    fs::write(&toml, text).unwrap();
    let (code, _, told) = ran(&rig, &["verify", folder]);
    assert!(code == 78 && told.contains("number 1 (fists)") && told.contains("1.000e-2 apart"), "{told}");
}

#[test]
fn a_bundle_and_its_lone_model_say_what_they_are() {
    let rig = Rig::new();
    rig.decoder(&[]);
    let (folder, lone) = (rig.path("decoder"), rig.path("decoder/model.onnx"));
    let (code, out, _) = ran(&rig, &["inspect", folder.to_str().unwrap()]);
    assert_eq!(code, 0);
    for line in [
        "name: eegmmidb-s001-fists-feet",
        "  rate_hz: 160.0",
        "  window_ms: 1000.0",
        "  chain: band-pass 8-30 Hz, Butterworth order 4",
        "    use: test",
        "    window: float32 [1, 9, 160]",
        "  holds_its_contract: yes",
        "mistakes: none",
    ] {
        assert!(out.lines().any(|l| l == line), "{line} in {out}");
    }
    let json = |path: &std::path::Path| -> Value {
        serde_json::from_str(&ran(&rig, &["inspect", path.to_str().unwrap(), "--json"]).1).unwrap()
    };
    let (whole, alone) = (json(&folder), json(&lone));
    for key in ["name", "licence", "input", "preprocessing", "output", "provenance"] {
        assert_eq!(whole[key], alone[key], "{key}");
    }
    fs::write(rig.path("decoder/golden/segment.npy"), "x").unwrap();
    fs::write(&lone, "no model").unwrap();
    assert_eq!(ran(&rig, &["inspect", lone.to_str().unwrap()]).0, 78);
    let (code, out, _) = ran(&rig, &["inspect", folder.to_str().unwrap()]);
    assert!(code == 78 && out.contains("\nmistakes\n  model.sha256 = "), "{out}");
}

#[test]
fn a_draft_is_packed_and_then_verified() {
    let rig = Rig::new();
    rig.decoder(&[]);
    let toml = rig.path("decoder/decoder.toml");
    let text = fs::read_to_string(&toml).unwrap();
    let draft = text.split("[golden]").next().unwrap().replace(&rig.model_hash(), "");
    fs::write(&toml, draft).unwrap();
    let (folder, out, segment) =
        (rig.path("decoder"), rig.path("made"), rig.path("decoder/golden/segment.npy"));
    let args = ["pack", folder.to_str().unwrap(), "--out", out.to_str().unwrap()];
    let (code, _, told) = ran(&rig, &args);
    assert!(code == 78 && told.contains("names no segment"), "{told}");
    let (code, _, told) = ran(&rig, &[&args[..], &["--segment", segment.to_str().unwrap()]].concat());
    assert!(code == 64 && told.contains("--origin"), "{told}");
    let given = ["--segment", segment.to_str().unwrap(), "--origin", "the shipped one"];
    let (code, printed, told) = ran(&rig, &[&args[..], &given].concat());
    assert!(code == 0 && printed.contains("golden windows to the last bit"), "{told}");
    // As in Python, which computed the shipped rows.
    let rows = |file: &str| bci_models::bundle::parse_npy(&fs::read(rig.path(file)).unwrap()).unwrap();
    let (here, shipped) = (rows("made/golden/expected.npy"), rows("decoder/golden/expected.npy"));
    assert_eq!(here.rows, shipped.rows);
    assert!(here.values.iter().zip(&shipped.values).all(|(h, s)| (h - s).abs() < 1e-5));
    assert_eq!(ran(&rig, &["verify", out.to_str().unwrap()]).0, 0);
}
