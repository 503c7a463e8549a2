//! The preprocessing chain as it is written in TOML, in bundles and in the daemon's configuration alike: one table a
//! step, whose one key names the step.

mod apart;
mod clean;
mod features;
mod fir;
mod given;
mod iir;
mod rates;
mod rig;
mod shrinkage;
mod space;
mod spikes;

pub use apart::{check_apart, without_named};
pub use clean::REFERENCE_WINDOWS;
pub use given::Files;
pub use rig::rig_steps;
pub(crate) use shrinkage::{PERMITTED as SHRINKAGES, Written, written};

use crate::learned::{Entry, What};
use bci_config::{FromToml, Located, Mistake, Place, Table};
use bci_dsp::run::{AlignMode, AsrCalibration};
use bci_dsp::{CleanSpec, DesignError, Signal, StepSpec};
use given::Given;
use std::path::Path;

/// A step and where each of its settings stands.
#[derive(Clone, Debug)]
pub struct Step {
    /// What it does.
    pub spec: StepSpec,
    /// Where it stands.
    pub at: Place,
    places: Places,
    given: Option<Given>,
}

/// Where the settings of a step stand, so that what is wrong with one can be told at its line.
#[derive(Clone, Debug, Default)]
struct Places(Vec<Place>);

/// As [`read_steps_with`], for steps that name no files, or files relative to the working folder.
pub fn read_steps(parent: &mut Table<'_>, key: &str) -> Vec<Step> {
    read_steps_with(parent, key, Files::beside(Path::new("")))
}

/// Reads the steps of the array of tables at `key`, and the files they name; mistakes are noted, a step with a mistake is
/// left out.
pub fn read_steps_with(parent: &mut Table<'_>, key: &str, files: Files<'_>) -> Vec<Step> {
    let tables = parent.tables(key);
    tables.into_iter().filter_map(|table| read_step(table, files)).collect()
}

/// Holds `steps` against the signal they are to work on, one after the other. Returns what comes out of the last.
///
/// # Errors
/// Everything wrong with every step, up to the first wrong one on whose settings what follows depends.
pub fn check_steps(steps: &[Step], input: &Signal) -> Result<Signal, Vec<Mistake>> {
    checked(steps, input, true)
}

/// As [`check_steps`] for a signal that may have other channels than the steps will work on: whether what was learned
/// before fits is not looked at.
///
/// # Errors
/// As [`check_steps`].
pub fn check_settings(steps: &[Step], input: &Signal) -> Result<Signal, Vec<Mistake>> {
    checked(steps, input, false)
}

fn checked(steps: &[Step], input: &Signal, compare: bool) -> Result<Signal, Vec<Mistake>> {
    let mut signal = input.clone();
    let mut found = Vec::new();
    for step in steps {
        let differences =
            step.given.as_ref().filter(|_| compare).map_or_else(Vec::new, |given| given.differences(&signal));
        // They are told in more words than the step itself has for them.
        let told = !compare || !differences.is_empty();
        found.extend(differences);
        match step.spec.design(&signal, 1) {
            Ok(designed) => signal = designed.output,
            Err(mistakes) => {
                let about_given =
                    |e: &&DesignError| told && matches!(e.key(), Some("calibration" | "reference"));
                found.extend(mistakes.iter().filter(|e| !about_given(e)).map(|e| step.mistake(e)));
                if !step.spec.keeps_signal() {
                    break;
                }
            }
        }
    }
    if found.is_empty() { Ok(signal) } else { Err(found) }
}

fn kinds() -> impl Iterator<Item = &'static str> {
    [iir::KINDS, fir::KINDS, space::KINDS, rates::KINDS, features::KINDS, spikes::KINDS, clean::KINDS]
        .into_iter()
        .flatten()
        .copied()
}

fn read_step(mut table: Table<'_>, files: Files<'_>) -> Option<Step> {
    let named: Vec<String> = table.keys().map(|(name, _)| name).collect();
    let step = match named.as_slice() {
        [one] if kinds().any(|kind| kind == one) => {
            table.optional_table(one).and_then(|inner| read_kind(one, inner, files))
        }
        [_] => {
            // Asked for, so that the unknown key is reported with what is permitted.
            for kind in kinds() {
                let _ = table.optional_table(kind);
            }
            None
        }
        _ => {
            let at = table.place().clone();
            table.mistakes().add(at.mistake("a step is a table with exactly one key, the step's name"));
            return None;
        }
    };
    table.finish();
    step
}

fn read_kind(kind: &str, mut table: Table<'_>, files: Files<'_>) -> Option<Step> {
    let at = table.place().clone();
    let mut places = Places::default();
    let mut given = None;
    let (t, p) = (&mut table, &mut places);
    let spec = match kind {
        k if iir::KINDS.contains(&k) => iir::read(k, t, p).map(StepSpec::Iir),
        k if fir::KINDS.contains(&k) => fir::read(k, t, p).map(StepSpec::Fir),
        k if space::KINDS.contains(&k) => space::read(k, t, p).map(StepSpec::Space),
        k if rates::KINDS.contains(&k) => rates::read(k, t, p).map(StepSpec::Rate),
        k if features::KINDS.contains(&k) => features::read(k, t, p).map(StepSpec::Feature),
        k if spikes::KINDS.contains(&k) => spikes::read(k, t, p).map(StepSpec::Spike),
        k => clean::read(k, t, p, files).map(|(spec, was_given)| {
            given = was_given;
            StepSpec::Clean(spec)
        }),
    };
    table.finish();
    spec.map(|spec| Step { spec, at, places, given })
}

impl Places {
    /// A number that must be there.
    fn number(&mut self, table: &mut Table<'_>, key: &str) -> Option<f64> {
        self.required(table, key)
    }

    /// A whole number from 0 that must be there.
    fn count(&mut self, table: &mut Table<'_>, key: &str) -> Option<u32> {
        self.required(table, key).map(saturated)
    }

    /// A whole number from 0 that may be left out.
    fn optional_count(&mut self, table: &mut Table<'_>, key: &str) -> Option<u32> {
        self.optional(table, key).map(saturated)
    }

    /// A setting that must be there.
    fn required<T: FromToml>(&mut self, table: &mut Table<'_>, key: &str) -> Option<T> {
        let located = table.required::<T>(key)?;
        self.0.push(located.at);
        Some(located.value)
    }

    /// A setting that may be left out.
    fn optional<T: FromToml>(&mut self, table: &mut Table<'_>, key: &str) -> Option<T> {
        self.readable(table, key).flatten().map(|located| located.value)
    }

    /// A setting that may be left out: `Some(None)` then, and `None` when it is there but cannot be read, which is noted.
    fn readable<T: FromToml>(&mut self, table: &mut Table<'_>, key: &str) -> Option<Option<Located<T>>> {
        let given = table.keys().any(|(name, _)| name == key);
        let located = table.optional::<T>(key);
        self.0.extend(located.iter().map(|l| l.at.clone()));
        (located.is_some() || !given).then_some(located)
    }
}

/// What is too large for any purpose is refused where the step is designed.
fn saturated(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// One of some words; `absent` when it may be left out. `None` for a mistake, which is noted.
fn choice<T: Copy>(
    table: &mut Table<'_>,
    places: &mut Places,
    key: &str,
    absent: Option<T>,
    words: &[(&str, T)],
) -> Option<T> {
    let located = match (absent, places.readable::<String>(table, key)?) {
        (_, Some(located)) => located,
        (Some(value), None) => return Some(value),
        // Asked for again, so that it is noted as missing.
        (None, None) => table.required::<String>(key)?,
    };
    let found = words.iter().find(|(word, _)| *word == located.value).map(|(_, value)| *value);
    if found.is_none() {
        let words: Vec<String> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
        table.mistakes().add(located.mistake(format!("must be {}", words.join(" or "))));
    }
    found
}

impl Step {
    /// The labels of the channels on which that was learned which it was given; `None` where it was given nothing.
    #[must_use]
    pub fn learned_on(&self) -> Option<&[String]> {
        self.given.as_ref().map(|given| given.channels.as_slice())
    }

    /// Gives an adaptive step what it, or one like it, learned, as a configuration that names a file does. A step of another
    /// kind stays as it is.
    pub fn give(&mut self, entry: &Entry) {
        match (&mut self.spec, &entry.what) {
            (StepSpec::Clean(CleanSpec::Align { align, .. }), What::Align { reference, .. }) => {
                align.mode = AlignMode::Fixed { reference: reference.clone() };
            }
            (StepSpec::Clean(CleanSpec::Asr(asr)), What::Asr(state)) => {
                asr.calibration = AsrCalibration::Given(state.clone());
            }
            _ => return,
        }
        self.given = Some(Given::new(self.at.clone(), entry));
    }

    fn mistake(&self, error: &DesignError) -> Mistake {
        let place = error.key().and_then(|key| {
            self.places.0.iter().find(|p| p.key.rsplit('.').next().is_some_and(|last| last == key))
        });
        match place {
            Some(place) => place.mistake(error.must()),
            None => self.at.mistake(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bci_config::{Mistakes, read};
    use bci_dsp::design::{Band, Family};
    use bci_dsp::{IirSpec, Over, SpaceSpec};
    use bci_types::Hz;

    fn steps(text: &str) -> (Vec<Step>, Vec<String>) {
        let mistakes = Mistakes::new();
        let steps = read("rig.toml", text, &mistakes, |t| read_steps(t, "steps")).unwrap_or_default();
        (steps, mistakes.into_sorted().iter().map(Mistake::to_string).collect())
    }

    #[test]
    fn every_kind_is_read() {
        let (steps, mistakes) = steps(
            "[[steps]]\nband_pass = { low_hz = 8, high_hz = 30.0, order = 4 }\n[[steps]]\nnotch = { freq_hz = 50, q = 30 }\n\
             [[steps]]\ncommon_average = {}\n[[steps]]\nhigh_pass = { cutoff_hz = 0.5, order = 2 }\n",
        );
        assert_eq!(mistakes, [""; 0]);
        assert_eq!(
            steps.iter().map(|s| s.spec.clone()).collect::<Vec<_>>(),
            [
                StepSpec::Iir(IirSpec::Band {
                    family: Family::Butterworth,
                    band: Band::BandPass { low_hz: 8.0, high_hz: 30.0 },
                    order: 4
                }),
                StepSpec::Iir(IirSpec::Notch { freq_hz: 50.0, q: 30.0 }),
                StepSpec::Space(SpaceSpec::CommonAverage { over: Over::default() }),
                StepSpec::Iir(IirSpec::Band {
                    family: Family::Butterworth,
                    band: Band::HighPass { cutoff_hz: 0.5 },
                    order: 2
                }),
            ]
        );
    }

    #[test]
    fn what_cannot_run_at_the_rate_is_told_with_its_line_and_range() {
        let (steps, _) = steps(
            "[[steps]]\nband_pass = { low_hz = 50, high_hz = 30.0, order = 40 }\n[[steps]]\nnotch = { freq_hz = 125, q = nan }\n",
        );
        let rate = Hz::new(250.0).expect("rate");
        let found = check_steps(&steps, &Signal::unlabelled(rate, 3)).expect_err("both steps are wrong");
        let told: Vec<String> = found.iter().map(Mistake::to_string).collect();
        assert_eq!(
            told,
            [
                "steps[0].band_pass.low_hz = 50 at rig.toml:2: must be below high_hz, which is 30",
                "steps[0].band_pass.order = 40 at rig.toml:2: must be 1 to 16",
                "steps[1].notch.freq_hz = 125 at rig.toml:4: must be above 0 and below 125 Hz, half of the rate there, 250 Hz",
                "steps[1].notch.q = nan at rig.toml:4: must be finite and above 0",
            ]
        );
    }

    #[test]
    fn mistakes_inside_a_step_are_all_told() {
        let (read, told) = steps(
            "[[steps]]\nband_pas = {}\n[[steps]]\nband_pass = { low_hz = 8, hi = 3 }\n[[steps]]\nnotch = {}\ncommon_average = {}\n",
        );
        assert!(read.is_empty());
        assert_eq!(told.len(), 5, "{told:#?}");
        assert!(told[0].contains("did you mean `band_pass`?"));
        assert!(
            told[4].starts_with("steps[2] at rig.toml:5: a step is a table with exactly one key"),
            "{told:#?}"
        );
    }
}
