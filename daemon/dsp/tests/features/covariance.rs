//! Covariances equal pyRiemann's and scikit-learn's, of a window and accumulated.

use super::support::{eeg, hz, json, number, numbers, run, synthetic_noise};
use super::*;
use bci_dsp::run::Covariance;
use proptest::prelude::*;

fn shrinkage(value: &Value) -> Shrinkage {
    match value.as_str() {
        Some("none") => Shrinkage::None,
        Some("ledoit_wolf") => Shrinkage::LedoitWolf,
        Some("oas") => Shrinkage::Oas,
        _ => Shrinkage::Fixed(number(value)),
    }
}

/// Five channels of real EEG on electrode offsets.
fn input(file: &Value) -> Vec<f64> {
    let (columns, offsets) = (index(&file["columns"]), numbers(&file["offsets_uv"]));
    let frames = eeg().frames;
    frames
        .chunks_exact(8)
        .flat_map(|frame| columns.iter().zip(&offsets).map(|(&c, o)| frame[c] + o))
        .collect()
}

fn upper(matrix: &[f64], n: usize) -> Vec<f64> {
    (0..n).flat_map(|i| matrix[i * n + i..(i + 1) * n].to_vec()).collect()
}

#[test]
fn covariances_equal_pyriemann_centred_and_not() {
    let file = json(include_str!("../vectors/features/covariance.json"));
    let (x, rate) = (input(&file), eeg().rate);
    let cases = file["rows"].as_array().expect("rows");
    assert_eq!(cases.len(), 16);
    for row in cases {
        let how = shrinkage(&row["shrinkage"]);
        let centre = row["centre"].as_bool().expect("a truth");
        let (window_ms, hop_ms) = (ms(row, "window_ms"), ms(row, "hop_ms"));
        let what = format!("{how:?}, centred {centre}, {window_ms} ms");
        let want = rows(&row["triangles"]);
        let labels = ["C3", "C4", "Fpz", "Oz", "Cpz"];
        let step = covariance_step(window_ms, hop_ms, how, centre);
        let mut chain = chain_of(&step, &Signal::new(rate, &labels));
        assert_eq!(chain.output().labels[..6], ["C3*C3", "C3*C4", "C3*Fpz", "C3*Oz", "C3*Cpz", "C4*C4"]);
        let got = run(&mut chain, &x);
        assert_eq!(got.len(), 15 * want.len());
        let (window, hop) = ((window_ms * rate.get() / 1e3) as usize, (hop_ms * rate.get() / 1e3) as usize);
        for (i, (got, want)) in got.chunks_exact(15).zip(&want).enumerate() {
            assert_equal(got, want, 1e-9, &what);
            // The same window by itself, and accumulated.
            let slice = &x[i * hop * 5..(i * hop + window) * 5];
            let mut one = Covariance::design(5, how, centre).expect("valid");
            let mut matrix = [0.0; 25];
            one.of_window(slice, &mut matrix);
            assert_eq!(bits(&upper(&matrix, 5)), bits(got), "{what}");
            one.reset();
            slice.chunks(35).for_each(|part| one.accumulate(part));
            assert_eq!(one.frames(), window);
            one.finish(&mut matrix);
            assert_equal(&upper(&matrix, 5), want, 1e-9, &what);
            assert!((0..25).all(|k| matrix[k] == matrix[k % 5 * 5 + k / 5]), "symmetric");
        }
    }
}

proptest! {
    #[test]
    fn accumulating_in_any_cuts_and_reading_between_changes_no_bit(
        cuts in prop::collection::vec(0usize..50, 0..40),
        channels in 1usize..20,
        read_between in any::<bool>(),
        centre in any::<bool>(),
    ) {
        // Synthetic noise: any number of channels.
        let x = synthetic_noise(9, 500 * channels);
        let mut whole = Covariance::design(channels, Shrinkage::LedoitWolf, centre).expect("valid");
        let mut cut = whole.clone();
        let (mut a, mut b) = (vec![0.0; channels * channels], vec![0.0; channels * channels]);
        whole.accumulate(&x);
        whole.finish(&mut a);
        let mut rest = &x[..];
        for frames in cuts {
            let (part, after) = rest.split_at((frames * channels).min(rest.len()));
            cut.accumulate(part);
            if read_between {
                cut.finish(&mut b);
            }
            rest = after;
        }
        cut.accumulate(rest);
        cut.finish(&mut b);
        prop_assert_eq!(bits(&a), bits(&b));
    }
}

#[test]
fn degenerate_windows_give_finite_matrices() {
    for how in [Shrinkage::None, Shrinkage::LedoitWolf, Shrinkage::Oas, Shrinkage::Fixed(0.3)] {
        for channels in [1, 3, 8, 9] {
            let mut one = Covariance::design(channels, how, true).expect("valid");
            let mut out = vec![7.0; channels * channels];
            assert_eq!(one.of_window(&[], &mut out), 0.0);
            assert!(out.iter().all(|&c| c == 0.0), "no frames");
            for value in [0.0, 1e5, -3.0] {
                let share = one.of_window(&vec![value; 40 * channels], &mut out);
                assert!(out.iter().all(|&c| c == 0.0), "constant {value}: {out:?}");
                assert!((0.0..=1.0).contains(&share), "{share}");
            }
            one.of_window(&vec![f64::NAN; 4 * channels], &mut out);
            assert!(out[0].is_nan());
            let noise = synthetic_noise(3, 50 * channels);
            let share = one.of_window(&noise, &mut out);
            assert!(out.iter().all(|c| c.is_finite()) && (0.0..=1.0).contains(&share), "NaN does not stay");
        }
    }
    assert!(Covariance::design(0, Shrinkage::Fixed(f64::NAN), true).is_err_and(|e| e.len() == 2));
}

#[test]
fn a_chain_of_covariances_knows_what_reaches_what() {
    let signal = Signal::new(hz(160.0), &["a", "b", "c"]);
    let marked = [false, true, false, false, false, false];
    let plain = chain_of(&covariance_step(100.0, 50.0, Shrinkage::None, true), &signal);
    assert_eq!(plain.reaches(Some(&marked)), [true, true, false], "a*b");
    let shrunk = chain_of(&covariance_step(100.0, 50.0, Shrinkage::Oas, true), &signal);
    assert_eq!(shrunk.reaches(Some(&marked)), [true; 3], "the mean variance is of all");
}
