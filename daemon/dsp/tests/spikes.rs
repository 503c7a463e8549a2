//! Crossings and spike-band power equal their definition (`vectors/spikes/make.py`), and hold up.

#[path = "support/counting.rs"]
mod counting;
mod support;

use bci_dsp::run::{RmsSettings, SpikeFeatures, SpikeSettings, Threshold};
use bci_dsp::{Chain, DesignError, Element, Emit, Reframe, Signal, SpikeOutput, SpikeSpec, StepSpec};
use counting::calls;
use proptest::prelude::*;
use serde_json::Value;
use support::{band_pass, eeg, hz, json, number, numbers, synthetic_noise};

/// The adaptive threshold of most tests, quick to start.
const RMS: Threshold = Threshold::Rms(RmsSettings { multiple: -4.5, time_constant_s: 60.0, start_s: 0.1 });

fn spec(bin_ms: f64, threshold: Threshold, refractory_ms: Option<f64>) -> SpikeSpec {
    SpikeSpec::Features { bin_ms, threshold, refractory_ms, outputs: SpikeOutput::ALL.to_vec() }
}

fn settings(bin_frames: usize, threshold: Threshold, refractory_frames: usize) -> SpikeSettings {
    SpikeSettings { bin_frames, bins_hz: 50.0, threshold, refractory_frames, crossings: true, power: true }
}

fn element(channels: usize, settings: &SpikeSettings) -> SpikeFeatures {
    SpikeFeatures::design(channels, settings).expect("valid settings")
}

/// All bins of `frames`, each the crossings and then the powers of all channels.
fn bins(element: &mut SpikeFeatures, frames: &[f64], learn: bool) -> Vec<Vec<f64>> {
    let most = element.most_frames(frames.len() / element.channels());
    let (mut samples, mut origins) = (vec![f64::NAN; most * element.outputs()], vec![0; most]);
    let mut emit = Emit::new(element.outputs(), &mut samples, &mut origins);
    element.process(frames, learn, &mut emit);
    let n = emit.frames();
    samples.chunks(element.outputs()).take(n).map(<[f64]>::to_vec).collect()
}

fn bits(samples: &[f64]) -> Vec<u64> {
    samples.iter().map(|x| x.to_bits()).collect()
}

// ---- the definition ----

fn read_spec(settings: &Value) -> SpikeSpec {
    let of = |key: &str| settings[key].as_f64();
    let threshold = match of("threshold_uv") {
        Some(uv) => Threshold::Fixed { uv },
        None => Threshold::Rms(RmsSettings {
            multiple: of("threshold_rms").expect("one of the two"),
            time_constant_s: of("rms_time_constant_s").unwrap_or(60.0),
            start_s: of("rms_start_s").unwrap_or(1.0),
        }),
    };
    spec(of("bin_ms").expect("a bin"), threshold, of("refractory_ms"))
}

/// Runs each case of `file` over `frames`, cut where trust changes, through `first` and then the features.
fn assert_cases(file: &Value, frames: &[f64], channels: usize, first: Option<StepSpec>) {
    let rate = hz(number(&file["rate_hz"]));
    for case in file["cases"].as_array().expect("cases") {
        let mut steps: Vec<_> = first.iter().cloned().collect();
        steps.push(StepSpec::Spike(read_spec(&case["settings"])));
        let labels: Vec<String> = (0..channels).map(|i| format!("E{i}")).collect();
        let mut chain = Chain::design(&steps, &Signal::new(rate, &labels), 1 << 16).expect("a valid chain");
        assert_eq!(chain.output().labels[0], "E0 crossings");
        assert_eq!(chain.output().labels[channels], "E0 power");

        let untrusted: Vec<_> = case["untrusted"].as_array().expect("spans").iter().map(numbers).collect();
        let trusted = |n: usize| !untrusted.iter().any(|s| (s[0]..s[1]).contains(&(n as f64)));
        let total = frames.len() / channels;
        let (mut at, mut got) = (0, Vec::new());
        while at < total {
            let end = (at..total).find(|&n| trusted(n) != trusted(at)).unwrap_or(total);
            let mut block = frames[at * channels..end * channels].to_vec();
            got.extend_from_slice(chain.process(&mut block, trusted(at)).samples);
            at = end;
        }

        let crossings: Vec<f64> =
            case["crossings"].as_array().expect("bins").iter().flat_map(numbers).collect();
        let power: Vec<f64> = case["power"].as_array().expect("bins").iter().flat_map(numbers).collect();
        assert_eq!(got.len(), crossings.len() + power.len());
        let part = |of: usize| got.chunks_exact(channels).skip(of).step_by(2).flatten().copied();
        let what = &case["settings"];
        assert_eq!(part(0).collect::<Vec<_>>(), crossings, "{what}: counts are equal");
        let largest = power.iter().fold(0.0, |m: f64, p| m.max(*p));
        assert!(largest > 0.0);
        for (got, want) in part(1).zip(&power) {
            assert!((got - want).abs() <= 1e-9 * want.abs(), "{what}: {got} for {want}");
        }
    }
}

/// The synthetic signal, as `make.py` makes it: noise, drift, spikes, an artefact.
fn synthetic(file: &Value) -> (usize, Vec<f64>) {
    let noise_uv = numbers(&file["noise_uv"]);
    let drift = numbers(&file["drift"]);
    let shape = numbers(&file["shape_uv"]);
    let channels = noise_uv.len();
    let frames = number(&file["frames"]) as usize;
    let noise = synthetic_noise(number(&file["seed"]) as u64, frames * channels * 8);
    let mut x: Vec<f64> = noise.chunks_exact(8).map(|c| c.iter().fold(0.0, |sum, n| sum + n)).collect();
    for (i, x) in x.iter_mut().enumerate() {
        *x *= noise_uv[i % channels] * drift[i / channels / (frames / drift.len())];
    }
    for spike in file["spikes"].as_array().expect("spikes").iter().map(numbers) {
        for (k, y) in shape.iter().enumerate() {
            x[(spike[1] as usize + k) * channels + spike[0] as usize] += y;
        }
    }
    let of = |key: &str| number(&file["artefact"][key]);
    x[of("from") as usize * channels..of("to") as usize * channels].fill(of("uv"));
    (channels, x)
}

#[test]
fn synthetic_spikes_at_30_khz_are_counted_as_defined() {
    let file = json(include_str!("vectors/spikes/synthetic.json"));
    let (channels, frames) = synthetic(&file);
    assert_cases(&file, &frames, channels, None);
}

#[test]
fn real_seeg_after_a_band_pass_is_counted_as_defined() {
    let file = json(include_str!("vectors/spikes/seeg.json"));
    let scale = numbers(&file["microvolts_per_digit"]);
    let rows = file["frames"].as_array().expect("frames").iter().map(numbers);
    let frames: Vec<f64> =
        rows.flat_map(|r| r.iter().zip(&scale).map(|(d, s)| d * s).collect::<Vec<_>>()).collect();
    let band = numbers(&file["band_hz"]);
    let first = band_pass(band[0], band[1], number(&file["order"]) as u32);
    assert_cases(&file, &frames, scale.len(), Some(first));
}

// ---- how it behaves ----

proptest! {
    #[test]
    fn any_cut_of_real_eeg_gives_the_same_bits(
        cuts in prop::collection::vec((0usize..97, any::<bool>()), 0..100),
        refractory in 0usize..9,
        rms in any::<bool>(),
    ) {
        let eeg = eeg();
        let how = Threshold::Rms(RmsSettings { multiple: -1.0, time_constant_s: 1.0, start_s: 0.06 });
        let threshold = if rms { how } else { Threshold::Fixed { uv: 10.0 } };
        let mut all = element(eeg.channels, &settings(8, threshold, refractory));
        // Frame by frame, which is the finest cut, with the same trust.
        let mut cut = all.clone();
        let (mut got, mut want, mut at) = (Vec::new(), Vec::new(), 0);
        for (frames, learn) in cuts.into_iter().chain([(1 << 16, true)]) {
            let end = (at + frames * eeg.channels).min(eeg.frames.len());
            got.extend(bins(&mut all, &eeg.frames[at..end], learn).concat());
            for frame in eeg.frames[at..end].chunks(eeg.channels) {
                want.extend(bins(&mut cut, frame, learn).concat());
            }
            at = end;
        }
        prop_assert_eq!(got.len(), 640 / 8 * 2 * eeg.channels);
        prop_assert_eq!(bits(&got), bits(&want));
    }

    #[test]
    fn a_channel_is_counted_the_same_among_any_number(channels in 1usize..40, seed in 1u64..1000) {
        // Synthetic noise.
        let frames = synthetic_noise(seed, channels * 240);
        let how = Threshold::Rms(RmsSettings { multiple: -0.5, time_constant_s: 1.0, start_s: 0.06 });
        let together = bins(&mut element(channels, &settings(20, how, 3)), &frames, true);
        for c in 0..channels {
            let own: Vec<f64> = frames.iter().skip(c).step_by(channels).copied().collect();
            let alone = bins(&mut element(1, &settings(20, how, 3)), &own, true).concat();
            let beside: Vec<f64> = together.iter().flat_map(|b| [b[c], b[channels + c]]).collect();
            prop_assert_eq!(bits(&alone), bits(&beside), "channel {}", c);
        }
    }
}

#[test]
fn a_crossing_is_the_first_sample_beyond_the_threshold() {
    let down = Threshold::Fixed { uv: -2.0 };
    let x = [0.0, -3.0, -4.0, -1.0, -3.0, -2.0, -3.0, 3.0, -9.0, -9.0];
    let counted = |threshold, refractory, x: &[f64]| {
        bins(&mut element(1, &settings(5, threshold, refractory)), x, true)
    };
    let of = |b: &[Vec<f64>]| b.iter().map(|b| b[0]).collect::<Vec<_>>();
    // Samples 1 and 4; then 6 and 8, for -2 itself is not beyond -2.
    assert_eq!(of(&counted(down, 0, &x)), [2.0, 2.0]);
    assert_eq!(
        of(&counted(down, 3, &x)),
        [2.0, 1.0],
        "6 is within 3 of 4, 8 is not: the refractory time crosses bins"
    );
    assert_eq!(
        of(&counted(down, 4, &x)),
        [1.0, 1.0],
        "4 does not count and so does not keep 6 from counting"
    );
    let up: Vec<f64> = x.iter().map(|x| -x).collect();
    assert_eq!(
        of(&counted(Threshold::Fixed { uv: 2.0 }, 0, &up)),
        [2.0, 2.0],
        "a positive one is crossed upwards"
    );
    assert_eq!(of(&counted(down, 0, &[-5.0; 10])), [1.0, 0.0], "what stays beyond it crosses once");
    let power: Vec<f64> = counted(down, 0, &x).iter().map(|b| b[1]).collect();
    assert_eq!(power, [35.0 / 5.0, (4.0 + 9.0 + 9.0 + 81.0 + 81.0) / 5.0]);
}

#[test]
fn the_threshold_is_learned_from_trusted_bins_only() {
    let mut own = element(1, &settings(10, RMS, 0));
    let square: Vec<f64> = (0..50).map(|n| if n % 2 == 0 { 2.0 } else { -2.0 }).collect();
    for _ in 0..3 {
        bins(&mut own, &square, false);
    }
    assert_eq!(own.threshold_uv(0), None, "150 frames that teach nothing");
    // 5 bins of 20 ms are the start of 0.1 s; one untrusted frame spoils the third.
    bins(&mut own, &square[..24], true);
    bins(&mut own, &square[24..25], false);
    bins(&mut own, &square[25..], true);
    assert_eq!(own.threshold_uv(0), None, "four bins");
    bins(&mut own, &square[..10], true);
    assert_eq!(own.threshold_uv(0), Some(-9.0), "4.5 times an RMS of 2");
    bins(&mut own, &[1e5; 10], false);
    assert_eq!(own.threshold_uv(0), Some(-9.0));
    bins(&mut own, &[1e5; 10], true);
    let bound = -9.0 * (1.0 + 3.0 * (1.0 - (-0.02f64 / 60.0).exp())).sqrt();
    let got = own.threshold_uv(0).expect("learned");
    assert!((got - bound).abs() < 1e-12, "an artefact counts as twice the RMS: {got}, {bound}");
    own.reset();
    assert_eq!(own.threshold_uv(0), None);
}

#[test]
fn the_threshold_follows_the_noise() {
    // Synthetic noise of RMS 1/sqrt(3), then three times as large, at 1000 Hz for 20 s each with a time constant of 2 s.
    let noise = synthetic_noise(3, 40_000);
    let frames: Vec<f64> =
        noise.iter().enumerate().map(|(n, x)| if n < 20_000 { *x } else { 3.0 * x }).collect();
    let how = Threshold::Rms(RmsSettings { multiple: -2.0, time_constant_s: 2.0, start_s: 1.0 });
    let mut own = element(1, &settings(20, how, 0));
    bins(&mut own, &frames[..20_000], true);
    let (before, rms) = (own.threshold_uv(0).expect("learned"), 1.0 / 3f64.sqrt());
    assert!((before / (-2.0 * rms) - 1.0).abs() < 0.03, "{before}");
    bins(&mut own, &frames[20_000..], true);
    let after = own.threshold_uv(0).expect("learned");
    assert!((after / (-6.0 * rms) - 1.0).abs() < 0.03, "{after}");
}

#[test]
fn a_channel_without_a_signal_starts_when_one_comes() {
    let mut own = element(2, &settings(10, RMS, 0));
    let quiet: Vec<f64> = (0..50).flat_map(|n| [0.0, if n % 2 == 0 { 2.0 } else { -2.0 }]).collect();
    let out = bins(&mut own, &quiet, true);
    assert_eq!(out[4], [0.0, 0.0, 0.0, 4.0]);
    assert_eq!((own.threshold_uv(0), own.threshold_uv(1)), (None, Some(-9.0)));
    let both: Vec<f64> = quiet.iter().map(|x| x + 1.0).collect();
    bins(&mut own, &both, true);
    assert_eq!(own.threshold_uv(0), Some(-4.5));
}

#[test]
fn what_is_no_number_is_gone_with_the_next_bin() {
    let mut own = element(9, &settings(10, RMS, 0));
    let frames: Vec<f64> = synthetic_noise(7, 9 * 60);
    bins(&mut own, &frames, true);
    let learned: Vec<_> = (0..9).map(|c| own.threshold_uv(c)).collect();
    let mut bad = frames[..90].to_vec();
    (bad[8], bad[9 + 2]) = (f64::NAN, f64::INFINITY);
    let mut after = own.clone();
    let out = bins(&mut after, &bad, true);
    assert!(out[0][9 + 8].is_nan() && out[0][9 + 2].is_infinite(), "{out:?}");
    let odd: Vec<usize> = (0..18).filter(|i| !out[0][*i].is_finite()).collect();
    assert_eq!(odd, [2, 8, 9 + 2, 9 + 8], "count and power of these two channels and no other");
    assert_eq!((after.threshold_uv(8), after.threshold_uv(2)), (learned[8], learned[2]));
    assert!(after.is_finite_state());
    bins(&mut after, &bad[..9], true);
    assert!(!after.is_finite_state());
    after.reset();
    assert!(after.is_finite_state());
    assert_eq!(bins(&mut after, &frames, true), bins(&mut element(9, &settings(10, RMS, 0)), &frames, true));
}

#[test]
fn zeros_huge_offsets_and_no_frames_at_all() {
    let mut own = element(3, &settings(10, RMS, 2));
    assert_eq!(bins(&mut own, &[], true), Vec::<Vec<f64>>::new());
    assert_eq!(bins(&mut own, &[0.0; 3 * 1000], true)[99], [0.0; 6]);
    own.reset();
    let out = bins(&mut own, &[1e5; 3 * 1000], true);
    assert_eq!(out[99], [0.0, 0.0, 0.0, 1e10, 1e10, 1e10], "a constant is no spike");
    assert_eq!(own.threshold_uv(2), Some(-4.5e5));
    assert_eq!(own.threshold_uv(3), None, "no such channel");
}

#[test]
fn settling_is_the_start_and_the_lag_is_that_of_the_bin() {
    let rate = hz(30_000.0);
    let rms = |start_s| Threshold::Rms(RmsSettings { multiple: -4.5, time_constant_s: 60.0, start_s });
    let chain = |threshold| {
        let steps = [StepSpec::Spike(spec(20.0, threshold, None))];
        Chain::design(&steps, &Signal::unlabelled(rate, 3), 30).expect("valid")
    };
    let times = |threshold| {
        let chain = chain(threshold);
        (chain.settle_samples(1e-3), chain.warm_up_samples())
    };
    assert_eq!(times(rms(1.0)), (600, 30_000));
    assert_eq!(times(rms(0.03)), (600, 1200), "two bins");
    assert_eq!(times(Threshold::Fixed { uv: -50.0 }), (600, 0));
    let made = chain(rms(1.0));
    assert!((made.delay_s(0.0) - 599.0 / 2.0 / 30_000.0).abs() < 1e-12);
    assert_eq!((made.output().rate, made.output().channels()), (hz(50.0), 6));
    assert_eq!(made.most_frames(), 1);
    assert_eq!(made.reaches(Some(&[false, true, false, false, false, true])), [false, true, true]);
}

#[test]
fn the_outputs_asked_for_are_given_out() {
    let eeg = eeg();
    let run = |outputs: &[SpikeOutput]| {
        let step = SpikeSpec::Features {
            bin_ms: 100.0,
            threshold: Threshold::Fixed { uv: -20.0 },
            refractory_ms: None,
            outputs: outputs.to_vec(),
        };
        let mut chain = support::chain(&[StepSpec::Spike(step)], eeg.rate, eeg.channels);
        support::run(&mut chain, &eeg.frames)
    };
    let both = run(&[SpikeOutput::Power, SpikeOutput::Crossings]);
    let part =
        |of: usize| both.chunks(eeg.channels).skip(of).step_by(2).flatten().copied().collect::<Vec<_>>();
    assert_eq!(run(&[SpikeOutput::Crossings]), part(0));
    assert_eq!(run(&[SpikeOutput::Power]), part(1));
    assert!(part(0).iter().sum::<f64>() > 10.0, "EEG that crosses -20 uV");
}

#[test]
fn retuning_keeps_what_was_learned() {
    let mut own = element(2, &settings(10, RMS, 0));
    let frames: Vec<f64> = [2.0, 3.0].repeat(60);
    bins(&mut own, &frames, true);
    let with = |multiple, frames| {
        let rms = RmsSettings { multiple, time_constant_s: 1.0, start_s: 9.0 };
        element(2, &settings(frames, Threshold::Rms(rms), 3))
    };
    assert!(own.retune(&with(3.0, 10)).is_ok());
    assert_eq!((own.threshold_uv(0), own.threshold_uv(1)), (Some(6.0), Some(9.0)));
    assert!(own.fits(&with(3.0, 11)).is_err(), "another bin");
    assert!(own.fits(&element(3, &settings(10, RMS, 0))).is_err(), "other channels");
    assert!(own.retune(&element(2, &settings(10, Threshold::Fixed { uv: 1.0 }, 0))).is_err(), "another kind");
    assert_eq!(own.threshold_uv(0), Some(6.0), "a refusal changes nothing");
}

#[test]
fn every_mistake_is_told_at_once() {
    let signal = Signal::unlabelled(hz(30_000.0), 4);
    let told = |spec: SpikeSpec| -> Vec<String> {
        let found = StepSpec::Spike(spec).design(&signal, 30).expect_err("wrong");
        found.iter().map(DesignError::to_string).collect()
    };
    let rms = RmsSettings { multiple: 0.0, time_constant_s: f64::NAN, start_s: -1.0 };
    let outputs = vec![SpikeOutput::Power, SpikeOutput::Power];
    let wrong = SpikeSpec::Features {
        bin_ms: 20.01,
        threshold: Threshold::Rms(rms),
        refractory_ms: Some(f64::INFINITY),
        outputs,
    };
    assert_eq!(
        told(wrong),
        [
            "bin_ms = 20.01 must be a whole number of samples at 30000 Hz, at most 10000 ms",
            "threshold_rms = 0 must be finite and not 0",
            "rms_time_constant_s = NaN must be above 0 and at most 86400 s",
            "rms_start_s = -1 must be above 0 and at most 86400 s",
            "refractory_ms = inf must be above 0 and at most 1000 ms",
            r#"outputs = ["power", "power"] must name crossings, power or both, each once"#,
        ]
    );
    for bin_ms in [0.0, -20.0, f64::NAN, f64::INFINITY, 10_020.0, 1e-9] {
        assert_eq!(told(spec(bin_ms, RMS, None)).len(), 1, "{bin_ms}");
    }
    assert_eq!(
        told(spec(20.0, Threshold::Fixed { uv: f64::NAN }, None)),
        ["threshold_uv = NaN must be finite and not 0"]
    );
    assert_eq!(
        spec(20.0, RMS, Some(1.0)).to_string(),
        "crossings of -4.5 RMS and spike-band power in 20 ms bins, refractory 1 ms"
    );
}

#[test]
fn the_hot_path_allocates_nothing() {
    // Synthetic noise, in the shape of a microelectrode array.
    let channels = 100;
    let noise = synthetic_noise(11, 30 * channels);
    let mut own = element(channels, &settings(50, RMS, 4));
    let ready = own.clone();
    let (mut samples, mut origins) = (vec![0.0; 2 * channels], [0]);
    let mut seen = 0;
    let counted = calls(|| {
        for _ in 0..20 {
            let mut emit = Emit::new(2 * channels, &mut samples, &mut origins);
            own.process(&noise, true, &mut emit);
            seen += emit.frames();
        }
        assert!(own.is_finite_state());
        assert_eq!(own.retune(&ready), Ok(()));
        own.reset();
    });
    assert_eq!(seen, 12, "600 frames");
    assert_eq!(counted, 0);
}
