//! Notch combs and the DC blocker; and that chains with every kind of recursive filter keep a chain's promises.

#[path = "support/counting.rs"]
mod counting;
mod support;

use bci_dsp::design::{Band, BesselNorm, CombWidth, Family, MAX_NOTCHES, Sos, dc_block, notch_comb};
use bci_dsp::run::SosFilter;
use bci_dsp::{Chain, DesignError, IirSpec, StepSpec};
use counting::calls;
use proptest::prelude::*;
use std::f64::consts::PI;
use support::{chain, eeg, hz, run};

const HALF_POWER_DB: f64 = -3.010_299_956_639_812;

fn assert_near(got: f64, want: f64, tolerance: f64, what: &str) {
    assert!((got - want).abs() <= tolerance, "{what}: {got}, expected {want}");
}

#[test]
fn a_comb_is_deep_at_every_harmonic_and_passes_what_lies_between() {
    for (freq, harmonics, width_hz, rate, count) in [
        (50.0, None, 1.0, 1000.0, 9),
        (50.0, None, 2.0, 999.41, 9),
        (60.0, Some(3), 2.0, 2000.0, 3),
        (50.0, None, 1.0, 30_000.0, 299),
        (100.0, None, 5.0, 1000.0, 4),
        (16.7, Some(12), 0.5, 1000.0, 12),
    ] {
        let sos = notch_comb(freq, harmonics, CombWidth::Hz(width_hz), hz(rate)).expect("a valid comb");
        assert_eq!(sos.sections().len(), count, "{freq} Hz at {rate} Hz: one section a notch");
        for k in 1..=count {
            let centre = freq * k as f64;
            assert!(sos.gain_db(centre) < -150.0, "{} dB at {centre} Hz", sos.gain_db(centre));
            // Each notch alone is as wide as was asked for, whatever its harmonic.
            let one = Sos::new(vec![sos.sections()[k - 1]], hz(rate)).expect("stable");
            let half_power = |mut passes: f64| {
                let mut stops = centre;
                for _ in 0..60 {
                    let middle = f64::midpoint(passes, stops);
                    *(if one.gain_db(middle) > HALF_POWER_DB { &mut passes } else { &mut stops }) = middle;
                }
                passes
            };
            let found = half_power(rate / 2.0) - half_power(0.0);
            assert_near(found, width_hz, 1e-5 * width_hz, &format!("width at {centre} Hz of {rate} Hz"));
            let between = centre - freq / 2.0;
            assert!(sos.gain_db(between) > -0.25, "{} dB at {between} Hz", sos.gain_db(between));
        }
        assert_near(sos.gain_db(0.0), 0.0, 1e-6, "direct current");
    }
}

#[test]
fn q_and_width_say_the_same() {
    let rate = hz(1000.0);
    let by_q = notch_comb(50.0, Some(4), CombWidth::Q(25.0), rate);
    assert_eq!(by_q, notch_comb(50.0, Some(4), CombWidth::Hz(2.0), rate));
}

#[test]
fn a_comb_that_does_not_fit_is_refused() {
    let told = |freq_hz, harmonics, width, rate| {
        let spec = IirSpec::NotchComb { freq_hz, harmonics, width };
        let found = spec.sos(hz(rate)).expect_err("refused");
        found.iter().map(DesignError::to_string).collect::<Vec<_>>()
    };
    let width = CombWidth::Hz(1.0);
    assert_eq!(
        told(50.0, Some(3), width, 250.0),
        ["harmonics = 3 must be 1 to 2: multiples of 50 Hz below 125 Hz, half of the rate"]
    );
    // A multiple on half of the rate is not below it.
    assert_eq!(
        told(50.0, Some(2), width, 200.0),
        ["harmonics = 2 must be 1: multiples of 50 Hz below 100 Hz, half of the rate"]
    );
    assert_eq!(told(50.0, Some(0), CombWidth::Q(1.0), 250.0).len(), 2, "both mistakes at once");
    assert_eq!(
        told(50.0, None, CombWidth::Hz(50.0), 250.0),
        ["width_hz = 50 must be above 0 and below freq_hz, which is 50"]
    );
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert_eq!(told(50.0, None, CombWidth::Hz(bad), 250.0).len(), 1, "width {bad}");
        assert_eq!(told(50.0, None, CombWidth::Q(bad), 250.0).len(), 1, "q {bad}");
        assert_eq!(told(bad, Some(1), width, 250.0).len(), 1, "frequency {bad}");
    }
    let many = told(10.0, None, width, 30_000.0);
    assert!(many[0].starts_with("freq_hz = 10 must leave at most 512 multiples"), "{many:?}");
    assert!(notch_comb(10.0, Some(MAX_NOTCHES), width, hz(30_000.0)).is_ok());
    assert!(!told(10.0, Some(MAX_NOTCHES + 1), width, 30_000.0).is_empty());
}

#[test]
fn the_dc_blocker_has_half_power_exactly_at_its_cutoff() {
    for rate in [100.0, 250.0, 999.41, 30_000.0] {
        for share in [1e-5, 1e-3, 0.01, 0.1, 0.19, 0.1959] {
            let what = format!("{share} of {rate} Hz");
            let sos = dc_block(share * rate, hz(rate)).expect("a valid cut-off");
            let section = sos.sections()[0];
            let r = -section.a[0];
            assert_eq!((section.b, section.a[1], sos.sections().len()), ([1.0, -1.0, 0.0], 0.0, 1), "{what}");
            assert!(r.abs() < 1.0, "{what}: {r}");
            // 1e-16 of rounding in 1 - r is more of it the lower the cut-off.
            assert_near(sos.gain_db(share * rate), HALF_POWER_DB, 1e-14 / share + 1e-12, &what);
            assert_eq!(sos.response(0.0).abs(), 0.0, "{what}: nothing of an offset passes");
            assert_near(sos.response(rate / 2.0).abs(), 2.0 / (1.0 + r), 1e-12 * 2.0 / (1.0 + r), &what);
        }
        // An octave away, where the axis is not yet bent: a first-order high-pass.
        let sos = dc_block(1e-5 * rate, hz(rate)).expect("a valid cut-off");
        assert_near(sos.gain_db(0.5e-5 * rate), -10.0 * 5f64.log10(), 1e-3, "an octave below");
        assert_near(sos.gain_db(2e-5 * rate), -10.0 * 1.25f64.log10(), 1e-3, "an octave above");
    }
    let bound = (1.0f64 / 3.0).acos() / (2.0 * PI) * 250.0;
    for bad in [0.0, -1.0, bound, 125.0, f64::NAN, f64::INFINITY] {
        let told = dc_block(bad, hz(250.0)).expect_err("refused").to_string();
        assert!(told.contains("must be above 0 and below 48.9783 Hz"), "{told}");
    }
}

#[test]
fn the_dc_blocker_is_its_difference_equation_on_real_eeg() {
    let eeg = eeg();
    let sos = dc_block(0.5, eeg.rate).expect("a valid cut-off");
    let r = -sos.sections()[0].a[0];
    let mut out = eeg.frames.clone();
    SosFilter::design(&sos, eeg.channels).expect("channels").process(&mut out);
    for channel in 0..eeg.channels {
        let (mut x1, mut y1) = (0.0, 0.0);
        for (&x, &got) in eeg
            .frames
            .iter()
            .skip(channel)
            .step_by(eeg.channels)
            .zip(out.iter().skip(channel).step_by(eeg.channels))
        {
            let y = x - x1 + r * y1;
            assert_near(got, y, 1e-9, &format!("channel {channel}"));
            (x1, y1) = (x, y);
        }
    }
}

/// A chain of every kind of recursive filter, apart so that each is an element of its own.
fn every_kind() -> Vec<StepSpec> {
    let band = |family, band, order| StepSpec::Iir(IirSpec::Band { family, band, order });
    vec![
        StepSpec::Iir(IirSpec::DcBlock { cutoff_hz: 0.1 }),
        StepSpec::Iir(IirSpec::NotchComb { freq_hz: 60.0, harmonics: None, width: CombWidth::Q(30.0) }),
        StepSpec::Iir(IirSpec::NotchComb { freq_hz: 16.7, harmonics: Some(2), width: CombWidth::Hz(1.0) }),
        band(Family::Chebyshev1 { ripple_db: 0.5 }, Band::HighPass { cutoff_hz: 0.5 }, 3),
        band(Family::Chebyshev2 { attenuation_db: 40.0 }, Band::BandStop { low_hz: 48.0, high_hz: 52.0 }, 2),
        band(
            Family::Elliptic { ripple_db: 0.1, attenuation_db: 50.0 },
            Band::BandPass { low_hz: 4.0, high_hz: 40.0 },
            4,
        ),
        band(Family::Bessel { norm: BesselNorm::Mag }, Band::LowPass { cutoff_hz: 45.0 }, 5),
    ]
}

#[test]
fn steps_read_as_the_field_says_them() {
    let words: Vec<String> = every_kind().iter().map(StepSpec::to_string).collect();
    assert_eq!(
        words,
        [
            "DC blocker 0.1 Hz",
            "notches at 60 Hz and all multiples, Q 30 at the first",
            "2 notches at 16.7 Hz and multiples, 1 Hz wide",
            "high-pass 0.5 Hz, Chebyshev I (0.5 dB ripple) order 3",
            "band-stop 48-52 Hz, Chebyshev II (40 dB attenuation) order 2",
            "band-pass 4-40 Hz, elliptic (0.1 dB ripple, 50 dB attenuation) order 4",
            "low-pass 45 Hz, Bessel (-3 dB) order 5",
        ]
    );
}

fn bits(samples: &[f64]) -> Vec<u64> {
    samples.iter().map(|x| x.to_bits()).collect()
}

proptest! {
    #[test]
    fn any_cut_of_real_eeg_gives_the_same_bits(cuts in prop::collection::vec(0usize..97, 0..200)) {
        let eeg = eeg();
        let mut chain = chain(&every_kind(), eeg.rate, eeg.channels);
        let whole = run(&mut chain, &eeg.frames);
        chain.reset();
        let mut pieces = eeg.frames;
        let mut rest = &mut pieces[..];
        for frames in cuts {
            let at = (frames * eeg.channels).min(rest.len());
            let (block, after) = rest.split_at_mut(at);
            prop_assert!(chain.process(block, true).finite);
            rest = after;
        }
        prop_assert!(chain.process(rest, true).finite);
        prop_assert_eq!(bits(&whole), bits(&pieces));
    }
}

#[test]
fn nothing_is_allocated_and_other_settings_of_the_same_shape_are_taken_over() {
    let eeg = eeg();
    let mut filter = chain(&every_kind(), eeg.rate, eeg.channels);
    let mut other = every_kind();
    // Another family of as many sections.
    let high = Band::HighPass { cutoff_hz: 1.0 };
    other[3] = StepSpec::Iir(IirSpec::Band { family: Family::Butterworth, band: high, order: 4 });
    let ready = chain(&other, eeg.rate, eeg.channels);
    let mut frames = eeg.frames.clone();
    let half = frames.len() / 2;
    let counted = calls(|| {
        assert!(filter.process(&mut frames[..half], true).finite);
        assert_eq!(filter.retune(&ready), Ok(()));
        assert!(filter.process(&mut frames[half..], true).finite);
        filter.reset();
    });
    assert_eq!(counted, 0);
    assert_eq!(filter.gain_db(2.0).to_bits(), ready.gain_db(2.0).to_bits(), "told of the new settings");
    let fresh = |chain: &mut Chain| run(chain, &eeg.frames);
    let mut ready = ready;
    assert_eq!(fresh(&mut filter), fresh(&mut ready));
}

#[test]
fn one_channel_single_frames_empty_blocks_zeros_and_constants() {
    let eeg = eeg();
    let one: Vec<f64> = eeg.frames.iter().step_by(eeg.channels).copied().collect();
    let mut filter = chain(&every_kind(), eeg.rate, 1);
    let whole = run(&mut filter, &one);
    filter.reset();
    let mut single = one.clone();
    for frame in single.chunks_mut(1) {
        assert!(filter.process(&mut [], true).samples.is_empty());
        assert!(filter.process(frame, true).finite);
    }
    assert_eq!(bits(&whole), bits(&single));
    for constant in [0.0, 1e5, -1e5] {
        filter.reset();
        let out = run(&mut filter, &vec![constant; 1000]);
        assert!(out.iter().all(|y| *y == 0.0), "the DC blocker lets nothing of {constant} through");
    }
}
