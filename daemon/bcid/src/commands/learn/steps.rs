use super::replay::{Played, play};
use crate::commands::tape::Tape;
use crate::exit::{Exit, Failure};
use bci_dsp::linalg::SPD_FLOOR;
use bci_dsp::run::{AlignMode, AsrCalibration, Learned, is_definite};
use bci_dsp::{CleanSpec, StepSpec};
use bci_models::Bundle;
use bci_models::learned::{Entry, What};
use bci_models::steps::Step;
use bci_pipeline::{PipelineSpec, SignalPath, acquire, bind};

/// What an alignment must have learned from: a mean of fewer windows, or of less signal, is a matter of chance.
const FEWEST_WINDOWS: u32 = 10;
const LEAST_S: f64 = 30.0;

/// An adaptive step that is to learn.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// It is among the decoder's own steps rather than the rig's.
    pub(super) of_decoder: bool,
    /// Its place among those.
    at: usize,
    /// Its number among the adaptive ones of those, from 0.
    nth: usize,
    configured: CleanSpec,
}

/// What a step has learned.
pub(super) struct Lesson {
    pub(super) target: Target,
    pub(super) entry: Entry,
    /// Seconds of signal that were played.
    pub(super) played_s: f64,
    /// What else there is to tell.
    pub(super) detail: String,
}

/// The steps that learn, in the order in which the signal meets them; those that are given what was learned are none.
pub(super) fn targets(spec: &PipelineSpec, bundle: &Bundle) -> Vec<Target> {
    let of = |steps: &[Step], of_decoder: bool| {
        let adaptive = steps.iter().enumerate().filter_map(|(at, step)| match &step.spec {
            StepSpec::Clean(clean) => Some((at, clean.clone())),
            _ => None,
        });
        let numbered = adaptive.enumerate().filter(|(_, (_, clean))| learns(clean));
        let target = |(nth, (at, configured))| Target { of_decoder, at, nth, configured };
        numbered.map(target).collect::<Vec<_>>()
    };
    [of(&spec.conditioning, false), of(&bundle.preprocessing, true)].concat()
}

fn learns(clean: &CleanSpec) -> bool {
    match clean {
        CleanSpec::Align { align, .. } => align.mode.given().is_none(),
        CleanSpec::Asr(asr) => !matches!(asr.calibration, AsrCalibration::Given(_)),
    }
}

/// Lets the steps learn, one after the other.
///
/// # Errors
/// Every mistake of the configuration against the recordings; else why a step learned too little.
pub(super) fn learn(
    mut spec: PipelineSpec,
    mut bundle: Bundle,
    tapes: &[Tape],
    to_learn: Vec<Target>,
) -> Result<Vec<Lesson>, Failure> {
    let mut lessons = Vec::new();
    for (n, target) in to_learn.iter().enumerate() {
        target.step(&mut spec, &mut bundle).spec = StepSpec::Clean(as_taught(&target.configured));
        let stream = tapes.first().map(|tape| &tape.stream).ok_or_else(|| unplayable("no recording"))?;
        let chunk = acquire::chunk_frames(stream.rate);
        let mut path = bind(&spec, &bundle, stream, chunk).map_err(Failure::mistakes)?;
        let calibrated = |path: &mut SignalPath| {
            matches!(
                path.learned(target.of_decoder, target.nth),
                Some((Learned::Asr { state: Some(_), .. }, _))
            )
        };
        let played = play(&mut path, tapes, calibrated).map_err(unplayable)?;
        match lesson(target, &mut path, &played, tapes) {
            Ok(lesson) => {
                target.step(&mut spec, &mut bundle).give(&lesson.entry);
                lessons.push(lesson);
            }
            Err(why) => {
                // What comes after it would learn from what it yields.
                let after: Vec<String> = to_learn[n + 1..].iter().map(Target::name).collect();
                let mut lines = vec![format!("{}: {why}", target.name())];
                lines.extend((!after.is_empty()).then(|| format!("not tried: {}", after.join(", "))));
                return Err(Failure { exit: Exit::Failed, lines });
            }
        }
    }
    Ok(lessons)
}

fn unplayable(problem: impl Into<String>) -> Failure {
    Failure::new(Exit::Config, problem)
}

/// What the step has learned on the path; in words why it is too little.
fn lesson(target: &Target, path: &mut SignalPath, played: &Played, tapes: &[Tape]) -> Result<Lesson, String> {
    let (learned, signal) = path.learned(target.of_decoder, target.nth).ok_or("it has learned nothing")?;
    let rate = signal.rate.get();
    let trusted = |frames: u64| {
        let seconds = frames as f64 / rate;
        (seconds, format!("{seconds:.1} s of {:.1} s could be trusted", played.seconds))
    };
    let (frames, window_ms, what, detail) = match (&target.configured, learned) {
        (CleanSpec::Asr(asr), Learned::Asr { state, frames }) => {
            let wanted = match asr.calibration {
                AsrCalibration::Stream { seconds } => seconds,
                AsrCalibration::Given(_) => 0.0,
            };
            let (_, told) = trusted(frames);
            let state = state.ok_or_else(|| {
                format!("{told}; calibrate_s asks for {wanted} s of signal that is not all zeros")
            })?;
            (frames, asr.window_ms, What::Asr(state.clone()), String::new())
        }
        (CleanSpec::Align { window_ms, align, .. }, Learned::Align { reference, windows, frames }) => {
            let fewest = match align.mode {
                AlignMode::FirstWindows { windows } => windows.max(FEWEST_WINDOWS),
                _ => FEWEST_WINDOWS,
            };
            let (seconds, told) = trusted(frames);
            if windows < fewest || seconds < LEAST_S {
                return Err(format!(
                    "{told}, in which it learned from {windows} windows; it takes {fewest} windows and {LEAST_S} s"
                ));
            }
            let reference = reference.ok_or("it has learned nothing")?;
            let own = signal.channels() / align.groups;
            if !reference.chunks_exact(own * own).all(|part| is_definite(part, own, SPD_FLOOR)) {
                return Err("the covariance that it learned is not of full rank, as after an average reference, with a dead channel or with two alike: leave those out before it, or set shrinkage = \"oas\"".into());
            }
            let what = What::Align {
                metric: align.metric,
                shrinkage: align.shrinkage,
                windows: windows as usize,
                groups: align.groups,
                reference: reference.to_vec(),
            };
            (frames, *window_ms, what, format!(", {windows} windows"))
        }
        _ => return Err("it has learned nothing".into()),
    };
    let entry = Entry {
        name: target.name(),
        channels: signal.labels.clone(),
        rate: signal.rate,
        learned_s: trusted(frames).0,
        recordings: tapes[..played.tapes].iter().map(|tape| tape.recorded.clone()).collect(),
        window_ms,
        what,
    };
    Ok(Lesson { target: target.clone(), entry, played_s: played.seconds, detail })
}

/// As the step is while it learns: all windows count alike, whatever the daemon would forget.
fn as_taught(configured: &CleanSpec) -> CleanSpec {
    let mut clean = configured.clone();
    if let CleanSpec::Align { align, .. } = &mut clean {
        align.mode = AlignMode::Running { horizon: None };
    }
    clean
}

impl Target {
    /// The step's place as mistakes in the configuration, or in the bundle, tell it.
    pub(super) fn name(&self) -> String {
        let list = if self.of_decoder { "preprocessing" } else { "signal.steps" };
        let kind = match self.configured {
            CleanSpec::Align { .. } => "align",
            CleanSpec::Asr(_) => "asr",
        };
        format!("{list}[{}].{kind}", self.at)
    }

    fn step<'a>(&self, spec: &'a mut PipelineSpec, bundle: &'a mut Bundle) -> &'a mut Step {
        let steps = if self.of_decoder { &mut bundle.preprocessing } else { &mut spec.conditioning };
        &mut steps[self.at]
    }
}
