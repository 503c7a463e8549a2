//! Alignment equals pyRiemann's means and geodesics on real EEG, and keeps what a chain may rely on.

#[path = "../support/counting.rs"]
mod counting;
#[path = "../support/edf.rs"]
mod edf;
#[path = "../support/mod.rs"]
mod support;

mod covariances;

use bci_dsp::linalg::SymmetricEigen;
use bci_dsp::run::{AlignFrames, AlignMode, AlignSpec, AlignYields, Covariance, Learned, Metric, Shrinkage};
use bci_dsp::{Chain, CleanSpec, Element, InPlace, Signal, StepSpec};
use counting::calls;
use proptest::prelude::*;
use serde_json::Value;
use support::{band_pass, eeg, hz, json, numbers, run, synthetic_noise};

const RUNNING: AlignMode = AlignMode::Running { horizon: None };

fn spec(metric: Metric, mode: AlignMode, shrinkage: Shrinkage) -> AlignSpec {
    AlignSpec { metric, mode, shrinkage, groups: 1 }
}

/// One whose hop is its window: of windows that are handed over one by one, each is learned from with its last frame.
fn designed(channels: usize, frames: usize, spec: &AlignSpec) -> AlignFrames {
    AlignFrames::design(channels, frames, frames, spec).expect("a valid alignment")
}

/// Learns from a window, then aligns it with what has been learned.
fn learn_and_align(alignment: &mut AlignFrames, window: &mut [f64]) {
    alignment.process(&mut window.to_vec(), true);
    alignment.process(window, false);
}

/// Relative to the largest that is wanted.
fn off(got: &[f64], want: &[f64]) -> f64 {
    assert_eq!(got.len(), want.len());
    let largest = want.iter().fold(0.0, |m: f64, x| m.max(x.abs()));
    got.iter().zip(want).fold(0.0, |m: f64, (x, y)| m.max((x - y).abs())) / largest
}

/// The windows of `vectors/align/alignment.json`: 8-30 Hz of six channels, 1 s every 0.5 s.
struct Windows {
    file: Value,
    channels: usize,
    /// `[frames x channels]`: all of it.
    frames: Vec<f64>,
    windows: Vec<Vec<f64>>,
}

fn windows() -> Windows {
    let file = json(include_str!("../vectors/align/alignment.json"));
    let labels: Vec<&str> =
        file["labels"].as_array().expect("labels").iter().filter_map(Value::as_str).collect();
    let size = |key: &str| file[key].as_u64().expect("a size") as usize;
    let (window, hop, count) = (size("window"), size("hop"), size("count"));
    let mut frames =
        edf::eegmmidb(file["run"].as_str().expect("a run"), &labels, 0, (count - 1) * hop + window);
    let channels = labels.len();
    // From rest, as SciPy's `sosfilt`: the chain would begin in the steady state.
    let StepSpec::Iir(band) = band_pass(8.0, 30.0, 4) else { panic!("a recursive filter") };
    let sos = band.sos(hz(160.0)).expect("a valid filter");
    bci_dsp::run::SosFilter::design(&sos, channels).expect("channels").process(&mut frames);
    let windows =
        (0..count).map(|i| frames[i * hop * channels..(i * hop + window) * channels].to_vec()).collect();
    Windows { file, channels, frames, windows }
}

#[test]
fn running_references_and_aligned_windows_equal_pyriemann() {
    let Windows { file, channels, windows, .. } = windows();
    for (estimator, shrinkage) in [("scm", Shrinkage::None), ("oas", Shrinkage::Oas)] {
        let want = &file[estimator];
        let at: Vec<usize> = numbers(&want["at"]).iter().map(|&i| i as usize).collect();
        let kept: Vec<usize> = numbers(&want["frames"]).iter().map(|&i| i as usize).collect();
        for (metric, horizon, means, aligned) in [
            (Metric::Euclid, None, "euclid", Some("aligned_euclid")),
            (Metric::Riemann, None, "riemann", Some("aligned_riemann")),
            (Metric::Riemann, Some(20), "riemann_horizon_20", None),
        ] {
            let spec = spec(metric, AlignMode::Running { horizon }, shrinkage);
            let mut alignment = designed(channels, 160, &spec);
            let mut compared = 0;
            for (i, window) in windows.iter().enumerate() {
                let mut window = window.clone();
                learn_and_align(&mut alignment, &mut window);
                let Some(row) = at.iter().position(|&a| a == i) else { continue };
                let off_mean = off(alignment.reference(), &numbers(&want[means][row]));
                assert!(off_mean < 1e-10, "{estimator} {means}, window {i}: off by {off_mean:e}");
                if let Some(key) = aligned {
                    let got: Vec<f64> = kept
                        .iter()
                        .flat_map(|&f| &window[f * channels..(f + 1) * channels])
                        .copied()
                        .collect();
                    let off_window = off(&got, &numbers(&want[key][row]));
                    assert!(off_window < 1e-9, "{estimator} {key}, window {i}: off by {off_window:e}");
                }
                compared += 1;
            }
            assert_eq!(compared, at.len());
            assert_eq!(alignment.windows_learned() as usize, windows.len());
        }
    }
}

/// Affine-invariant distance, as pyRiemann's `distance_riemann`.
fn distance(n: usize, a: &[f64], b: &[f64]) -> f64 {
    let mut eigen = SymmetricEigen::design(n);
    let (mut root, mut half, mut whole) = (vec![0.0; n * n], vec![0.0; n * n], vec![0.0; n * n]);
    eigen.decompose(a).expect("finite");
    eigen.inverse_sqrt(&mut root);
    bci_dsp::linalg::multiply(b, &root, n, n, &mut half);
    bci_dsp::linalg::multiply(&root, &half, n, n, &mut whole);
    eigen.decompose(&whole).expect("finite");
    eigen.values().iter().map(|l| l.ln().powi(2)).sum::<f64>().sqrt()
}

#[test]
fn the_recursive_geometric_mean_comes_close_to_the_batch_mean() {
    let Windows { file, channels, windows, .. } = windows();
    let mut alignment = designed(channels, 160, &spec(Metric::Riemann, RUNNING, Shrinkage::None));
    windows.iter().for_each(|w| alignment.process(&mut w.clone(), true));
    let batch = numbers(&file["scm"]["riemann_batch"]);
    let apart = distance(channels, &batch, alignment.reference());
    let spread: f64 = windows
        .iter()
        .map(|w| {
            let mut alone = designed(channels, 160, &spec(Metric::Riemann, RUNNING, Shrinkage::None));
            alone.process(&mut w.clone(), true);
            distance(channels, &batch, alone.reference())
        })
        .sum::<f64>()
        / windows.len() as f64;
    // An estimator, not the mean itself: held against how far single windows lie from it.
    assert!(
        apart > 1e-6 && apart < 0.05 * spread,
        "{apart} from the batch mean, windows {spread} on average"
    );
}

#[test]
fn aligned_windows_have_the_unit_matrix_for_their_mean() {
    let Windows { channels, windows, .. } = windows();
    let mut learner = designed(channels, 160, &spec(Metric::Euclid, RUNNING, Shrinkage::None));
    windows.iter().for_each(|w| learner.process(&mut w.clone(), true));
    let fixed = AlignMode::Fixed { reference: learner.reference().to_vec() };
    let mut fixed = designed(channels, 160, &spec(Metric::Euclid, fixed, Shrinkage::None));
    let mut again = designed(channels, 160, &spec(Metric::Euclid, RUNNING, Shrinkage::None));
    for window in &windows {
        let mut window = window.clone();
        learn_and_align(&mut fixed, &mut window);
        learn_and_align(&mut again, &mut window);
    }
    let unit: Vec<f64> =
        (0..channels * channels).map(|i| if i % (channels + 1) == 0 { 1.0 } else { 0.0 }).collect();
    assert!(off(again.reference(), &unit) < 1e-12);
    assert_eq!(
        (fixed.windows_learned(), fixed.reference()),
        (0, learner.reference()),
        "a given reference stays"
    );
}

#[test]
fn what_may_not_be_learned_from_is_aligned_but_teaches_nothing() {
    let Windows { channels, windows, .. } = windows();
    for metric in [Metric::Euclid, Metric::Riemann] {
        let mut alignment = designed(channels, 160, &spec(metric, RUNNING, Shrinkage::None));
        let mut window = windows[3].clone();
        alignment.process(&mut window, false);
        assert_eq!(window, windows[3], "the identity before anything is learned");
        alignment.process(&mut windows[0].clone(), true);
        let reference = alignment.reference().to_vec();
        alignment.process(&mut window, false);
        assert_ne!(window, windows[3]);
        for bad in [f64::NAN, f64::INFINITY, 1e300] {
            let mut spoilt = windows[4].clone();
            spoilt[77] = bad;
            alignment.process(&mut spoilt, true);
        }
        alignment.process(&mut vec![0.0; 160 * channels], true);
        alignment.process(&mut vec![-7e4; 160 * channels], true);
        assert_eq!((alignment.reference(), alignment.windows_learned()), (&reference[..], 1));
        let mut after = windows[3].clone();
        alignment.process(&mut after, false);
        assert_eq!(after, window, "nothing stayed of what was not finite, or constant");
        alignment.reset();
        let mut window = windows[3].clone();
        alignment.process(&mut window, false);
        assert_eq!((window, alignment.windows_learned()), (windows[3].clone(), 0));
    }
}

#[test]
fn the_first_windows_are_learned_from_and_then_no_more() {
    let Windows { channels, windows, .. } = windows();
    let mode = AlignMode::FirstWindows { windows: 10 };
    let mut first = designed(channels, 160, &spec(Metric::Riemann, mode, Shrinkage::Oas));
    let mut running = designed(channels, 160, &spec(Metric::Riemann, RUNNING, Shrinkage::Oas));
    for (i, window) in windows.iter().enumerate() {
        let (mut a, mut b) = (window.clone(), window.clone());
        learn_and_align(&mut first, &mut a);
        learn_and_align(&mut running, &mut b);
        assert_eq!(a == b, i < 10, "window {i}");
    }
    assert_eq!((first.windows_learned(), running.windows_learned()), (10, 60));
}

#[test]
fn covariances_are_shrunk_as_those_of_the_covariance_step() {
    let Windows { channels, windows, .. } = windows();
    // No more frames than channels: only what is shrunk has a full rank.
    let window = &windows[7][..channels * channels];
    for how in [Shrinkage::LedoitWolf, Shrinkage::Oas, Shrinkage::Fixed(0.2)] {
        let mut alignment = designed(channels, channels, &spec(Metric::Riemann, RUNNING, how));
        alignment.process(&mut window.to_vec(), true);
        let mut want = vec![0.0; channels * channels];
        let share = Covariance::design(channels, how, true).expect("valid").of_window(window, &mut want);
        assert!(share > 0.0, "{how}");
        assert_eq!((alignment.windows_learned(), alignment.reference()), (1, &want[..]), "{how}");
    }
    for none in [Shrinkage::None, Shrinkage::Fixed(0.0)] {
        assert!(AlignFrames::design(channels, channels, 1, &spec(Metric::Riemann, RUNNING, none)).is_err());
    }
    let beyond = spec(Metric::Euclid, RUNNING, Shrinkage::Fixed(1.5));
    let told = AlignFrames::design(channels, 160, 1, &beyond).expect_err("more than all");
    assert_eq!(told.iter().map(bci_dsp::DesignError::key).collect::<Vec<_>>(), [Some("shrinkage")]);
}

#[test]
fn a_drift_is_followed_with_a_horizon() {
    // Synthetic: noise that becomes four times as large.
    let noise = synthetic_noise(11, 200 * 40 * 3);
    for metric in [Metric::Euclid, Metric::Riemann] {
        let mode = AlignMode::Running { horizon: Some(10) };
        let mut with = designed(3, 40, &spec(metric, mode, Shrinkage::None));
        let mut without = designed(3, 40, &spec(metric, RUNNING, Shrinkage::None));
        for (i, window) in noise.chunks_exact(40 * 3).enumerate() {
            let scale = if i < 100 { 1.0 } else { 4.0 };
            let window: Vec<f64> = window.iter().map(|x| scale * x).collect();
            with.process(&mut window.clone(), true);
            without.process(&mut window.clone(), true);
        }
        let variance = |a: &AlignFrames| a.reference().iter().step_by(4).sum::<f64>() / 3.0;
        // Uniform noise of -4 to 4 has a variance of 16 / 3.
        assert!((variance(&with) / (16.0 / 3.0) - 1.0).abs() < 0.15, "{metric:?}: {}", variance(&with));
        assert!(variance(&without) < 0.65 * 16.0 / 3.0, "{metric:?}: {}", variance(&without));
    }
}

fn step(metric: Metric, mode: AlignMode, window_ms: f64, hop_ms: f64) -> StepSpec {
    let (align, yields) = (spec(metric, mode, Shrinkage::None), AlignYields::Signal);
    StepSpec::Clean(CleanSpec::Align { window_ms, hop_ms, align, yields })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_cut_of_real_eeg_gives_the_same_bits(
        cuts in prop::collection::vec((0usize..97, prop::bool::weighted(0.9)), 1..60),
        riemann in any::<bool>(),
    ) {
        let eeg = eeg();
        let metric = if riemann { Metric::Riemann } else { Metric::Euclid };
        let mut chain = Chain::design(
            &[band_pass(8.0, 30.0, 4), step(metric, RUNNING, 500.0, 200.0)],
            &Signal::unlabelled(eeg.rate, eeg.channels),
            640,
        ).expect("valid");
        // Which frames may be learned from belongs to the signal, not to the cut: compared frame by frame.
        let mut trust = Vec::new();
        cuts.iter().for_each(|&(n, learn)| trust.resize(trust.len() + n, learn));
        trust.resize(640, true);
        let mut single = eeg.frames.clone();
        for (frame, &learn) in single.chunks_exact_mut(eeg.channels).zip(&trust) {
            prop_assert!(chain.process(frame, learn).finite);
        }
        chain.reset();
        let mut pieces = eeg.frames.clone();
        let mut rest = &mut pieces[..];
        for (n, learn) in cuts.into_iter().chain([(640, true)]) {
            let at = (n * eeg.channels).min(rest.len());
            let (block, after) = rest.split_at_mut(at);
            chain.process(block, learn);
            rest = after;
        }
        prop_assert!(single.iter().zip(&pieces).all(|(a, b)| a.to_bits() == b.to_bits()));
        prop_assert!(off(&single, &eeg.frames) > 0.1, "something was done");
    }
}

#[test]
fn each_hop_the_stream_is_aligned_as_its_windows_are() {
    let eeg = eeg();
    let (n, frames, hop) = (eeg.channels, 80, 32);
    for metric in [Metric::Euclid, Metric::Riemann] {
        let spec = spec(metric, RUNNING, Shrinkage::None);
        let mut stream = AlignFrames::design(n, frames, hop, &spec).expect("valid");
        let mut windows = designed(n, frames, &spec);
        let mut out = eeg.frames.clone();
        for (i, frame) in out.chunks_exact_mut(n).enumerate() {
            stream.process(frame, true);
            let seen = i + 1;
            if seen >= frames && (seen - frames).is_multiple_of(hop) {
                windows.process(&mut eeg.frames[(seen - frames) * n..seen * n].to_vec(), true);
                assert!(off(stream.reference(), windows.reference()) < 1e-12, "after {seen} frames");
            }
        }
        assert_eq!(out[..frames * n], eeg.frames[..frames * n], "as they are until a window is full");
        assert_eq!(stream.windows_learned(), 18);
    }
}

#[test]
fn a_bad_frame_spoils_itself_alone_and_one_untrusted_frame_its_windows() {
    let eeg = eeg();
    let n = eeg.channels;
    let mut stream =
        AlignFrames::design(n, 40, 10, &spec(Metric::Euclid, RUNNING, Shrinkage::None)).expect("valid");
    let mut frames = eeg.frames.clone();
    stream.process(&mut frames[..50 * n], true);
    assert_eq!(stream.windows_learned(), 2);
    frames[55 * n + 1] = f64::NAN;
    stream.process(&mut frames[50 * n..90 * n], true);
    assert_eq!(stream.windows_learned(), 2, "four windows hold the bad frame");
    assert!(frames[55 * n..56 * n].iter().all(|x| x.is_nan()));
    assert!(frames[56 * n..90 * n].iter().all(|x| x.is_finite()) && stream.is_finite_state());
    stream.process(&mut frames[90 * n..100 * n], true);
    assert_eq!(stream.windows_learned(), 3);
    stream.process(&mut frames[100 * n..101 * n], false);
    stream.process(&mut frames[101 * n..140 * n], true);
    assert_eq!(stream.windows_learned(), 3);
    stream.process(&mut frames[140 * n..150 * n], true);
    assert_eq!(stream.windows_learned(), 4);
    stream.reset();
    let mut again = eeg.frames[..40 * n].to_vec();
    stream.process(&mut again, true);
    assert_eq!(again, eeg.frames[..40 * n], "a reset forgets");
}

#[test]
fn new_settings_keep_what_was_learned_where_it_means_the_same() {
    let Windows { channels, windows, .. } = windows();
    let mut alignment = designed(channels, 160, &spec(Metric::Riemann, RUNNING, Shrinkage::None));
    windows[..5].iter().for_each(|w| alignment.process(&mut w.clone(), true));
    let mode = AlignMode::FirstWindows { windows: 5 };
    alignment.retune(&designed(channels, 160, &spec(Metric::Riemann, mode, Shrinkage::None))).expect("fits");
    windows[5..].iter().for_each(|w| alignment.process(&mut w.clone(), true));
    assert_eq!(alignment.windows_learned(), 5, "frozen from now on");
    let reference = alignment.reference().to_vec();
    alignment
        .retune(&designed(channels, 160, &spec(Metric::Euclid, RUNNING, Shrinkage::None)))
        .expect("fits");
    assert_eq!(alignment.windows_learned(), 0, "another mean begins anew");
    let fixed = AlignMode::Fixed { reference: reference.clone() };
    alignment.retune(&designed(channels, 160, &spec(Metric::Euclid, fixed, Shrinkage::None))).expect("fits");
    assert_eq!(alignment.reference(), reference);
    for (c, f) in [(channels, 161), (channels - 1, 160)] {
        let other = designed(c, f, &spec(Metric::Euclid, RUNNING, Shrinkage::None));
        assert!(alignment.retune(&other).is_err());
    }
    assert_eq!(alignment.reference(), reference);
}

#[test]
fn edge_cases_of_channels_and_blocks() {
    for metric in [Metric::Euclid, Metric::Riemann] {
        // Synthetic: one channel, on an offset of 100 mV.
        let mut one: Vec<f64> = synthetic_noise(3, 400).iter().map(|x| 1e5 + 10.0 * x).collect();
        let mut stream =
            AlignFrames::design(1, 50, 70, &spec(metric, RUNNING, Shrinkage::None)).expect("valid");
        stream.process(&mut [], true);
        stream.process(&mut one, true);
        // Between two steps of the reference: each scales the offset anew.
        let last = &one[330..];
        let mean = last.iter().sum::<f64>() / 70.0;
        let deviation = (last.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 70.0).sqrt();
        assert!((deviation - 1.0).abs() < 0.2, "{metric:?}: {deviation}");

        // Synthetic: without full rank (average-referenced, with a dead channel) everything stays finite and bounded.
        let n = 12;
        let mut frames = synthetic_noise(5, 4000 * n);
        for frame in frames.chunks_exact_mut(n) {
            let mean = frame[1..].iter().sum::<f64>() / (n - 1) as f64;
            frame.iter_mut().for_each(|x| *x = 50.0 * (*x - mean));
            frame[0] = 0.0;
        }
        let mut stream =
            AlignFrames::design(n, 100, 20, &spec(metric, RUNNING, Shrinkage::None)).expect("valid");
        stream.process(&mut frames, true);
        assert!(frames[2000 * n..].iter().all(|x| x.abs() < 4.0), "{metric:?}: of unit variance");
    }
}

#[test]
fn nothing_is_allocated() {
    let Windows { channels, windows, .. } = windows();
    let mut copies = windows.clone();
    let mut alignment = designed(channels, 160, &spec(Metric::Riemann, RUNNING, Shrinkage::Oas));
    let reference: Vec<f64> =
        (0..channels * channels).map(|i| if i % (channels + 1) == 0 { 2.0 } else { 0.0 }).collect();
    let ready =
        designed(channels, 160, &spec(Metric::Euclid, AlignMode::Fixed { reference }, Shrinkage::None));
    let eeg = eeg();
    let mut stream =
        AlignFrames::design(eeg.channels, 80, 20, &spec(Metric::Riemann, RUNNING, Shrinkage::None))
            .expect("valid");
    let mut frames = eeg.frames.clone();
    let counted = calls(|| {
        copies.iter_mut().for_each(|w| alignment.process(w, true));
        alignment.retune(&ready).expect("fits");
        alignment.process(&mut copies[0], true);
        alignment.reset();
        frames.chunks_mut(7 * eeg.channels).for_each(|block| stream.process(block, true));
        assert!(stream.windows_learned() > 20 && stream.is_finite_state());
        stream.reset();
    });
    assert_eq!(counted, 0);
}

#[test]
fn every_mistake_is_told_at_once() {
    let signal = Signal::unlabelled(hz(250.0), 8);
    let told = |step: StepSpec| -> Vec<String> {
        step.design(&signal, 1).expect_err("a mistake").iter().map(ToString::to_string).collect()
    };
    assert_eq!(
        told(step(Metric::Riemann, AlignMode::Running { horizon: Some(0) }, f64::NAN, 1.0)),
        [
            "window_ms = NaN must be 8 to 60000 ms",
            "hop_ms = 1 must be 4 to 60000 ms",
            "horizon = 0 must be at least 1",
        ]
    );
    assert_eq!(
        told(step(Metric::Riemann, AlignMode::FirstWindows { windows: 0 }, 32.0, 60_001.0)),
        [
            "hop_ms = 60001 must be 4 to 60000 ms",
            "shrinkage = none must be \"ledoit_wolf\", \"oas\" or a share above 0 where a window has no more frames (8) than channels (8)",
            "windows = 0 must be at least 1",
        ]
    );
    for reference in [vec![1.0; 64], vec![0.0; 64], vec![1.0; 63], vec![f64::NAN; 64]] {
        let told = told(step(Metric::Euclid, AlignMode::Fixed { reference }, 500.0, 100.0));
        assert!(
            told[0].ends_with("must be a symmetric positive definite matrix of 8 x 8 numbers"),
            "{told:?}"
        );
    }
    let shown = step(Metric::Riemann, AlignMode::Running { horizon: Some(50) }, 1000.0, 500.0).to_string();
    assert_eq!(
        shown,
        "Riemannian recentring on a running mean that weighs no window below 1/50, windows of 1000 ms every 500 ms"
    );
}

#[test]
fn in_a_chain_every_channel_reaches_every_other() {
    let eeg = eeg();
    let steps = [step(Metric::Euclid, RUNNING, 500.0, 100.0)];
    let mut chain = Chain::design(&steps, &Signal::unlabelled(eeg.rate, eeg.channels), 640).expect("valid");
    let mut only = vec![false; eeg.channels];
    only[2] = true;
    assert_eq!(chain.reaches(Some(&only)), vec![true; eeg.channels]);
    assert_eq!((chain.warm_up_samples(), chain.settle_samples(1e-3), chain.delay_s(10.0)), (80, 0, 0.0));
    assert_eq!(run(&mut chain, &eeg.frames).len(), eeg.frames.len());

    // What it learned is told, and a chain that is given it needs no time to learn.
    let (learned, signal) = chain.learned(0).expect("an adaptive step");
    let Learned::Align { reference: Some(reference), windows, frames } = learned else {
        panic!("{learned:?}")
    };
    assert_eq!(signal, &Signal::unlabelled(eeg.rate, eeg.channels));
    assert_eq!(frames as usize, eeg.frames.len() / eeg.channels);
    assert_eq!(windows as usize, (frames as usize - 80) / 16 + 1);
    let fixed = AlignMode::Fixed { reference: reference.to_vec() };
    assert!(chain.learned(1).is_none(), "there is one only");
    let steps = [step(Metric::Euclid, fixed, 500.0, 100.0)];
    let given = Chain::design(&steps, &Signal::unlabelled(eeg.rate, eeg.channels), 640).expect("valid");
    assert_eq!(given.warm_up_samples(), 0);
}

/// Groups of channels are aligned each by itself, to the last bit.
#[test]
fn groups_are_aligned_as_they_would_be_alone() {
    let Windows { channels, windows, .. } = windows();
    let half = channels / 2;
    for metric in [Metric::Euclid, Metric::Riemann] {
        let one = spec(metric, RUNNING, Shrinkage::Oas);
        let mut together = designed(channels, 160, &AlignSpec { groups: 2, ..one.clone() });
        let mut apart = [0, 1].map(|_| designed(half, 160, &one));
        let part = |window: &[f64], group: usize| -> Vec<f64> {
            window.chunks_exact(channels).flat_map(|f| f[group * half..(group + 1) * half].to_vec()).collect()
        };
        for window in &windows {
            let mut whole = window.clone();
            together.process(&mut whole, true);
            for (group, alone) in apart.iter_mut().enumerate() {
                let mut own = part(window, group);
                alone.process(&mut own, true);
                assert_eq!(own, part(&whole, group), "group {group}");
            }
        }
        let references = [apart[0].reference(), apart[1].reference()].concat();
        assert_eq!(together.reference(), references);
        assert_eq!(together.windows_learned() as usize, windows.len());
    }
    let told = AlignFrames::design(
        7,
        160,
        160,
        &AlignSpec { groups: 2, ..spec(Metric::Euclid, RUNNING, Shrinkage::None) },
    );
    assert!(told.is_err_and(|e| e[0].to_string().contains("must divide the 7 channels")));
}

/// A mean that begins with a reference is there at once, and weighs it as so many windows.
#[test]
fn a_given_reference_counts_as_many_windows_as_it_is_said_to() {
    let Windows { channels, windows, .. } = windows();
    let mut other = designed(channels, 160, &spec(Metric::Euclid, RUNNING, Shrinkage::None));
    windows[..4].iter().for_each(|w| other.process(&mut w.clone(), true));
    let reference = other.reference().to_vec();
    let mode = AlignMode::Onwards { reference: reference.clone(), windows: 3, horizon: None };
    let mut onwards = designed(channels, 160, &spec(Metric::Euclid, mode.clone(), Shrinkage::None));
    assert_eq!((onwards.warm_up_samples(), onwards.frames_to_learn()), (0, 0));
    assert_eq!(onwards.reference(), reference);
    let mut first = windows[4].clone();
    onwards.process(&mut first, true);
    assert_ne!(first, windows[4], "aligned from the first frame on");
    let mut sum: Vec<f64> = reference.iter().map(|x| 3.0 * x).collect();
    let mut covariance = Covariance::design(channels, Shrinkage::None, true).expect("valid");
    let mut own = vec![0.0; channels * channels];
    for (n, window) in windows[4..10].iter().enumerate() {
        if n > 0 {
            onwards.process(&mut window.clone(), true);
        }
        covariance.of_window(window, &mut own);
        sum.iter_mut().zip(&own).for_each(|(sum, x)| *sum += x);
        let mean: Vec<f64> = sum.iter().map(|x| x / (n as f64 + 4.0)).collect();
        assert!(off(onwards.reference(), &mean) < 1e-12, "after {} windows", n + 1);
    }
    onwards.reset();
    assert_eq!(onwards.reference(), reference, "a reset goes back to it");
    // Of Riemann's mean the first window moves it a quarter of the way.
    let mut riemann = designed(channels, 160, &spec(Metric::Riemann, mode, Shrinkage::None));
    riemann.process(&mut windows[4].clone(), true);
    covariance.of_window(&windows[4], &mut own);
    let whole = distance(channels, &reference, &own);
    assert!((distance(channels, &reference, riemann.reference()) / whole - 0.25).abs() < 1e-9);
}
