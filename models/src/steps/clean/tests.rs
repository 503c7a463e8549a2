//! What `align` and `asr` read and refuse.

use crate::learned::{Entry, What, to_toml};
use crate::steps::{Files, Step, check_steps, read_steps, read_steps_with};
use bci_config::{Mistake, Mistakes, read};
use bci_dsp::run::{AlignMode, AlignSpec, AlignYields, AsrCalibration, AsrSpec, AsrState, Metric, Shrinkage};
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
         [[steps]]\nalign = { metric = \"euclid\", window_ms = 2000, hop_ms = 2000, mode = \"first_windows\", windows = 30, yields = \"log_covariance\" }\n",
    );
    assert_eq!(mistakes, [""; 0]);
    let align = |metric, mode, shrinkage| AlignSpec { metric, mode, shrinkage, groups: 1 };
    let running = AlignMode::Running { horizon: Some(200) };
    let first = AlignMode::FirstWindows { windows: 30 };
    assert_eq!(
        steps.iter().map(|s| s.spec.clone()).collect::<Vec<_>>(),
        [
            StepSpec::Clean(CleanSpec::Align {
                window_ms: 1000.0,
                hop_ms: 250.0,
                align: align(Metric::Riemann, running, Shrinkage::Oas),
                yields: AlignYields::Signal
            }),
            StepSpec::Clean(CleanSpec::Align {
                window_ms: 2000.0,
                hop_ms: 2000.0,
                align: align(Metric::Euclid, first, Shrinkage::None),
                yields: AlignYields::LogCovariance
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
        "steps[0].align.mode = \"always\" at rig.toml:2: must be \"running\" or \"first_windows\" or \"fixed\"",
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

/// A folder with what was learned, and the steps of a configuration beside it.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new(entries: &[Entry]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("l.toml"), to_toml(entries)).expect("written");
        Self(folder)
    }

    /// The steps, their mistakes without the folder; in a bundle no file may lie elsewhere.
    fn read(&self, text: &str, inside: bool) -> (Vec<Step>, Vec<String>) {
        let files = if inside { Files::inside(self.0.path()) } else { Files::beside(self.0.path()) };
        let mistakes = Mistakes::new();
        let steps = read("rig.toml", text, &mistakes, |t| read_steps_with(t, "steps", files));
        let folder = format!("{}/", self.0.path().display());
        let told = mistakes.into_sorted().iter().map(|m| m.to_string().replace(&folder, "")).collect();
        (steps.unwrap_or_default(), told)
    }

    /// The one mistake.
    fn told(&self, step: &str) -> String {
        let (_, told) = self.read(&format!("[[steps]]\n{step}\n"), false);
        assert_eq!(told.len(), 1, "{step}: {told:#?}");
        told[0].clone()
    }
}

fn hz(rate: f64) -> Hz {
    Hz::new(rate).expect("a rate")
}

/// Synthetic: two channels of noise, three with a reference.
fn learned() -> Vec<Entry> {
    let mut seed = 1u64;
    let mut noise = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 11) as f64 / (1u64 << 53) as f64 - 0.5
    };
    let frames: Vec<f64> = (0..160 * 40 * 2).map(|_| 50.0 * noise()).collect();
    let asr = AsrState::calibrate(&frames, 2, hz(160.0), 500.0).expect("noise");
    let what = |reference: &[f64]| What::Align {
        metric: Metric::Euclid,
        shrinkage: Shrinkage::None,
        windows: 20,
        groups: 1,
        reference: reference.to_vec(),
    };
    let entry = |name: &str, window_ms, what| Entry {
        name: name.into(),
        channels: ["C3", "T3"].map(str::to_owned).to_vec(),
        rate: hz(160.0),
        learned_s: 40.0,
        recordings: vec![],
        window_ms,
        what,
    };
    vec![
        entry("first", 1000.0, what(&[2.0, 0.5, 0.5, 3.0])),
        entry("second", 1000.0, what(&[4.0, 0.0, 0.0, 9.0])),
        entry("only", 500.0, What::Asr(asr)),
    ]
}

const ALIGN: &str = "align = { metric = \"euclid\", window_ms = 1000, hop_ms = 500, mode = \"fixed\", reference = \"l.toml\", entry = \"second\" }";
const ASR: &str = "asr = { cutoff = 20, state = \"l.toml\" }";

#[test]
fn steps_are_given_what_was_learned() {
    let entries = learned();
    let folder = Folder::new(&entries);
    for inside in [false, true] {
        let (steps, told) = folder.read(&format!("[[steps]]\n{ASR}\n[[steps]]\n{ALIGN}\n"), inside);
        assert_eq!(told, [""; 0]);
        let What::Asr(state) = &entries[2].what else { panic!("an ASR") };
        let calibration = AsrCalibration::Given(state.clone());
        let asr = AsrSpec {
            cutoff: 20.0,
            calibration,
            window_ms: 500.0,
            lookahead_ms: 250.0,
            step_ms: 100.0,
            max_dims: 0.66,
        };
        let mode = AlignMode::Fixed { reference: vec![4.0, 0.0, 0.0, 9.0] };
        let align = AlignSpec { metric: Metric::Euclid, mode, shrinkage: Shrinkage::None, groups: 1 };
        assert_eq!(
            steps.iter().map(|s| s.spec.clone()).collect::<Vec<_>>(),
            [
                StepSpec::Clean(CleanSpec::Asr(asr)),
                StepSpec::Clean(CleanSpec::Align {
                    window_ms: 1000.0,
                    hop_ms: 500.0,
                    align,
                    yields: AlignYields::Signal
                })
            ]
        );
        assert_eq!(steps[0].learned_on(), Some(&["C3".to_owned(), "T3".to_owned()][..]));
        // Labels fold, and temporal electrodes have two names.
        check_steps(&steps, &Signal::new(hz(160.0), &["EEG c3-Ref", "T7.."])).expect("fits");
        check_steps(&steps, &Signal::unlabelled(hz(160.0), 2)).expect("nothing says that it does not fit");
    }
}

#[test]
fn what_was_learned_on_another_signal_is_refused_with_all_reasons() {
    let folder = Folder::new(&learned());
    let (steps, _) = folder.read(&format!("[[steps]]\n{ASR}\n[[steps]]\n{ALIGN}\n"), false);
    let told = |steps: &[Step], rate: f64, labels: &[&str]| -> Vec<String> {
        let found = check_steps(steps, &Signal::new(hz(rate), labels)).expect_err("does not fit");
        found.iter().map(ToString::to_string).collect()
    };
    let asr = "steps[0].asr.state = \"l.toml\" at rig.toml:2: was learned ";
    let align = "steps[1].align.reference = \"l.toml\" at rig.toml:4: was learned ";
    let all = |reasons: &[&str]| {
        let of = |place: &str| reasons.iter().map(|r| format!("{place}{r}")).collect::<Vec<_>>();
        [of(asr), of(align)].concat()
    };
    assert_eq!(
        told(&steps, 250.0, &["Fp1", "C3", "Cz"]),
        all(&[
            "at 160 Hz, the signal there has 250 Hz",
            "on 2 channels, the signal there has 3",
            "on other channels, or in another order: it has T3, which the signal there lacks; it lacks Fp1, Cz; it has C3 as channel 1, which is channel 2",
        ])
    );
    assert_eq!(
        told(&steps, 160.0, &["T7", "C3"]),
        all(&[
            "on other channels, or in another order: it has C3 as channel 1, which is channel 2, T3 as channel 2, which is channel 1"
        ])
    );
    assert_eq!(
        told(&steps, 160.0, &["C3", "T4"]),
        all(&[
            "on other channels, or in another order: it has T3, which the signal there lacks; it lacks T4"
        ])
    );
    // Where the channels are not those that the steps will work on, nothing is said of it.
    crate::steps::check_settings(&steps, &Signal::unlabelled(hz(250.0), 5)).expect("settings alone");
}

#[test]
fn every_way_of_naming_it_wrongly_is_refused() {
    let folder = Folder::new(&learned());
    for (step, part) in [
        (
            ASR.replace("l.toml", "m.toml"),
            "steps[0].asr.state = \"m.toml\" at rig.toml:2: m.toml cannot be read: ",
        ),
        (ASR.replace("\"l.toml\"", "\".\""), " is no file"),
        (ASR.replace("\"l.toml\"", "3"), "steps[0].asr.state = 3 at rig.toml:2: must be a string"),
        (ASR.replace("state", "calibrate_s = 60, state"), "must be left out where calibrate_s is given"),
        (ASR.replace(", state = \"l.toml\"", ""), "steps[0].asr at rig.toml:2: needs either `calibrate_s`"),
        (
            ASR.replace("state = \"l.toml\"", "calibrate_s = 60, entry = \"only\""),
            "entry = \"only\" at rig.toml:2: goes with `state` only",
        ),
        (
            ASR.replace("state", "window_ms = 400, state"),
            "was learned with window_ms = 500, which is 400 here",
        ),
        (
            ASR.replace("state", "entry = \"first\", state"),
            "entry = \"first\" at rig.toml:2: must be what l.toml calls something that asr learned: \"only\"",
        ),
        (
            ALIGN.replace(", entry = \"second\"", ""),
            "reference = \"l.toml\" at rig.toml:2: holds what several steps learned: `entry` must be one of \"first\", \"second\"",
        ),
        (
            ALIGN.replace("second", "only"),
            "must be what l.toml calls something that align learned: \"first\", \"second\"",
        ),
        (
            ALIGN.replace("\"euclid\"", "\"riemann\""),
            "was learned with metric = \"euclid\", which is \"riemann\" here",
        ),
        (
            ALIGN.replace("mode", "shrinkage = \"oas\", mode"),
            "was learned with shrinkage = \"none\", which is \"oas\" here",
        ),
        (ALIGN.replace("1000", "900"), "was learned with window_ms = 1000, which is 900 here"),
        (
            ALIGN.replace("mode", "windows = 3, mode"),
            "windows = 3 at rig.toml:2: goes with mode = \"first_windows\" only",
        ),
        (
            ALIGN.replace("mode", "horizon = 3, mode"),
            "horizon = 3 at rig.toml:2: goes with mode = \"running\" only",
        ),
        (ALIGN.replace(", reference = \"l.toml\"", ""), "rig.toml:2: `steps[0].align.reference` is missing"),
        (
            ALIGN
                .replace("mode = \"fixed\"", "windows = 3, mode = \"first_windows\"")
                .replace(", entry = \"second\"", ""),
            "reference = \"l.toml\" at rig.toml:2: goes with mode = \"fixed\" or \"running\" only",
        ),
        (
            ALIGN.replace("mode", "reference_windows = 3, mode"),
            "reference_windows = 3 at rig.toml:2: goes with mode = \"running\" and a `reference` only",
        ),
        (ALIGN.replace("mode", "groups = 2, mode"), "was learned with groups = 1, which is 2 here"),
    ] {
        let told = folder.told(&step);
        assert!(told.contains(part), "{step}\n{part}\n{told}");
    }
    let none = Folder::new(&learned()[..2]);
    assert!(none.told(ASR).ends_with("holds nothing that asr learned"));
    // What is wrong inside the file is told at its place, and nothing else.
    let text = to_toml(&learned()).replace("[2.0, 0.5]", "[2.0, 0.7]");
    std::fs::write(folder.0.path().join("l.toml"), text).expect("written");
    assert_eq!(
        folder.told(ALIGN),
        "step[0].reference = […] at l.toml:17: must be symmetric and positive definite"
    );
}

#[test]
fn a_bundle_is_given_nothing_from_outside_its_folder() {
    let outer = Folder::new(&learned());
    let folder = outer.0.path().join("bundle");
    std::fs::create_dir(&folder).expect("made");
    std::fs::copy(outer.0.path().join("l.toml"), folder.join("own.toml")).expect("copied");
    std::os::unix::fs::symlink("../l.toml", folder.join("link.toml")).expect("linked");
    let absolute = outer.0.path().join("bundle/own.toml").display().to_string();
    for (file, permitted) in [
        ("own.toml", true),
        ("./own.toml", true),
        ("../l.toml", false),
        ("../bundle/own.toml", false),
        ("link.toml", false),
        (absolute.as_str(), false),
    ] {
        let mistakes = Mistakes::new();
        let text = format!("[[steps]]\n{}\n", ASR.replace("l.toml", file));
        let steps = read("decoder.toml", &text, &mistakes, |t| {
            read_steps_with(t, "steps", Files::inside(&folder)).len()
        });
        let told: Vec<String> = mistakes.into_sorted().iter().map(Mistake::to_string).collect();
        assert_eq!(
            (steps, told.len()),
            (Some(usize::from(permitted)), usize::from(!permitted)),
            "{file}: {told:?}"
        );
        assert!(told.iter().all(|t| t.ends_with("must be a file inside the bundle's folder")), "{told:?}");
    }
}
