//! Cleaning and alignment that adapt.

use super::given::{self, Files, Given};
use super::shrinkage::{shrinkage, written};
use super::{Places, choice};
use crate::learned::{Entry, METRICS, What, word};
use bci_config::{FromToml, Located, Table};
use bci_dsp::CleanSpec;
use bci_dsp::run::{AlignMode, AlignSpec, AlignYields, AsrCalibration, AsrSpec, Metric, Shrinkage};

/// The keys of its steps.
pub(super) const KINDS: &[&str] = &["align", "asr"];

/// Reads a step of one of its kinds, and what it was given; mistakes are noted.
pub(super) fn read(
    kind: &str,
    table: &mut Table<'_>,
    places: &mut Places,
    files: Files<'_>,
) -> Option<(CleanSpec, Option<Given>)> {
    if kind == "asr" { asr(table, places, files) } else { align(table, places, files) }
}

fn asr(table: &mut Table<'_>, places: &mut Places, files: Files<'_>) -> Option<(CleanSpec, Option<Given>)> {
    // Every key is asked for before any is found missing, so that all mistakes are noted.
    let cutoff = places.number(table, "cutoff");
    let has = |key: &str| table.keys().any(|(name, _)| name == key);
    let (streams, is_given) = (has("calibrate_s"), has("state"));
    let seconds = places.optional::<f64>(table, "calibrate_s");
    let state = table.optional::<String>("state");
    let name = table.optional::<String>("entry");
    let window_ms = places.optional(table, "window_ms").unwrap_or(500.0);
    let lookahead_ms = places.optional(table, "lookahead_ms").unwrap_or(window_ms / 2.0);
    let step_ms = places.optional(table, "step_ms").unwrap_or(100.0);
    let max_dims = places.optional(table, "max_dims").unwrap_or(0.66);
    let spec = |cutoff, calibration| {
        CleanSpec::Asr(AsrSpec { cutoff, calibration, window_ms, lookahead_ms, step_ms, max_dims })
    };
    match (streams, is_given) {
        (false, false) => {
            let at = table.place().clone();
            table.mistakes().add(at.mistake(
                "needs either `calibrate_s`, to calibrate on the stream, or `state`, a file with what was learned before",
            ));
        }
        (true, true) => {
            if let Some(state) = &state {
                let why = "must be left out where calibrate_s is given: either it calibrates on the stream, or it is given what was learned before";
                table.mistakes().add(state.mistake(why));
            }
            return None;
        }
        _ => {}
    }
    if !is_given {
        if let Some(name) = name {
            table.mistakes().add(name.mistake("goes with `state` only"));
        }
        let calibration = AsrCalibration::Stream { seconds: seconds? };
        return Some((spec(cutoff?, calibration), None));
    }
    let state = state?;
    let entry = given::entry(table, "asr", &state, name.as_ref(), files)?;
    must_be(table, &state, "window_ms", &entry.window_ms, &window_ms);
    let given = Given::new(state.at.clone(), &entry);
    let What::Asr(state) = entry.what else { return None };
    Some((spec(cutoff?, AsrCalibration::Given(state)), Some(given)))
}

fn align(table: &mut Table<'_>, places: &mut Places, files: Files<'_>) -> Option<(CleanSpec, Option<Given>)> {
    // Every key is asked for before any is found missing, so that all mistakes are noted.
    let metric = choice(table, places, "metric", None, &METRICS);
    let (window, hop) = (places.number(table, "window_ms"), places.number(table, "hop_ms"));
    let modes = [("running", Mode::Running), ("first_windows", Mode::FirstWindows), ("fixed", Mode::Fixed)];
    let mode = choice(table, places, "mode", Some(Mode::Running), &modes);
    let shrinkage = shrinkage(table, places);
    if mode.is_some() && mode != Some(Mode::Running) {
        refuse::<usize>(table, "horizon", "goes with mode = \"running\" only");
    }
    if mode.is_some() && mode != Some(Mode::FirstWindows) {
        refuse::<usize>(table, "windows", "goes with mode = \"first_windows\" only");
    }
    if mode == Some(Mode::FirstWindows) {
        refuse::<String>(table, "reference", "goes with mode = \"fixed\" or \"running\" only");
        refuse::<String>(table, "entry", "goes with mode = \"fixed\" or \"running\" only");
    }
    let groups = places.optional_count(table, "groups");
    let yields = choice(table, places, "yields", Some(AlignYields::Signal), &YIELDS);
    let file = table.optional::<String>("reference");
    if mode == Some(Mode::Running) && file.is_none() {
        refuse::<String>(table, "entry", "goes with `reference` only");
    }
    if mode.is_some() && (mode != Some(Mode::Running) || file.is_none()) {
        refuse::<usize>(table, "reference_windows", "goes with mode = \"running\" and a `reference` only");
    }
    let mut given = None;
    let mode = match mode {
        Some(Mode::FirstWindows) => {
            places.count(table, "windows").map(|windows| AlignMode::FirstWindows { windows })
        }
        Some(mode) => {
            let horizon = if mode == Mode::Running { places.optional_count(table, "horizon") } else { None };
            let counts = places.optional_count(table, "reference_windows");
            match (mode, file) {
                (Mode::Running, None) => Some(AlignMode::Running { horizon }),
                (_, file) => {
                    let name = table.optional::<String>("entry");
                    // What is missing is told.
                    let file = file.or_else(|| table.required::<String>("reference"))?;
                    let entry = given::entry(table, "align", &file, name.as_ref(), files)?;
                    given = Some(Given::new(file.at.clone(), &entry));
                    let like = Like { window, metric, shrinkage, groups: groups.unwrap_or(1) };
                    let reference = like.reference(table, &file, entry)?;
                    Some(if mode == Mode::Running {
                        AlignMode::Onwards {
                            reference,
                            windows: counts.unwrap_or(REFERENCE_WINDOWS),
                            horizon,
                        }
                    } else {
                        AlignMode::Fixed { reference }
                    })
                }
            }
        }
        None => {
            let _ = (table.optional::<usize>("windows"), table.optional::<usize>("horizon"));
            let _ = (table.optional::<usize>("reference_windows"), table.optional::<String>("entry"));
            None
        }
    };
    let groups = groups.map_or(1, |n| n as usize);
    let ((metric, mode), shrinkage) = metric.zip(mode).zip(shrinkage)?;
    let ((window_ms, hop_ms), yields) = window.zip(hop).zip(yields)?;
    let align = AlignSpec { metric, mode, shrinkage, groups };
    Some((CleanSpec::Align { window_ms, hop_ms, align, yields }, given))
}

const YIELDS: [(&str, AlignYields); 3] = [
    ("signal", AlignYields::Signal),
    ("covariance", AlignYields::Covariance),
    ("log_covariance", AlignYields::LogCovariance),
];

/// As how many windows a given reference counts where it goes on from there, if it is not said: it matters at the beginning,
/// and soon no more.
pub const REFERENCE_WINDOWS: u32 = 10;

/// What a given reference must have been learned with.
struct Like {
    window: Option<f64>,
    metric: Option<Metric>,
    shrinkage: Option<Shrinkage>,
    groups: u32,
}

impl Like {
    fn reference(&self, table: &Table<'_>, file: &Located<String>, entry: Entry) -> Option<Vec<f64>> {
        let What::Align { metric, shrinkage, groups, reference, .. } = entry.what else { return None };
        if let Some(window) = &self.window {
            must_be(table, file, "window_ms", &entry.window_ms, window);
        }
        let words = |m: Metric| format!("\"{}\"", word(&METRICS, &m));
        if let Some(own) = self.metric {
            must_be(table, file, "metric", &words(metric), &words(own));
        }
        if let Some(own) = self.shrinkage {
            must_be(table, file, "shrinkage", &written(shrinkage), &written(own));
        }
        must_be(table, file, "groups", &groups, &(self.groups as usize));
        Some(reference)
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Running,
    FirstWindows,
    Fixed,
}

/// What was learned with one setting means something else with another.
fn must_be<T: PartialEq + std::fmt::Display>(
    table: &Table<'_>,
    file: &Located<String>,
    key: &str,
    learned: &T,
    here: &T,
) {
    if learned != here {
        let problem = format!("was learned with {key} = {learned}, which is {here} here");
        table.mistakes().add(file.mistake(problem));
    }
}

/// A key that means nothing here.
fn refuse<T: FromToml>(table: &mut Table<'_>, key: &str, why: &str) {
    if let Some(located) = table.optional::<T>(key) {
        table.mistakes().add(located.at.mistake(why));
    }
}

#[cfg(test)]
mod tests;
