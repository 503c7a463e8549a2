//! Artefact measures equal SciPy's and numpy's, and tell artefacts.

use super::support::{hz, json, number, run, synthetic_noise};
use super::*;
use bci_dsp::run::{Measures, Quality};
use std::f64::consts::PI;

fn spec() -> QualitySpec {
    QualitySpec::default()
}

fn measured(spec: QualitySpec, rate: f64, x: &[f64]) -> Measures {
    let mut quality = Quality::design(&Signal::unlabelled(hz(rate), 1), spec).expect("valid");
    assert!(quality.push(x), "long enough to be due");
    *quality.latest(0).expect("a channel")
}

#[test]
fn measures_equal_scipy_and_numpy() {
    let file = json(include_str!("../vectors/features/quality.json"));
    let x = rows(&file["input"]).concat();
    let signal = Signal::new(hz(number(&file["rate_hz"])), &["a", "b", "c"]);
    for row in file["rows"].as_array().expect("rows") {
        let spec = QualitySpec {
            window_ms: Some(ms(row, "window_ms")),
            hop_ms: Some(ms(row, "hop_ms")),
            line_hz: Some(number(&file["line_hz"])),
            ..spec()
        };
        let mut chain = chain_of(&quality_step(spec), &signal);
        assert_eq!(chain.output().channels(), 18);
        assert_eq!(chain.output().labels[6..9], ["b peak-to-peak", "b slope", "b kurtosis"]);
        let got = run(&mut chain, &x);
        let want = rows(&row["measures"]);
        assert_eq!(got.len(), 18 * want.len());
        let of = |all: &[f64], k: usize| all.iter().skip(k).step_by(6).copied().collect::<Vec<_>>();
        for (k, name) in Measures::NAMES.iter().enumerate() {
            assert_equal(&of(&got, k), &of(&want.concat(), k), 1e-9, name);
        }
        let mut quality = Quality::design(&signal, spec).expect("valid");
        assert!(quality.push(&x));
        let last = &got[got.len() - 18..];
        assert_eq!(quality.all().iter().flat_map(Measures::to_array).collect::<Vec<_>>(), last);
        assert_eq!(
            quality.latest(2).map(Measures::to_array).as_ref().map(<[f64; 6]>::as_slice),
            Some(&last[12..])
        );
        assert_eq!(quality.latest(3), None);
    }
}

#[test]
fn line_noise_is_told_by_its_share_of_the_power() {
    // Synthetic: sines of known power, on an offset. 250 frames hold whole periods of 50 and 100 Hz.
    let sine = |hz: f64, amplitude: f64, n: usize| amplitude * (2.0 * PI * hz * n as f64 / 250.0).sin();
    let signal = |parts: &[(f64, f64)]| -> Vec<f64> {
        (0..250).map(|n| 1e4 + parts.iter().map(|&(hz, a)| sine(hz, a, n)).sum::<f64>()).collect()
    };
    let ratio = |harmonics, parts: &[(f64, f64)]| {
        let spec = QualitySpec { line_hz: Some(50.0), line_harmonics: harmonics, ..spec() };
        measured(spec, 250.0, &signal(parts)).line_ratio
    };
    for (harmonics, parts, want) in [
        (1, &[(50.0, 10.0)][..], 1.0),
        (1, &[(10.0, 10.0)][..], 0.0),
        (1, &[(50.0, 10.0), (10.0, 10.0)][..], 0.5),
        (1, &[(50.0, 10.0), (100.0, 20.0)][..], 0.2),
        (3, &[(50.0, 10.0), (100.0, 20.0)][..], 1.0),
    ] {
        let got = ratio(harmonics, parts);
        assert!((got - want).abs() < 1e-9, "{harmonics} harmonics of {parts:?}: {got}");
    }
    assert_eq!(measured(spec(), 250.0, &signal(&[(50.0, 1.0)])).line_ratio, 0.0, "not asked for");
}

#[test]
fn artefacts_are_told() {
    // Synthetic noise with a blink-like step, a flat stretch and rails.
    let noise: Vec<f64> = synthetic_noise(11, 500).iter().map(|x| 10.0 * x).collect();
    let calm = measured(spec(), 250.0, &noise);
    assert!(
        calm.peak_to_peak_uv < 20.0 && calm.kurtosis < -1.0 && calm.flat_ms == 0.0,
        "uniform noise: {calm:?}"
    );
    assert_eq!(calm.railed_share, 0.0);

    let mut pop = noise.clone();
    pop[400] += 500.0;
    let pop = measured(spec(), 250.0, &pop);
    assert!(pop.kurtosis > 50.0 && pop.slope_uv_per_ms > 100.0, "{pop:?}");

    let mut flat = noise.clone();
    flat[300..350].fill(3.0);
    assert_eq!(measured(spec(), 250.0, &flat).flat_ms, 49.0 * 4.0, "50 frames are 49 steps of no change");
    assert_eq!(measured(spec(), 250.0, &flat[..500]).railed_share, 0.0, "no extreme");

    let clipped: Vec<f64> = noise.iter().map(|x| x.clamp(-5.0, 9.99)).collect();
    let share = clipped[250..].iter().filter(|x| **x == -5.0 || **x == 9.99).count() as f64 / 250.0;
    assert!(share > 0.2);
    let few_above = clipped[250..].iter().filter(|x| **x == 9.99).count();
    let below = clipped[250..].iter().filter(|x| **x == -5.0).count();
    let want = (below + if few_above >= 5 { few_above } else { 0 }) as f64 / 250.0;
    assert_eq!(measured(spec(), 250.0, &clipped).railed_share, want, "a repeated extreme");
    let given = QualitySpec { rail_uv: Some(5.0), ..spec() };
    let want = noise[250..].iter().filter(|x| x.abs() >= 5.0).count() as f64 / 250.0;
    assert_eq!(measured(given, 250.0, &noise).railed_share, want);
}

#[test]
fn a_slow_drift_is_not_flat_however_fast_it_is_sampled() {
    // Synthetic: 0.01 uV a frame, within the epsilon from frame to frame but not from where a run began.
    let drift: Vec<f64> = (0..2000).map(|n| 0.01 * f64::from(n)).collect();
    let spec = QualitySpec { flat_eps_uv: 0.105, ..spec() };
    assert_eq!(measured(spec, 1000.0, &drift).flat_ms, 10.0);
}

#[test]
fn a_constant_has_no_artefact_but_being_flat_and_railed() {
    for value in [0.0, 1e5, -0.1] {
        let spec = QualitySpec { line_hz: Some(60.0), ..spec() };
        let got = measured(spec, 250.0, &[value; 500]);
        let want = Measures { flat_ms: 249.0 * 4.0, railed_share: 1.0, ..Measures::default() };
        assert_eq!(got, want, "{value}");
    }
}

#[test]
fn a_nan_is_gone_with_its_window() {
    let mut x: Vec<f64> = synthetic_noise(2, 1000);
    let mut clean = Quality::design(&Signal::unlabelled(hz(250.0), 1), spec()).expect("valid");
    let mut spoilt = Quality::design(&Signal::unlabelled(hz(250.0), 1), spec()).expect("valid");
    clean.push(&x);
    x[300] = f64::NAN;
    x[250] = f64::INFINITY;
    spoilt.push(&x[..500]);
    assert!(spoilt.latest(0).is_some_and(|m| m.kurtosis.is_nan()));
    spoilt.push(&x[500..]);
    assert_eq!(spoilt.latest(0), clean.latest(0));
    spoilt.reset();
    assert_eq!(spoilt.latest(0), Some(&Measures::default()));
}
