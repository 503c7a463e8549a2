//! `bcid learn`: what it writes, given to a step, is the run that learned it; and what it refuses.

#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use bci_dsp::run::{AlignMode, AsrCalibration, Learned};
use bci_dsp::{Chain, CleanSpec, Signal, StepSpec};
use bci_models::learned::{Entry, What};
use bci_models::steps::{Files, Step, read_steps_with};
use std::fs;
use std::path::Path;
use support::{GOOD, Rig, root};

const R05: &str = "models/data/eegmmidb/S001R05.edf";
const R06: &str = "models/data/eegmmidb/S001R06.edf";

const STEPS: &str = r#"steps = [
  { high_pass = { cutoff_hz = 1.0, order = 2 } },
  { asr = { cutoff = 5, calibrate_s = 60 } },
  { band_pass = { low_hz = 8.0, high_hz = 30.0, order = 4 } },
  { align = { metric = "riemann", window_ms = 1000, hop_ms = 250, mode = "first_windows", windows = 40 } },
]"#;

/// A rig with the shipped decoder and these steps of its own.
fn rig(steps: &str) -> Rig {
    let rig = Rig::new();
    rig.decoder(&[]);
    configure(&rig, "rig.toml", steps);
    rig
}

fn configure(rig: &Rig, name: &str, steps: &str) {
    let own = GOOD.lines().find(|l| l.starts_with("steps")).unwrap();
    fs::write(rig.path(name), GOOD.replace(own, steps)).unwrap();
}

/// `bcid learn` of `rig.toml`: exit code, what was printed and what was told, without the folder.
fn learn(rig: &Rig, args: &[&str]) -> (i32, String, String) {
    let (config, out) = (rig.path("rig.toml"), rig.path("learned.toml"));
    let mut all = vec!["learn", config.to_str().unwrap(), "--out", out.to_str().unwrap()];
    all.extend(args);
    let output = rig.bcid(&all).output().unwrap();
    let folder = format!("{}/", rig.path("").display().to_string().trim_end_matches('/'));
    let text = |bytes| String::from_utf8(bytes).unwrap().replace(&folder, "");
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn learned(rig: &Rig) -> Vec<Entry> {
    let mistakes = bci_config::Mistakes::new();
    let entries = bci_models::learned::read(&rig.path("learned.toml"), &mistakes);
    assert!(mistakes.is_empty(), "{mistakes:?}");
    entries.unwrap()
}

/// All channels of a recording, `[frames x channels]`, and what they are.
fn recording(file: &str) -> (Vec<f64>, Signal) {
    let recording = bci_driver_playback::open(root().join(file)).unwrap();
    let group = &recording.groups()[0];
    let mut frames = vec![0.0; group.frames() as usize * group.channels().len()];
    group.read_frames(0, &mut frames);
    let labels: Vec<&str> = group.channels().iter().map(|c| c.label.as_deref().unwrap()).collect();
    (frames, Signal::new(group.rate(), &labels))
}

fn steps(rig: &Rig, text: &str) -> Vec<StepSpec> {
    let mistakes = bci_config::Mistakes::new();
    let folder = rig.path("");
    let read = bci_config::read("rig.toml", text, &mistakes, |t| {
        read_steps_with(t, "steps", Files::beside(&folder))
    });
    assert!(mistakes.is_empty(), "{mistakes:?}");
    read.unwrap().into_iter().map(|step: Step| step.spec).collect()
}

/// Runs `frames` through a chain in blocks; from frame `trusted` on it may learn.
fn run(chain: &mut Chain, frames: &[f64], trusted: usize) -> Vec<f64> {
    let n = chain.input().channels();
    let mut out = Vec::new();
    let (before, after) = frames.split_at(trusted * n);
    for (part, learn) in [(before, false), (after, true)] {
        for block in part.chunks(64 * n) {
            out.extend_from_slice(chain.process(&mut block.to_vec(), learn).samples);
        }
    }
    out
}

/// On real EEG, to the bit: a chain that is given what was learned does what the one that learned does.
#[test]
fn a_run_with_what_was_learned_is_the_run_that_learned_it() {
    let rig = rig(STEPS);
    let (code, printed, told) = learn(&rig, &["--pipeline", "p", "--recording", R06]);
    assert_eq!((code, told.as_str()), (0, ""), "{printed}");
    for part in [
        "signal.steps[1].asr: 60.0 s of trusted signal of ",
        "signal.steps[3].align: ",
        " windows\n",
        "64 channels at 160 Hz",
        "channels   Fc5, Fc3, ",
        "from       S001R06.edf",
        "signal.steps[1].asr from calibrate_s to state = \"learned.toml\"\n",
        "signal.steps[3].align from the mode to mode = \"fixed\", reference = \"learned.toml\"\n",
    ] {
        assert!(printed.contains(part), "{part}: {printed}");
    }
    let entries = learned(&rig);
    let hash = bci_models::bundle::sha256_hex(&fs::read(root().join(R06)).unwrap());
    assert!(entries.iter().all(|e| e.recordings.len() == 1 && e.recordings[0].sha256 == hash));
    let given = STEPS.replace("calibrate_s = 60", "state = \"learned.toml\"");
    let given = given
        .replace("mode = \"first_windows\", windows = 40", "mode = \"fixed\", reference = \"learned.toml\"");

    // As it was printed, the configuration is accepted, and knows no learning any more.
    configure(&rig, "given.toml", &given);
    let output = rig.bcid(&["check", rig.path("given.toml").to_str().unwrap()]).output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && printed.contains("calibrated before"), "{printed}");
    assert!(printed.contains("on a given reference") && !printed.contains("learns for"), "{printed}");

    let (learning, given) = (steps(&rig, STEPS), steps(&rig, &given));
    let (calm, signal) = recording(R06);
    let (later, _) = recording(R05);
    let n = signal.channels();
    let chain = |steps: &[StepSpec]| Chain::design(steps, &signal, 64).unwrap();

    // ASR: the state is that of the first minute after the filters have settled, whatever follows.
    let What::Asr(state) = &entries[0].what else { panic!("{entries:?}") };
    let settled = settle_of(&rig, "rig.toml");
    let mut own = chain(&learning[..2]);
    let out = run(&mut own, &calm, settled);
    let Some((Learned::Asr { state: Some(own_state), frames }, _)) = own.learned(0) else {
        panic!("{own:?}")
    };
    assert_eq!((own_state, frames), (state, 60 * 160));
    let with = run(&mut chain(&given[..2]), &calm, 0);
    let from = settled + own.warm_up_samples() + 2 * 16;
    assert_eq!(out[from * n..], with[from * n..]);
    assert!(out[..from * n] != with[..from * n], "before it was calibrated it only delayed");

    // Alignment, behind an ASR that is given its state: the mean of all trusted windows of the recording.
    let mut alone = given.clone();
    let StepSpec::Clean(CleanSpec::Align { align, .. }) = &mut alone[3] else { panic!("{alone:?}") };
    align.mode = AlignMode::Running { horizon: None };
    let StepSpec::Clean(CleanSpec::Asr(asr)) = &given[1] else { panic!("{given:?}") };
    assert_eq!(asr.calibration, AsrCalibration::Given(state.clone()));
    let mut own = chain(&alone);
    run(&mut own, &calm, settle_of(&rig, "given.toml"));
    let What::Align { reference, windows, .. } = &entries[1].what else { panic!("{entries:?}") };
    let Some((Learned::Align { reference: Some(own_reference), windows: own_windows, .. }, _)) =
        own.learned(1)
    else {
        panic!("{own:?}")
    };
    assert_eq!((own_reference, own_windows as usize), (reference.as_slice(), *windows));
    let mut with = chain(&given);
    run(&mut with, &calm, 0);
    // Of another run nothing more is learned.
    let (out, with) = (run(&mut own, &later, later.len() / n), run(&mut with, &later, 0));
    assert_eq!(out, with);
}

/// How long the whole path of a configuration settles, in frames, as `bcid check` tells it.
fn settle_of(rig: &Rig, config: &str) -> usize {
    let output = rig.bcid(&["check", rig.path(config).to_str().unwrap()]).output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let ms = printed.split("settles in ").nth(1).unwrap().split(" ms").next().unwrap();
    (ms.parse::<f64>().unwrap() * 0.16).round() as usize
}

/// A copy of a recording, some of its samples changed: `change(frame, channel, value)`.
fn changed(rig: &Rig, name: &str, change: impl Fn(usize, usize, i16) -> i16) -> String {
    let mut bytes = fs::read(root().join(R06)).unwrap();
    let number = |at: usize, width: usize| -> usize {
        std::str::from_utf8(&bytes[at..at + width]).unwrap().trim().parse().unwrap()
    };
    let (header, signals) = (number(184, 8), number(252, 4));
    // Samples a record of each signal; the last is annotations.
    let counts: Vec<usize> = (0..signals).map(|i| number(256 + 216 * signals + 8 * i, 8)).collect();
    let record: usize = counts.iter().sum();
    for (r, data) in bytes[header..].chunks_exact_mut(2 * record).enumerate() {
        for (c, samples) in data[..2 * 64 * counts[0]].chunks_exact_mut(2 * counts[0]).enumerate() {
            for (k, sample) in samples.chunks_exact_mut(2).enumerate() {
                let value = i16::from_le_bytes([sample[0], sample[1]]);
                sample.copy_from_slice(&change(r * counts[0] + k, c, value).to_le_bytes());
            }
        }
    }
    fs::write(rig.path(name), bytes).unwrap();
    rig.path(name).display().to_string()
}

const ALIGN: &str = r#"steps = [
  { band_pass = { low_hz = 8.0, high_hz = 30.0, order = 4 } },
  { align = { metric = "euclid", window_ms = 1000, hop_ms = 1000 } },
]"#;

/// A fault of 5 s, far louder than any EEG, is not learned from.
#[test]
fn only_what_can_be_trusted_is_learned_from() {
    let rig = rig(ALIGN);
    let config = fs::read_to_string(rig.path("rig.toml")).unwrap();
    let railed = format!("{config}\n[pipeline.validity]\nrail_uv = 5000\n");
    fs::write(rig.path("rig.toml"), &railed).unwrap();
    let seconds_and_loudest = |file: &str| {
        let (code, _, told) = learn(&rig, &["--recording", file]);
        assert_eq!(code, 0, "{told}");
        let entry = learned(&rig).remove(0);
        let What::Align { reference, .. } = entry.what else { panic!("no alignment") };
        (entry.learned_s, reference.into_iter().fold(0.0, f64::max))
    };
    // Of either sign in turn, at 10 Hz: it lies in the pass band.
    let loud = |i: usize, _: usize, x: i16| {
        if (4800..5600).contains(&i) { if (i / 8).is_multiple_of(2) { 6000 } else { -6000 } } else { x }
    };
    let (clean_s, clean) = seconds_and_loudest(R06);
    let (spoilt_s, spoilt) = seconds_and_loudest(&changed(&rig, "loud.edf", loud));
    assert!((5.0..9.0).contains(&(clean_s - spoilt_s)), "{clean_s} and {spoilt_s}");
    assert!((spoilt - clean).abs() < 0.1 * clean, "{clean} and {spoilt}");
    // Were it not marked, it would be all there is to learn.
    fs::write(rig.path("rig.toml"), &config).unwrap();
    let (_, taken) = seconds_and_loudest(&rig.path("loud.edf").display().to_string());
    assert!(taken > 100.0 * clean, "{clean} and {taken}");
}

/// Two recordings are two stretches: nothing is learned across the seam, and both are named.
#[test]
fn several_recordings_are_learned_from_in_order() {
    let rig = rig(ALIGN);
    let run = |files: &[&str]| {
        let (code, _, told) = learn(&rig, &[&["--recording"], files].concat());
        assert_eq!(code, 0, "{told}");
        learned(&rig).remove(0)
    };
    let (first, second, both) = (run(&[R06]), run(&[R05]), run(&[R06, R05]));
    assert_eq!(both.recordings, [first.recordings, second.recordings].concat());
    assert!((both.learned_s - first.learned_s - second.learned_s).abs() < 1e-9, "{both:?}");
}

#[test]
fn a_decoder_carries_what_its_own_steps_learned() {
    let rig = Rig::new();
    let align =
        "[[preprocessing]]\nalign = { metric = \"riemann\", window_ms = 1000, hop_ms = 500 }\n\n[output]";
    rig.decoder(&[("[output]", align)]);
    configure(&rig, "rig.toml", "");
    let (code, printed, told) = learn(&rig, &["--recording", R05]);
    assert_eq!(code, 0, "{told}");
    assert!(
        printed.contains(
            "  preprocessing[1].align in the decoder's bundle, with the file beside it, from the mode"
        ),
        "{printed}"
    );
    let entry = learned(&rig).remove(0);
    assert_eq!(entry.channels, ["FC3", "FCz", "FC4", "C3", "Cz", "C4", "CP3", "CPz", "CP4"]);
    let decoder = rig.path("decoder/decoder.toml");
    let text = fs::read_to_string(&decoder).unwrap();
    let carried = |file: &str| {
        text.replace("hop_ms = 500", &format!("hop_ms = 500, mode = \"fixed\", reference = \"{file}\""))
    };
    fs::write(&decoder, carried("own.toml")).unwrap();
    fs::copy(rig.path("learned.toml"), rig.path("decoder/own.toml")).unwrap();
    // What it yields is another matter with another step: it is packed anew.
    let path = |name: &str| rig.path(name).display().to_string();
    let segment = path("decoder/golden/segment.npy");
    let pack = [
        "decoder",
        "pack",
        &path("decoder"),
        "--out",
        &path("packed"),
        "--segment",
        &segment,
        "--origin",
        "R05",
    ];
    let packed = rig.bcid(&pack).output().unwrap();
    assert!(packed.status.success(), "{}", String::from_utf8_lossy(&packed.stderr));
    let check = |folder: &str| {
        let config = fs::read_to_string(rig.path("rig.toml")).unwrap();
        let other = rig.path("other.toml");
        fs::write(&other, config.replace("\"decoder\"", &format!("\"{folder}\""))).unwrap();
        rig.bcid(&["check", other.to_str().unwrap()]).output().unwrap()
    };
    let printed = String::from_utf8(check("packed").stdout).unwrap();
    assert!(printed.contains("Riemannian recentring on a given reference"), "{printed}");
    fs::write(&decoder, carried("../learned.toml")).unwrap();
    let told = String::from_utf8(check("decoder").stderr).unwrap();
    assert!(told.contains("decoder.toml:23: must be a file inside the bundle's folder"), "{told}");
}

/// Exit code, what is told, and that nothing is written.
#[test]
fn refusals_say_why_and_write_nothing() {
    let both =
        STEPS.replace("calibrate_s = 60", "calibrate_s = 300").replace("windows = 40", "windows = 900");
    let few = STEPS.replace("windows = 40", "windows = 900");
    let referenced = ALIGN.replace("  { align", "  { common_average = {} },\n  { align");
    let fixed = ALIGN.replace("hop_ms = 1000", "hop_ms = 1000, mode = \"fixed\", reference = \"none.toml\"");
    let asr_at_80 = STEPS.replace("  { asr", "  { resample = { rate_hz = 80 } },\n  { asr");
    let other = |rig: &Rig| {
        let mut bytes = fs::read(root().join(R05)).unwrap();
        bytes[256..260].copy_from_slice(b"Xx9.");
        fs::write(rig.path("other.edf"), bytes).unwrap();
        rig.path("other.edf").display().to_string()
    };
    for (steps, args, code, parts) in [
        (
            both.as_str(),
            &["--recording", R06][..],
            1,
            &[
                "signal.steps[1].asr: 123.2 s of 125.0 s could be trusted; calibrate_s asks for 300 s",
                "not tried: signal.steps[3].align",
            ][..],
        ),
        (
            few.as_str(),
            &["--recording", R06],
            1,
            &["signal.steps[3].align: 12", "it takes 900 windows and 30 s"],
        ),
        (
            referenced.as_str(),
            &["--recording", R06],
            1,
            &["signal.steps[2].align: ", "not of full rank", "\"oas\""],
        ),
        ("", &["--recording", R06], 78, &["pipeline p has no step that could learn from recordings"]),
        (
            fixed.as_str(),
            &["--recording", R06],
            78,
            &["reference = \"none.toml\" at rig.toml:", "cannot be read"],
        ),
        (
            asr_at_80.as_str(),
            &["--recording", R06],
            78,
            &["asr at rig.toml:16: ", "above 82 and up to 512 Hz"],
        ),
        (ALIGN, &["--recording", R06, "--pipeline", "q"], 64, &["--pipeline q: rig.toml has p"]),
        (
            ALIGN,
            &["--recording", "docs/CONFIG.md", "nowhere.edf"],
            78,
            &["no recording of a known format", "nowhere.edf"],
        ),
        (ALIGN, &["--recording", R06, "--group", "2"], 78, &["--group 2: ", "has 1 groups"]),
        (
            ALIGN,
            &["--recording", R06, "OTHER"],
            78,
            &["other.edf: must have the rate, channels and units of"],
        ),
        (ALIGN, &[], 64, &["--recording"]),
    ] {
        let rig = rig(steps);
        let other = other(&rig);
        let args: Vec<&str> = args.iter().map(|a| if *a == "OTHER" { other.as_str() } else { a }).collect();
        let (got, printed, told) = learn(&rig, &args);
        assert_eq!((got, printed.as_str()), (code, ""), "{args:?}: {told}");
        for part in parts {
            assert!(told.contains(part), "{part}: {told}");
        }
        assert!(!told.contains("panicked") && !Path::new(&rig.path("learned.toml")).exists(), "{told}");
    }
    // What one refusal advises helps.
    let rig = rig(&referenced.replace("hop_ms = 1000", "hop_ms = 1000, shrinkage = \"oas\""));
    assert_eq!(learn(&rig, &["--recording", R06]).0, 0);
}
