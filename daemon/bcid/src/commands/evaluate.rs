//! `bcid evaluate`: how good a decoder is on recordings, by the daemon's own path.

mod curve;
mod findings;
mod plot;
mod regions;
mod report;

use self::curve::{ChosenBy, Curve};
use self::findings::Findings;
use self::regions::{Without, regions};
use super::fit::progress;
use super::listen::teaching;
use super::policies::Policies;
use super::tape::{Heard, Tape, open_all, play_displaced};
use super::{print_lines, writable, write_json, write_whole};
use crate::cli::{Adapt, EvaluateArgs};
use crate::exit::{Exit, Failure};
use bci_calibration::{Agreement, Cue, SeenWindow, Session, Task, agreement};
use bci_config::{Mistake, Mistakes, Place};
use bci_dsp::run::AlignMode;
use bci_dsp::{CleanSpec, StepSpec};
use bci_models::steps::REFERENCE_WINDOWS;
use bci_models::{Bundle, Device, OrtDecoder};
use bci_pipeline::{Decoded, IntentSpec, Offline, PipelineSpec, PolicySpec, check};
use bci_rt::thread::{ThreadSpec, spawn};
use bci_types::{Intent, Outcome};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

/// From where on a class is an intent, and over how long it is smoothed, ms, where neither command line nor decoder says it.
const THRESHOLD: f64 = 0.7;
const SMOOTHING_MS: f64 = 500.0;

/// Where a bundle keeps the task that it was made for.
pub(crate) const TASK_FILE: &str = "task.toml";

pub(crate) fn evaluate(args: &EvaluateArgs) -> Result<Exit, Failure> {
    for file in args.json.iter().chain(&args.html) {
        writable(file)?;
    }
    let task = task(args)?;
    let mistakes = Mistakes::new();
    let Some(bundle) = Bundle::read(&args.decoder, &mistakes) else {
        return Err(Failure::mistakes(mistakes.into_sorted()));
    };
    let classes = classes(&bundle, &task)?;
    let tapes = open_all(&args.recordings, |file| Tape::open(file, args.group)?.told(&task.stream))
        .map_err(|lines| Failure { exit: Exit::Config, lines })?;
    let decoder = OrtDecoder::load(&bundle, Device::Cpu).map_err(Failure::mistakes)?;
    let (adapted, anew) = adapt(bundle, args.adapt)?;
    let (policy, chosen_by) = policy(&adapted, args)?;
    let in_trials = !matches!(args.adapt, Some(Adapt::Always));
    let job = Job { task, bundle: adapted, classes, policy, in_trials, anew };
    // As in the daemon: on a thread that flushes denormals to zero.
    let thread = ThreadSpec { name: "evaluate".into(), priority: None, cpu: None };
    let playing = spawn(thread, move |_| {
        let session = job.play(decoder, &tapes, &[], "evaluating").and_then(|session| {
            let regions = job.audit(&tapes)?;
            Ok((session, regions))
        });
        (job, tapes, session)
    });
    let playing =
        playing.map_err(|e| Failure::caused(Exit::Internal, "starting the evaluating thread", &e))?;
    let (job, tapes, session) =
        playing.join().map_err(|_| Failure::new(Exit::Internal, "evaluating panicked"))?;
    let (session, regions) = session?;
    let curve = job.curve(&session, chosen_by)?;
    let findings = Findings::of(&session, &job.task, &job.classes, curve).with_regions(regions);
    if findings.trials() == 0 {
        return Err(Failure::new(Exit::Failed, "no trial of the task was recorded whole"));
    }
    print_lines(&findings.lines());
    let found = findings.json(&job.bundle, &job.task, &tapes, args.adapt);
    if let Some(file) = &args.json {
        write_json(file, &found)?;
    }
    if let Some(file) = &args.html {
        write_whole(file, &report::page(&found))?;
    }
    Ok(Exit::Clean)
}

/// The task that is asked for, or the one that the decoder was made for.
fn task(args: &EvaluateArgs) -> Result<Task, Failure> {
    let own = args.decoder.join(TASK_FILE);
    let meant: &Path = match &args.task {
        Some(task) => task,
        None if own.is_file() => &own,
        None => {
            let problem = format!(
                "{} holds no {TASK_FILE}: say by --task what its classes are cued by",
                args.decoder.display()
            );
            return Err(Failure::new(Exit::Usage, problem));
        }
    };
    Task::find(meant).map_err(Failure::mistakes)
}

/// The decoder's classes, in its order; the task's are among them.
///
/// # Errors
/// In words, where it yields none or lacks one.
pub(crate) fn classes(bundle: &Bundle, task: &Task) -> Result<Vec<String>, Failure> {
    let Some(classes) = bundle.output.classes() else {
        let problem =
            format!("{} yields no classes: there is nothing to hold against cues", bundle.identity.name);
        return Err(Failure::new(Exit::Config, problem));
    };
    let lacking: Vec<String> = task.classes().into_iter().filter(|c| !classes.labels.contains(c)).collect();
    if lacking.is_empty() {
        return Ok(classes.labels.to_vec());
    }
    let problem = format!(
        "the task {} cues {}, the decoder {} knows {}",
        task.name,
        lacking.join(", "),
        bundle.identity.name,
        classes.labels.join(", ")
    );
    Err(Failure::new(Exit::Config, problem))
}

/// From where on a class is an intent: as asked, else as the decoder states, else by default; and which of these it was.
fn policy(bundle: &Bundle, args: &EvaluateArgs) -> Result<(PolicySpec, ChosenBy), Failure> {
    let own = bundle.intent;
    let chosen_by = match (args.threshold.or(args.smoothing_ms), own) {
        (Some(_), _) => ChosenBy::Asked,
        (None, Some(_)) => ChosenBy::Decoder,
        (None, None) => ChosenBy::Default,
    };
    let threshold = args.threshold.or(own.map(|own| own.threshold)).unwrap_or(THRESHOLD);
    let smoothing_ms = args.smoothing_ms.or(own.map(|own| own.smoothing_ms)).unwrap_or(SMOOTHING_MS);
    let intent = IntentSpec {
        threshold: Some(threshold),
        smoothing_ms: Some(smoothing_ms),
        max_age_ms: f64::INFINITY,
        at: Some(Place::option("--threshold", "", "")),
        ..IntentSpec::default()
    };
    let hop_ms = bundle.input.hop_samples.value as f64 * 1e3 / bundle.windowed.rate.get();
    let policy = intent.policy(bundle, hop_ms).map_err(Failure::mistakes)?;
    Ok((policy, chosen_by))
}

/// Lets the decoder's alignment learn as it is asked to; whether from nothing.
///
/// # Errors
/// In words, where it has none.
pub(crate) fn adapt(mut bundle: Bundle, how: Option<Adapt>) -> Result<(Bundle, bool), Failure> {
    let Some(how) = how else { return Ok((bundle, false)) };
    let mut found = false;
    for step in &mut bundle.preprocessing {
        if let StepSpec::Clean(CleanSpec::Align { align, .. }) = &mut step.spec {
            found = true;
            if let (AlignMode::Fixed { reference }, Adapt::Onwards) = (&align.mode, how) {
                let reference = reference.clone();
                align.mode = AlignMode::Onwards { reference, windows: REFERENCE_WINDOWS, horizon: None };
            }
        }
    }
    if !found {
        let how = format!("{how:?}").to_lowercase();
        let problem = format!("--adapt {how}: {} has no `align` step that could adapt", bundle.identity.name);
        return Err(Failure::new(Exit::Usage, problem));
    }
    Ok((bundle, matches!(how, Adapt::Running | Adapt::Always)))
}

/// What is to be played.
struct Job {
    task: Task,
    bundle: Bundle,
    classes: Vec<String>,
    policy: PolicySpec,
    /// Adaptive steps learn in trials alone.
    in_trials: bool,
    /// Alignments begin from nothing.
    anew: bool,
}

impl Job {
    /// How it agrees with the cues without what parts of the head tell.
    fn audit(&self, tapes: &[Tape]) -> Result<Vec<(String, Agreement)>, Failure> {
        let Some(first) = tapes.first() else { return Ok(Vec::new()) };
        let mut all = Vec::new();
        for Without { what, channels } in regions(&first.stream, &self.bundle.input.channels) {
            let decoder = OrtDecoder::load(&self.bundle, Device::Cpu).map_err(Failure::mistakes)?;
            let session = self.play(decoder, tapes, &channels, &what)?;
            all.push((what, agreement(self.classes.len(), &session.trials(&self.task, 0.0))));
        }
        Ok(all)
    }

    fn spec(&self) -> PipelineSpec {
        PipelineSpec::plain("evaluate", self.policy.clone())
    }

    /// What it comes to without cues, from every threshold on.
    fn curve(&self, session: &Session, chosen_by: ChosenBy) -> Result<Curve, Failure> {
        let binding = check(&self.spec(), &self.bundle).map_err(Failure::mistakes)?;
        let policies = Policies::of(&self.bundle, binding.hop_ms);
        let resting = self.task.resting(&self.classes);
        Curve::of(session, &self.task, &resting, policies, (binding.policy, chosen_by))
    }

    /// The recordings through the pipeline, one session; of channels that are `displaced` as they were at another time.
    fn play(
        &self,
        decoder: OrtDecoder,
        tapes: &[Tape],
        displaced: &[usize],
        doing: &str,
    ) -> Result<Session, Failure> {
        let mut spec = self.spec();
        spec.gap_ms = self.task.stream.gap_ms.unwrap_or(spec.gap_ms);
        let teaching = self.in_trials.then(|| Arc::new(teaching(&self.task)));
        spec.teaching.clone_from(&teaching);
        spec.anew = self.anew;
        let first = tapes.first().ok_or_else(|| Failure::new(Exit::Usage, "no recording"))?;
        let mut offline = Offline::new(&spec, &self.bundle, Box::new(decoder), &first.stream)
            .map_err(|found: Vec<Mistake>| Failure::mistakes(found))?;
        let mut session = Session::default();
        let (mut recording, mut begun) = (0, false);
        let mut end_s = 0.0;
        play_displaced(tapes, true, displaced, |heard| {
            match heard {
                Heard::Begin(i) => {
                    progress(doing, i, tapes.len());
                    (recording, begun) = (i, false);
                    if i > 0 {
                        offline.attach_anew();
                    }
                }
                Heard::Frames { samples, stamps } => {
                    end_s = stamps.iter().copied().fold(end_s, f64::max);
                    match session.recordings.last_mut().filter(|_| begun) {
                        Some(span) => span[1] = end_s,
                        None => session.recordings.push([stamps.first().copied().unwrap_or(end_s), end_s]),
                    }
                    begun = true;
                    let ended = session.cues.iter_mut().filter(|cue| cue.recording == recording);
                    ended.for_each(|cue| cue.end_s = end_s);
                    offline.take(samples, stamps, |decoded| session.windows.push(seen(&decoded)));
                }
                Heard::Marker { text, time_s } => {
                    if let Some(teaching) = &teaching {
                        teaching.marker(text, time_s);
                    }
                    let class = self.task.class_of(text);
                    let class = class.and_then(|class| self.classes.iter().position(|c| c == class));
                    let rest = self.task.is_rest(text);
                    if class.is_some() || rest {
                        session.cues.push(Cue { time_s, class, rest, recording, end_s: time_s });
                    }
                }
            }
            ControlFlow::Continue(())
        })
        .map_err(|problem| Failure::new(Exit::Config, problem))?;
        progress(doing, tapes.len(), tapes.len());
        Ok(session)
    }
}

fn seen(Decoded { intent, afresh, hops, .. }: &Decoded) -> SeenWindow {
    let Intent { oldest_sample, newest_sample, validity, numbers, outcome, .. } = intent;
    SeenWindow {
        oldest_s: oldest_sample.as_lsl_seconds(),
        newest_s: newest_sample.as_lsl_seconds(),
        valid: validity.is_valid(),
        posterior: numbers.clone(),
        intent: if let Outcome::Class(class) = outcome { Some(*class) } else { None },
        afresh: *afresh,
        hops: *hops,
    }
}
