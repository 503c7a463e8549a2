//! `bcid fit`: a decoder of one's own from recordings, in seconds.

mod bundle;
mod intent;
mod plan;
mod session;
mod validate;

use self::intent::Chosen;
use self::plan::Plan;
use self::session::{Lessons, listen};
use self::validate::{Choice, Validation, choose, cross_validate};
use super::policies::Policies;
use super::tape::{Tape, open_all};
use super::{print_lines, writable};
use crate::cli::FitArgs;
use crate::exit::{Exit, Failure};
use bci_calibration::train::Fitted;
use bci_calibration::{Agreement, Task, wilson95};
use bci_rt::thread::{ThreadSpec, spawn};
use std::time::Instant;

pub(crate) fn fit(args: &FitArgs) -> Result<Exit, Failure> {
    if args.out.exists() {
        return Err(Failure::new(Exit::Usage, format!("{} is there already", args.out.display())));
    }
    writable(&args.out)?;
    let task = Task::find(&args.task).map_err(Failure::mistakes)?;
    let tapes = open_all(&args.recordings, |file| Tape::open(file, args.group)?.told(&task.stream))
        .map_err(|lines| Failure { exit: Exit::Config, lines })?;
    let plan = Plan::new(args, &task, &tapes)?;
    let begun = Instant::now();
    let most_per_min = args.false_per_min;
    // As in the daemon: on a thread that flushes denormals to zero.
    let thread = ThreadSpec { name: "fit".into(), priority: None, cpu: None };
    let work = move || -> Result<_, Failure> {
        let mut plan = plan;
        let lessons = listen(&plan, &task, &tapes)?;
        plan.level_where_alike(&lessons.trials);
        let mut validation = cross_validate(&plan, &lessons);
        let left_out = std::mem::take(&mut validation.sessions);
        let policies = Policies::new(plan.classes.len(), plan.hop_ms);
        let resting = task.resting(&plan.classes);
        let chosen = intent::choose(policies, &task, &resting, left_out, most_per_min);
        let all: Vec<usize> = (0..lessons.trials.len()).collect();
        let choice = choose(&plan, &lessons, &all);
        plan.method = choice.method;
        let fitted = plan.fit(plan.method, &lessons.examples)?;
        let made = Made { plan, task, tapes, lessons, validation, choice, chosen, fitted };
        Ok(made)
    };
    let working = spawn(thread, move |_| work());
    let working = working.map_err(|e| Failure::caused(Exit::Internal, "starting the fitting thread", &e))?;
    let made = working.join().map_err(|_| Failure::new(Exit::Internal, "fitting panicked"))??;
    let seconds = begun.elapsed().as_secs_f64();
    bundle::write(args, &made)?;
    print_lines(&told(args, &made, seconds));
    Ok(Exit::Clean)
}

/// What was learned, and from what.
pub(crate) struct Made {
    plan: Plan,
    task: Task,
    tapes: Vec<Tape>,
    lessons: Lessons,
    validation: Validation,
    choice: Choice,
    /// From where on a class is an intent; else why that is left to whoever runs it.
    chosen: Result<Chosen, String>,
    fitted: Fitted,
}

fn told(args: &FitArgs, made: &Made, seconds: f64) -> Vec<String> {
    let Made { plan, task, lessons, validation, choice, .. } = made;
    let a = validation.agreement.accuracy();
    let counts: Vec<String> = plan
        .classes
        .iter()
        .enumerate()
        .map(|(class, label)| {
            format!("{} {label}", lessons.trials.iter().filter(|trial| trial.class == class).count())
        })
        .collect();
    let mut lines = vec![format!(
        "{} on {} channels, {} features; {} trials ({}), {} windows; {seconds:.1} s",
        plan.method_words(),
        plan.channels.len(),
        lessons.examples.width(),
        lessons.trials.len(),
        counts.join(", "),
        lessons.examples.len(),
    )];
    if let Some([with, without]) = choice.losses {
        lines
            .push(format!("loss of a trial not seen: {with:.3} with overall power, {without:.3} without it"));
    }
    lines.push(format!(
        "not seen ({}): {} of {} trials right: accuracy {:.3} (95 % {:.3} to {:.3}), chance {:.3}",
        validation.split,
        a.hits,
        a.total,
        a.value,
        a.ci95[0],
        a.ci95[1],
        validation.agreement.chance()
    ));
    lines.extend(intent::told(&made.chosen));
    if task.resting(&plan.classes).is_empty() {
        lines.push(
            "  it has learned nothing of rest: a task that cues rest as a class has fewer false activations"
                .to_owned(),
        );
    }
    lines.push(format!(
        "written to {}; `bcid decoder verify` checks it, `bcid evaluate` tries it on other recordings",
        args.out.display()
    ));
    if plan.learns_in_trials {
        let markers: Vec<&str> = task.cues.iter().map(|(marker, _)| marker.as_str()).collect();
        lines.push(format!(
            "in the daemon it learns in trials alone with [pipeline.adapt]: markers = {markers:?}, from_s = {}, to_s = {}",
            task.from_s, task.to_s
        ));
        lines.push(
            "  on another day with anew = true, too, as `bcid evaluate --adapt running` has it".to_owned(),
        );
    }
    lines
}

/// A line that is written over and over, where somebody looks.
#[allow(clippy::print_stderr, reason = "what a person at the terminal wants to know")]
pub(crate) fn progress(what: &str, done: usize, of: usize) {
    use std::io::{IsTerminal as _, stderr};
    const WIDTH: usize = 30;
    if stderr().is_terminal() {
        let filled = WIDTH * done / of.max(1);
        eprint!("\r{what:<12} [{}{}] {done}/{of}", "#".repeat(filled), ".".repeat(WIDTH - filled));
        if done == of {
            eprintln!();
        }
    }
}

/// A proportion as a bundle states it.
pub(crate) fn metric(on: &str, agreement: &Agreement) -> String {
    let a = wilson95(agreement.accuracy().hits, agreement.accuracy().total);
    format!(
        "[[provenance.metrics]]\nname = \"trial_accuracy\"\non = {on:?}\nvalue = {:?}\nci95 = [{:?}, {:?}]\ntrials = {}\nchance = {:?}\n",
        a.value,
        a.ci95[0],
        a.ci95[1],
        a.total,
        agreement.chance()
    )
}
