//! Cleaning and alignment that adapt.

use super::shrinkage::shrinkage;
use super::{Places, choice};
use bci_config::Table;
use bci_dsp::CleanSpec;
use bci_dsp::run::{AlignMode, AlignSpec, AsrCalibration, AsrSpec, Metric};

/// The keys of its steps.
pub(super) const KINDS: &[&str] = &["align", "asr"];

/// Reads a step of one of its kinds; mistakes are noted.
pub(super) fn read(kind: &str, table: &mut Table<'_>, places: &mut Places) -> Option<CleanSpec> {
    if kind == "asr" { asr(table, places) } else { align(table, places) }
}

fn asr(table: &mut Table<'_>, places: &mut Places) -> Option<CleanSpec> {
    // Every key is asked for before any is found missing, so that all mistakes are noted.
    let (cutoff, seconds) = (places.number(table, "cutoff"), places.number(table, "calibrate_s"));
    let window_ms = places.optional(table, "window_ms").unwrap_or(500.0);
    let lookahead_ms = places.optional(table, "lookahead_ms").unwrap_or(window_ms / 2.0);
    let step_ms = places.optional(table, "step_ms").unwrap_or(100.0);
    let max_dims = places.optional(table, "max_dims").unwrap_or(0.66);
    let (cutoff, seconds) = cutoff.zip(seconds)?;
    let calibration = AsrCalibration::Stream { seconds };
    Some(CleanSpec::Asr(AsrSpec { cutoff, calibration, window_ms, lookahead_ms, step_ms, max_dims }))
}

fn align(table: &mut Table<'_>, places: &mut Places) -> Option<CleanSpec> {
    // Every key is asked for before any is found missing, so that all mistakes are noted.
    let metric =
        choice(table, places, "metric", None, &[("euclid", Metric::Euclid), ("riemann", Metric::Riemann)]);
    let (window, hop) = (places.number(table, "window_ms"), places.number(table, "hop_ms"));
    let modes = [("running", Mode::Running), ("first_windows", Mode::FirstWindows)];
    let mode = choice(table, places, "mode", Some(Mode::Running), &modes);
    let shrinkage = shrinkage(table, places);
    let mode = match mode {
        Some(Mode::FirstWindows) => {
            refuse(table, "horizon", "goes with mode = \"running\" only");
            places.count(table, "windows").map(|windows| AlignMode::FirstWindows { windows })
        }
        Some(Mode::Running) => {
            refuse(table, "windows", "goes with mode = \"first_windows\" only");
            Some(AlignMode::Running { horizon: places.optional_count(table, "horizon") })
        }
        None => {
            let _ = (table.optional::<usize>("windows"), table.optional::<usize>("horizon"));
            None
        }
    };
    let ((metric, mode), shrinkage) = metric.zip(mode).zip(shrinkage)?;
    let (window_ms, hop_ms) = window.zip(hop)?;
    Some(CleanSpec::Align { window_ms, hop_ms, align: AlignSpec { metric, mode, shrinkage } })
}

#[derive(Clone, Copy)]
enum Mode {
    Running,
    FirstWindows,
}

/// A key that means nothing here.
fn refuse(table: &mut Table<'_>, key: &str, why: &str) {
    if let Some(located) = table.optional::<usize>(key) {
        table.mistakes().add(located.at.mistake(why));
    }
}

#[cfg(test)]
mod tests {
    use crate::steps::{Step, check_steps, read_steps};
    use bci_config::{Mistake, Mistakes, read};
    use bci_dsp::run::{AlignMode, AlignSpec, AsrCalibration, AsrSpec, Metric, Shrinkage};
    use bci_dsp::{CleanSpec, Signal, StepSpec};
    use bci_types::Hz;

    fn steps(text: &str) -> (Vec<Step>, Vec<String>) {
        let mistakes = Mistakes::new();
        let steps = read("rig.toml", text, &mistakes, |t| read_steps(t, "steps")).unwrap_or_default();
        (steps, mistakes.into_sorted().iter().map(Mistake::to_string).collect())
    }

    fn checked(text: &str) -> Vec<String> {
        let (steps, read) = steps(text);
        assert_eq!(read, [""; 0]);
        let signal = Signal::unlabelled(Hz::new(250.0).expect("rate"), 8);
        check_steps(&steps, &signal).err().unwrap_or_default().iter().map(Mistake::to_string).collect()
    }

    #[test]
    fn an_alignment_is_read() {
        let (steps, mistakes) = steps(
            "[[steps]]\nalign = { metric = \"riemann\", window_ms = 1000, hop_ms = 250, shrinkage = \"oas\", horizon = 200 }\n\
             [[steps]]\nalign = { metric = \"euclid\", window_ms = 2000, hop_ms = 2000, mode = \"first_windows\", windows = 30 }\n",
        );
        assert_eq!(mistakes, [""; 0]);
        let align = |metric, mode, shrinkage| AlignSpec { metric, mode, shrinkage };
        let running = AlignMode::Running { horizon: Some(200) };
        let first = AlignMode::FirstWindows { windows: 30 };
        assert_eq!(
            steps.iter().map(|s| s.spec.clone()).collect::<Vec<_>>(),
            [
                StepSpec::Clean(CleanSpec::Align {
                    window_ms: 1000.0,
                    hop_ms: 250.0,
                    align: align(Metric::Riemann, running, Shrinkage::Oas)
                }),
                StepSpec::Clean(CleanSpec::Align {
                    window_ms: 2000.0,
                    hop_ms: 2000.0,
                    align: align(Metric::Euclid, first, Shrinkage::None)
                }),
            ]
        );
    }

    #[test]
    fn mistakes_of_an_alignment_are_told_with_line_and_range() {
        let (read, told) = steps(
            "[[steps]]\nalign = { metric = \"log\", hop_ms = 10, mode = \"always\", shrinkage = \"off\", windows = 3 }\n\
             [[steps]]\nalign = { metric = \"euclid\", window_ms = 500, hop_ms = 10, windows = 3 }\n",
        );
        assert!(read.len() <= 1, "{read:?}");
        assert_eq!(told.len(), 5, "{told:#?}");
        let all = told.join("\n");
        for part in [
            "steps[0].align.metric = \"log\" at rig.toml:2: must be \"euclid\" or \"riemann\"",
            "steps[0].align.mode = \"always\" at rig.toml:2: must be \"running\" or \"first_windows\"",
            "rig.toml:2: `steps[0].align.window_ms` is missing",
            "steps[0].align.shrinkage = \"off\" at rig.toml:2: must be \"none\", \"ledoit_wolf\", \"oas\" or a number from 0 to 1",
            "steps[1].align.windows = 3 at rig.toml:4: goes with mode = \"first_windows\" only",
        ] {
            assert!(all.contains(part), "{part} not in {told:#?}");
        }
        assert_eq!(
            checked(
                "[[steps]]\nalign = { metric = \"riemann\", window_ms = 32, hop_ms = 0, horizon = 0 }\n\
                 [[steps]]\nalign = { metric = \"riemann\", window_ms = 32, hop_ms = 32, shrinkage = \"none\" }\n"
            ),
            [
                "steps[0].align.hop_ms = 0 at rig.toml:2: must be 4 to 60000 ms",
                "steps[0].align at rig.toml:2: shrinkage = none must be \"ledoit_wolf\", \"oas\" or a share above 0 where a window has no more frames (8) than channels (8)",
                "steps[0].align.horizon = 0 at rig.toml:2: must be at least 1",
                "steps[1].align.shrinkage = \"none\" at rig.toml:4: must be \"ledoit_wolf\", \"oas\" or a share above 0 where a window has no more frames (8) than channels (8)",
            ]
        );
    }

    #[test]
    fn artefact_subspace_reconstruction_is_read() {
        let (steps, mistakes) = steps(
            "[[steps]]\nasr = { cutoff = 20, calibrate_s = 60 }\n\
             [[steps]]\nasr = { cutoff = 25.5, calibrate_s = 30, window_ms = 800, lookahead_ms = 0, step_ms = 20, max_dims = 0.5 }\n",
        );
        assert_eq!(mistakes, [""; 0]);
        let spec = |cutoff, seconds, [window_ms, lookahead_ms, step_ms, max_dims]: [f64; 4]| {
            let calibration = AsrCalibration::Stream { seconds };
            let spec = AsrSpec { cutoff, calibration, window_ms, lookahead_ms, step_ms, max_dims };
            StepSpec::Clean(CleanSpec::Asr(spec))
        };
        assert_eq!(
            steps.iter().map(|s| s.spec.clone()).collect::<Vec<_>>(),
            [spec(20.0, 60.0, [500.0, 250.0, 100.0, 0.66]), spec(25.5, 30.0, [800.0, 0.0, 20.0, 0.5])]
        );
    }

    #[test]
    fn mistakes_of_artefact_subspace_reconstruction_are_told_with_line_and_range() {
        let (_, told) = steps("[[steps]]\nasr = { cut = 20, step_ms = \"long\" }\n");
        assert_eq!(told.len(), 4, "{told:#?}");
        assert_eq!(
            checked(
                "[[steps]]\nasr = { cutoff = 0, calibrate_s = 5, step_ms = 3000,\nmax_dims = 1.5, lookahead_ms = 251 }\n"
            ),
            [
                "steps[0].asr.cutoff = 0 at rig.toml:2: must be finite and above 0",
                "steps[0].asr.max_dims = 1.5 at rig.toml:3: must be above 0 and up to 1",
                "steps[0].asr.lookahead_ms = 251 at rig.toml:3: must be 0 to 250 ms, half of window_ms",
                "steps[0].asr.step_ms = 3000 at rig.toml:2: must be 4 to 500 ms, which is window_ms",
                "steps[0].asr.calibrate_s = 5 at rig.toml:2: must be 30 to 600 s",
            ]
        );
    }
}
