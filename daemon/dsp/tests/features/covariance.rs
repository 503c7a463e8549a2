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

/// Groups of channels have the covariances that they would have alone; of the logarithm, the matrix is that of the covariance,
/// and its length is kept.
#[test]
fn groups_and_logarithms_are_those_of_the_covariances() {
    let rate = eeg().rate;
    let frames = eeg().frames;
    let labels: Vec<String> = (0..8).map(|i| format!("c{i}")).collect();
    let spec = CovariancesSpec {
        window_ms: 1000.0,
        hop_ms: 500.0,
        shrinkage: Shrinkage::Oas,
        centre: true,
        groups: 2,
        log: false,
    };
    let feature = |spec| StepSpec::Feature(FeatureSpec::Covariance(spec));
    let got = |spec, labels: &[String], x: &[f64]| {
        let mut chain = chain_of(&feature(spec), &Signal::new(rate, labels));
        run(&mut chain, x)
    };
    let together = got(spec, &labels, &frames);
    let half = |group: usize| -> Vec<f64> {
        frames.chunks_exact(8).flat_map(|f| f[group * 4..(group + 1) * 4].to_vec()).collect()
    };
    let alone =
        [0, 1].map(|g| got(CovariancesSpec { groups: 1, ..spec }, &labels[g * 4..(g + 1) * 4], &half(g)));
    assert_eq!(together.len(), alone[0].len() + alone[1].len());
    for (whole, (a, b)) in
        together.chunks_exact(20).zip(alone[0].chunks_exact(10).zip(alone[1].chunks_exact(10)))
    {
        assert_eq!(whole, [a, b].concat());
    }
    let logs = got(CovariancesSpec { log: true, ..spec }, &labels, &frames);
    let mut eigen = bci_dsp::linalg::SymmetricEigen::design(4);
    let mut matrix = [0.0; 16];
    for (log, triangle) in logs.chunks_exact(10).zip(together.chunks_exact(10)) {
        let pairs = (0..4).flat_map(|i| (i..4).map(move |j| (i, j)));
        for ((i, j), x) in pairs.zip(triangle) {
            (matrix[i * 4 + j], matrix[j * 4 + i]) = (*x, *x);
        }
        eigen.decompose(&matrix).expect("finite");
        let length: f64 = eigen.values().iter().map(|x| x.ln().powi(2)).sum::<f64>().sqrt();
        let own = log.iter().map(|x| x * x).sum::<f64>().sqrt();
        assert!((own / length - 1.0).abs() < 1e-9, "{own} for {length}");
    }
    let mistakes = |spec| chain_mistakes(&feature(spec), &Signal::new(rate, &labels));
    assert!(mistakes(CovariancesSpec { groups: 3, ..spec }).contains("must divide the 8 channels"));
    let short = CovariancesSpec { window_ms: 25.0, shrinkage: Shrinkage::None, groups: 1, log: true, ..spec };
    assert!(mistakes(short).contains("log = true"));
}

fn chain_mistakes(step: &StepSpec, signal: &Signal) -> String {
    let found = Chain::design(std::slice::from_ref(step), signal, 64).err().unwrap_or_default();
    found.iter().map(|(_, e)| e.to_string()).collect::<Vec<_>>().join("; ")
}
