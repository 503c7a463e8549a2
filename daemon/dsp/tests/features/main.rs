//! Features: against SciPy, numpy and pyRiemann, by physics, at the edges, however the signal is cut, and without
//! allocating.

#[path = "../support/counting.rs"]
mod counting;
#[path = "../support/mod.rs"]
mod support;

mod beat;
mod behaviour;
mod covariance;
mod faults;
mod invariance;
mod mistakes;
mod quality;
mod reference;
mod z_score;

use bci_dsp::run::{
    AlignMode, AlignSpec, AlignYields, CovariancesSpec, EnvelopeMethod, EnvelopeSpec, Metric, PowerSpec,
    QualitySpec, Shrinkage, ZScoreMemory,
};
use bci_dsp::{Chain, CleanSpec, FeatureSpec, Signal, StepSpec};
use serde_json::Value;
use support::{number, numbers};

const LABELS: [&str; 8] = ["C3", "Cz", "C4", "Fpz", "O1", "Oz", "O2", "Cpz"];

fn filter_bank(bands_hz: &[[f64; 2]], order: u32) -> StepSpec {
    StepSpec::Feature(FeatureSpec::FilterBank { bands_hz: bands_hz.to_vec(), order })
}

fn power(
    bands: Option<(Vec<[f64; 2]>, u32)>,
    window_ms: f64,
    hop_ms: f64,
    log: bool,
    root: bool,
) -> StepSpec {
    StepSpec::Feature(FeatureSpec::Power(PowerSpec { bands, window_ms, hop_ms, log, root }))
}

fn envelope(low_hz: f64, high_hz: f64, method: EnvelopeMethod) -> EnvelopeSpec {
    EnvelopeSpec { low_hz, high_hz, order: 4, method, smooth_hz: None, rate_hz: None }
}

fn envelope_step(spec: EnvelopeSpec) -> StepSpec {
    StepSpec::Feature(FeatureSpec::Envelope(spec))
}

fn covariance_step(window_ms: f64, hop_ms: f64, shrinkage: Shrinkage, centre: bool) -> StepSpec {
    StepSpec::Feature(FeatureSpec::Covariance(CovariancesSpec {
        window_ms,
        hop_ms,
        shrinkage,
        centre,
        groups: 1,
        log: false,
    }))
}

/// Recentred on the running mean.
fn recentred_step(window_ms: f64, hop_ms: f64, metric: Metric) -> StepSpec {
    let mode = AlignMode::Running { horizon: None };
    let align = AlignSpec { metric, mode, shrinkage: Shrinkage::Oas, groups: 1 };
    StepSpec::Clean(CleanSpec::Align { window_ms, hop_ms, align, yields: AlignYields::Covariance })
}

fn z_score_step(memory: ZScoreMemory) -> StepSpec {
    StepSpec::Feature(FeatureSpec::ZScore(memory))
}

fn quality_step(spec: QualitySpec) -> StepSpec {
    StepSpec::Feature(FeatureSpec::Quality(spec))
}

/// Every feature, valid at 160 Hz; windows and hops that have much in common, and nothing.
fn every_feature() -> Vec<StepSpec> {
    let frame = 6.25;
    let quality =
        QualitySpec { window_ms: Some(90.0 * frame), hop_ms: Some(35.0 * frame), ..QualitySpec::default() };
    let mains = QualitySpec { line_hz: Some(30.0), line_harmonics: 10, ..quality };
    vec![
        filter_bank(&[[8.0, 12.0], [12.0, 30.0]], 4),
        power(Some((vec![[8.0, 12.0], [12.0, 30.0]], 3)), 80.0 * frame, 10.0 * frame, true, false),
        power(None, 37.0 * frame, 8.0 * frame, false, true),
        power(None, 5.0 * frame, 20.0 * frame, true, true),
        envelope_step(envelope(12.0, 30.0, EnvelopeMethod::Hilbert)),
        envelope_step(EnvelopeSpec {
            smooth_hz: Some(5.0),
            rate_hz: Some(32.0),
            ..envelope(12.0, 30.0, EnvelopeMethod::Hilbert)
        }),
        envelope_step(envelope(12.0, 30.0, EnvelopeMethod::Rectified)),
        covariance_step(50.0 * frame, 7.0 * frame, Shrinkage::None, true),
        covariance_step(50.0 * frame, 7.0 * frame, Shrinkage::Oas, false),
        covariance_step(50.0 * frame, 60.0 * frame, Shrinkage::LedoitWolf, true),
        covariance_step(6.0 * frame, 6.0 * frame, Shrinkage::Fixed(0.1), true),
        recentred_step(40.0 * frame, 15.0 * frame, Metric::Riemann),
        recentred_step(20.0 * frame, 30.0 * frame, Metric::Euclid),
        z_score_step(ZScoreMemory::Exponential { time_constant_s: 0.5 }),
        z_score_step(ZScoreMemory::Rolling { window_s: 0.7 }),
        quality_step(quality),
        quality_step(mains),
    ]
}

fn chain_of(step: &StepSpec, signal: &Signal) -> Chain {
    Chain::design(std::slice::from_ref(step), signal, 4096).expect("a valid step")
}

fn index(value: &Value) -> Vec<usize> {
    numbers(value).iter().map(|&i| i as usize).collect()
}

fn rows(value: &Value) -> Vec<Vec<f64>> {
    value.as_array().expect("rows").iter().map(numbers).collect()
}

fn bands(value: &Value) -> Vec<[f64; 2]> {
    rows(value).iter().map(|band| [band[0], band[1]]).collect()
}

fn bits(samples: &[f64]) -> Vec<u64> {
    samples.iter().map(|x| x.to_bits()).collect()
}

/// Equal to `tolerance` of the largest number of the reference.
fn assert_equal(got: &[f64], want: &[f64], tolerance: f64, what: &str) {
    assert_eq!(got.len(), want.len(), "{what}: as many numbers");
    let largest = want.iter().fold(0.0, |m: f64, x| m.max(x.abs()));
    assert!(largest > 0.0, "{what}: something to compare");
    for (i, (got, want)) in got.iter().zip(want).enumerate() {
        assert!((got - want).abs() <= tolerance * largest, "{what}, number {i}: {got}, expected {want}");
    }
}

fn ms(value: &Value, key: &str) -> f64 {
    number(&value[key])
}
