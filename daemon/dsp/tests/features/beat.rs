//! When outputs come, whatever is left out or begun anew; and what is learned, in which order.

use super::support::synthetic_noise;
use super::*;
use bci_dsp::run::{RmsSettings, Threshold};
use bci_dsp::{RateSpec, SpikeOutput, SpikeSpec};
use bci_types::Hz;
use proptest::prelude::*;

const CHANNELS: usize = 3;

fn signal() -> Signal {
    Signal::unlabelled(Hz::new(160.0).expect("a rate"), CHANNELS)
}

fn resample(rate_hz: f64, input_hz: Option<f64>) -> StepSpec {
    StepSpec::Rate(RateSpec::Resample { rate_hz, input_hz, half_width: None, beta: None })
}

fn spikes() -> StepSpec {
    let threshold = Threshold::Rms(RmsSettings { multiple: -2.0, time_constant_s: 5.0, start_s: 0.2 });
    let outputs = SpikeOutput::ALL.to_vec();
    StepSpec::Spike(SpikeSpec::Features { bin_ms: 50.0, threshold, refractory_ms: Some(25.0), outputs })
}

fn align() -> StepSpec {
    let spec = AlignSpec {
        metric: Metric::Riemann,
        mode: AlignMode::Running { horizon: None },
        shrinkage: Shrinkage::None,
        groups: 1,
    };
    StepSpec::Clean(CleanSpec::Align {
        window_ms: 250.0,
        hop_ms: 62.5,
        align: spec,
        yields: AlignYields::Signal,
    })
}

fn recentred() -> StepSpec {
    recentred_step(250.0, 62.5, Metric::Riemann)
}

fn z_score(time_constant_s: f64) -> StepSpec {
    z_score_step(ZScoreMemory::Exponential { time_constant_s })
}

/// Every step whose output has a beat of its own, and some of them in a row.
fn with_a_beat() -> Vec<Vec<StepSpec>> {
    let mut all: Vec<Vec<StepSpec>> = every_feature().into_iter().map(|step| vec![step]).collect();
    all.extend([
        vec![resample(100.0, None)],
        vec![resample(250.0, None)],
        vec![resample(100.0, Some(157.3))],
        vec![resample(500.0, Some(161.1))],
        vec![spikes()],
        vec![align()],
        vec![resample(128.0, None), align(), power(None, 125.0, 62.5, false, false), resample(8.0, None)],
        vec![resample(100.0, Some(157.3)), power(None, 70.0, 30.0, true, false), z_score(0.5)],
    ]);
    all
}

/// The places of the input frames with which outputs come, and the outputs.
fn run(chain: &mut Chain, x: &[f64], from: usize) -> (Vec<usize>, Vec<f64>) {
    let (mut places, mut out) = (Vec::new(), Vec::new());
    for (i, block) in x.chunks(500 * CHANNELS).enumerate() {
        let mut block = block.to_vec();
        let got = chain.process(&mut block, true);
        assert!(got.finite, "finite");
        places.extend(got.origins.iter().map(|&o| from + i * 500 + o as usize));
        out.extend_from_slice(got.samples);
    }
    (places, out)
}

fn design(steps: &[StepSpec]) -> Chain {
    Chain::design(steps, &signal(), 500).expect("valid steps")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Outputs after what was left out come with the frames that they would have come with, and as many are left out as
    /// would have come meanwhile.
    #[test]
    fn frames_that_are_skipped_move_the_beat_on(before in 400usize..600, skipped in 0usize..2000) {
        let after = 700;
        let x = synthetic_noise(7, (before + skipped + after) * CHANNELS);
        for steps in with_a_beat() {
            let (all, _) = run(&mut design(&steps), &x, 0);
            let mut chain = design(&steps);
            let (mut places, _) = run(&mut chain, &x[..before * CHANNELS], 0);
            let told = chain.skip(skipped as u64);
            let gone = all.iter().filter(|at| (before..before + skipped).contains(*at)).count();
            prop_assert_eq!(told, gone as u64, "{:?}", steps);
            places.extend(run(&mut chain, &x[(before + skipped) * CHANNELS..], before + skipped).0);
            let expected: Vec<usize> =
                all.into_iter().filter(|at| !(before..before + skipped).contains(at)).collect();
            prop_assert_eq!(places, expected, "{:?}", steps);
        }
    }

    #[test]
    fn a_restart_keeps_the_beat(before in 1usize..600) {
        let x = synthetic_noise(8, (before + 700) * CHANNELS);
        for steps in with_a_beat() {
            let (all, _) = run(&mut design(&steps), &x, 0);
            let mut chain = design(&steps);
            let (mut places, _) = run(&mut chain, &x[..before * CHANNELS], 0);
            chain.restart();
            places.extend(run(&mut chain, &x[before * CHANNELS..], before).0);
            prop_assert_eq!(places, all, "{:?}", steps);
        }
    }

    /// However the signal is cut, and wherever it may be learned from: the same bits, and learned from the same frame on.
    #[test]
    fn steps_that_learn_one_after_the_other_do_so_whatever_the_cut(
        cuts in prop::collection::vec(1usize..200, 1..12),
        untrusted in 0usize..300,
    ) {
        let x = synthetic_noise(9, 1600 * CHANNELS);
        for steps in [
            vec![z_score(0.5), z_score(0.25), align()],
            vec![align(), resample(128.0, None), z_score_step(ZScoreMemory::Rolling { window_s: 0.5 })],
            vec![spikes(), z_score(1.0)],
            vec![align(), recentred()],
            vec![recentred(), z_score(0.5)],
        ] {
            let mut whole = Chain::design(&steps, &signal(), 1600).expect("valid");
            let mut block = x.clone();
            let got = whole.process_learning_from(&mut block, untrusted);
            let (bits_whole, from) = (bits(got.samples), got.learned_from);
            prop_assert!(from.is_some_and(|from| from > untrusted && from < 1600), "{from:?}");
            let mut pieces = Chain::design(&steps, &signal(), 1600).expect("valid");
            let (mut out, mut at, mut learned) = (Vec::new(), 0, None);
            for n in cuts.iter().copied().cycle() {
                let end = (at + n).min(1600);
                let mut block = x[at * CHANNELS..end * CHANNELS].to_vec();
                let got = pieces.process_learning_from(&mut block, untrusted.saturating_sub(at));
                out.extend(bits(got.samples));
                learned = learned.or(got.learned_from.map(|from| at + from));
                at = end;
                if at == 1600 {
                    break;
                }
            }
            prop_assert_eq!(&out, &bits_whole, "{:?}", steps);
            prop_assert_eq!(learned, from, "{:?}", steps);
        }
    }
}

/// Where all may be learned from, it takes the stated time and not a frame more; what may not be learned from adds to it.
#[test]
fn learning_takes_the_stated_time_of_trusted_signal() {
    let x = synthetic_noise(10, 1600 * CHANNELS);
    for steps in [
        vec![z_score(0.5)],
        vec![z_score(0.5), z_score(0.25)],
        vec![align()],
        vec![recentred()],
        vec![spikes()],
    ] {
        let mut chain = Chain::design(&steps, &signal(), 1600).expect("valid");
        let stated = chain.warm_up_samples();
        assert!(stated > 10 && !chain.has_learned());
        assert_eq!(chain.process(&mut x.clone(), true).learned_from, Some(stated), "{steps:?}");
        assert!(chain.has_learned());
        chain.reset();
        assert!(!chain.has_learned());
        assert_eq!(chain.process(&mut x.clone(), false).learned_from, None, "{steps:?}: nothing was learned");
        assert_eq!(
            chain.process_learning_from(&mut x.clone(), 240).learned_from,
            Some(240 + stated),
            "{steps:?}"
        );
        chain.restart();
        assert_eq!(chain.process(&mut x.clone(), false).learned_from, Some(0), "what was learned is kept");
    }
    // Half a window lost to what cannot be trusted is learned again.
    let mut chain = Chain::design(&[align()], &signal(), 1600).expect("valid");
    assert_eq!(chain.process(&mut x[..25 * CHANNELS].to_vec(), true).learned_from, None);
    assert_eq!(chain.process(&mut x[..2 * CHANNELS].to_vec(), false).learned_from, None);
    assert_eq!(chain.process(&mut x.clone(), true).learned_from, Some(40));
}
