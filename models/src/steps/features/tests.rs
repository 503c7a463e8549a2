use crate::steps::{Step, check_steps, read_steps};
use bci_config::{Mistake, Mistakes, read};
use bci_dsp::run::{
    CovariancesSpec, EnvelopeMethod, EnvelopeSpec, PowerSpec, QualitySpec, Shrinkage, ZScoreMemory,
};
use bci_dsp::{FeatureSpec, Signal, StepSpec};
use bci_types::Hz;

fn steps(lines: &[&str]) -> (Vec<Step>, Vec<String>) {
    let text: String = lines.iter().map(|line| format!("[[steps]]\n{line}\n")).collect();
    let mistakes = Mistakes::new();
    let steps = read("rig.toml", &text, &mistakes, |t| read_steps(t, "steps")).unwrap_or_default();
    (steps, mistakes.into_sorted().iter().map(Mistake::to_string).collect())
}

fn told(lines: &[&str]) -> Vec<String> {
    let (read, told) = steps(lines);
    assert!(read.is_empty(), "what has a mistake is left out");
    told
}

#[test]
fn every_feature_is_read_with_what_is_usual_where_nothing_is_said() {
    let (read, mistakes) = steps(&[
        "filter_bank = { bands_hz = [[8, 12], [12.5, 16]], order = 3 }",
        "band_power = { bands_hz = [[8, 12]], window_ms = 1000, hop_ms = 50 }",
        "mean_square = { window_ms = 500, hop_ms = 50, log = true, root = true }",
        "envelope = { low_hz = 70, high_hz = 170 }",
        "envelope = { low_hz = 70, high_hz = 170, method = \"rectified\", order = 2, smooth_hz = 5, rate_hz = 50 }",
        "covariance = { window_ms = 1000, hop_ms = 100 }",
        "covariance = { window_ms = 1000, hop_ms = 100, shrinkage = 0.1, centre = false }",
        "covariance = { window_ms = 1000, hop_ms = 100, shrinkage = \"oas\" }",
        "z_score = { time_constant_s = 30 }",
        "z_score = { window_s = 10.5 }",
        "quality = {}",
        "quality = { window_ms = 2000, hop_ms = 100, line_hz = 50, line_harmonics = 2, flat_eps_uv = 0.1, rail_uv = 187500 }",
    ]);
    assert_eq!(mistakes, [""; 0]);
    let mean_square = PowerSpec { bands: None, window_ms: 500.0, hop_ms: 50.0, log: true, root: true };
    let band_power = PowerSpec {
        bands: Some((vec![[8.0, 12.0]], 4)),
        window_ms: 1000.0,
        hop_ms: 50.0,
        log: false,
        root: false,
    };
    let hilbert = EnvelopeSpec {
        low_hz: 70.0,
        high_hz: 170.0,
        order: 4,
        method: EnvelopeMethod::Hilbert,
        smooth_hz: None,
        rate_hz: None,
    };
    let rectified = EnvelopeSpec {
        order: 2,
        method: EnvelopeMethod::Rectified,
        smooth_hz: Some(5.0),
        rate_hz: Some(50.0),
        ..hilbert
    };
    let scm = CovariancesSpec {
        window_ms: 1000.0,
        hop_ms: 100.0,
        shrinkage: Shrinkage::None,
        centre: true,
        groups: 1,
        log: false,
    };
    let fixed = CovariancesSpec { shrinkage: Shrinkage::Fixed(0.1), centre: false, ..scm };
    let oas = CovariancesSpec { shrinkage: Shrinkage::Oas, ..scm };
    let all = QualitySpec {
        window_ms: Some(2000.0),
        hop_ms: Some(100.0),
        line_hz: Some(50.0),
        line_harmonics: 2,
        flat_eps_uv: 0.1,
        rail_uv: Some(187_500.0),
    };
    assert_eq!(
        read.iter().map(|s| s.spec.clone()).collect::<Vec<_>>(),
        [
            FeatureSpec::FilterBank { bands_hz: vec![[8.0, 12.0], [12.5, 16.0]], order: 3 },
            FeatureSpec::Power(band_power),
            FeatureSpec::Power(mean_square),
            FeatureSpec::Envelope(hilbert),
            FeatureSpec::Envelope(rectified),
            FeatureSpec::Covariance(scm),
            FeatureSpec::Covariance(fixed),
            FeatureSpec::Covariance(oas),
            FeatureSpec::ZScore(ZScoreMemory::Exponential { time_constant_s: 30.0 }),
            FeatureSpec::ZScore(ZScoreMemory::Rolling { window_s: 10.5 }),
            FeatureSpec::Quality(QualitySpec::default()),
            FeatureSpec::Quality(all),
        ]
        .map(StepSpec::Feature)
    );
}

#[test]
fn what_is_written_wrongly_is_told_with_its_line() {
    assert_eq!(
        told(&[
            "filter_bank = { bands_hz = [[8, 12, 13]] }",
            "band_power = { bands_hz = [8, 12], hop_ms = \"x\", order = \"y\" }",
            "envelope = { low_hz = 70, high_hz = 170, method = \"wavelet\" }",
            "covariance = { window_ms = 10, hop_ms = 10, shrinkage = \"lw\" }",
            "covariance = { window_ms = 10, hop_ms = 10, shrinkage = [1], centre = 1 }",
            "z_score = { time_constant_s = 1, window_s = 1 }",
            "z_score = {}",
            "quality = { line_harmonics = -1 }",
        ])
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>(),
        [
            "steps[0].filter_bank.bands_hz = [[8, 12, 13]] at rig.toml:2: must be pairs of a lower and an upper \
             edge, such as [[8, 12], [12, 16]], is a list",
            "rig.toml:4: `steps[1].band_power.window_ms` is missing",
            "steps[1].band_power.bands_hz = [8, 12] at rig.toml:4: must be pairs of a lower and an upper \
             edge, such as [[8, 12], [12, 16]], is a list",
            "steps[1].band_power.hop_ms = \"x\" at rig.toml:4: must be a number, is a string",
            "steps[1].band_power.order = \"y\" at rig.toml:4: must be a whole number, 0 or above, is a string",
            "steps[2].envelope.method = \"wavelet\" at rig.toml:6: must be \"hilbert\" or \"rectified\"",
            "steps[3].covariance.shrinkage = \"lw\" at rig.toml:8: must be \"none\", \"ledoit_wolf\", \"oas\" or a \
             number from 0 to 1",
            "steps[4].covariance.shrinkage = [1] at rig.toml:10: must be \"none\", \"ledoit_wolf\", \"oas\" or a \
             number from 0 to 1, is a list",
            "steps[4].covariance.centre = 1 at rig.toml:10: must be true or false, is a whole number",
            "steps[5].z_score at rig.toml:12: needs exactly one of time_constant_s and window_s",
            "steps[6].z_score at rig.toml:14: needs exactly one of time_constant_s and window_s",
            "steps[7].quality.line_harmonics = -1 at rig.toml:16: must be a whole number, 0 or above, is a whole number",
        ]
    );
}

#[test]
fn what_does_not_fit_the_signal_is_told_with_its_line_and_range() {
    let (read, mistakes) = steps(&[
        "z_score = { window_s = 1e9 }",
        "band_power = { bands_hz = [[8, 12], [30, 12]], window_ms = 500, hop_ms = 33 }",
    ]);
    assert_eq!(mistakes, [""; 0]);
    let rate = Hz::new(160.0).expect("a rate");
    let found = check_steps(&read, &Signal::new(rate, &["C3", "C4"])).expect_err("both are wrong");
    assert_eq!(
        found.iter().map(Mistake::to_string).collect::<Vec<_>>(),
        [
            "steps[0].z_score.window_s = 1e9 at rig.toml:2: must be 0.0125 to 86400 s at 160 Hz",
            "steps[1].band_power.bands_hz = [[8, 12], [30, 12]] at rig.toml:4: must have edges in order, above 0 and \
             below 80 Hz, half of the rate there; band 2 is [30, 12]",
            "steps[1].band_power.hop_ms = 33 at rig.toml:4: must be a whole number of samples at 160 Hz, such as \
             31.25 or 37.5 ms",
        ]
    );
    let (sound, _) = steps(&[
        "band_power = { bands_hz = [[8, 12], [12, 30]], window_ms = 500, hop_ms = 62.5 }",
        "z_score = { time_constant_s = 30 }",
    ]);
    let out = check_steps(&sound, &Signal::new(rate, &["C3", "C4"])).expect("sound");
    assert_eq!(
        out,
        Signal::new(
            Hz::new(16.0).expect("a rate"),
            &["C3 8-12 Hz", "C4 8-12 Hz", "C3 12-30 Hz", "C4 12-30 Hz"]
        )
    );
}
