//! Physics, edges and the verbs that all features share.

use super::support::{eeg, hz, run, synthetic_noise};
use super::*;
use bci_dsp::Element;
use bci_dsp::run::{Envelope, POWER_FLOOR, Power, RetuneError};
use std::f64::consts::PI;

fn sine(at_hz: f64, rate: f64, frames: usize) -> Vec<f64> {
    (0..frames).map(|n| (2.0 * PI * at_hz * n as f64 / rate).sin()).collect()
}

#[test]
fn a_sine_has_its_amplitude_for_envelope_and_half_its_square_for_power() {
    // Synthetic: 20 uV on an electrode offset of 100 mV.
    let rate = 1000.0;
    for at_hz in [71.0, 80.0, 110.0, 150.0, 168.0] {
        let x: Vec<f64> = sine(at_hz, rate, 4000).iter().map(|x| 1e5 + 20.0 * x).collect();
        // The band is so much wider than the sines that only the transformer decides.
        let spec = EnvelopeSpec { order: 1, ..envelope(70.0, 170.0, EnvelopeMethod::Hilbert) };
        let signal = Signal::unlabelled(hz(rate), 1);
        let mut chain = chain_of(&envelope_step(spec), &signal);
        let gain = 10f64.powf(chain.gain_db(at_hz) / 20.0);
        let out = run(&mut chain, &x);
        for y in &out[2000..] {
            assert!((y / (20.0 * gain) - 1.0).abs() < 1.1e-3, "{at_hz} Hz: {y} for {}", 20.0 * gain);
        }
        let step = power(Some((vec![[70.0, 170.0]], 1)), 1000.0, 100.0, false, false);
        let out = run(&mut chain_of(&step, &signal), &x);
        let want = 200.0 * gain * gain;
        assert!((out[out.len() - 1] / want - 1.0).abs() < 1e-6, "{at_hz} Hz: {out:?} for {want}");
    }
}

#[test]
fn a_rectified_sine_has_two_over_pi_of_its_amplitude() {
    let x: Vec<f64> = sine(100.0, 1000.0, 4000).iter().map(|x| 20.0 * x).collect();
    let mut chain = chain_of(
        &envelope_step(envelope(50.0, 200.0, EnvelopeMethod::Rectified)),
        &Signal::unlabelled(hz(1000.0), 1),
    );
    let out = run(&mut chain, &x);
    // Ten samples a period: the mean of |sin| over them, not over all time.
    let mean = sine(100.0, 1000.0, 10).iter().map(|x| x.abs()).sum::<f64>() / 10.0;
    let gain = 10f64.powf(chain.gain_db(100.0) / 20.0);
    // What is left of its ripple at 200 Hz behind 10 Hz: -52 dB of 2/3.
    assert!(
        (out[3999] / (20.0 * mean * gain) - 1.0).abs() < 0.05,
        "{} for {}",
        out[3999],
        20.0 * mean * gain
    );
}

#[test]
fn an_envelope_lags_by_the_delay_it_reports() {
    // Synthetic: a burst of 100 Hz whose amplitude is a slow bell.
    let rate = 1000.0;
    let bell = |n: f64| (-((n - 1000.0) / 120.0).powi(2) / 2.0).exp();
    let x: Vec<f64> = sine(100.0, rate, 2500).iter().enumerate().map(|(n, x)| x * bell(n as f64)).collect();
    for spec in [
        envelope(70.0, 140.0, EnvelopeMethod::Hilbert),
        EnvelopeSpec { smooth_hz: Some(40.0), ..envelope(70.0, 140.0, EnvelopeMethod::Hilbert) },
    ] {
        let mut chain = chain_of(&envelope_step(spec), &Signal::unlabelled(hz(rate), 1));
        let out = run(&mut chain, &x);
        let centre = out.iter().enumerate().map(|(n, y)| n as f64 * y * y).sum::<f64>()
            / out.iter().map(|y| y * y).sum::<f64>();
        let lag = chain.delay_s(100.0) * rate;
        assert!((centre - 1000.0 - lag).abs() < 1.0, "centre at {centre}, lag {lag}");
        assert!(chain.settle_samples(1e-3) > lag as usize);
    }
}

#[test]
fn a_flat_signal_has_the_least_power_and_its_logarithm_is_finite() {
    let step = |log, root| power(None, 100.0, 100.0, log, root);
    let flat = |step| run(&mut chain_of(&step, &Signal::unlabelled(hz(160.0), 2)), &[0.0; 2 * 32])[0];
    assert_eq!(flat(step(false, false)), 0.0);
    assert!((flat(step(true, false)) - POWER_FLOOR.ln()).abs() < 1e-12);
    assert!((flat(step(true, true)) - POWER_FLOOR.ln() / 2.0).abs() < 1e-12);
}

#[test]
fn power_does_not_drift() {
    // Synthetic: a loud artefact long ago leaves no trace, bit for bit.
    let signal = Signal::unlabelled(hz(160.0), 3);
    for window in [40.0, 37.0] {
        let step = power(None, window * 6.25, 8.0 * 6.25, false, false);
        let quiet: Vec<f64> = synthetic_noise(5, 3 * 800);
        let loud: Vec<f64> = synthetic_noise(6, 3 * 8 * 100).iter().map(|x| 1e9 * x).collect();
        let mut fresh = chain_of(&step, &signal);
        let mut used = chain_of(&step, &signal);
        run(&mut used, &loud);
        let (a, b) = (run(&mut fresh, &quiet), run(&mut used, &quiet));
        // Hops fall on the same frames, as the loud part is a whole number of them long.
        let last = |v: &[f64]| bits(&v[v.len() - 3 * 80..]);
        assert_eq!(last(&a), last(&b), "window of {window} frames");
    }
}

#[test]
fn edge_cases_of_every_feature() {
    let rate = eeg().rate;
    for step in every_feature() {
        for channels in [1, 9] {
            let signal = Signal::unlabelled(rate, channels);
            let mut chain = chain_of(&step, &signal);
            assert!(chain.process(&mut [], true).samples.is_empty(), "{step}: an empty block");
            for value in [0.0, 1e5, -7.0] {
                chain.reset();
                let out = run(&mut chain, &vec![value; 400 * channels]);
                assert!(!out.is_empty(), "{step}");
                // Powers of the offset itself are the largest there can be.
                let bounded = out.iter().all(|y| y.abs() <= 1.000_001e10);
                assert!(bounded, "{step}: constant {value}");
            }
            // NaN does not survive a reset.
            chain.reset();
            chain.process(&mut vec![f64::NAN; 200 * channels], true);
            chain.reset();
            assert!(chain.is_finite_state(), "{step}");
            let x = synthetic_noise(8, 400 * channels);
            let cured = run(&mut chain, &x);
            assert_eq!(bits(&cured), bits(&run(&mut chain_of(&step, &signal), &x)), "{step}");
            assert_eq!(
                chain.output().labels.iter().filter(|l| !l.is_empty()).count(),
                0,
                "no labels from none"
            );
        }
    }
}

#[test]
fn an_offset_does_not_ring_through_band_features() {
    let eeg = eeg();
    let moved: Vec<f64> = eeg.frames.iter().map(|x| x + 1e5).collect();
    for step in [
        filter_bank(&[[8.0, 12.0]], 4),
        power(Some((vec![[8.0, 12.0]], 4)), 250.0, 62.5, false, false),
        envelope_step(envelope(12.0, 30.0, EnvelopeMethod::Hilbert)),
    ] {
        let mut chain = chain_of(&step, &Signal::unlabelled(eeg.rate, eeg.channels));
        let plain = run(&mut chain, &eeg.frames);
        chain.reset();
        // A band-pass of order 4 amplifies the rounding of 1e5 some tens of times.
        assert_equal(&run(&mut chain, &moved), &plain, 1e-7, &step.to_string());
    }
}

#[test]
fn retuning_takes_new_settings_and_refuses_other_shapes() {
    let signal = Signal::unlabelled(hz(160.0), 2);
    let x = synthetic_noise(4, 2 * 4000);
    let same_shape = [
        (filter_bank(&[[8.0, 12.0]], 4), filter_bank(&[[14.0, 20.0]], 4)),
        (
            power(Some((vec![[8.0, 12.0]], 4)), 250.0, 62.5, false, false),
            power(Some((vec![[14.0, 20.0]], 4)), 250.0, 62.5, true, true),
        ),
        (
            envelope_step(envelope(12.0, 30.0, EnvelopeMethod::Hilbert)),
            envelope_step(envelope(12.0, 40.0, EnvelopeMethod::Hilbert)),
        ),
        (
            envelope_step(envelope(12.0, 30.0, EnvelopeMethod::Rectified)),
            envelope_step(EnvelopeSpec {
                smooth_hz: Some(5.0),
                ..envelope(9.0, 30.0, EnvelopeMethod::Rectified)
            }),
        ),
        (
            covariance_step(250.0, 62.5, Shrinkage::None, true),
            covariance_step(250.0, 62.5, Shrinkage::Oas, false),
        ),
        (
            z_score_step(ZScoreMemory::Exponential { time_constant_s: 1.0 }),
            z_score_step(ZScoreMemory::Exponential { time_constant_s: 0.5 }),
        ),
        (
            quality_step(QualitySpec { line_hz: Some(50.0), line_harmonics: 1, ..QualitySpec::default() }),
            quality_step(QualitySpec {
                line_hz: Some(60.0),
                line_harmonics: 1,
                flat_eps_uv: 0.5,
                rail_uv: Some(0.5),
                ..QualitySpec::default()
            }),
        ),
    ];
    for (before, after) in &same_shape {
        let mut retuned = chain_of(before, &signal);
        let mut ready = chain_of(after, &signal);
        run(&mut retuned, &x[..x.len() / 2]);
        run(&mut ready, &x[..x.len() / 2]);
        assert_eq!(retuned.retune(&ready), Ok(()), "{before}");
        let (a, b) = (run(&mut retuned, &x[x.len() / 2..]), run(&mut ready, &x[x.len() / 2..]));
        assert_eq!(a.len(), b.len());
        let late = a.len() - a.len() / 4;
        assert_equal(&a[late..], &b[late..], 1e-6, &format!("{before} as {after}"));
    }
    for (before, other) in [
        (filter_bank(&[[8.0, 12.0]], 4), filter_bank(&[[8.0, 12.0]], 3)),
        (power(None, 250.0, 62.5, false, false), power(None, 250.0, 125.0, false, false)),
        (
            power(None, 250.0, 62.5, false, false),
            power(Some((vec![[8.0, 12.0]], 4)), 250.0, 62.5, false, false),
        ),
        (
            envelope_step(envelope(12.0, 30.0, EnvelopeMethod::Hilbert)),
            envelope_step(envelope(4.0, 30.0, EnvelopeMethod::Hilbert)),
        ),
        (
            z_score_step(ZScoreMemory::Rolling { window_s: 1.0 }),
            z_score_step(ZScoreMemory::Rolling { window_s: 0.5 }),
        ),
        (
            quality_step(QualitySpec::default()),
            quality_step(QualitySpec { line_hz: Some(50.0), ..QualitySpec::default() }),
        ),
        (
            covariance_step(250.0, 62.5, Shrinkage::None, true),
            covariance_step(500.0, 62.5, Shrinkage::None, true),
        ),
    ] {
        let mut chain = chain_of(&before, &signal);
        assert!(chain.retune(&chain_of(&other, &signal)).is_err(), "{before} as {other}");
    }
    let (power, _) = Power::design(
        &signal,
        &PowerSpec { bands: None, window_ms: 250.0, hop_ms: 62.5, log: false, root: false },
    )
    .expect("valid");
    let (envelope, _) =
        Envelope::design(&signal, &envelope(12.0, 30.0, EnvelopeMethod::Hilbert)).expect("valid");
    assert_eq!(power.fits(&envelope), Err(RetuneError::Kind));
}

#[test]
fn steps_read_as_the_field_says_them() {
    let words: Vec<String> = every_feature().iter().map(StepSpec::to_string).collect();
    assert_eq!(
        words,
        [
            "filter bank 8-12, 12-30 Hz, Butterworth order 4",
            "log band power 8-12, 12-30 Hz, Butterworth order 3 over 500 ms every 62.5 ms",
            "RMS over 231.25 ms every 50 ms",
            "log RMS over 31.25 ms every 125 ms",
            "Hilbert envelope 12-30 Hz, Butterworth order 4",
            "Hilbert envelope 12-30 Hz, Butterworth order 4, smoothed below 5 Hz, at 32 Hz",
            "rectified envelope 12-30 Hz, Butterworth order 4",
            "covariance over 312.5 ms every 43.75 ms",
            "covariance over 312.5 ms every 43.75 ms, OAS, not centred",
            "covariance over 312.5 ms every 375 ms, Ledoit-Wolf",
            "covariance over 37.5 ms every 37.5 ms, shrunk by 0.1",
            "covariances by Riemannian recentring on a running mean, OAS, windows of 250 ms every 93.75 ms",
            "covariances by Euclidean alignment on a running mean, OAS, windows of 125 ms every 187.5 ms",
            "z-score, time constant 0.5 s",
            "z-score over 0.7 s",
            "artefact measures over 562.5 ms every 218.75 ms",
            "artefact measures over 562.5 ms every 218.75 ms",
        ]
    );
}
