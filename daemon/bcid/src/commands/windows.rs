//! `bcid windows`: what a decoder is fed while recordings play, written down. Whoever trains a decoder learns from what it will
//! meet in the daemon, and not from what another program makes of the same recordings.

use super::evaluate::{adapt, classes};
use super::listen::{Listening, teaching};
use super::tape::{Tape, open_all};
use super::{print_lines, write_json, write_whole};
use crate::cli::{Adapt, WindowsArgs};
use crate::exit::{Exit, Failure};
use bci_calibration::{Cue, Task};
use bci_config::Mistakes;
use bci_dsp::run::Learned;
use bci_dsp::{CleanSpec, StepSpec};
use bci_models::Bundle;
use bci_models::bundle::{Matrix, write_npy};
use bci_models::learned::{Entry, What, to_toml};
use bci_pipeline::{PipelineSpec, PolicySpec, SignalPath, acquire, bind};
use bci_rt::thread::{ThreadSpec, spawn};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;

/// Where the numbers are, what is to be known of them, and what was learned.
const NUMBERS: &str = "windows.npy";
const ABOUT: &str = "windows.json";
const ALIGN: &str = "align.toml";

pub(crate) fn windows(args: &WindowsArgs) -> Result<Exit, Failure> {
    if args.out.exists() {
        return Err(Failure::new(Exit::Usage, format!("{} is there already", args.out.display())));
    }
    let task = Task::find(&args.task).map_err(Failure::mistakes)?;
    let mistakes = Mistakes::new();
    let Some(bundle) = Bundle::without_model(&args.decoder, &mistakes) else {
        return Err(Failure::mistakes(mistakes.into_sorted()));
    };
    let labels = classes(&bundle, &task)?;
    let tapes = open_all(&args.recordings, |file| Tape::open(file, args.group)?.told(&task.stream))
        .map_err(|lines| Failure { exit: Exit::Config, lines })?;
    let displaced = displaced(args, &tapes)?;
    let (bundle, anew) = adapt(bundle, args.adapt)?;
    let in_trials = !matches!(args.adapt, Some(Adapt::Always));
    let listener = Listener { task, bundle, labels, displaced, in_trials, anew };
    // As in the daemon: on a thread that flushes denormals to zero.
    let thread = ThreadSpec { name: "windows".into(), priority: None, cpu: None };
    let listening = spawn(thread, move |_| {
        let fed = listener.listen(&tapes);
        (listener, tapes, fed)
    });
    let listening =
        listening.map_err(|e| Failure::caused(Exit::Internal, "starting the listening thread", &e))?;
    let (listener, tapes, fed) =
        listening.join().map_err(|_| Failure::new(Exit::Internal, "listening panicked"))?;
    let mut fed = fed?;
    let numbers = std::mem::take(&mut fed.numbers);
    write(&args.out, &listener, &tapes, &fed, numbers)?;
    let invalid = fed.valid.iter().filter(|valid| !**valid).count();
    print_lines(&[format!(
        "{} windows of {} numbers in {}, {invalid} of them not to be trusted; {} cues",
        fed.valid.len(),
        fed.length,
        args.out.display(),
        fed.cues.len()
    )]);
    Ok(Exit::Clean)
}

/// Where the channels are that are to be displaced.
fn displaced(args: &WindowsArgs, tapes: &[Tape]) -> Result<Vec<usize>, Failure> {
    let Some(first) = tapes.first() else { return Ok(Vec::new()) };
    let find = |label: &String| {
        let at = first.stream.channel_index(label);
        at.ok_or_else(|| format!("--displace {label}: {} has no such channel", first.file.display()))
    };
    let found: Vec<Result<usize, String>> = args.displace.iter().map(find).collect();
    let (found, wrong): (Vec<_>, Vec<_>) = found.into_iter().partition(Result::is_ok);
    let lines: Vec<String> = wrong.into_iter().filter_map(Result::err).collect();
    if lines.is_empty() {
        Ok(found.into_iter().flatten().collect())
    } else {
        Err(Failure { exit: Exit::Usage, lines })
    }
}

struct Listener {
    task: Task,
    bundle: Bundle,
    /// The decoder's classes, in its order.
    labels: Vec<String>,
    displaced: Vec<usize>,
    in_trials: bool,
    anew: bool,
}

/// What the decoder was fed. Of each window the times of its oldest and newest sample, s since the session began, whether it could
/// be trusted, whether what adapts learned from it, and which run of filters and which stretch without a hole it is of.
#[derive(Default)]
struct Fed {
    length: usize,
    numbers: Vec<f32>,
    oldest_s: Vec<f64>,
    newest_s: Vec<f64>,
    valid: Vec<bool>,
    teaches: Vec<bool>,
    generation: Vec<u64>,
    epoch: Vec<u64>,
    recording: Vec<usize>,
    cues: Vec<Cue>,
    learned: Vec<Entry>,
}

impl Listener {
    fn listen(&self, tapes: &[Tape]) -> Result<Fed, Failure> {
        let config = |problem: String| Failure::new(Exit::Config, problem);
        let first = tapes.first().ok_or_else(|| config("no recording".to_owned()))?;
        let mut spec = PipelineSpec::plain("windows", PolicySpec::NOTHING);
        spec.gap_ms = self.task.stream.gap_ms.unwrap_or(spec.gap_ms);
        let teaching = self.in_trials.then(|| Arc::new(teaching(&self.task)));
        spec.teaching.clone_from(&teaching);
        spec.anew = self.anew;
        let chunk = acquire::chunk_frames(first.stream.rate);
        let mut path = bind(&spec, &self.bundle, &first.stream, chunk).map_err(Failure::mistakes)?;
        let mut fed = Fed { length: path.window_len(), ..Fed::default() };
        let Self { task, labels, displaced, .. } = self;
        let listening = Listening { task, classes: labels, teaching, displaced };
        fed.cues = listening.windows(tapes, &mut path, |recording, slot| {
            fed.numbers.extend_from_slice(&slot.window);
            fed.oldest_s.push(slot.oldest_sample.as_lsl_seconds());
            fed.newest_s.push(slot.newest_sample.as_lsl_seconds());
            fed.valid.push(slot.validity.is_valid());
            fed.teaches.push(slot.teaches);
            fed.generation.push(slot.generation);
            fed.epoch.push(slot.epoch);
            fed.recording.push(recording);
        })?;
        fed.learned = self.learned(&mut path, tapes);
        Ok(fed)
    }

    /// What each alignment of the decoder has come to.
    fn learned(&self, path: &mut SignalPath, tapes: &[Tape]) -> Vec<Entry> {
        let cleaning = self.bundle.preprocessing.iter().enumerate();
        let cleaning = cleaning.filter_map(|(at, step)| match &step.spec {
            StepSpec::Clean(clean) => Some((at, clean)),
            _ => None,
        });
        let mut entries = Vec::new();
        for (nth, (at, clean)) in cleaning.enumerate() {
            let CleanSpec::Align { window_ms, align, .. } = clean else { continue };
            let Some((Learned::Align { reference: Some(reference), windows, frames }, signal)) =
                path.learned(true, nth)
            else {
                continue;
            };
            entries.push(Entry {
                name: format!("preprocessing[{at}].align"),
                channels: signal.labels.clone(),
                rate: signal.rate,
                learned_s: frames as f64 / signal.rate.get(),
                recordings: tapes.iter().map(|tape| tape.recorded.clone()).collect(),
                window_ms: *window_ms,
                what: What::Align {
                    metric: align.metric,
                    shrinkage: align.shrinkage,
                    windows: windows as usize,
                    groups: align.groups,
                    reference: reference.to_vec(),
                },
            });
        }
        entries
    }

    fn about(&self, tapes: &[Tape], fed: &Fed) -> Value {
        let cue = |cue: &Cue| {
            json!({
                "time_s": cue.time_s,
                "class": cue.class.map(|class| &self.labels[class]),
                "rest": cue.rest,
                "recording": cue.recording,
                "end_s": cue.end_s,
            })
        };
        let input = &self.bundle.input;
        let channels = fed.length / input.fed_samples().max(1);
        json!({
            "decoder": self.bundle.identity.name,
            "task": self.task.name,
            "from_s": self.task.from_s,
            "to_s": self.task.to_s,
            "classes": self.labels,
            "recordings": tapes.iter().map(|t| json!({ "file": t.recorded.file, "sha256": t.recorded.sha256 })).collect::<Vec<_>>(),
            "shape": [fed.valid.len(), channels, input.fed_samples()],
            "windows": {
                "oldest_s": fed.oldest_s,
                "newest_s": fed.newest_s,
                "valid": fed.valid,
                "teaches": fed.teaches,
                "generation": fed.generation,
                "epoch": fed.epoch,
                "recording": fed.recording,
            },
            "cues": fed.cues.iter().map(cue).collect::<Vec<_>>(),
        })
    }
}

/// Writes the folder whole or not at all.
fn write(
    out: &Path,
    listener: &Listener,
    tapes: &[Tape],
    fed: &Fed,
    numbers: Vec<f32>,
) -> Result<(), Failure> {
    let failed =
        |e: std::io::Error| Failure::caused(Exit::Internal, &format!("writing {}", out.display()), &e);
    let mut part = out.as_os_str().to_owned();
    part.push(format!(".{}.part", std::process::id()));
    let part = Path::new(&part);
    std::fs::create_dir_all(part).map_err(failed)?;
    let matrix = Matrix { rows: fed.valid.len(), columns: fed.length, values: numbers };
    std::fs::write(part.join(NUMBERS), write_npy(&matrix)).map_err(failed)?;
    write_json(&part.join(ABOUT), &listener.about(tapes, fed))?;
    if !fed.learned.is_empty() {
        write_whole(&part.join(ALIGN), &to_toml(&fed.learned))?;
    }
    std::fs::rename(part, out).map_err(failed)
}
