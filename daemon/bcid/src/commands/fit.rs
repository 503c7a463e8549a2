//! `bcid fit`: a decoder of one's own from recordings, in seconds.

mod bundle;
mod plan;
mod session;
mod validate;

use self::plan::Plan;
pub(crate) use self::session::teaching;
use self::session::{Lessons, listen};
use self::validate::{Choice, Validation, choose, cross_validate};
use super::tape::{Tape, open_all};
use super::{print_lines, writable};
use crate::cli::FitArgs;
use crate::exit::{Exit, Failure};
use bci_calibration::Task;
use bci_calibration::{Agreement, wilson95};
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
    // As in the daemon: on a thread that flushes denormals to zero.
    let thread = ThreadSpec { name: "fit".into(), priority: None, cpu: None };
    let work = move || -> Result<_, Failure> {
        let mut plan = plan;
        let lessons = listen(&plan, &task, &tapes)?;
        plan.level_where_alike(&lessons.trials);
        let validation = cross_validate(&plan, &lessons);
        let all: Vec<usize> = (0..lessons.trials.len()).collect();
        let choice = choose(&plan, &lessons, &all);
        plan.method = choice.method;
        let fitted = plan.fit(plan.method, &lessons.examples)?;
        Ok((plan, task, tapes, lessons, validation, choice, fitted))
    };
    let working = spawn(thread, move |_| work());
    let working = working.map_err(|e| Failure::caused(Exit::Internal, "starting the fitting thread", &e))?;
    let (plan, task, tapes, lessons, validation, choice, fitted) =
        working.join().map_err(|_| Failure::new(Exit::Internal, "fitting panicked"))??;
    let seconds = begun.elapsed().as_secs_f64();
    bundle::write(args, &plan, &task, &tapes, &lessons, &validation, &fitted)?;
    print_lines(&told(args, &task, &plan, &lessons, &validation, &choice, seconds));
    Ok(Exit::Clean)
}

fn told(
    args: &FitArgs,
    task: &Task,
    plan: &Plan,
    lessons: &Lessons,
    validation: &Validation,
    choice: &Choice,
    seconds: f64,
) -> Vec<String> {
    let a = validation.agreement.accuracy();
    let counts: Vec<String> = plan
        .classes
        .iter()
        .enumerate()
        .map(|(class, label)| {
            format!("{} {label}", lessons.trials.iter().filter(|trial| trial.class == class).count())
        })
        .collect();
    let mut lines = vec![
        format!(
            "{} on {} channels, {} features; {} trials ({}), {} windows; {seconds:.1} s",
            plan.method_words(),
            plan.channels.len(),
            lessons.examples.width(),
            lessons.trials.len(),
            counts.join(", "),
            lessons.examples.len(),
        ),
        format!(
            "not seen ({}): {} of {} trials right: accuracy {:.3} (95 % {:.3} to {:.3}), chance {:.3}",
            validation.split,
            a.hits,
            a.total,
            a.value,
            a.ci95[0],
            a.ci95[1],
            validation.agreement.chance()
        ),
        format!(
            "written to {}; `bcid decoder verify` checks it, `bcid evaluate` tries it on other recordings",
            args.out.display()
        ),
    ];
    if let Some([with, without]) = choice.losses {
        lines.insert(
            1,
            format!("loss of a trial not seen: {with:.3} with overall power, {without:.3} without it"),
        );
    }
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
