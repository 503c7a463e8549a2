//! A whole session looked at afterwards: every window that was decoded, against every cue.

use super::{Agreement, Reliability};
use crate::Task;

/// A window that was decoded. Times in seconds of the session.
#[derive(Clone, Debug, PartialEq)]
pub struct SeenWindow {
    /// Its oldest sample.
    pub oldest_s: f64,
    /// Its newest sample.
    pub newest_s: f64,
    /// Whether it could be trusted.
    pub valid: bool,
    /// One a class.
    pub posterior: Vec<f32>,
    /// The class of the intent that was published, where one was.
    pub intent: Option<usize>,
    /// Nothing before it is evidence: it is the first of its recording, or the first after a hole.
    pub afresh: bool,
    /// How many windows it is after the one before it.
    pub hops: u64,
}

/// A marker that the task knows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cue {
    /// When.
    pub time_s: f64,
    /// The class it cues; `None` where it only says that the person rests.
    pub class: Option<usize>,
    /// Whether the person rests from it on.
    pub rest: bool,
    /// The recording it is of.
    pub recording: usize,
    /// When that ends.
    pub end_s: f64,
}

/// What became of a trial.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// When it was cued.
    pub cue_s: f64,
    /// The recording it is of.
    pub recording: usize,
    /// The class that was cued.
    pub cued: usize,
    /// The class with the highest mean posterior; `None` without a window that could be trusted.
    pub decided: Option<usize>,
    /// Mean posterior over its valid windows, one a class.
    pub mean_posterior: Vec<f64>,
    /// Valid windows.
    pub windows: usize,
    /// Of those, how many were right by themselves.
    pub windows_right: usize,
    /// Windows that could not be trusted.
    pub invalid: usize,
    /// The first intent after the cue: its class, and how long after.
    pub first_intent: Option<(usize, f64)>,
}

/// A session: windows in the order of their newest samples, and cues.
#[derive(Clone, Debug, Default)]
pub struct Session {
    /// As decoded.
    pub windows: Vec<SeenWindow>,
    /// As cued.
    pub cues: Vec<Cue>,
    /// When each recording began and ended.
    pub recordings: Vec<[f64; 2]>,
}

/// Clock correction may differ by this between streams, s.
pub(super) const TOLERANCE_S: f64 = 5e-4;
/// Bins of [`Session::reliability`].
const BINS: usize = 10;

impl Session {
    /// Every trial that was recorded to its end, decided as the task says; its span moved by `shift_s`.
    #[must_use]
    pub fn trials(&self, task: &Task, shift_s: f64) -> Vec<Trial> {
        self.cues
            .iter()
            .filter_map(|cue| Some((cue, cue.class?)))
            .filter(|(cue, _)| cue.time_s + task.to_s + shift_s <= cue.end_s + TOLERANCE_S)
            .map(|(cue, cued)| self.trial(task, shift_s, cue, cued))
            .collect()
    }

    /// Trials that were cued, and that the recording ended in.
    #[must_use]
    pub fn unfinished(&self, task: &Task) -> usize {
        self.cues.iter().filter(|cue| cue.class.is_some()).count() - self.trials(task, 0.0).len()
    }

    fn trial(&self, task: &Task, shift_s: f64, cue: &Cue, cued: usize) -> Trial {
        let (from, to) = (cue.time_s + task.from_s + shift_s, cue.time_s + task.to_s + shift_s);
        let within = self.between(from, to).filter(|window| window.oldest_s >= from - TOLERANCE_S);
        let mut trial = Trial {
            cue_s: cue.time_s,
            recording: cue.recording,
            cued,
            decided: None,
            mean_posterior: Vec::new(),
            windows: 0,
            windows_right: 0,
            invalid: 0,
            first_intent: self
                .between(cue.time_s, to)
                .find_map(|window| Some((window.intent?, window.newest_s - cue.time_s))),
        };
        for window in within {
            if !window.valid {
                trial.invalid += 1;
                continue;
            }
            trial.mean_posterior.resize(window.posterior.len(), 0.0);
            for (sum, p) in trial.mean_posterior.iter_mut().zip(&window.posterior) {
                *sum += f64::from(*p);
            }
            trial.windows += 1;
            trial.windows_right += usize::from(surest(&window.posterior) == Some(cued));
        }
        trial.mean_posterior.iter_mut().for_each(|sum| *sum /= trial.windows as f64);
        trial.decided = surest(&trial.mean_posterior);
        trial
    }

    /// Windows with their newest sample there.
    pub(super) fn between(&self, from_s: f64, to_s: f64) -> impl Iterator<Item = &SeenWindow> {
        let first = self.windows.partition_point(|window| window.newest_s < from_s - TOLERANCE_S);
        self.windows[first..].iter().take_while(move |window| window.newest_s <= to_s + TOLERANCE_S)
    }

    /// Whether windows of trials are right as often as they say.
    #[must_use]
    pub fn reliability(&self, task: &Task) -> Reliability {
        let mut decisions = Vec::new();
        for cue in self.cues.iter().filter(|cue| cue.time_s + task.to_s <= cue.end_s + TOLERANCE_S) {
            let (Some(cued), from) = (cue.class, cue.time_s + task.from_s) else { continue };
            let within = self.between(from, cue.time_s + task.to_s);
            let whole = within.filter(|window| window.valid && window.oldest_s >= from - TOLERANCE_S);
            for window in whole {
                if let Some(best) = surest(&window.posterior) {
                    decisions.push((f64::from(window.posterior[best]), best == cued));
                }
            }
        }
        Reliability::new(decisions, BINS)
    }
}

/// Trials as an agreement between `classes` classes.
#[must_use]
pub fn agreement(classes: usize, trials: &[Trial]) -> Agreement {
    Agreement::new(classes, trials.iter().map(|trial| (trial.cued, trial.decided)).collect())
}

/// The first of equal ones, as NumPy's `argmax` has it.
fn surest<T: PartialOrd + Copy>(posterior: &[T]) -> Option<usize> {
    let mut best = None;
    for (i, p) in posterior.iter().enumerate() {
        if best.is_none_or(|(_, most)| *p > most) {
            best = Some((i, *p));
        }
    }
    best.map(|(i, _)| i)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn session() -> (Task, Session) {
        // 0.5 to 4 s.
        let task = Task::find(Path::new("eegmmidb-fists-feet")).expect("sound");
        let window = |i: usize| {
            let newest_s = i as f64 * 0.5;
            let surely = if newest_s < 10.0 { 0.8 } else { 0.3 };
            let intent = (2.0..10.0).contains(&newest_s).then_some(0);
            SeenWindow {
                oldest_s: newest_s - 1.0,
                newest_s,
                valid: i != 5,
                posterior: vec![surely, 1.0 - surely],
                intent,
                afresh: i == 0,
                hops: 1,
            }
        };
        let cue = |time_s: f64, class, rest| Cue { time_s, class, rest, recording: 0, end_s: 20.0 };
        let cues = vec![
            cue(0.0, Some(0), false),
            cue(5.0, None, true),
            cue(12.0, Some(0), false),
            cue(17.0, Some(1), false),
        ];
        (task, Session { windows: (0..40).map(window).collect(), cues, recordings: vec![[0.0, 20.0]] })
    }

    #[test]
    fn windows_wholly_within_the_span_decide_a_trial() {
        let (task, session) = session();
        let trials = session.trials(&task, 0.0);
        // The last one is cut off by the recording's end.
        assert_eq!((trials.len(), session.unfinished(&task)), (2, 1));
        // Newest samples at 1.5, 2, 3, 3.5 and 4 s; that of 2.5 s could not be trusted.
        let Trial { windows, windows_right, invalid, decided, first_intent, .. } = trials[0];
        assert_eq!((windows, windows_right, invalid, decided), (5, 5, 1, Some(0)));
        assert_eq!(first_intent, Some((0, 2.0)));
        assert_eq!((trials[1].decided, trials[1].windows_right), (Some(1), 0));
        assert_eq!(agreement(2, &trials).accuracy().hits, 1);
    }
}
