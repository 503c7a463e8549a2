//! How the signal is cut, and what runs beside a channel, changes no bit; nothing allocates.

use super::counting::calls;
use super::support::{eeg, synthetic_noise};
use super::*;
use bci_dsp::run::{ChannelFaults, Covariance, FaultSpec, Quality};
use proptest::prelude::*;

/// What a chain yields for the blocks, with the frame that each output came from.
fn collect(chain: &mut Chain, x: &[f64], channels: usize, blocks: &[usize]) -> (Vec<f64>, Vec<usize>) {
    let (mut out, mut from, mut done) = (Vec::new(), Vec::new(), 0);
    let total = x.len() / channels;
    for frames in blocks.iter().copied().chain([usize::MAX]) {
        let end = total.min(done + frames.min(4096));
        let mut block = x[done * channels..end * channels].to_vec();
        let got = chain.process(&mut block, true);
        assert!(got.finite, "finite");
        out.extend_from_slice(got.samples);
        from.extend(got.origins.iter().map(|&origin| done + origin as usize));
        done = end;
    }
    assert_eq!(done, total, "all of it");
    (out, from)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn any_cut_of_real_eeg_gives_the_same_bits(cuts in prop::collection::vec(0usize..97, 0..100)) {
        let eeg = eeg();
        for step in every_feature() {
            let mut chain = chain_of(&step, &Signal::unlabelled(eeg.rate, eeg.channels));
            let whole = collect(&mut chain, &eeg.frames, eeg.channels, &[]);
            prop_assert!(!whole.0.is_empty());
            chain.reset();
            let pieces = collect(&mut chain, &eeg.frames, eeg.channels, &cuts);
            prop_assert_eq!(bits(&whole.0), bits(&pieces.0), "{}", step);
            prop_assert_eq!(&whole.1, &pieces.1, "{}", step);
        }
    }

    #[test]
    fn a_channel_is_treated_the_same_among_any_number(channels in 1usize..30, seed in 1u64..1000) {
        let rate = eeg().rate;
        // Synthetic noise, different in each channel.
        let x = synthetic_noise(seed, 200 * channels);
        for step in every_feature() {
            if matches!(step, StepSpec::Feature(FeatureSpec::Covariance(_)) | StepSpec::Clean(_)) {
                continue;
            }
            let mut together = chain_of(&step, &Signal::unlabelled(rate, channels));
            let mut alone = chain_of(&step, &Signal::unlabelled(rate, 1));
            let each = alone.output().channels();
            let width = together.output().channels();
            let all = collect(&mut together, &x, channels, &[]).0;
            let channel = seed as usize % channels;
            let one: Vec<f64> = x.iter().skip(channel).step_by(channels).copied().collect();
            let one = collect(&mut alone, &one, 1, &[]).0;
            // Measures stand together by channel, bands do not.
            let by_channel = matches!(step, StepSpec::Feature(FeatureSpec::Quality(_)));
            let place = |k: usize| if by_channel { channel * each + k } else { k * channels + channel };
            let own: Vec<f64> =
                all.chunks_exact(width).flat_map(|frame| (0..each).map(|k| frame[place(k)])).collect();
            prop_assert_eq!(bits(&own), bits(&one), "{}", step);
        }
    }
}

#[test]
fn outputs_come_from_the_frame_that_completes_a_window_and_then_every_hop() {
    let eeg = eeg();
    let step = power(None, 37.0 * 6.25, 8.0 * 6.25, false, false);
    let mut chain = chain_of(&step, &Signal::unlabelled(eeg.rate, eeg.channels));
    let (_, from) = collect(&mut chain, &eeg.frames, eeg.channels, &[5, 100, 1]);
    assert_eq!(from, (36..640).step_by(8).collect::<Vec<_>>());
    assert_eq!(chain.settle_samples(1e-3), 37);
    assert!((chain.delay_s(10.0) - 18.0 / 160.0).abs() < 1e-12);
}

#[test]
fn the_hot_path_allocates_nothing() {
    let eeg = eeg();
    for step in every_feature() {
        let signal = Signal::unlabelled(eeg.rate, eeg.channels);
        let mut chain = chain_of(&step, &signal);
        let ready = chain_of(&step, &signal);
        let mut x = eeg.frames.clone();
        let mut yielded = 0;
        let counted = calls(|| {
            for block in x.chunks_mut(24 * eeg.channels) {
                yielded += chain.process(block, true).samples.len();
            }
            assert!(chain.is_finite_state());
            assert_eq!(chain.retune(&ready), Ok(()));
            chain.reset();
        });
        assert!(yielded > 0, "{step}");
        assert_eq!(counted, 0, "{step}");
    }
    let mut quality =
        Quality::design(&Signal::unlabelled(eeg.rate, 8), QualitySpec::default()).expect("valid");
    let mut faults = ChannelFaults::design(8, eeg.rate, FaultSpec::default()).expect("valid");
    let mut covariance = Covariance::design(8, Shrinkage::LedoitWolf, true).expect("valid");
    let mut matrix = [0.0; 64];
    let counted = calls(|| {
        assert!(quality.push(&eeg.frames));
        faults.watch(&[true; 5]);
        for frame in eeg.frames.chunks_exact(8) {
            faults.check(frame);
            covariance.accumulate(frame);
        }
        covariance.finish(&mut matrix);
        covariance.of_window(&eeg.frames, &mut matrix);
        quality.reset();
        faults.reset();
        covariance.reset();
    });
    assert!(matrix[0] > 0.0);
    assert_eq!(counted, 0);
}
