//! Inference through ONNX Runtime: the shipped decoder against Python's ONNX Runtime, and what is refused.

#![allow(clippy::unwrap_used, reason = "tests")]

mod onnx;

use bci_config::Mistakes;
use bci_models::bundle::sha256_hex;
use bci_models::{Bundle, DecodeError, Decoder, OrtDecoder};
use onnx::{Axis::Fixed, Axis::Open, DOUBLE, FLOAT, flatten};
use std::path::{Path, PathBuf};

fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("zoo/eegmmidb-s001-fists-feet")
}

/// A folder with the shipped bundle, its `decoder.toml` changed.
fn altered(changes: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(shipped().join("model.onnx"), folder.path().join("model.onnx")).unwrap();
    let mut text = std::fs::read_to_string(shipped().join("decoder.toml")).unwrap();
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        text = text.replacen(from, to, 1);
    }
    std::fs::write(folder.path().join("decoder.toml"), text).unwrap();
    folder
}

/// A bundle of two channels and one sample around `model`: its posterior is its window.
fn with_model(model: &[u8]) -> tempfile::TempDir {
    let folder = altered(&[
        ("f73915e2ba6578137bda71c46addd7cb14276fcb6829eb19161f963d95a1b0c9", &sha256_hex(model)),
        ("window_samples = 160", "window_samples = 1"),
        (r#"["FC3", "FCz", "FC4", "C3", "Cz", "C4", "CP3", "CPz", "CP4"]"#, r#"["C3", "C4"]"#),
    ]);
    std::fs::write(folder.path().join("model.onnx"), model).unwrap();
    folder
}

fn load(folder: &Path) -> Result<OrtDecoder, Vec<String>> {
    let mistakes = Mistakes::new();
    let bundle = Bundle::read(folder, &mistakes).unwrap_or_else(|| panic!("{:?}", mistakes.into_sorted()));
    let prefix = format!("{}/", folder.display());
    OrtDecoder::load(&bundle)
        .map_err(|found| found.iter().map(|m| m.to_string().replace(&prefix, "")).collect())
}

fn refusal(folder: &tempfile::TempDir) -> Vec<String> {
    load(folder.path()).map(|_| Vec::new()).unwrap_or_else(|told| told)
}

/// The synthetic window number `k`: exact in single precision.
fn window(k: usize) -> Vec<f32> {
    (0..9 * 160)
        .map(|n| {
            let gain = if (n / 160 + k).is_multiple_of(3) { 0.25 } else { 1.0 };
            ((n * 37 + k * 11) % 101) as f32 * (0.5 * gain) - 25.0 * gain
        })
        .collect()
}

/// Expected values: ONNX Runtime 1.32 in Python on the CPU, on the same windows:
/// `((arange(1440) * 37 + 11 * k) % 101 - 50) / 2`, channels `c` with `(c + k) % 3 == 0` divided by 4.
#[test]
fn the_shipped_decoder_says_what_it_says_in_python() {
    let mut decoder = load(&shipped()).unwrap();
    assert_eq!(decoder.output().labels(), ["fists", "feet"]);
    assert!(decoder.identity().model_sha256.starts_with("f73915e2"));
    let expected = [
        [0.974_172_1, 0.025_827_85],
        [0.657_663_8, 0.342_336_18],
        [2.494_726_5e-6, 0.999_997_5],
        [0.975_662_77, 0.024_337_256],
    ];
    // Twice over: a window leaves nothing behind for the next.
    for (k, expected) in expected.iter().enumerate().chain(expected.iter().enumerate()) {
        let mut posterior = [f32::NAN; 2];
        decoder.decode(&window(k), &mut posterior).unwrap();
        for (got, want) in posterior.iter().zip(expected) {
            assert!((got - want).abs() < 1e-5, "window {k}: {posterior:?} for {expected:?}");
        }
    }
}

#[test]
fn what_is_no_number_is_an_error_and_the_next_window_is_decoded_as_ever() {
    let mut decoder = load(&shipped()).unwrap();
    let mut posterior = [0.0; 2];
    decoder.decode(&window(1), &mut posterior).unwrap();
    let clean = posterior;
    for bad in [f32::NAN, f32::INFINITY, f32::MAX] {
        let mut spoilt = window(1);
        spoilt[700] = bad;
        let told = decoder.decode(&spoilt, &mut posterior);
        assert!(matches!(told, Err(DecodeError::NotProbabilities(_))), "{bad}: {told:?}");
        decoder.decode(&window(1), &mut posterior).unwrap();
        assert_eq!(posterior, clean, "after {bad}");
    }
}

#[test]
fn a_window_or_a_posterior_of_another_size_is_an_error() {
    let mut decoder = load(&shipped()).unwrap();
    for (window, posterior) in [(0, 2), (1439, 2), (1441, 2), (1440, 1), (1440, 3)] {
        let told = decoder.decode(&vec![0.0; window], &mut vec![0.0; posterior]);
        assert!(matches!(told, Err(DecodeError::Size { needed: 1440, .. })), "{told:?}");
    }
}

#[test]
fn what_the_bundle_says_wrongly_of_the_model_is_told_at_its_line() {
    let told = refusal(&altered(&[
        ("tensor = \"window\"", "tensor = \"eeg\""),
        (r#"["fists", "feet"]"#, r#"["fists", "feet", "tongue"]"#),
    ]));
    assert_eq!(
        told,
        [
            "input.tensor = \"eeg\" at decoder.toml:12: the model has no such tensor; it has window",
            "output.classes = [\"fists\", \"feet\", \"tongue\"] at decoder.toml:25: output.classes gives 3, but the \
             model's `posterior` has the shape [1, 2], 2 there",
        ]
    );
    let told = refusal(&altered(&[
        ("window_samples = 160", "window_samples = 320"),
        (r#""FC3", "FCz", "#, ""),
        ("tensor = \"posterior\"", "tensor = \"logits\""),
    ]));
    assert_eq!(told.len(), 3, "{told:#?}");
    assert!(told[0].contains("at decoder.toml:17: input.channels gives 7, but the model's `window` has the shape [1, 9, 160], 9 there"), "{told:#?}");
    assert!(told[1].starts_with("input.window_samples = 320 at decoder.toml:15: "), "{told:#?}");
    assert!(
        told[2].starts_with(
            "output.tensor = \"logits\" at decoder.toml:23: the model has no such tensor; it has posterior"
        ),
        "{told:#?}"
    );
}

#[test]
fn models_that_do_not_load_or_run_are_told_at_the_models_line() {
    let whole = std::fs::read(shipped().join("model.onnx")).unwrap();
    for broken in [&b"not a model"[..], &whole[..whole.len() / 2], &[]] {
        let told = refusal(&with_model(broken));
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(
            told[0]
                .starts_with("model.file = \"model.onnx\" at decoder.toml:8: the model cannot be loaded: "),
            "{told:?}"
        );
        assert_eq!(told[0].lines().count(), 1, "{told:?}");
    }
    // Says nothing of its output's length beforehand, and yields two numbers where three classes are named.
    let open = flatten(&[("window", FLOAT, &[Open, Open, Open])], ("posterior", FLOAT, &[Open, Open]));
    let folder = with_model(&open);
    let toml = folder.path().join("decoder.toml");
    let text = std::fs::read_to_string(&toml).unwrap().replace(r#""feet"]"#, r#""feet", "tongue"]"#);
    std::fs::write(&toml, text).unwrap();
    let told = refusal(&folder);
    assert!(told.len() == 1 && told[0].contains("decoder.toml:8: the model does not run: "), "{told:?}");
}

#[test]
fn interfaces_that_do_not_fit_are_refused() {
    let fits: onnx::Tensor<'_> = ("posterior", FLOAT, &[Fixed(1), Fixed(2)]);
    let window: &[onnx::Axis] = &[Fixed(1), Fixed(2), Fixed(1)];
    let double = flatten(&[("window", DOUBLE, window)], ("posterior", DOUBLE, &[Fixed(1), Fixed(2)]));
    let told = refusal(&with_model(&double));
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(
        told[0].contains("input.tensor = \"window\" at decoder.toml:12: ")
            && told[0].ends_with("the model's `window` is float64; float32 is permitted"),
        "{told:?}"
    );
    assert!(told[1].contains("output.tensor"), "{told:?}");

    let two = flatten(&[("window", FLOAT, window), ("state", FLOAT, &[Fixed(1)])], fits);
    let told = refusal(&with_model(&two));
    assert!(
        told.len() == 1 && told[0].ends_with("the model has the inputs window, state; one is permitted"),
        "{told:?}"
    );

    let flat = flatten(&[("window", FLOAT, &[Fixed(1), Fixed(2)])], fits);
    let told = refusal(&with_model(&flat));
    assert!(told.len() == 1 && told[0].contains("has the shape [1, 2]; 3 axes are permitted"), "{told:?}");
}

#[test]
fn open_axes_are_accepted_and_only_probabilities_pass() {
    let open = flatten(&[("window", FLOAT, &[Open, Fixed(2), Open])], ("posterior", FLOAT, &[Open, Open]));
    let mut decoder = load(with_model(&open).path()).unwrap();
    let mut posterior = [0.0; 2];
    decoder.decode(&[0.25, 0.75], &mut posterior).unwrap();
    assert_eq!(posterior, [0.25, 0.75]);
    for bad in [[0.0, 0.0], [2.0, 3.0], [-0.5, 1.5], [f32::NAN, 1.0]] {
        let told = decoder.decode(&bad, &mut posterior);
        assert!(matches!(told, Err(DecodeError::NotProbabilities(_))), "{bad:?}: {told:?}");
    }
}
