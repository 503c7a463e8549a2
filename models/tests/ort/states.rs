//! What a decoder remembers: carried from run to run, kept by a failure, forgotten when told.

use super::made::{Made, matrix};
use super::onnx::{Axis, Axis::Fixed, FLOAT, model};
use super::{PAIR, WINDOW};
use bci_models::bundle::Reset;
use bci_models::{DecodeError, Decoder};

const STATE: &[Axis] = &[Fixed(1), Fixed(2), Fixed(1)];

/// `sum' = sum + window`, `long' = long * window`; yields `sum'`, and `sum' + long'` with `together`.
fn summing(together: bool) -> Made {
    let yields: super::onnx::Node<'_> = if together {
        ("Add", &["sum_out", "long_out"], &["shown"])
    } else {
        ("Identity", &["sum_out"], &["shown"])
    };
    let bytes = model(
        &[("window", FLOAT, WINDOW), ("sum", FLOAT, STATE), ("long", FLOAT, STATE)],
        &[("posterior", FLOAT, PAIR), ("sum_out", FLOAT, STATE), ("long_out", FLOAT, STATE)],
        &[
            ("Add", &["window", "sum"], &["sum_out"]),
            ("Mul", &["window", "long"], &["long_out"]),
            yields,
            ("Flatten", &["shown"], &["posterior"]),
        ],
        &[],
    );
    let states = "[[state]]\ninput = \"sum\"\noutput = \"sum_out\"\nshape = [1, 2, 1]\n\
                  [[state]]\ninput = \"long\"\noutput = \"long_out\"\nshape = [1, 2, 1]\ninitial = 1.0\nreset = \"attachment\"\n";
    let expected = if together { [2.0, 4.0, 5.0, 8.0] } else { [1.0, 2.0, 3.0, 4.0] };
    Made::new(&bytes)
        .with("[output]", &format!("{states}[output]"))
        .with("hop_samples = 1", "hop_samples = 1\nfeed = \"hop\"")
        .with(
            "kind = \"class_posteriors\"\nclasses = [\"left\", \"right\"]",
            "kind = \"velocity\"\naxes = [\"x\", \"y\"]",
        )
        .golden(matrix(2, &[1.0, 2.0, 2.0, 2.0]), matrix(2, &expected))
}

fn step(decoder: &mut impl Decoder, window: [f32; 2]) -> [f32; 2] {
    let mut numbers = [f32::NAN; 2];
    decoder.decode(&window, &mut numbers).unwrap();
    numbers
}

#[test]
fn states_go_from_run_to_run_and_begin_as_the_bundle_says() {
    let mut decoder = summing(true).load().unwrap();
    assert!(decoder.has_memory());
    // As fresh, although the golden segment went through before.
    assert_eq!(step(&mut decoder, [1.0, 2.0]), [2.0, 4.0]);
    assert_eq!(step(&mut decoder, [2.0, 2.0]), [3.0 + 2.0, 4.0 + 4.0]);
    assert_eq!(step(&mut decoder, [1.0, 1.0]), [4.0 + 2.0, 5.0 + 4.0]);
}

#[test]
fn a_hole_resets_what_it_makes_worthless_and_an_attachment_all() {
    for steps in [1, 2, 3] {
        let mut decoder = summing(true).load().unwrap();
        for _ in 0..steps {
            step(&mut decoder, [2.0, 2.0]);
        }
        decoder.reset(Reset::Invalid);
        let product = 2.0f32.powi(steps);
        assert_eq!(step(&mut decoder, [1.0, 1.0]), [1.0 + product; 2], "after {steps}");
        decoder.reset(Reset::Attachment);
        assert_eq!(step(&mut decoder, [1.0, 1.0]), [2.0; 2], "after {steps}");
    }
}

#[test]
fn a_failed_run_and_keeping_warm_leave_the_states_alone() {
    let mut decoder = summing(false).load().unwrap();
    step(&mut decoder, [1.0, 2.0]);
    let mut numbers = [0.0; 2];
    for bad in [f32::NAN, f32::INFINITY] {
        let told = decoder.decode(&[bad, 0.0], &mut numbers);
        assert!(matches!(told, Err(DecodeError::NotFinite { .. })), "{told:?}");
        decoder.keep_warm();
    }
    // Finite as shown, but not as remembered: 3e38 * 3e38 is beyond single precision.
    step(&mut decoder, [3e38, 1.0]);
    let told = decoder.decode(&[-3e38, 0.0], &mut numbers);
    assert!(matches!(&told, Err(DecodeError::NotFinite { tensor }) if tensor == "long_out"), "{told:?}");
    assert!(decoder.decode(&[0.0; 3], &mut numbers).is_err());
    decoder.keep_warm();
    assert_eq!(step(&mut decoder, [0.0, 1.0])[1], 4.0, "2 + 1 + 1");
}

#[test]
fn states_that_the_model_has_otherwise_are_told_at_their_line() {
    let told = summing(false).with("shape = [1, 2, 1]", "shape = [1, 3, 1]").refusal();
    assert_eq!(told.len(), 2, "{told:#?}");
    assert!(told[0].starts_with("state[0].shape = [1, 3, 1] at decoder.toml:20: state.shape gives 3, but the model's `sum` has the shape [1, 2, 1], 2 there"), "{told:#?}");
    let told = summing(false).with("input = \"sum\"", "input = \"summ\"").refusal();
    assert!(
        told.iter().any(|m| m.ends_with("the model has no such tensor; it has window, sum, long")),
        "{told:#?}"
    );
    assert!(told.iter().any(|m| m.contains("the model also takes sum: every input must be")), "{told:#?}");
    let told = summing(false).with("output = \"sum_out\"", "output = \"posterior\"").refusal();
    assert!(told.iter().any(|m| m.ends_with("is output.tensor already")), "{told:#?}");
}
