//! Every kind of output, both layouts, and a preprocessing before them.

use super::identity;
use super::made::{Made, matrix};
use super::onnx::{Axis::Fixed, FLOAT, flatten, model};
use bci_models::{DecodeError, Decoder};

const CLASSES: &str = "kind = \"class_posteriors\"\nclasses = [\"left\", \"right\"]";

fn decode(made: &Made, window: &[f32]) -> Result<Vec<f32>, DecodeError> {
    let mut decoder = made.load().unwrap();
    let mut numbers = vec![0.0; decoder.output().numbers()];
    decoder.decode(window, &mut numbers).map(|()| numbers)
}

#[test]
fn logits_become_posteriors_by_their_temperature() {
    let apart = 2.0 * 3.0f32.ln();
    let made = Made::new(&identity())
        .with(CLASSES, "kind = \"class_logits\"\nclasses = [\"left\", \"right\"]\ntemperature = 2.0")
        .golden(matrix(2, &[apart, 0.0]), matrix(2, &[0.75, 0.25]));
    let posterior = decode(&made, &[0.0, apart]).unwrap();
    assert!((posterior[0] - 0.25).abs() < 1e-6 && (posterior[1] - 0.75).abs() < 1e-6, "{posterior:?}");
}

#[test]
fn what_is_no_class_stays_as_it_is() {
    let frames = matrix(2, &[-3.5, 17.0, 0.0, -1e6]);
    for kind in ["kind = \"velocity\"\naxes = [\"x\", \"y\"]", "kind = \"embedding\"\nsize = 2"] {
        let made = Made::new(&identity()).with(CLASSES, kind).golden(frames.clone(), frames.clone());
        assert_eq!(decode(&made, &[-3.5, 17.0]).unwrap(), [-3.5, 17.0], "{kind}");
        let told = decode(&made, &[f32::NAN, 0.0]);
        assert!(matches!(told, Err(DecodeError::NotFinite { .. })), "{kind}: {told:?}");
    }
}

#[test]
fn token_logits_are_rows_of_steps() {
    let square = &[Fixed(1), Fixed(2), Fixed(2)];
    let same = model(
        &[("window", FLOAT, square)],
        &[("posterior", FLOAT, square)],
        &[("Neg", &["window"], &["less"]), ("Neg", &["less"], &["posterior"])],
        &[],
    );
    let made = |steps: usize| {
        let kind = format!("kind = \"token_logits\"\ntokens = [\"_\", \"a\"]\nsteps = {steps}");
        Made::new(&same)
            .with(CLASSES, &kind)
            .with("window_samples = 1", "window_samples = 2")
            .golden(matrix(2, &[-3.5, 17.0, 0.0, -1e6]), matrix(4, &[-3.5, 0.0, 17.0, -1e6]))
    };
    assert_eq!(decode(&made(2), &[1.0, -2.0, 3e30, 4.0]).unwrap(), [1.0, -2.0, 3e30, 4.0]);
    let told = made(3).refusal();
    assert!(
        told.len() == 1
            && told[0].contains(
                "output.steps gives 3, but the model's `posterior` has the shape [1, 2, 2], 2 there"
            ),
        "{told:?}"
    );
}

#[test]
fn a_layout_of_samples_first_is_fed_so() {
    let wide = &[Fixed(1), Fixed(3), Fixed(2)];
    let flat = flatten(&[("window", FLOAT, wide)], ("posterior", FLOAT, &[Fixed(1), Fixed(6)]));
    let frames = matrix(2, &[0.0, 10.0, 1.0, 11.0, 2.0, 12.0]);
    let made = Made::new(&flat)
        .with(CLASSES, "kind = \"embedding\"\nsize = 6")
        .with("hop_samples = 1", "hop_samples = 1\nlayout = \"samples_channels\"")
        .with("window_samples = 1", "window_samples = 3")
        .golden(frames.clone(), matrix(6, &frames.values));
    let found = decode(&made, &[0.0, 1.0, 2.0, 10.0, 11.0, 12.0]).unwrap();
    assert_eq!(found, frames.values, "frame by frame");
}

/// A high-pass of first order, begun in the steady state of its first frame: what is constant is nothing at all.
#[test]
fn the_golden_segment_goes_through_the_preprocessing() {
    let kind = "kind = \"velocity\"\naxes = [\"x\", \"y\"]";
    let made = Made::new(&identity())
        .with(CLASSES, kind)
        .with("[output]", "[[preprocessing]]\nhigh_pass = { cutoff_hz = 1.0, order = 1 }\n[output]");
    let constant = matrix(2, &[5.0, -4.0, 5.0, -4.0, 5.0, -4.0]);
    assert_eq!(made.golden(constant.clone(), matrix(2, &[0.0; 6])).refusal(), [""; 0]);
    let raw = Made::new(&identity()).with(CLASSES, kind).golden(constant.clone(), matrix(2, &[0.0; 6]));
    assert!(raw.refusal()[0].contains("5.000e0 apart"));
}
