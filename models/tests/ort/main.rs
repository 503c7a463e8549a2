//! Inference through ONNX Runtime: what decoders yield and remember, and what is refused.

#![allow(clippy::unwrap_used, reason = "tests")]

mod hostile;
mod kinds;
mod made;
mod onnx;
mod packing;
mod states;

use bci_models::bundle::Matrix;
use bci_models::{DecodeError, Decoder, Device, contract};
use made::{Made, matrix};
use onnx::{Axis, Axis::Fixed, Axis::Open, FLOAT, flatten};
use std::path::Path;

const WINDOW: &[Axis] = &[Fixed(1), Fixed(2), Fixed(1)];
const PAIR: &[Axis] = &[Fixed(1), Fixed(2)];

/// A model whose posterior is its window.
fn identity() -> Vec<u8> {
    flatten(&[("window", FLOAT, WINDOW)], ("posterior", FLOAT, PAIR))
}

/// The shipped model as a bundle written here: its metadata is that of this bundle.
fn shipped() -> Made {
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("zoo/eegmmidb-s001-fists-feet/model.onnx");
    let mut made = Made::new(&std::fs::read(model).unwrap())
        .with("rate_hz = 100.0", "rate_hz = 160.0")
        .with("window_samples = 1", "window_samples = 160")
        .with("hop_samples = 1", "hop_samples = 10")
        .with(r#"["C3", "C4"]"#, r#"["FC3", "FCz", "FC4", "C3", "Cz", "C4", "CP3", "CPz", "CP4"]"#)
        .with(r#"["left", "right"]"#, r#"["fists", "feet"]"#);
    let held = contract::contract(&made.text).unwrap().to_string();
    made.model = bci_models::onnx::with_metadata(&made.model, bci_models::onnx::CONTRACT_KEY, &held).unwrap();
    // One window, frame by frame.
    let window = window(1);
    let frames: Vec<f32> =
        (0..160).flat_map(|n| (0..9).map(move |c| (n, c))).map(|(n, c)| window[c * 160 + n]).collect();
    made.golden(Matrix { rows: 160, columns: 9, values: frames }, matrix(2, &[0.657_663_8, 0.342_336_18]))
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
    let mut decoder = shipped().load().unwrap();
    assert_eq!(decoder.output().labels(), ["fists", "feet"]);
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
fn the_processor_is_proven_and_the_golden_segment_compared() {
    let decoder = shipped().load().unwrap();
    let proof = decoder.proof();
    assert_eq!((proof.asked, &*proof.provider, &proof.degraded), (Device::Cpu, "CPU", &None));
    assert!(proof.nodes.len() == 1 && proof.nodes[0].0 == "CPU" && proof.nodes[0].1 > 1, "{proof:?}");
    let agreement = decoder.agreement().unwrap();
    assert!(agreement.windows == 1 && agreement.largest < 1e-5, "{agreement:?}");
    assert!(decoder.run_time().as_secs_f64() < 0.0625, "{:?}", decoder.run_time());
}

/// On a machine with a GPU and a build of ONNX Runtime for it, `cargo xtask check cuda` asks more.
#[test]
fn a_gpu_that_does_not_run_the_model_is_refused_or_told() {
    if bci_models::runtime_info()
        .unwrap()
        .providers
        .iter()
        .any(|(name, takes)| *name == "CUDA" && takes.is_ok())
    {
        return;
    }
    let made = Made::new(&identity());
    let told = made.load_on(Device::Cuda).unwrap_err();
    assert!(
        told.len() == 1 && told[0].contains("the model cannot be loaded: CUDA does not load: "),
        "{told:?}"
    );
    let decoder = made.load_on(Device::PreferCuda).unwrap();
    let proof = decoder.proof();
    assert_eq!((proof.asked, &*proof.provider), (Device::PreferCuda, "CPU"));
    assert!(proof.degraded.as_ref().is_some_and(|why| why.contains("CUDA does not load")), "{proof:?}");
    assert!(proof.to_string().contains("DEGRADED, prefer_cuda was asked for"), "{proof}");
}

#[test]
fn what_is_no_number_is_an_error_and_the_next_window_is_decoded_as_ever() {
    let mut decoder = shipped().load().unwrap();
    let mut posterior = [0.0; 2];
    decoder.decode(&window(1), &mut posterior).unwrap();
    let clean = posterior;
    for bad in [f32::NAN, f32::INFINITY, f32::MAX] {
        let mut spoilt = window(1);
        spoilt[700] = bad;
        let told = decoder.decode(&spoilt, &mut posterior);
        assert!(
            matches!(&told, Err(DecodeError::NotFinite { tensor }) if tensor == "posterior"),
            "{bad}: {told:?}"
        );
        decoder.decode(&window(1), &mut posterior).unwrap();
        assert_eq!(posterior, clean, "after {bad}");
    }
}

#[test]
fn a_window_or_a_posterior_of_another_size_is_an_error() {
    let mut decoder = shipped().load().unwrap();
    for (window, posterior) in [(0, 2), (1439, 2), (1441, 2), (1440, 1), (1440, 3)] {
        let told = decoder.decode(&vec![0.0; window], &mut vec![0.0; posterior]);
        assert!(matches!(told, Err(DecodeError::Size { needed: 1440, .. })), "{told:?}");
    }
}

#[test]
fn open_axes_are_bound_by_the_contract_and_only_probabilities_pass() {
    let open = flatten(&[("window", FLOAT, &[Open, Fixed(2), Open])], ("posterior", FLOAT, &[Open, Open]));
    let mut decoder = Made::new(&open).load().unwrap();
    let mut posterior = [0.0; 2];
    decoder.decode(&[0.25, 0.75], &mut posterior).unwrap();
    assert_eq!(posterior, [0.25, 0.75]);
    for bad in [[0.0, 0.0], [2.0, 3.0], [-0.5, 1.5]] {
        let told = decoder.decode(&bad, &mut posterior);
        assert!(matches!(told, Err(DecodeError::NotProbabilities(_))), "{bad:?}: {told:?}");
    }
}

#[test]
fn what_differs_from_the_golden_rows_is_told_with_its_window() {
    let made = Made::new(&identity());
    let wrong = matrix(2, &[0.25, 0.75, 0.5, 0.4]);
    let told = Made { expected: wrong, ..made }.refusal();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].starts_with("golden.expected = \"expected.npy\" at decoder.toml:28: window 2 of the golden segment, number 2 (right): this machine yields 0.5, expected is 0.4; 1.000e-1 apart, 1e-4 is permitted"),
        "{told:?}"
    );
    let short = Made { expected: matrix(2, &[0.25, 0.75]), ..Made::new(&identity()) }.refusal();
    assert!(short[0].ends_with("has 1 rows of 2 numbers, but the segment yields 2 of 2"), "{short:?}");
    let narrow = Made::new(&identity()).golden(matrix(1, &[0.5]), matrix(2, &[0.5, 0.5])).refusal();
    assert!(narrow[0].contains("golden.segment = \"segment.npy\" at decoder.toml:26: the golden segment has 1 columns, but there are 2 channels"), "{narrow:?}");
    let folder = Made::new(&identity()).write();
    std::fs::write(folder.path().join("segment.npy"), "other").unwrap();
    let told = made::load(folder.path(), Device::Cpu).unwrap_err();
    assert!(told[0].contains("segment_sha256") && told[0].contains("it was changed"), "{told:?}");
}

#[test]
fn a_model_that_says_something_else_of_itself_is_refused() {
    let mut made = Made::new(&identity());
    let held = contract::contract(&made.text).unwrap().to_string();
    let held = held.replace("\"rate_hz\":100.0", "\"rate_hz\":250").replace("\"MIT\"", "\"GPL\"");
    made.model = bci_models::onnx::with_metadata(&made.model, "bcid.contract", &held).unwrap();
    assert_eq!(
        made.refusal(),
        [
            "model.file = \"model.onnx\" at decoder.toml:7: the model says input.rate_hz = 250, decoder.toml says 100.0",
            "model.file = \"model.onnx\" at decoder.toml:7: the model says licence = \"GPL\", decoder.toml says \"MIT\"",
        ]
    );
    made.model = bci_models::onnx::with_metadata(&made.model, "bcid.contract", "{").unwrap();
    assert!(made.refusal()[0].contains("holds a bcid.contract that is no JSON"));
}
