use super::*;

/// A model of an empty graph.
const EMPTY: [u8; 2] = [0x3a, 0];

const GOOD: &str = r#"
schema = 2
name = "n"
version = "1.0.0"
description = "d"
licence = "MIT"
[model]
file = "model.onnx"
sha256 = "7648eb81c4e9fef7b51879c6fcd6fb4b8863eea0cb2a978c508711dc52c80041"
[input]
tensor = "window"
unit = "uV"
rate_hz = 160.0
window_samples = 160
hop_samples = 10
channels = ["C3", "C4"]
[[preprocessing]]
band_pass = { low_hz = 8.0, high_hz = 30.0, order = 4 }
[output]
tensor = "posterior"
kind = "class_posteriors"
classes = ["left", "right"]
[provenance]
trained_by = "x"
subjects = "S"
split = "s"
code_version = "x"
[[provenance.metrics]]
name = "trial_accuracy"
on = "y"
value = 0.9
ci95 = [0.7, 0.99]
trials = 15
chance = 0.5
[golden]
segment = "segment.npy"
segment_sha256 = "0"
expected = "expected.npy"
expected_sha256 = "0"
origin = "none"
"#;

fn load(text: &str) -> (Option<Bundle>, Vec<String>) {
    let dir = tempfile::tempdir().expect("dir");
    std::fs::write(dir.path().join("model.onnx"), EMPTY).expect("write");
    std::fs::write(dir.path().join("decoder.toml"), text).expect("write");
    let mistakes = Mistakes::new();
    let bundle = Bundle::read(dir.path(), &mistakes);
    let prefix = format!("{}/", dir.path().display());
    (bundle, mistakes.into_sorted().iter().map(|m| m.to_string().replace(&prefix, "")).collect())
}

#[test]
fn a_good_bundle_is_read_whole() {
    let (bundle, mistakes) = load(GOOD);
    assert_eq!(mistakes, [""; 0]);
    let b = bundle.expect("good");
    assert_eq!((b.input.window_samples.value, b.input.channels.len(), b.preprocessing.len()), (160, 2, 1));
    assert_eq!(b.provenance.metrics[0].trials, 15);
    assert!(b.identity.model_sha256.starts_with("7648eb81"));
}

#[test]
fn every_mistake_is_told_at_once() {
    let bad = GOOD
        .replace("schema = 2", "schema = 1")
        .replace("7648", "0000")
        .replace("\"uV\"", "\"degC\"")
        .replace("high_hz = 30.0", "high_hz = 90.0")
        .replace("\"C4\"", "\"c3\"")
        .replace("hop_samples = 10", "hop_samples = 0")
        .replace("class_posteriors", "classes")
        .replace("value = 0.9", "valeu = 0.9");
    let (bundle, told) = load(&bad);
    assert!(bundle.is_none());
    for part in [
        "schema = 1 at decoder.toml:2: this daemon reads schema 2",
        "it was changed since the bundle was made",
        "must be a voltage",
        "input.hop_samples = 0 at decoder.toml:15: must be 1 or above",
        "named more than once: c3",
        "must be \"class_posteriors\", \"class_logits\"",
        "`provenance.metrics[0].value` is missing",
        "provenance.metrics[0].valeu at decoder.toml:31: unknown key; did you mean `value`?",
    ] {
        assert!(told.iter().any(|m| m.contains(part)), "{part} in {told:#?}");
    }
}

#[test]
fn a_band_beyond_the_decoders_own_rate_is_told() {
    let (_, told) = load(&GOOD.replace("high_hz = 30.0", "high_hz = 90.0"));
    assert_eq!(
        told,
        [
            "preprocessing[0].band_pass.high_hz = 90.0 at decoder.toml:18: must be above 0 and below 80 Hz, half of the rate there, 160 Hz"
        ]
    );
}

/// Thresholds and squares are in uV: a decoder in another unit is refused, not misread.
#[test]
fn steps_in_microvolts_need_a_decoder_in_microvolts() {
    for (step, refused) in [
        ("spike_features = { bin_ms = 25, threshold_uv = -20 }", true),
        ("mean_square = { window_ms = 100, hop_ms = 25 }", true),
        ("mean_square = { window_ms = 100, hop_ms = 25, root = true }", false),
        ("z_score = { time_constant_s = 1 }", false),
    ] {
        let text = GOOD
            .replace("\"uV\"", "\"mV\"")
            .replace("[output]", &format!("[[preprocessing]]\n{step}\n[output]"));
        let (_, told) = load(&text);
        assert_eq!(
            told.iter().any(|m| m.contains("input.unit = mV must be uV: preprocessing[1]")),
            refused,
            "{told:?}"
        );
        let (_, told) = load(&text.replace("\"mV\"", "\"uV\""));
        assert!(told.is_empty(), "{told:?}");
    }
}

#[test]
fn the_operating_point_is_above_chance_or_not_stated() {
    let with = |table: &str| load(&GOOD.replace("[provenance]", &format!("{table}\n[provenance]")));
    assert!(load(GOOD).0.expect("good").intent.is_none());
    let (bundle, _) = with("[intent]\nthreshold = 0.62\nsmoothing_ms = 750");
    let stated = bundle.expect("good").intent;
    assert_eq!(stated, Some(OperatingPoint { threshold: 0.62, smoothing_ms: 750.0 }));
    for (table, told) in [
        (
            "threshold = 0.5\nsmoothing_ms = 0",
            "intent.threshold = 0.5 at decoder.toml:24: must be above 0.500, what guessing between 2 classes yields, up to 1",
        ),
        (
            "threshold = 1.01\nsmoothing_ms = 0",
            "intent.threshold = 1.01 at decoder.toml:24: must be above 0.500, what guessing between 2 classes yields, up to 1",
        ),
        (
            "threshold = nan\nsmoothing_ms = 0",
            "intent.threshold = nan at decoder.toml:24: must be above 0.500, what guessing between 2 classes yields, up to 1",
        ),
        (
            "threshold = 0.7\nsmoothing_ms = -1",
            "intent.smoothing_ms = -1 at decoder.toml:25: must be between 0 and 60000 ms",
        ),
        ("threshold = 0.7", "decoder.toml:23: `intent.smoothing_ms` is missing"),
    ] {
        let (bundle, mistakes) = with(&format!("[intent]\n{table}"));
        assert!(bundle.is_none());
        assert_eq!(mistakes, [told]);
    }
    let velocity = GOOD
        .replace(
            "\"class_posteriors\"\nclasses = [\"left\", \"right\"]",
            "\"velocity\"\naxes = [\"x\", \"y\"]",
        )
        .replace("[provenance]", "[intent]\nthreshold = 0.7\nsmoothing_ms = 0\n[provenance]");
    assert_eq!(
        load(&velocity).1,
        ["intent at decoder.toml:23: must be left out: only classes become intents"]
    );
}

#[test]
fn what_a_broken_bundle_asks_can_still_be_read() {
    let draft = |text: &str| {
        let dir = tempfile::tempdir().expect("dir");
        std::fs::write(dir.path().join("model.onnx"), EMPTY).expect("write");
        std::fs::write(dir.path().join("decoder.toml"), text).expect("write");
        let mistakes = Mistakes::new();
        (Bundle::draft(dir.path(), &mistakes), mistakes.into_sorted().len())
    };
    for (from, to) in
        [("7648", "0000"), ("model.onnx", "gone.onnx"), ("licence =", "license ="), ("[model]", "[modle]")]
    {
        let (draft, mistakes) = draft(&GOOD.replace(from, to));
        let draft = draft.unwrap_or_else(|| panic!("{to}"));
        assert_eq!(draft.contract().input.channels.value, ["C3", "C4"], "{to}");
        assert!(mistakes > 0 && draft.into_sound().is_none(), "{to}");
    }
    assert!(
        draft(&GOOD.replace("rate_hz = 160.0", "rate_hz = 0")).0.is_none(),
        "nothing to hold a stream against"
    );
    let (good, mistakes) = draft(GOOD);
    assert!(mistakes == 0 && good.and_then(Draft::into_sound).is_some());
}
