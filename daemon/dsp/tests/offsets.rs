//! Large offsets do not ring, do not drift and do not leak where nothing of them may pass.

mod support;

use bci_dsp::design::{Band, BesselNorm, Family, Sos, band_filter, dc_block};
use bci_dsp::run::SosFilter;
use bci_dsp::{IirSpec, StepSpec};
use support::{chain, eeg, hz, run, synthetic_noise};

fn step(family: Family, band: Band, order: u32) -> StepSpec {
    StepSpec::Iir(IirSpec::Band { family, band, order })
}

const FAMILIES: [Family; 5] = [
    Family::Butterworth,
    Family::Chebyshev1 { ripple_db: 0.5 },
    Family::Chebyshev2 { attenuation_db: 40.0 },
    Family::Elliptic { ripple_db: 0.5, attenuation_db: 40.0 },
    Family::Bessel { norm: BesselNorm::Phase },
];

/// What leaves an offset at minus its attenuation at even orders.
fn leaks(family: Family, order: u32) -> bool {
    order.is_multiple_of(2) && matches!(family, Family::Chebyshev2 { .. } | Family::Elliptic { .. })
}

#[test]
fn an_offset_of_100_mv_changes_nothing_of_real_eeg_from_the_first_frame_on() {
    let eeg = eeg();
    let high = Band::HighPass { cutoff_hz: 0.5 };
    let band = Band::BandPass { low_hz: 8.0, high_hz: 30.0 };
    let mut chains: Vec<Vec<StepSpec>> = Vec::new();
    for family in FAMILIES {
        for order in 1..=4 {
            if !leaks(family, order) {
                chains.push(vec![step(family, high, order), step(family, band, order)]);
                chains.push(vec![step(family, high, order)]);
                chains.push(vec![step(family, band, order)]);
            }
        }
    }
    chains.push(vec![StepSpec::Iir(IirSpec::DcBlock { cutoff_hz: 0.5 })]);
    assert!(chains.len() > 40, "{} chains", chains.len());
    let shifted: Vec<f64> = eeg.frames.iter().map(|x| x + 1e5).collect();
    for steps in chains {
        let plain = run(&mut chain(&steps, eeg.rate, eeg.channels), &eeg.frames);
        let offset = run(&mut chain(&steps, eeg.rate, eeg.channels), &shifted);
        let off = plain.iter().zip(&offset).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(off < 1e-6, "{}: {off} uV", steps[0]);
        let largest = plain.iter().fold(0.0, |m: f64, y| m.max(y.abs()));
        assert!(largest > 1.0, "{}: the EEG itself passes", steps[0]);
    }
}

#[test]
fn what_leaks_an_offset_leaks_it_at_its_attenuation_from_the_first_frame_on() {
    let rate = hz(250.0);
    for family in FAMILIES.into_iter().filter(|f| leaks(*f, 4)) {
        let steps = [step(family, Band::HighPass { cutoff_hz: 0.5 }, 4)];
        // Synthetic: a constant.
        let out = run(&mut chain(&steps, rate, 1), &[1e5; 2000]);
        assert!(
            out.iter().all(|y| (y.abs() - 1e3).abs() < 1e-3),
            "-40 dB of 1e5 uV: {} {}",
            out[0],
            out[1999]
        );
    }
}

/// Mean and root mean square about it.
fn moments(x: &[f64]) -> (f64, f64) {
    let mean = x.iter().sum::<f64>() / x.len() as f64;
    (mean, (x.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / x.len() as f64).sqrt())
}

/// Noise on an offset that comes as a step, through the filter from rest. Once it has settled, every stretch of 10 s
/// of a minute must have the mean `leak` and the size of the noise that went in.
fn assert_steady(sos: &Sos, noise: &[f64], leak: f64, what: &str) {
    let stretch = 300_000;
    // To 1e-9 of 100 mV.
    let start = sos.settle_samples(1e-9);
    assert!(start + 6 * stretch <= noise.len(), "{what}: settles after {start} samples");
    let mut signal: Vec<f64> = noise[..start + 6 * stretch].iter().map(|x| 1e5 + 10.0 * x).collect();
    SosFilter::design(sos, 1).expect("one channel").process(&mut signal);
    for (i, (out, put_in)) in signal[start..].chunks(stretch).zip(noise[start..].chunks(stretch)).enumerate()
    {
        let (mean, rms) = moments(out);
        let want = 10.0 * moments(put_in).1;
        assert!((mean.abs() - leak).abs() < 1e-2, "{what}, stretch {i}: offset {mean} uV, expected {leak}");
        assert!((rms / want - 1.0).abs() < 0.1, "{what}, stretch {i}: {rms} uV of {want}");
        let peak = out.iter().fold(0.0, |m: f64, y| m.max(y.abs()));
        assert!(peak < leak + 20.0, "{what}, stretch {i}: bounded, but {peak} uV");
    }
}

#[test]
fn a_half_hertz_high_pass_at_30_khz_stays_steady_for_a_minute_in_every_family() {
    // Synthetic: noise of 10 uV peak on an electrode offset of 100 mV.
    let rate = hz(30_000.0);
    let noise = synthetic_noise(11, 120 * 30_000);
    for family in FAMILIES {
        for order in 1..=4 {
            let what = format!("{family} order {order}");
            let sos =
                band_filter(family, Band::HighPass { cutoff_hz: 0.5 }, order, rate).expect("a valid filter");
            assert!(sos.pole_radius() < 1.0 - 1e-7, "{what}: {}", sos.pole_radius());
            assert_steady(&sos, &noise, if leaks(family, order) { 1e3 } else { 0.0 }, &what);
        }
    }
    assert_steady(&dc_block(0.5, rate).expect("a valid filter"), &noise, 0.0, "DC blocker");
}
