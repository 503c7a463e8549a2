//! What a chain refuses, how it speaks, and how it comes back from NaN.

mod support;

use bci_dsp::design::{Band, Biquad, Sos, butterworth, notch};
use bci_dsp::run::{RetuneError, SosFilter};
use bci_dsp::{Chain, DesignError, Over, Signal, SpaceSpec, StepSpec};
use support::{band_pass, band_stop, chain, eeg, every_step, high_pass, hz, low_pass, run};

#[test]
fn every_mistake_is_reported_at_once_with_its_step() {
    let steps = [
        band_pass(30.0, 8.0, 0),
        StepSpec::Space(SpaceSpec::CommonAverage { over: Over::default() }),
        low_pass(140.0, 4),
        high_pass(f64::NAN, 17),
        support::notch(50.0, f64::NAN),
        support::notch(50.0, 30.0),
        support::notch(50.0, 0.1),
        band_stop(0.0, f64::INFINITY, 2),
    ];
    let mistakes = Chain::design(&steps, &Signal::unlabelled(hz(250.0), 8), 16)
        .expect_err("all but two steps are wrong");
    let at: Vec<usize> = mistakes.iter().map(|(i, _)| *i).collect();
    assert_eq!(at, [0, 0, 2, 3, 3, 4, 6, 7, 7], "{mistakes:?}");
    assert_eq!(
        mistakes[2].1.to_string(),
        "cutoff_hz = 140 must be above 0 and below 125 Hz, half of the rate there, 250 Hz"
    );
    assert_eq!(mistakes[0].1, DesignError::BandEdges { low_hz: 30.0, high_hz: 8.0 });
    assert_eq!(mistakes[1].1, DesignError::Order { order: 0 });
    assert!(matches!(mistakes[5].1, DesignError::Quality { .. }));
    assert!(matches!(mistakes[6].1, DesignError::NotchWidth { .. }));
    let none = Chain::design(&[], &Signal::unlabelled(hz(250.0), 0), 16).expect_err("no channels");
    assert_eq!(none, [(0, DesignError::NoChannels)]);
}

#[test]
fn edges_of_the_permitted_range_are_refused_and_just_inside_is_not() {
    let low = |cutoff_hz| butterworth(Band::LowPass { cutoff_hz }, 2, hz(250.0));
    for bad in [0.0, -1.0, 125.0, f64::NAN, f64::INFINITY] {
        assert!(matches!(low(bad), Err(DesignError::Frequency { .. })), "{bad}");
    }
    assert!(low(124.9).is_ok() && low(0.01).is_ok());
    for bad in [0.0, -1.0, f64::INFINITY] {
        assert!(matches!(notch(50.0, bad, hz(250.0)), Err(DesignError::Quality { .. })), "{bad}");
    }
}

#[test]
fn unstable_coefficients_are_refused() {
    let sos = |b0, a| Sos::new(vec![Biquad { b: [b0, 0.0, 0.0], a }], hz(250.0));
    assert!(sos(1.0, [-1.9, 0.91]).is_ok());
    for a in [[0.0, 1.0], [-2.0, 1.0], [-1.0, 0.0], [0.0, f64::NAN], [-2.5, 1.2]] {
        assert!(matches!(sos(1.0, a), Err(DesignError::Unstable { .. })), "{a:?}");
    }
    assert!(matches!(sos(f64::INFINITY, [0.0, 0.0]), Err(DesignError::Unstable { .. })));
    assert_eq!(Sos::new(Vec::new(), hz(250.0)), Err(DesignError::NoSections));
    let too_narrow = notch(50.0, 1e18, hz(30_000.0));
    assert!(matches!(too_narrow, Err(DesignError::Unstable { .. })), "{too_narrow:?}");
}

#[test]
fn steps_read_as_the_field_says_them() {
    let words: Vec<String> = every_step().iter().map(StepSpec::to_string).collect();
    assert_eq!(
        words,
        [
            "notch 60 Hz, Q 30",
            "high-pass 0.5 Hz, Butterworth order 2",
            "common average reference",
            "band-stop 48-52 Hz, Butterworth order 2",
            "low-pass 70 Hz, Butterworth order 3",
            "band-pass 8-30 Hz, Butterworth order 4",
        ]
    );
}

#[test]
fn one_nan_is_noticed_and_a_reset_cures_it() {
    let eeg = eeg();
    let mut chain = chain(&every_step(), eeg.rate, eeg.channels);
    let clean = run(&mut chain, &eeg.frames);
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        chain.reset();
        let mut spoilt = eeg.frames.clone();
        spoilt[37 * eeg.channels + 5] = bad;
        let mut blocks = spoilt.chunks_mut(16 * eeg.channels);
        let finite: Vec<bool> = blocks.by_ref().take(5).map(|b| chain.process(b, true).finite).collect();
        assert_eq!(finite, [true, true, false, false, false], "from the block of frame 37 on");
        assert!(!chain.is_finite_state());
        chain.reset();
        assert!(chain.is_finite_state());
        assert_eq!(run(&mut chain, &eeg.frames), clean, "as if nothing had happened");
    }
}

#[test]
fn a_chain_is_its_steps_one_after_the_other() {
    let eeg = eeg();
    let steps = every_step();
    let mut all = chain(&steps, eeg.rate, eeg.channels);
    let together = run(&mut all, &eeg.frames);
    let mut apart = eeg.frames;
    let mut delay = 0.0;
    for step in &steps {
        let mut one = chain(std::slice::from_ref(step), eeg.rate, eeg.channels);
        apart = run(&mut one, &apart);
        delay += one.delay_s(15.0);
    }
    let off = together.iter().zip(&apart).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(off < 1e-9, "{off} uV");
    assert!((all.delay_s(15.0) - delay).abs() < 1e-12);

    let mut nothing = chain(&[], eeg.rate, eeg.channels);
    assert_eq!(run(&mut nothing, &apart), apart, "no steps change nothing");
    assert_eq!((nothing.settle_samples(0.01), nothing.delay_s(10.0)), (0, 0.0));
}

#[test]
fn settling_is_the_shortest_time_that_leaves_the_tolerance_of_the_impulse_response() {
    let (rate, channels) = (hz(160.0), 8);
    for steps in [&every_step()[..], &every_step()[..3], &every_step()[4..5]] {
        let mut chain = chain(steps, rate, channels);
        // Synthetic: one impulse in one channel; the reference only scales what that channel keeps of it. A frame before
        // it, for the first is taken to have been there always.
        let mut frames = vec![0.0; 20_001 * channels];
        frames[channels] = 1.0;
        let frames = run(&mut chain, &frames);
        let frames = &frames[channels..];
        let h: Vec<f64> = frames.iter().step_by(channels).map(|y| y.abs()).collect();
        let total: f64 = h.iter().sum();
        for tolerance in [0.3, 0.01, 1e-5] {
            let n = chain.settle_samples(tolerance);
            let tail = |n: usize| h[n..].iter().sum::<f64>() / total;
            assert!(tail(n) <= tolerance * 1.001 && tail(n - 1) > tolerance * 0.999, "{n} of {steps:?}");
        }
    }
}

#[test]
fn retuning_goes_on_from_the_state_and_refuses_another_shape() {
    let band = |high_hz, order, rate| {
        butterworth(Band::BandPass { low_hz: 8.0, high_hz }, order, hz(rate)).expect("valid")
    };
    let eeg = eeg();
    let mut filter = SosFilter::design(&band(30.0, 4, 160.0), eeg.channels).expect("channels");
    assert_eq!(filter.retune(&band(30.0, 3, 160.0)), Err(RetuneError::Sections { have: 4, got: 3 }));
    let other_rate = RetuneError::Rate { have: hz(160.0), got: hz(250.0) };
    assert_eq!(filter.retune(&band(30.0, 4, 250.0)), Err(other_rate));

    let mut same = eeg.frames.clone();
    let mut plain = eeg.frames.clone();
    let half = same.len() / 2;
    let mut undisturbed = filter.clone();
    undisturbed.process(&mut plain);
    filter.process(&mut same[..half]);
    filter.retune(&band(30.0, 4, 160.0)).expect("the same shape");
    filter.process(&mut same[half..]);
    assert_eq!(same, plain, "the same coefficients change nothing, so the state was kept");

    filter.retune(&band(13.0, 4, 160.0)).expect("the same shape");
    filter.reset();
    let mut retuned = eeg.frames.clone();
    filter.process(&mut retuned);
    let mut fresh = eeg.frames;
    SosFilter::design(&band(13.0, 4, 160.0), eeg.channels).expect("channels").process(&mut fresh);
    assert_eq!(retuned, fresh);
}
