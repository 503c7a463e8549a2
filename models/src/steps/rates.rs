//! Other sampling rates.

use super::Places;
use bci_config::Table;
use bci_dsp::RateSpec;

/// The keys of its steps.
pub(super) const KINDS: &[&str] = &["resample"];

/// Reads a step of one of its kinds; mistakes are noted.
pub(super) fn read(_kind: &str, table: &mut Table<'_>, places: &mut Places) -> Option<RateSpec> {
    let rate_hz = places.number(table, "rate_hz");
    let input_hz = places.optional::<f64>(table, "input_hz");
    let half_width = places.optional_count(table, "half_width");
    let beta = places.optional::<f64>(table, "beta");
    Some(RateSpec::Resample { rate_hz: rate_hz?, input_hz, half_width, beta })
}

#[cfg(test)]
mod tests {
    use crate::steps::{Step, check_steps, read_steps};
    use bci_config::{Mistake, Mistakes, read};
    use bci_dsp::{RateSpec, Signal, StepSpec};
    use bci_types::Hz;

    fn steps(text: &str) -> (Vec<Step>, Vec<String>) {
        let mistakes = Mistakes::new();
        let steps = read("rig.toml", text, &mistakes, |t| read_steps(t, "steps")).unwrap_or_default();
        (steps, mistakes.into_sorted().iter().map(Mistake::to_string).collect())
    }

    fn signal(rate: f64) -> Signal {
        Signal::unlabelled(Hz::new(rate).expect("rate"), 3)
    }

    #[test]
    fn a_rate_is_read_and_what_follows_is_held_against_it() {
        let (steps, mistakes) = steps(
            "[[steps]]\nresample = { rate_hz = 250 }\n[[steps]]\nlow_pass = { cutoff_hz = 130, order = 2 }\n\
             [[steps]]\nresample = { rate_hz = 100.0, input_hz = 249.9, half_width = 12, beta = 8 }\n",
        );
        assert_eq!(mistakes, [""; 0]);
        let resample = |rate_hz, input_hz, half_width, beta| {
            StepSpec::Rate(RateSpec::Resample { rate_hz, input_hz, half_width, beta })
        };
        assert_eq!(steps[0].spec, resample(250.0, None, None, None));
        assert_eq!(steps[2].spec, resample(100.0, Some(249.9), Some(12), Some(8.0)));
        let found = check_steps(&steps, &signal(1000.0)).expect_err("130 Hz is beyond half of 250");
        let told: Vec<String> = found.iter().map(Mistake::to_string).collect();
        assert_eq!(
            told,
            [
                "steps[1].low_pass.cutoff_hz = 130 at rig.toml:4: must be above 0 and below 125 Hz, half of the rate there, 250 Hz"
            ]
        );
        let after = check_steps(&[steps[0].clone(), steps[2].clone()], &signal(999.41)).expect("valid");
        assert_eq!(after, signal(100.0));
    }

    #[test]
    fn mistakes_are_told_with_line_and_range() {
        let (steps, mistakes) = steps(
            "[[steps]]\nresample = { rate_hz = 0, input_hz = nan, half_width = 99999999999, beta = -1 }\n",
        );
        assert_eq!(mistakes, [""; 0]);
        let found = check_steps(&steps, &signal(1000.0)).expect_err("all is wrong");
        let told: Vec<String> = found.iter().map(Mistake::to_string).collect();
        assert_eq!(
            told,
            [
                "steps[0].resample.rate_hz = 0 at rig.toml:2: must be 3.90625 to 16000, 1/256 to 16 times the rate there, 1000 Hz",
                "steps[0].resample.input_hz = nan at rig.toml:2: must be 0.5 to 2 times the 1000 Hz that the signal states",
                "steps[0].resample.half_width = 99999999999 at rig.toml:2: must be 4 to 32",
                "steps[0].resample.beta = -1 at rig.toml:2: must be 0 to 20",
            ]
        );
        let (none, told) = self::steps("[[steps]]\nresample = { hz = 3 }\n");
        assert!(none.is_empty());
        assert_eq!(told.len(), 2, "the missing and the unknown key: {told:#?}");
    }
}
