//! Steps looked at before there is a signal: what is wrong with them whatever comes.

use super::Step;
use bci_config::Mistake;
use bci_dsp::{Signal, StepSpec};
use bci_types::Hz;

/// Rates of usual devices, Hz, the highest last.
const USUAL_HZ: [f64; 12] =
    [125.0, 160.0, 250.0, 256.0, 500.0, 512.0, 1000.0, 1024.0, 2000.0, 2048.0, 5000.0, 30_000.0];

/// How many channels are assumed.
const CHANNELS: usize = 8;

/// What is wrong with each of `steps` by itself, at the rate of every usual device; told as for the highest. Steps that work
/// on channels by name, and what was learned on other channels, are not looked at.
#[must_use]
pub fn check_apart(steps: &[Step]) -> Vec<Mistake> {
    let mut found = Vec::new();
    for step in steps.iter().filter(|step| !matches!(step.spec, StepSpec::Space(_))) {
        let at = |hz: f64| {
            let rate = Hz::new(hz).ok()?;
            Some(step.spec.design(&Signal::unlabelled(rate, CHANNELS), 1).err().unwrap_or_default())
        };
        let mut all: Vec<_> = USUAL_HZ.into_iter().filter_map(at).collect();
        let of_highest = all.pop().unwrap_or_default();
        found.extend(
            of_highest
                .iter()
                .filter(|e| !matches!(e.key(), Some("calibration" | "reference")))
                .filter(|e| all.iter().all(|others| others.iter().any(|o| o.key() == e.key())))
                .map(|e| step.mistake(e)),
        );
    }
    found
}

/// Without the steps that work on channels by name.
#[must_use]
pub fn without_named(steps: &[Step]) -> Vec<Step> {
    steps.iter().filter(|step| !matches!(step.spec, StepSpec::Space(_))).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::super::read_steps;
    use super::*;
    use bci_config::{Mistakes, read};

    fn told(text: &str) -> Vec<String> {
        let mistakes = Mistakes::new();
        let steps = read("rig.toml", text, &mistakes, |t| read_steps(t, "steps")).expect("TOML");
        assert!(mistakes.is_empty());
        check_apart(&steps).iter().map(Mistake::to_string).collect()
    }

    #[test]
    fn what_no_rate_makes_right_is_told() {
        let told = told(
            "[[steps]]\nnotch_comb = { freq_hz = -50.0, q = 30.0 }\n[[steps]]\nbipolar_shafts = {}\n\
             [[steps]]\nenvelope = { low_hz = 70.0, high_hz = 60, smooth_hz = 80, rate_hz = 100.0 }\n",
        );
        let keys: Vec<&str> = told.iter().map(|t| t.split(" = ").next().unwrap_or(t)).collect();
        assert!(keys.contains(&"steps[0].notch_comb.freq_hz"), "{told:#?}");
        assert!(keys.iter().any(|k| k.starts_with("steps[2].envelope.")), "{told:#?}");
        assert!(!keys.iter().any(|k| k.starts_with("steps[1]")), "{told:#?}");
    }

    #[test]
    fn what_some_rate_makes_right_is_left_to_the_stream() {
        let told = told(
            "[[steps]]\nband_pass = { low_hz = 300.0, high_hz = 6000.0, order = 4 }\n\
             [[steps]]\nnotch = { freq_hz = 50.0, q = 30.0 }\n\
             [[steps]]\ncommon_average = { except = [\"Cz\"] }\n\
             [[steps]]\nresample = { rate_hz = 128.0 }\n\
             [[steps]]\nband_power = { bands_hz = [[8, 12]], window_ms = 500, hop_ms = 50 }\n\
             [[steps]]\nenvelope = { low_hz = 70.0, high_hz = 170.0, smooth_hz = 20, rate_hz = 128.0 }\n",
        );
        assert_eq!(told, [""; 0]);
    }
}
