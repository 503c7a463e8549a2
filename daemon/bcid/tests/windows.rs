//! `bcid windows`: what a decoder is fed is what the daemon decides on.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use bci_config::Mistakes;
use bci_models::bundle::parse_npy;
use bci_models::{Bundle, Decoder as _, Device, OrtDecoder};
use serde_json::Value;
use std::fs;
use std::path::Path;
use support::{Rig, root};

const RUN_10: &str = "models/data/eegmmidb/S001R10.edf";
const SHIPPED: &str = "models/zoo/eegmmidb-s001-fists-feet";
const TASK: &str = "eegmmidb-fists-feet";

fn windows(rig: &Rig, decoder: &Path, out: &str, more: &[&str]) -> (i32, String) {
    let out = rig.path(out);
    let mut args = vec!["windows", "--decoder", decoder.to_str().unwrap(), "--task", TASK];
    args.extend(["--out", out.to_str().unwrap()]);
    args.extend(more);
    args.extend(["--recordings", RUN_10]);
    let output = rig.bcid(&args).output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

fn about(rig: &Rig, out: &str) -> Value {
    serde_json::from_slice(&fs::read(rig.path(out).join("windows.json")).unwrap()).unwrap()
}

/// Every window through the model, and trials by their mean posterior: what `bcid evaluate` says, to single precision.
#[test]
fn a_decoder_run_on_what_it_is_fed_decides_as_the_daemon_does() {
    let rig = Rig::new();
    assert_eq!(windows(&rig, &root().join(SHIPPED), "fed", &[]), (0, String::new()));
    let (fed, numbers) = (about(&rig, "fed"), fs::read(rig.path("fed/windows.npy")).unwrap());
    let numbers = parse_npy(&numbers).unwrap();
    assert_eq!(fed["shape"], serde_json::json!([numbers.rows, 9, 160]));
    assert_eq!(numbers.columns, 9 * 160);
    let bundle = Bundle::read(&root().join(SHIPPED), &Mistakes::new()).unwrap();
    let mut decoder = OrtDecoder::load(&bundle, Device::Cpu).unwrap();
    let time = |key: &str, i: usize| fed["windows"][key][i].as_f64().unwrap();
    let found = rig.path("found.json");
    let evaluate =
        ["evaluate", "--decoder", SHIPPED, "--task", TASK, "--json", found.to_str().unwrap(), "--recordings"];
    assert!(rig.bcid(&[&evaluate[..], &[RUN_10]].concat()).output().unwrap().status.success());
    let found: Value = serde_json::from_slice(&fs::read(found).unwrap()).unwrap();
    let cues: Vec<&Value> =
        fed["cues"].as_array().unwrap().iter().filter(|cue| !cue["class"].is_null()).collect();
    assert_eq!(cues.len(), 15);
    for (cue, trial) in cues.iter().zip(found["per_trial"].as_array().unwrap()) {
        assert_eq!(cue["class"], trial["cued"]);
        let (from, to) = (cue["time_s"].as_f64().unwrap() + 0.5, cue["time_s"].as_f64().unwrap() + 4.0);
        let (mut sum, mut count) = (0.0, 0);
        for i in 0..numbers.rows {
            if time("oldest_s", i) < from - 5e-4 || time("newest_s", i) > to + 5e-4 {
                continue;
            }
            assert_eq!(fed["windows"]["valid"][i], true);
            let mut posterior = [0.0f32; 2];
            let own = i * numbers.columns..(i + 1) * numbers.columns;
            decoder.decode(&numbers.values[own], &mut posterior).unwrap();
            sum += f64::from(posterior[0]);
            count += 1;
        }
        assert_eq!(trial["windows"], count);
        let mean = trial["mean_posterior"][0].as_f64().unwrap();
        assert!((sum / f64::from(count) - mean).abs() < 1e-6, "{sum} / {count}, {mean}");
    }
}

/// A contract alone, with an alignment that learns, is enough to learn a decoder for; what the alignment came to lies beside.
#[test]
fn a_draft_without_a_model_yields_windows_and_what_its_alignment_learned() {
    let rig = Rig::new();
    let text = fs::read_to_string(root().join(SHIPPED).join("decoder.toml")).unwrap();
    let model = text.find("[model]").unwrap()..text.find("[input]").unwrap();
    let golden = text.find("[golden]").unwrap();
    let align = "[[preprocessing]]\nalign = { metric = \"riemann\", mode = \"running\", window_ms = 500, hop_ms = 100, shrinkage = \"oas\" }\n\n";
    let mut draft = format!("{}{}", &text[..model.start], &text[model.end..golden]);
    draft.insert_str(draft.find("[output]").unwrap(), align);
    fs::create_dir(rig.path("draft")).unwrap();
    fs::write(rig.path("draft/decoder.toml"), &draft).unwrap();
    assert_eq!(windows(&rig, &rig.path("draft"), "plain", &["--adapt", "running"]), (0, String::new()));
    let learned = fs::read_to_string(rig.path("plain/align.toml")).unwrap();
    assert!(learned.contains("S001R10.edf") && learned.contains("\"FC3\", \"FCz\""), "{learned}");
    // Windows of trials taught, others did not.
    let fed = about(&rig, "plain");
    let taught: Vec<bool> =
        fed["windows"]["teaches"].as_array().unwrap().iter().map(|t| t.as_bool().unwrap()).collect();
    let part = taught.iter().filter(|t| **t).count() as f64 / taught.len() as f64;
    assert!((0.2..0.5).contains(&part), "{part}");
    // What a displaced channel tells of is another time: windows differ, and the times do not.
    assert_eq!(windows(&rig, &rig.path("draft"), "displaced", &["--displace", "C3"]), (0, String::new()));
    let other = about(&rig, "displaced");
    assert_eq!(other["windows"]["newest_s"], fed["windows"]["newest_s"]);
    assert_ne!(
        fs::read(rig.path("displaced/windows.npy")).unwrap(),
        fs::read(rig.path("plain/windows.npy")).unwrap()
    );
}

#[test]
fn what_is_wrong_is_told_and_nothing_is_written() {
    let rig = Rig::new();
    let shipped = root().join(SHIPPED);
    let (code, told) = windows(&rig, &shipped, "out", &["--displace", "C3", "X9", "Y9"]);
    assert_eq!(code, 64);
    assert!(told.contains("X9") && told.contains("Y9") && !told.contains("--displace C3"), "{told}");
    let (code, told) = windows(&rig, &shipped, "out", &["--adapt", "running"]);
    assert_eq!(code, 64, "{told}");
    assert!(told.contains("no `align` step"), "{told}");
    assert!(!rig.path("out").exists());
    fs::create_dir(rig.path("out")).unwrap();
    let (code, told) = windows(&rig, &shipped, "out", &[]);
    assert_eq!(code, 64);
    assert!(told.contains("there already"), "{told}");
    rig.decoder(&[("low_hz = 8.0", "low_hz = 90.0")]);
    let (code, told) = windows(&rig, &rig.path("decoder"), "other", &[]);
    assert_eq!(code, 78);
    assert!(told.contains("decoder.toml:") && told.contains("low_hz"), "{told}");
}
