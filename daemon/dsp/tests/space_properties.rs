//! What steps across channels always do: chunks, compositions, medians, NaN, retuning, and no allocation.

#[path = "support/counting.rs"]
mod counting;
mod support;
#[path = "support/space.rs"]
mod vectors;

use bci_dsp::run::{CommonAverage, CommonMedian, Matrix, RetuneError, Row};
use bci_dsp::{Chain, Element, Emit, InPlace, Over, Reframe, Signal, SpaceSpec};
use counting::calls;
use proptest::prelude::*;
use support::{hz, run, synthetic_noise};
use vectors::{chain, eeg64, every_space_step};

fn bits(samples: &[f64]) -> Vec<u64> {
    samples.iter().map(|x| x.to_bits()).collect()
}

/// All of `frames` through `chain`, in blocks of these lengths and one of the rest.
fn in_pieces(chain: &mut Chain, frames: &[f64], cuts: &[usize]) -> Vec<f64> {
    let channels = chain.input().channels();
    let (mut rest, mut out) = (frames.to_vec(), Vec::new());
    for &cut in cuts.iter().chain([&usize::MAX]) {
        let at = cut.saturating_mul(channels).min(rest.len());
        let after = rest.split_off(at);
        let origins = rest.len() / channels;
        let got = chain.process(&mut rest, true);
        assert_eq!(got.origins, (0..origins as u32).collect::<Vec<_>>());
        out.extend_from_slice(got.samples);
        rest = after;
    }
    out
}

fn multiplied(matrix: &mut Matrix, frames: &[f64]) -> Vec<f64> {
    let count = frames.len() / matrix.inputs();
    let (mut samples, mut origins) = (vec![f64::NAN; count * matrix.outputs()], vec![0; count]);
    let mut emit = Emit::new(matrix.outputs(), &mut samples, &mut origins);
    matrix.process(frames, true, &mut emit);
    assert_eq!(emit.frames(), count);
    samples
}

/// Synthetic weights; with `sparse`, about two thirds of them 0.
fn weights(seed: u64, outputs: usize, inputs: usize, sparse: bool) -> Vec<Vec<f64>> {
    let noise = synthetic_noise(seed, outputs * inputs);
    let kept = |w: f64| if sparse && w < 0.3 { 0.0 } else { w };
    noise.chunks(inputs).map(|row| row.iter().map(|w| kept(*w)).collect()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn any_cut_of_real_eeg_gives_the_same_bits(cuts in prop::collection::vec(0usize..40, 0..20)) {
        let eeg = eeg64();
        for spec in every_space_step() {
            let mut chain = chain(std::slice::from_ref(&spec), &eeg.signal);
            let whole = run(&mut chain, &eeg.frames);
            chain.reset();
            prop_assert_eq!(bits(&whole), bits(&in_pieces(&mut chain, &eeg.frames, &cuts)), "{}", spec);
        }
    }

    #[test]
    fn a_matrix_is_its_sum_of_products_and_a_product_of_matrices_their_sequence(
        inputs in 1usize..40, between in 1usize..30, outputs in 1usize..30, frames in 0usize..12,
        seed in 1u64..10_000, sparse in any::<[bool; 2]>(),
    ) {
        let first = weights(seed, between, inputs, sparse[0]);
        let second = weights(seed + 1, outputs, between, sparse[1]);
        let x = synthetic_noise(seed + 2, frames * inputs);
        let product: Vec<Vec<f64>> = second.iter().map(|row| {
            (0..inputs).map(|i| (0..between).map(|k| row[k] * first[k][i]).sum()).collect()
        }).collect();
        let mut first_matrix = Matrix::design(inputs, &first).expect("valid");
        let mut second_matrix = Matrix::design(between, &second).expect("valid");
        let y = multiplied(&mut first_matrix, &x);
        for (frame, got) in x.chunks(inputs).zip(y.chunks(between)) {
            for (row, got) in first.iter().zip(got) {
                // The same sum in the same order has the same bits; a left-out 0 changes none of a finite sum but its sign of 0.
                let want = row.iter().zip(frame).filter(|(w, _)| **w != 0.0).map(|(w, x)| w * x).reduce(|a, b| a + b);
                prop_assert_eq!(*got, want.unwrap_or(0.0));
            }
        }
        let apart = multiplied(&mut second_matrix, &y);
        let together = multiplied(&mut Matrix::design(inputs, &product).expect("valid"), &x);
        for (a, t) in apart.iter().zip(&together) {
            prop_assert!((a - t).abs() < 1e-12, "{} {}", a, t);
        }
    }

    #[test]
    fn the_median_is_that_of_sorting(channels in 1usize..200, seed in 1u64..10_000, ties in any::<bool>()) {
        let frames = 5;
        let mut x = synthetic_noise(seed, frames * channels);
        if ties {
            x.iter_mut().for_each(|x| *x = (*x * 4.0).round());
        }
        let mut got = x.clone();
        CommonMedian::design(channels, None).expect("valid").process(&mut got, true);
        for (frame, got) in x.chunks(channels).zip(got.chunks(channels)) {
            let mut sorted = frame.to_vec();
            sorted.sort_by(f64::total_cmp);
            let median = (sorted[(channels - 1) / 2] + sorted[channels / 2]) / 2.0;
            let want: Vec<f64> = frame.iter().map(|x| x - median).collect();
            prop_assert_eq!(got, &want[..]);
        }
    }

    #[test]
    fn a_common_average_of_a_common_average_changes_nothing(channels in 1usize..300, seed in 1u64..10_000) {
        // Synthetic noise beside an offset as large as electrodes have.
        let x: Vec<f64> = synthetic_noise(seed, 3 * channels).iter().map(|x| x * 50.0 + 1e5).collect();
        let mut average = CommonAverage::design(channels, None).expect("valid");
        let mut once = x.clone();
        average.process(&mut once);
        let mut twice = once.clone();
        average.process(&mut twice);
        let off = once.iter().zip(&twice).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        prop_assert!(off < 1e-9, "{} uV", off);
    }
}

#[test]
fn a_nan_spoils_only_what_its_channel_has_a_part_in() {
    let eeg = eeg64();
    let (channels, bad) = (eeg.signal.channels(), eeg.signal.index("C1").expect("there"));
    for spec in every_space_step() {
        let mut chain = chain(std::slice::from_ref(&spec), &eeg.signal);
        let outputs = chain.output().channels();
        let mut frame = eeg.frames[..channels].to_vec();
        frame[bad] = f64::NAN;
        let got = chain.process(&mut frame, true).samples.to_vec();
        for (o, y) in got.iter().enumerate() {
            let mut only = vec![false; outputs];
            only[o] = true;
            let reached = chain.reaches(Some(&only));
            assert_eq!(y.is_nan(), reached[bad], "{spec}, output {o}");
            // What does not reach an output changes no bit of it.
            let mut other: Vec<f64> = eeg.frames[..channels].to_vec();
            other.iter_mut().zip(&reached).filter(|(_, r)| !**r).for_each(|(x, _)| *x += 1e5);
            let mut same = eeg.frames[..channels].to_vec();
            let want = chain.process(&mut same, true).samples[o];
            assert_eq!(
                chain.process(&mut other, true).samples[o].to_bits(),
                want.to_bits(),
                "{spec}, output {o}"
            );
        }
        let mut next = eeg.frames[channels..2 * channels].to_vec();
        assert!(chain.process(&mut next, true).finite, "{spec}: the next frame is sound");
        assert!(chain.process(&mut [], true).samples.is_empty());
    }
}

#[test]
fn retuning_takes_the_same_shape_only() {
    let dense = |seed, outputs| Matrix::design(5, &weights(seed, outputs, 5, false)).expect("valid");
    let x = synthetic_noise(9, 35);
    let mut matrix = dense(1, 3);
    matrix.retune(&dense(2, 3)).expect("the same shape");
    assert_eq!(bits(&multiplied(&mut matrix, &x)), bits(&multiplied(&mut dense(2, 3), &x)));
    assert_eq!(matrix.retune(&dense(2, 4)), Err(RetuneError::Channels { have: 3, got: 4 }));

    let sparse = |row: Row| Matrix::of_rows(5, &[row]).expect("valid");
    let mut pair = sparse(vec![(0, 1.0), (1, -1.0)]);
    pair.retune(&sparse(vec![(4, -1.0), (2, 1.0)])).expect("as many weights");
    assert_eq!((pair.weight(0, 2), pair.weight(0, 4), pair.weight(0, 0)), (1.0, -1.0, 0.0));
    assert_eq!(pair.retune(&sparse(vec![(0, 1.0)])), Err(RetuneError::Kind));

    let mut median = CommonMedian::design(3, None).expect("valid");
    median.retune(&CommonMedian::design(3, Some(&[2])).expect("valid")).expect("as many channels");
    let mut frame = [5.0, 7.0, 4.0];
    median.process(&mut frame, true);
    assert_eq!(frame, [1.0, 3.0, 0.0]);
    assert!(median.fits(&CommonAverage::design(3, None).expect("valid")).is_err());
}

#[test]
fn nothing_is_allocated_on_the_hot_path() {
    let eeg = eeg64();
    for spec in every_space_step() {
        let (mut chain, ready) = (
            chain(std::slice::from_ref(&spec), &eeg.signal),
            chain(std::slice::from_ref(&spec), &eeg.signal),
        );
        let mut frames = eeg.frames.clone();
        let counted = calls(|| {
            for block in frames.chunks_mut(16 * 64) {
                assert!(chain.process(block, true).finite);
            }
            assert_eq!(chain.retune(&ready), Ok(()));
            chain.reset();
        });
        assert_eq!(counted, 0, "{spec}");
    }
}

#[test]
fn one_channel_is_its_own_reference() {
    let signal = Signal::new(hz(250.0), &["Cz"]);
    for spec in [
        SpaceSpec::CommonAverage { over: Over::default() },
        SpaceSpec::CommonMedian { over: Over::default() },
        SpaceSpec::Reference { channels: vec!["cz".into()], keep: true },
    ] {
        let mut chain = chain(&[spec], &signal);
        assert_eq!(run(&mut chain, &[1e5, -3.0, 0.0]), [0.0; 3]);
    }
}
