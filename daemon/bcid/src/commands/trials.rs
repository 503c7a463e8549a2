//! `bcid trials`: a client that scores the daemon's intents against the cues, as they come.

use super::{Interrupts, client_runtime, writable, write_json};
use crate::cli::TrialsArgs;
use crate::client::{Client, Events, Latency, Received};
use crate::exit::{Exit, Failure};
use bci_calibration::{Decided, Task, TrialScorer, WindowSeen, wilson95};
use bci_proto::v1;
use bci_proto::v1::subscribe_response::Event;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// Samples and markers come by two streams, whose clock corrections may differ by some tens of microseconds.
const TOLERANCE_NS: i64 = 500_000;

/// How long a stream that was lost may take to come back before the task counts as over.
const COMEBACK: Duration = Duration::from_secs(3);

pub(crate) fn trials(args: &TrialsArgs) -> Result<Exit, Failure> {
    if let Some(file) = &args.json {
        writable(file)?;
    }
    let task = Task::read(&args.task).map_err(Failure::mistakes)?;
    client_runtime()?.block_on(score(args, task))
}

async fn score(args: &TrialsArgs, task: Task) -> Result<Exit, Failure> {
    let client = Client::connect(&args.server).await?;
    let pipeline = the_pipeline(&client, &args.pipeline).await?;
    let mut interrupts = Interrupts::listen()?;
    let mut events = client.subscribe(&pipeline, true).await?;
    let mut score = Score::new(&task);
    head(&task, &pipeline);
    score.follow(args, &mut events, &mut interrupts).await?;
    let status = client.status().await?;
    let summary = score.summary(&task, &pipeline, &status);
    print_summary(&summary);
    if let Some(file) = &args.json {
        write_json(file, &summary)?;
    }
    let scored = score.decided.len();
    match args.expect {
        Some(expected) if scored != expected => Err(Failure::new(
            Exit::Failed,
            format!(
                "{scored} trials were scored, {expected} were expected: the run was cut short or the stream was lost"
            ),
        )),
        None if scored == 0 => Err(Failure::new(Exit::Failed, "no trial of the task was seen whole")),
        _ => Ok(Exit::Clean),
    }
}

/// The pipeline asked for, or the daemon's only one.
async fn the_pipeline(client: &Client, asked: &str) -> Result<String, Failure> {
    if !asked.is_empty() {
        return Ok(asked.to_owned());
    }
    let names: Vec<String> = client.status().await?.pipelines.into_iter().map(|p| p.name).collect();
    match names.as_slice() {
        [one] => Ok(one.clone()),
        _ => Err(Failure::new(
            Exit::Usage,
            format!("say which pipeline with --pipeline: {}", names.join(", ")),
        )),
    }
}

struct Score {
    scorer: TrialScorer,
    decided: Vec<Decided>,
    latency: Latency,
    windows: u64,
    missed: u64,
    first_sample_ns: Option<i64>,
    chance_classes: usize,
}

impl Score {
    fn new(task: &Task) -> Self {
        Self {
            scorer: TrialScorer::new(task.clone(), TOLERANCE_NS),
            decided: Vec::new(),
            latency: Latency::default(),
            windows: 0,
            missed: 0,
            first_sample_ns: None,
            chance_classes: 0,
        }
    }

    /// Reads events until the task is over: the stream ended for good, enough trials, or Ctrl-C.
    async fn follow(
        &mut self,
        args: &TrialsArgs,
        events: &mut Events,
        interrupts: &mut Interrupts,
    ) -> Result<(), Failure> {
        let patience = Duration::try_from_secs_f64(args.patience)
            .map_err(|_| Failure::new(Exit::Usage, format!("--patience {} is no duration", args.patience)))?;
        let mut wait = patience;
        loop {
            let next = tokio::select! {
                () = interrupts.next() => return Ok(()),
                next = tokio::time::timeout(wait, events.next()) => next,
            };
            let Ok(next) = next else {
                if self.windows == 0 {
                    let problem = format!("nothing was decoded within {} s", args.patience);
                    return Err(Failure::new(Exit::Device, problem));
                }
                return Ok(());
            };
            let Some(received) = next? else { return Ok(()) };
            if let Event::Stream(change) = &received.event {
                wait = patience;
                match change.state() {
                    v1::StreamState::Refused => {
                        let problem = format!("the stream is refused:\n{}", change.message);
                        return Err(Failure::new(Exit::Config, problem));
                    }
                    v1::StreamState::Stopped => return Ok(()),
                    v1::StreamState::Lost if self.windows > 0 => wait = COMEBACK,
                    // A silence may end: only patience ends it.
                    _ => {}
                }
            }
            self.take(&received);
            if args.trials.is_some_and(|n| self.decided.len() >= n) {
                return Ok(());
            }
        }
    }

    fn take(&mut self, received: &Received) {
        match &received.event {
            Event::Intent(intent) => {
                self.windows += 1;
                self.latency.record(intent, received.at);
                self.first_sample_ns.get_or_insert(intent.oldest_sample_ns);
                let classes: Vec<&str> = intent.probabilities.iter().map(|p| p.label.as_str()).collect();
                let posterior: Vec<f32> = intent.probabilities.iter().map(|p| p.window).collect();
                self.chance_classes = classes.len();
                let decided = self.scorer.window(&WindowSeen {
                    oldest_ns: intent.oldest_sample_ns,
                    newest_ns: intent.newest_sample_ns,
                    valid: intent.validity.as_ref().is_some_and(|v| v.valid),
                    classes: &classes,
                    posterior: &posterior,
                });
                for trial in decided {
                    self.decide(trial);
                }
            }
            Event::Marker(marker) => self.scorer.marker(&marker.text, marker.time_ns),
            Event::Missed(missed) => self.missed += missed.events,
            Event::Stream(_) => {}
        }
    }

    fn decide(&mut self, trial: Decided) {
        let begin = self.first_sample_ns.unwrap_or(trial.cue_ns);
        print_trial(&trial, (trial.cue_ns - begin) as f64 / 1e9);
        self.decided.push(trial);
    }

    fn summary(&self, task: &Task, pipeline: &str, status: &v1::GetStatusResponse) -> Value {
        let right = self.decided.iter().filter(|d| d.is_right()).count();
        let accuracy = wilson95(right, self.decided.len());
        let own = status.pipelines.iter().find(|p| p.name == pipeline).cloned().unwrap_or_default();
        let latency: serde_json::Map<String, Value> = self
            .latency
            .summary()
            .into_iter()
            .map(|s| (s.step.to_owned(), json!({ "p50": s.p50_ms, "p99": s.p99_ms, "max": s.max_ms })))
            .collect();
        let versions: BTreeMap<_, _> = status.versions.iter().collect();
        let per_trial: Vec<Value> = self
            .decided
            .iter()
            .map(|d| {
                json!({
                    "trial": d.number,
                    "cued": d.cued,
                    "decided": d.decided,
                    "right": d.is_right(),
                    "mean_posterior": d.mean_posterior,
                    "windows": d.windows,
                    "windows_invalid": d.invalid,
                })
            })
            .collect();
        json!({
            "task": task.name,
            "pipeline": pipeline,
            "stream": own.stream_name,
            "decoder": own.decoder.map(|d| json!({ "name": d.name, "version": d.version, "model_sha256": d.model_sha256 })),
            "trials": accuracy.total,
            "trials_unfinished": self.scorer.unfinished(),
            "correct": accuracy.hits,
            "accuracy": accuracy.value,
            "accuracy_ci95": accuracy.ci95,
            "chance": if self.chance_classes > 0 { 1.0 / self.chance_classes as f64 } else { f64::NAN },
            "windows": self.windows,
            "windows_invalid": own.windows_invalid,
            "windows_skipped": own.windows_skipped,
            "events_missed": self.missed,
            "samples_in": own.samples_in,
            "samples_lost": own.samples_lost,
            "latency_ms": latency,
            "daemon_cpu_s": status.cpu_seconds,
            "realtime_heap_operations": status.realtime_heap_operations,
            "realtime_loops_watched": status.realtime_loops_watched,
            "versions": versions,
            "per_trial": per_trial,
        })
    }
}

#[allow(clippy::print_stdout, reason = "what the command is asked to print")]
fn head(task: &Task, pipeline: &str) {
    println!(
        "task {} on pipeline {pipeline}: mean posterior over the windows {} to {} s after the cue",
        task.name, task.from_s, task.to_s
    );
    println!("trial    at s  cued      decided   mean posterior of the decided class   windows");
}

#[allow(clippy::print_stdout, reason = "what the command is asked to print")]
fn print_trial(trial: &Decided, at_s: f64) {
    const WIDTH: usize = 20;
    let decided = trial.decided.as_deref().unwrap_or("nothing");
    let p = trial.mean_posterior.iter().copied().fold(0.0, f64::max);
    let filled = (p * WIDTH as f64).round() as usize;
    let bar: String = (0..WIDTH).map(|i| if i < filled { '#' } else { '.' }).collect();
    println!(
        "{:>5}  {at_s:>6.1}  {:<8}  {decided:<8}  [{bar}] {p:.2}             {:>3}  {}",
        trial.number,
        trial.cued,
        trial.windows,
        if trial.is_right() { "right" } else { "WRONG" }
    );
}

#[allow(clippy::print_stdout, reason = "what the command is asked to print")]
fn print_summary(s: &Value) {
    let n = |key: &str| s[key].as_u64().unwrap_or(0);
    let f = |v: &Value| v.as_f64().unwrap_or(f64::NAN);
    println!();
    println!(
        "{} of {} trials right: accuracy {:.3} (95 % {:.3} to {:.3}), chance {:.3}",
        n("correct"),
        n("trials"),
        f(&s["accuracy"]),
        f(&s["accuracy_ci95"][0]),
        f(&s["accuracy_ci95"][1]),
        f(&s["chance"]),
    );
    println!(
        "samples {} in, {} lost; windows {} received, {} missed here, {} skipped, {} not trusted; daemon used {:.2} s of processor",
        n("samples_in"),
        n("samples_lost"),
        n("windows"),
        n("events_missed"),
        n("windows_skipped"),
        n("windows_invalid"),
        f(&s["daemon_cpu_s"]),
    );
    if n("trials_unfinished") > 0 {
        println!(
            "{} more trials were cued but not seen to their end, and are not counted",
            n("trials_unfinished")
        );
    }
    println!("latency from the newest sample's stamp to receipt by this process:");
    for step in crate::client::LATENCY_STEPS {
        let l = &s["latency_ms"][step];
        println!(
            "  {step:<8} p50 {:>8.3} ms   p99 {:>8.3} ms   max {:>8.3} ms",
            f(&l["p50"]),
            f(&l["p99"]),
            f(&l["max"])
        );
    }
}
