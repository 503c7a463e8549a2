//! Recentred covariances: against pyRiemann, and what they may be learned from.

use super::*;
use bci_dsp::linalg::{multiply, symmetrise};
use bci_dsp::run::AlignCovariances;
use bci_dsp::{Emit, Reframe};

const WINDOW_HOP_MS: (f64, f64) = (1000.0, 500.0);

fn recentring(channels: usize, spec: &AlignSpec, log: bool) -> (AlignCovariances, Signal) {
    AlignCovariances::design(&Signal::unlabelled(hz(160.0), channels), WINDOW_HOP_MS, spec, log)
        .expect("valid")
}

/// What comes out of frames that may be learned from where `learn` says so, in blocks of `block` frames.
fn through(
    element: &mut AlignCovariances,
    output: &Signal,
    frames: &[f64],
    channels: usize,
    block: usize,
    learn: impl Fn(usize) -> bool,
) -> Vec<Vec<f64>> {
    let width = output.channels();
    let mut all = Vec::new();
    for (i, part) in frames.chunks(block * channels).enumerate() {
        let most = element.most_frames(part.len() / channels);
        let (mut samples, mut origins) = (vec![0.0; most * width], vec![0; most]);
        let mut emit = Emit::new(width, &mut samples, &mut origins);
        element.process(part, learn(i), &mut emit);
        let came = emit.frames();
        all.extend(samples.chunks_exact(width).take(came).map(<[f64]>::to_vec));
    }
    all
}

#[test]
fn they_equal_pyriemanns_recentred_covariances_and_its_tangent_space() {
    let Windows { file, channels, frames, windows } = windows();
    let upper = |matrix: &[f64]| -> Vec<f64> {
        (0..channels)
            .flat_map(|i| (i..channels).map(move |j| (i, j)))
            .map(|(i, j)| matrix[i * channels + j])
            .collect()
    };
    for (estimator, shrinkage) in [("scm", Shrinkage::None), ("oas", Shrinkage::Oas)] {
        let want = &file[estimator];
        for (metric, log, key) in [
            (Metric::Riemann, false, "recentred_riemann"),
            (Metric::Riemann, true, "tangent_riemann"),
            (Metric::Euclid, true, "tangent_euclid"),
        ] {
            let (mut element, output) = recentring(channels, &spec(metric, RUNNING, shrinkage), log);
            let got = through(&mut element, &output, &frames, channels, 7, |_| true);
            assert_eq!(got.len(), windows.len());
            for (row, at) in numbers(&want["at"]).iter().enumerate() {
                let wanted = numbers(&want[key][row]);
                let wanted = if log { wanted } else { upper(&wanted) };
                let (got, first) = (&got[*at as usize], *at == 0.0);
                // The first is recentred on itself: its logarithm is nothing.
                let apart = if first && log {
                    got.iter().fold(0.0, |m: f64, x| m.max(x.abs()))
                } else {
                    off(got, &wanted)
                };
                assert!(apart < 1e-9, "{estimator} {key}, window {at}: off by {apart:e}");
            }
            let Some(Learned::Align { reference: Some(reference), windows: learned, frames: all }) =
                element.learned()
            else {
                panic!("it has learned")
            };
            let means = if metric == Metric::Riemann { "riemann" } else { "euclid" };
            assert!(off(reference, &numbers(&want[means][3])) < 1e-10);
            assert_eq!((learned as usize, all as usize), (windows.len(), frames.len() / channels));
        }
    }
}

/// A window teaches where all of its frames may, and is recentred either way.
#[test]
fn only_windows_teach_all_of_whose_frames_may() {
    let Windows { channels, frames, windows, .. } = windows();
    let spec = spec(Metric::Riemann, RUNNING, Shrinkage::Oas);
    let (mut element, output) = recentring(channels, &spec, true);
    // Of blocks of half a second those are not trusted that end windows 0, 1, 20 and 21.
    let distrusted = [1, 21];
    let got = through(&mut element, &output, &frames, channels, 80, |block| !distrusted.contains(&block));
    let taught = |i: usize| !distrusted.contains(&i) && !distrusted.contains(&(i + 1));
    let mut want = AlignFrames::design(channels, 160, 160, &spec).expect("valid");
    let mut covariance = Covariance::design(channels, Shrinkage::Oas, true).expect("valid");
    let (mut matrix, mut eigen) = (vec![0.0; channels * channels], SymmetricEigen::design(channels));
    for (i, window) in windows.iter().enumerate() {
        want.process(&mut window.clone(), taught(i));
        covariance.of_window(window, &mut matrix);
        if i < 2 {
            // Nothing has been learned yet: the covariance as it is.
            eigen.decompose(&matrix).expect("a covariance");
            let mut log = vec![0.0; channels * channels];
            eigen.log(&mut log);
            assert!((got[i][0] - log[0]).abs() < 1e-9, "window {i}");
        }
    }
    let Some(Learned::Align { reference: Some(reference), windows: learned, .. }) = element.learned() else {
        panic!("it has learned")
    };
    assert_eq!(learned as usize, (0..windows.len()).filter(|i| taught(*i)).count());
    assert_eq!(reference, want.reference());
    // What was learned stays over a restart, and the first window after it teaches once it is full of new frames.
    element.restart();
    assert_eq!(element.frames_to_learn(), 0);
    let before = learned;
    let mut after = |n: usize| {
        through(&mut element, &output, &frames[..n * channels], channels, n, |_| true);
        match element.learned() {
            Some(Learned::Align { windows, .. }) => windows,
            _ => panic!("it has learned"),
        }
    };
    assert_eq!(after(80), before, "half of that window came before");
    assert_eq!(after(80), before + 1);
}

/// It says how long it takes yet, and it does take that long.
#[test]
fn the_time_to_learn_is_told_to_the_frame() {
    let Windows { channels, frames, .. } = windows();
    let (mut element, output) = recentring(channels, &spec(Metric::Euclid, RUNNING, Shrinkage::None), false);
    assert_eq!((element.warm_up_samples(), element.frames_to_learn()), (160, 160));
    let push = |element: &mut AlignCovariances, n: usize, learn: bool| {
        through(element, &output, &frames[..n * channels], channels, n, |_| learn);
    };
    push(&mut element, 100, false);
    // Windows are due 60, 140 and 220 frames from here; that at 140 would have 20 frames in it that may not teach.
    assert_eq!(element.frames_to_learn(), 220);
    push(&mut element, 219, true);
    assert_eq!(element.frames_to_learn(), 1);
    push(&mut element, 1, true);
    assert_eq!(element.frames_to_learn(), 0);
}

#[test]
fn groups_are_recentred_as_they_would_be_alone() {
    let Windows { channels, frames, .. } = windows();
    let half = channels / 2;
    let one = spec(Metric::Riemann, RUNNING, Shrinkage::Oas);
    let (mut together, output) = recentring(channels, &AlignSpec { groups: 2, ..one.clone() }, true);
    let all = through(&mut together, &output, &frames, channels, 50, |_| true);
    for group in 0..2 {
        let part: Vec<f64> = frames
            .chunks_exact(channels)
            .flat_map(|f| f[group * half..(group + 1) * half].to_vec())
            .collect();
        let (mut alone, output) = recentring(half, &one, true);
        let own = through(&mut alone, &output, &part, half, 50, |_| true);
        let size = output.channels();
        for (i, (all, own)) in all.iter().zip(&own).enumerate() {
            assert_eq!(&all[group * size..(group + 1) * size], own, "group {group}, window {i}");
        }
    }
}

/// The logarithm of `c` recentred on `m`, written out.
fn tangent(channels: usize, c: &[f64], m: &[f64]) -> Vec<f64> {
    let mut eigen = SymmetricEigen::design(channels);
    let square = || vec![0.0; channels * channels];
    let (mut root, mut left, mut whole, mut log) = (square(), square(), square(), square());
    eigen.decompose(m).expect("a reference");
    eigen.inverse_sqrt(&mut root);
    multiply(&root, c, channels, channels, &mut left);
    multiply(&left, &root, channels, channels, &mut whole);
    symmetrise(channels, &mut whole);
    eigen.decompose(&whole).expect("a covariance");
    eigen.log(&mut log);
    let entries = (0..channels).flat_map(|i| (i..channels).map(move |j| (i, j)));
    entries.map(|(i, j)| log[i * channels + j] * if i == j { 1.0 } else { 2f64.sqrt() }).collect()
}

/// With a reference that is given it recentres from the first window on; fixed, it never learns; gone on with, it weighs as said.
#[test]
fn a_given_reference_is_there_at_once() {
    let Windows { channels, frames, windows, .. } = windows();
    let (mut other, output) = recentring(channels, &spec(Metric::Euclid, RUNNING, Shrinkage::Oas), true);
    through(&mut other, &output, &frames[1600 * channels..], channels, 50, |_| true);
    let Some(Learned::Align { reference: Some(reference), .. }) = other.learned() else {
        panic!("it has learned")
    };
    let reference = reference.to_vec();
    let mut covariance = Covariance::design(channels, Shrinkage::Oas, true).expect("valid");
    let mut own = vec![0.0; channels * channels];
    let fixed = AlignMode::Fixed { reference: reference.clone() };
    let (mut fixed, output) = recentring(channels, &spec(Metric::Euclid, fixed, Shrinkage::Oas), true);
    assert_eq!((fixed.warm_up_samples(), fixed.frames_to_learn()), (0, 0));
    let got = through(&mut fixed, &output, &frames, channels, 50, |block| block % 2 == 0);
    assert_eq!(got.len(), windows.len());
    for (i, (got, window)) in got.iter().zip(&windows).enumerate() {
        covariance.of_window(window, &mut own);
        let apart = off(got, &tangent(channels, &own, &reference));
        assert!(apart < 1e-9, "window {i}: off by {apart:e}");
    }
    let Some(Learned::Align { reference: Some(kept), windows: learned, .. }) = fixed.learned() else {
        panic!("it is given")
    };
    assert_eq!((kept, learned), (&reference[..], 0));

    let mode = AlignMode::Onwards { reference: reference.clone(), windows: 3, horizon: None };
    let (mut onwards, output) = recentring(channels, &spec(Metric::Euclid, mode, Shrinkage::Oas), true);
    assert_eq!((onwards.warm_up_samples(), onwards.frames_to_learn()), (0, 0));
    let got = through(&mut onwards, &output, &frames, channels, 50, |_| true);
    let mut sum: Vec<f64> = reference.iter().map(|x| 3.0 * x).collect();
    for (i, (got, window)) in got.iter().zip(&windows).enumerate() {
        covariance.of_window(window, &mut own);
        sum.iter_mut().zip(&own).for_each(|(sum, x)| *sum += x);
        let mean: Vec<f64> = sum.iter().map(|x| x / (i as f64 + 4.0)).collect();
        let apart = off(got, &tangent(channels, &own, &mean));
        assert!(apart < 1e-9, "window {i}: off by {apart:e}");
    }
    onwards.reset();
    let Some(Learned::Align { reference: Some(back), windows: 0, .. }) = onwards.learned() else {
        panic!("it is given")
    };
    assert_eq!(back, reference);
}

/// What was learned stays where new settings mean the same by it, and goes where they do not.
#[test]
fn new_settings_keep_what_was_learned_where_it_means_the_same() {
    let Windows { channels, frames, .. } = windows();
    let riemann = |horizon| spec(Metric::Riemann, AlignMode::Running { horizon }, Shrinkage::Oas);
    let (mut element, output) = recentring(channels, &riemann(None), true);
    through(&mut element, &output, &frames, channels, 50, |_| true);
    let learned = |element: &AlignCovariances| match element.learned() {
        Some(Learned::Align { windows, .. }) => windows,
        _ => panic!("an alignment"),
    };
    let before = learned(&element);
    assert!(before > 50);
    element.retune(&recentring(channels, &riemann(Some(20)), true).0).expect("alike");
    assert_eq!(learned(&element), before);
    // Not of another form.
    assert!(element.retune(&recentring(channels, &riemann(None), false).0).is_err());
    assert_eq!(learned(&element), before);
    let euclid = spec(Metric::Euclid, RUNNING, Shrinkage::Oas);
    element.retune(&recentring(channels, &euclid, true).0).expect("alike in form");
    assert_eq!(learned(&element), 0, "another mean");
}

/// A group that has no power has no reference: nothing is said to have been learned before all have one.
#[test]
fn a_group_without_power_keeps_it_from_having_learned() {
    let Windows { channels, frames, .. } = windows();
    let half = channels / 2;
    let spec = AlignSpec { groups: 2, ..spec(Metric::Riemann, RUNNING, Shrinkage::Oas) };
    let (mut element, output) = recentring(channels, &spec, false);
    let dead: Vec<f64> =
        frames.iter().enumerate().map(|(i, x)| if i % channels < half { *x } else { 0.0 }).collect();
    through(&mut element, &output, &dead, channels, 50, |_| true);
    assert!(element.frames_to_learn() > 0);
    assert!(matches!(element.learned(), Some(Learned::Align { reference: None, windows: 0, .. })));
    through(&mut element, &output, &frames, channels, 50, |_| true);
    assert_eq!(element.frames_to_learn(), 0);
    assert!(matches!(element.learned(), Some(Learned::Align { reference: Some(_), windows: 50.., .. })));
}

#[test]
fn mistakes_are_told_at_once() {
    let signal = Signal::unlabelled(hz(160.0), 7);
    let spec = AlignSpec { groups: 2, ..spec(Metric::Euclid, RUNNING, Shrinkage::None) };
    let told = AlignCovariances::design(&signal, (33.0, 0.0), &spec, true).expect_err("three mistakes");
    let told: Vec<String> = told.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 3, "{told:?}");
    for part in ["window_ms = 33", "hop_ms = 0", "must divide the 7 channels"] {
        assert!(told.iter().any(|t| t.contains(part)), "{part}: {told:?}");
    }
    let thin = AlignSpec { groups: 1, ..spec };
    let told = AlignCovariances::design(&signal, (37.5, 37.5), &thin, true).expect_err("no full rank");
    assert!(told[0].to_string().contains("where a logarithm is asked for"), "{told:?}");
    AlignCovariances::design(&signal, (37.5, 37.5), &thin, false).expect("a covariance it is all the same");
}
