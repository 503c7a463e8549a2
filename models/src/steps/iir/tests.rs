//! Reading of recursive filters.

use super::super::{Step, check_steps, read_steps};
use super::*;
use bci_config::{Mistake, Mistakes};
use bci_dsp::{Signal, StepSpec};
use bci_types::Hz;

fn steps(text: &str) -> (Vec<Step>, Vec<String>) {
    let mistakes = Mistakes::new();
    let steps = bci_config::read("rig.toml", text, &mistakes, |t| read_steps(t, "steps")).unwrap_or_default();
    (steps, mistakes.into_sorted().iter().map(Mistake::to_string).collect())
}

/// The mistakes of one step.
fn told(step: &str) -> Vec<String> {
    let (_, told) = steps(&format!("[[steps]]\n{step}\n"));
    told.into_iter().map(|t| t.replacen(" at rig.toml:2", "", 1)).collect()
}

#[test]
fn families_are_read_with_their_settings() {
    let (steps, mistakes) = steps(
        "[[steps]]\nhigh_pass = { cutoff_hz = 0.5, order = 2, family = \"butterworth\" }\n\
         [[steps]]\nlow_pass = { cutoff_hz = 40, order = 5, family = \"chebyshev1\", ripple_db = 0.5 }\n\
         [[steps]]\nband_stop = { low_hz = 48, high_hz = 52, order = 3, family = \"chebyshev2\", \
         attenuation_db = 40 }\n\
         [[steps]]\nband_pass = { low_hz = 8, high_hz = 30, order = 4, family = \"elliptic\", ripple_db = 0.1, \
         attenuation_db = 60 }\n\
         [[steps]]\nlow_pass = { cutoff_hz = 40, order = 4, family = \"bessel\" }\n\
         [[steps]]\nlow_pass = { cutoff_hz = 40, order = 4, family = \"bessel\", norm = \"mag\" }\n",
    );
    assert_eq!(mistakes, [""; 0]);
    let found: Vec<StepSpec> = steps.iter().map(|s| s.spec.clone()).collect();
    let low = Band::LowPass { cutoff_hz: 40.0 };
    let want = [
        (Family::Butterworth, Band::HighPass { cutoff_hz: 0.5 }, 2),
        (Family::Chebyshev1 { ripple_db: 0.5 }, low, 5),
        (Family::Chebyshev2 { attenuation_db: 40.0 }, Band::BandStop { low_hz: 48.0, high_hz: 52.0 }, 3),
        (
            Family::Elliptic { ripple_db: 0.1, attenuation_db: 60.0 },
            Band::BandPass { low_hz: 8.0, high_hz: 30.0 },
            4,
        ),
        (Family::Bessel { norm: BesselNorm::Phase }, low, 4),
        (Family::Bessel { norm: BesselNorm::Mag }, low, 4),
    ];
    assert_eq!(found, want.map(|(family, band, order)| StepSpec::Iir(IirSpec::Band { family, band, order })));
}

#[test]
fn combs_and_the_dc_blocker_are_read() {
    let (steps, mistakes) = steps(
        "[[steps]]\nnotch_comb = { freq_hz = 50, q = 30 }\n\
         [[steps]]\nnotch_comb = { freq_hz = 60, width_hz = 2, harmonics = 3 }\n\
         [[steps]]\ndc_block = { cutoff_hz = 0.5 }\n",
    );
    assert_eq!(mistakes, [""; 0]);
    let found: Vec<StepSpec> = steps.iter().map(|s| s.spec.clone()).collect();
    let want = [
        IirSpec::NotchComb { freq_hz: 50.0, harmonics: None, width: CombWidth::Q(30.0) },
        IirSpec::NotchComb { freq_hz: 60.0, harmonics: Some(3), width: CombWidth::Hz(2.0) },
        IirSpec::DcBlock { cutoff_hz: 0.5 },
    ];
    assert_eq!(found, want.map(StepSpec::Iir));
}

#[test]
fn a_setting_that_a_family_does_not_use_or_misses_is_told_with_its_line() {
    assert_eq!(
        told("low_pass = { cutoff_hz = 40, order = 2, ripple_db = 0.5, norm = \"mag\" }"),
        [
            "steps[0].low_pass.ripple_db = 0.5: must be left out: it is a setting of chebyshev1 and elliptic, and \
             this is butterworth",
            "steps[0].low_pass.norm = \"mag\": must be left out: it is a setting of bessel, and this is butterworth",
        ]
    );
    let missing = told("low_pass = { order = 2, family = \"elliptic\" }");
    assert_eq!(missing.len(), 3, "{missing:#?}");
    for key in ["cutoff_hz", "ripple_db", "attenuation_db"] {
        let sentence = format!("`steps[0].low_pass.{key}` is missing");
        assert!(missing.iter().any(|m| m.contains(&sentence)), "{missing:#?}");
    }
    assert_eq!(
        told("low_pass = { cutoff_hz = 40, order = 2, family = \"cauer\", ripple_db = 0.5, norm = \"mag\" }"),
        [
            "steps[0].low_pass.family = \"cauer\": must be butterworth, chebyshev1, chebyshev2, elliptic or bessel"
        ]
    );
    assert_eq!(
        told("low_pass = { cutoff_hz = 40, order = 2, family = \"bessel\", norm = \"loud\" }"),
        ["steps[0].low_pass.norm = \"loud\": must be phase, mag or delay"]
    );
    assert_eq!(told("low_pass = { cutoff_hz = 40, order = 2, family = 3 }").len(), 1);
}

#[test]
fn mistakes_in_combs_are_told() {
    assert_eq!(told("notch_comb = { freq_hz = 50 }").len(), 1);
    assert_eq!(told("notch_comb = {}").len(), 2, "the frequency, and one of q and width_hz");
    let both = told("notch_comb = { freq_hz = 50, q = 30, width_hz = 1 }");
    assert!(both[0].contains("q and width_hz say the same: leave one out"), "{both:?}");
    assert_eq!(told("notch_comb = { freq_hz = 50, q = 30, harmonics = -1 }").len(), 1);
}

#[test]
fn what_the_design_refuses_is_told_with_line_and_range() {
    let (steps, mistakes) = steps(
        "[[steps]]\nlow_pass = { cutoff_hz = 40, order = 2, family = \"elliptic\", ripple_db = nan, \
         attenuation_db = 300 }\n\
         [[steps]]\nnotch_comb = { freq_hz = 50, q = 30, harmonics = 9 }\n\
         [[steps]]\ndc_block = { cutoff_hz = 100 }\n",
    );
    assert_eq!(mistakes, [""; 0]);
    let rate = Hz::new(250.0).expect("rate");
    let found = check_steps(&steps, &Signal::unlabelled(rate, 3)).expect_err("all are wrong");
    let told: Vec<String> = found.iter().map(Mistake::to_string).collect();
    assert_eq!(
        told,
        [
            "steps[0].low_pass.ripple_db = nan at rig.toml:2: must be 0.001 to 10 dB",
            "steps[0].low_pass.attenuation_db = 300 at rig.toml:2: must be 10 to 200 dB, 10 dB or more above \
             the ripple",
            "steps[1].notch_comb.harmonics = 9 at rig.toml:4: must be 1 to 2: multiples of 50 Hz below 125 Hz, half \
             of the rate",
            "steps[2].dc_block.cutoff_hz = 100 at rig.toml:6: must be above 0 and below 48.9783 Hz, 0.196 of the rate \
             there, 250 Hz; above that use a high_pass",
        ]
    );
}
