//! Features of microelectrodes.

use super::Places;
use bci_config::{Located, Table};
use bci_dsp::run::{RmsSettings, Threshold};
use bci_dsp::{SpikeOutput, SpikeSpec};

/// The keys of its steps.
pub(super) const KINDS: &[&str] = &["spike_features"];

const BIN_MS: f64 = 20.0;
const THRESHOLD_RMS: f64 = -4.5;
const RMS_TIME_CONSTANT_S: f64 = 60.0;
const RMS_START_S: f64 = 1.0;

/// Reads a step of one of its kinds; mistakes are noted.
pub(super) fn read(_kind: &str, table: &mut Table<'_>, places: &mut Places) -> Option<SpikeSpec> {
    // Every key is asked for before any mistake ends the reading, so that all mistakes are noted.
    let bin_ms = places.optional(table, "bin_ms").unwrap_or(BIN_MS);
    let refractory_ms = places.optional(table, "refractory_ms");
    let threshold = threshold(table, places);
    let outputs = outputs(table, places);
    let (threshold, outputs) = threshold.zip(outputs)?;
    Some(SpikeSpec::Features { bin_ms, threshold, refractory_ms, outputs })
}

fn threshold(table: &mut Table<'_>, places: &mut Places) -> Option<Threshold> {
    let uv = places.optional(table, "threshold_uv");
    let mut of_rms = |key: &str| -> Option<Located<f64>> {
        let found = table.optional::<f64>(key)?;
        places.0.push(found.at.clone());
        if uv.is_some() {
            table.mistakes().add(found.mistake("must be left out where threshold_uv is given"));
        }
        Some(found)
    };
    let [multiple, time_constant_s, start_s] =
        ["threshold_rms", "rms_time_constant_s", "rms_start_s"].map(&mut of_rms);
    match uv {
        Some(uv) => (multiple.is_none() && time_constant_s.is_none() && start_s.is_none())
            .then_some(Threshold::Fixed { uv }),
        None => Some(Threshold::Rms(RmsSettings {
            multiple: multiple.map_or(THRESHOLD_RMS, |l| l.value),
            time_constant_s: time_constant_s.map_or(RMS_TIME_CONSTANT_S, |l| l.value),
            start_s: start_s.map_or(RMS_START_S, |l| l.value),
        })),
    }
}

fn outputs(table: &mut Table<'_>, places: &mut Places) -> Option<Vec<SpikeOutput>> {
    let Some(named) = table.optional::<Vec<String>>("outputs") else {
        return Some(SpikeOutput::ALL.to_vec());
    };
    places.0.push(named.at.clone());
    let kind = |name: &String| SpikeOutput::ALL.into_iter().find(|kind| kind.name() == name);
    let kinds = named.value.iter().map(kind).collect();
    if Option::is_none(&kinds) {
        table.mistakes().add(named.mistake("must name crossings, power or both, each once"));
    }
    kinds
}

#[cfg(test)]
mod tests {
    use super::super::{Step, check_steps, read_steps};
    use super::*;
    use bci_config::{Mistake, Mistakes, read};
    use bci_dsp::{Signal, StepSpec};
    use bci_types::Hz;

    fn steps(text: &str) -> (Vec<Step>, Vec<String>) {
        let mistakes = Mistakes::new();
        let steps = read("rig.toml", text, &mistakes, |t| read_steps(t, "steps")).unwrap_or_default();
        (steps, mistakes.into_sorted().iter().map(Mistake::to_string).collect())
    }

    fn one(text: &str) -> StepSpec {
        let (steps, mistakes) = steps(&format!("[[steps]]\nspike_features = {{ {text} }}\n"));
        assert_eq!(mistakes, [""; 0]);
        steps.into_iter().next().expect("one step").spec
    }

    #[test]
    fn settings_are_read_and_have_defaults() {
        let rms = RmsSettings { multiple: -4.5, time_constant_s: 60.0, start_s: 1.0 };
        let spec = |bin_ms, threshold, refractory_ms, outputs| {
            StepSpec::Spike(SpikeSpec::Features { bin_ms, threshold, refractory_ms, outputs })
        };
        let both = vec![SpikeOutput::Crossings, SpikeOutput::Power];
        assert_eq!(one(""), spec(20.0, Threshold::Rms(rms), None, both.clone()));
        assert_eq!(
            one(
                r#"bin_ms = 10, threshold_rms = -3, rms_time_constant_s = 5, rms_start_s = 2.5, refractory_ms = 1"#
            ),
            spec(
                10.0,
                Threshold::Rms(RmsSettings { multiple: -3.0, time_constant_s: 5.0, start_s: 2.5 }),
                Some(1.0),
                both
            )
        );
        assert_eq!(
            one(r#"threshold_uv = -50, outputs = ["crossings"]"#),
            spec(20.0, Threshold::Fixed { uv: -50.0 }, None, vec![SpikeOutput::Crossings])
        );
    }

    #[test]
    fn what_contradicts_itself_is_told_with_its_line() {
        let (steps, told) = steps(
            "[[steps]]\nspike_features = { threshold_uv = -50, rms_start_s = 2, outputs = [\"spikes\"], bins = 3 }\n",
        );
        assert!(steps.is_empty());
        assert_eq!(told.len(), 3, "{told:#?}");
        for part in [
            "steps[0].spike_features.rms_start_s = 2 at rig.toml:2: must be left out where threshold_uv is given",
            "steps[0].spike_features.outputs = [\"spikes\"] at rig.toml:2: must name crossings, power or both, each once",
            "bins",
        ] {
            assert!(told.iter().any(|t| t.contains(part)), "{part}: {told:#?}");
        }
    }

    #[test]
    fn what_cannot_run_at_the_rate_is_told_with_its_line_and_range() {
        let (steps, _) =
            steps("[[steps]]\nspike_features = { bin_ms = 20.01,\n rms_start_s = 0, outputs = [] }\n");
        let rate = Hz::new(30_000.0).expect("a rate");
        let found = check_steps(&steps, &Signal::unlabelled(rate, 3)).expect_err("wrong");
        let told: Vec<String> = found.iter().map(Mistake::to_string).collect();
        assert_eq!(
            told,
            [
                "steps[0].spike_features.bin_ms = 20.01 at rig.toml:2: must be a whole number of samples at 30000 Hz, at most 10000 ms",
                "steps[0].spike_features.rms_start_s = 0 at rig.toml:3: must be above 0 and at most 86400 s",
                "steps[0].spike_features.outputs = [] at rig.toml:3: must name crossings, power or both, each once",
            ]
        );
    }
}
