use super::plan::Plan;
use super::progress;
use super::session::Lessons;
use crate::exit::Failure;
use bci_calibration::train::{Fitted, Method};
use bci_calibration::{Agreement, SeenWindow, Session};
use bci_models::Prior;

/// Blocks of consecutive trials where there is but one recording to leave trials out of.
const BLOCKS: usize = 5;

/// Overall power is kept where that makes the loss smaller by more than this share of it: what it tells of a class is told anew
/// every day by how well electrodes sit, and is not worth having for nothing.
const WORTH: f64 = 0.01;

/// The least that the mean posterior of a cued class counts as.
const LEAST: f64 = 1e-6;

/// How good decoders are that have not seen what they are tried on.
pub(super) struct Validation {
    /// What was left out at a time, in words.
    pub(super) split: String,
    pub(super) agreement: Agreement,
    /// What was left out, a session each, as it would have been decoded; nothing is decided yet.
    pub(super) sessions: Vec<Session>,
}

/// A choice that the examples made.
pub(super) struct Choice {
    pub(super) method: Method,
    /// The mean loss of a trial with overall power and without, where they were compared.
    pub(super) losses: Option<[f64; 2]>,
}

/// Trials in the parts that are left out one after the other: recordings, or blocks of the only one.
struct Folds {
    /// The trials, each with its part.
    parts: Vec<(usize, usize)>,
    /// The recordings that trials are of, in order.
    recordings: Vec<usize>,
}

impl Folds {
    fn of(lessons: &Lessons, trials: &[usize]) -> Self {
        let mut recordings: Vec<usize> = trials.iter().map(|t| lessons.trials[*t].recording).collect();
        recordings.dedup();
        let place = |recording: usize| recordings.iter().position(|r| *r == recording).unwrap_or(0);
        let part = |(i, trial): (usize, &usize)| match recordings.len() {
            0 | 1 => (*trial, i * BLOCKS / trials.len().max(1)),
            _ => (*trial, place(lessons.trials[*trial].recording)),
        };
        Self { parts: trials.iter().enumerate().map(part).collect(), recordings }
    }

    fn count(&self) -> usize {
        if self.recordings.len() > 1 { self.recordings.len() } else { BLOCKS }
    }

    /// The part in which something of a recording is left out, in a trial or not. A block lasts to the first cue of the next; what
    /// is before all of them, and recordings without trials, which nothing is learned from, are left out with the first.
    fn part_of(&self, lessons: &Lessons, recording: usize, time_s: f64) -> usize {
        if self.recordings.len() > 1 {
            return self.recordings.iter().position(|r| *r == recording).unwrap_or(0);
        }
        let begun = self.parts.iter().take_while(|(trial, _)| lessons.trials[*trial].cue_s <= time_s);
        begun.last().map_or(0, |(_, part)| *part)
    }

    /// The trials of a part, or all others.
    fn trials(&self, part: usize, of_it: bool) -> Vec<usize> {
        self.parts.iter().filter(|(_, p)| (*p == part) == of_it).map(|(trial, _)| *trial).collect()
    }

    fn words(&self) -> String {
        match self.recordings.len() {
            0 | 1 => format!("blocks of consecutive trials, each of {BLOCKS} left out once"),
            n => format!("recordings, each of {n} left out once"),
        }
    }
}

/// What a decoder says that has learned from some trials of others.
fn posteriors(plan: &Plan, lessons: &Lessons, fitted: &Fitted, tried: &[usize]) -> Vec<Option<Vec<f64>>> {
    // As the daemon would on a day that begins there: how frequent classes seem is learned from what was left out alone.
    let mut prior = plan.prior_windows.map(|windows| Prior::new(plan.classes.len(), windows));
    tried.iter().map(|trial| mean_posterior(fitted, lessons, *trial, prior.as_mut())).collect()
}

fn learned_from(plan: &Plan, method: Method, lessons: &Lessons, trials: &[usize]) -> Result<Fitted, Failure> {
    let mut wanted = vec![false; lessons.trials.len()];
    trials.iter().for_each(|trial| wanted[*trial] = true);
    plan.fit(method, &lessons.examples.of_trials(|trial| wanted[trial]))
}

/// With overall power or without, as these trials have it when they are left out part by part.
pub(super) fn choose(plan: &Plan, lessons: &Lessons, trials: &[usize]) -> Choice {
    let Method::TangentLr { c, power: None } = plan.method else {
        return Choice { method: plan.method, losses: None };
    };
    let method = |power: bool| Method::TangentLr { c, power: Some(power) };
    let folds = Folds::of(lessons, trials);
    let loss = |power: bool| -> Option<f64> {
        let (mut sum, mut count) = (0.0, 0);
        for part in 0..folds.count() {
            let tried = folds.trials(part, true);
            // A class may be missing from what is left.
            let Ok(fitted) = learned_from(plan, method(power), lessons, &folds.trials(part, false)) else {
                continue;
            };
            for (trial, p) in tried.iter().zip(posteriors(plan, lessons, &fitted, &tried)) {
                let Some(p) = p else { continue };
                sum -= p[lessons.trials[*trial].class].max(LEAST).ln();
                count += 1;
            }
        }
        (count > 0).then(|| sum / f64::from(count))
    };
    match (loss(true), loss(false)) {
        (Some(with), Some(without)) => {
            Choice { method: method(with < (1.0 - WORTH) * without), losses: Some([with, without]) }
        }
        _ => Choice { method: method(true), losses: None },
    }
}

/// Leaves out one recording after the other; with a single one, one of five blocks of trials that follow each other. What is chosen
/// is chosen anew each time, by what is not left out.
pub(super) fn cross_validate(plan: &Plan, lessons: &Lessons) -> Validation {
    let all: Vec<usize> = (0..lessons.trials.len()).collect();
    let folds = Folds::of(lessons, &all);
    let (mut decided, mut sessions) = (vec![None; all.len()], Vec::new());
    for part in 0..folds.count() {
        progress("validating", part, folds.count());
        let (rest, tried) = (folds.trials(part, false), folds.trials(part, true));
        let method = choose(plan, lessons, &rest).method;
        // A class may be missing from what is left: then nothing is decided.
        let Ok(fitted) = learned_from(plan, method, lessons, &rest) else { continue };
        for (trial, p) in tried.iter().zip(posteriors(plan, lessons, &fitted, &tried)) {
            decided[*trial] = p.and_then(|p| (0..p.len()).rev().max_by(|a, b| p[*a].total_cmp(&p[*b])));
        }
        sessions.push(session(plan, lessons, &fitted, |recording, time_s| {
            folds.part_of(lessons, recording, time_s) == part
        }));
    }
    progress("validating", folds.count(), folds.count());
    let trials = lessons.trials.iter().zip(decided).map(|(trial, decided)| (trial.class, decided));
    let agreement = Agreement::new(plan.classes.len(), trials.collect());
    Validation { split: folds.words(), agreement, sessions }
}

/// What a decoder makes of a part of what was heard, window by window, in trials and between, as the daemon would on a day that
/// begins there.
fn session(
    plan: &Plan,
    lessons: &Lessons,
    fitted: &Fitted,
    is_of_it: impl Fn(usize, f64) -> bool,
) -> Session {
    let classes = plan.classes.len();
    let mut prior = plan.prior_windows.map(|windows| Prior::new(classes, windows));
    let mut session = Session {
        cues: lessons.cues.iter().copied().filter(|cue| is_of_it(cue.recording, cue.time_s)).collect(),
        ..Session::default()
    };
    for window in lessons.windows.iter().filter(|window| is_of_it(window.recording, window.newest_s)) {
        let mut posterior = vec![0.0; classes];
        if window.valid {
            let features: Vec<f64> = window.features.iter().map(|x| f64::from(*x)).collect();
            posterior = fitted.posterior(&features).into_iter().map(|p| p as f32).collect();
            if let Some(prior) = &mut prior {
                if window.teaches {
                    prior.learn(&posterior);
                }
                prior.level(&mut posterior);
            }
        }
        session.windows.push(SeenWindow {
            oldest_s: window.oldest_s,
            newest_s: window.newest_s,
            valid: window.valid,
            posterior,
            intent: None,
            afresh: window.afresh || session.windows.is_empty(),
            hops: window.hops,
        });
    }
    session
}

/// Over a trial's windows; none of a trial without any.
fn mean_posterior(
    fitted: &Fitted,
    lessons: &Lessons,
    trial: usize,
    mut prior: Option<&mut Prior>,
) -> Option<Vec<f64>> {
    let examples = &lessons.examples;
    let (mut sums, mut count) = (Vec::new(), 0);
    for i in (0..examples.len()).filter(|i| examples.trial(*i) == trial) {
        let posterior = fitted.posterior(examples.features(i));
        let mut posterior: Vec<f32> = posterior.into_iter().map(|p| p as f32).collect();
        if let Some(prior) = prior.as_deref_mut() {
            prior.learn(&posterior);
            prior.level(&mut posterior);
        }
        sums.resize(posterior.len(), 0.0);
        sums.iter_mut().zip(posterior).for_each(|(sum, p)| *sum += f64::from(p));
        count += 1;
    }
    (count > 0).then(|| sums.into_iter().map(|sum| sum / f64::from(count)).collect())
}
