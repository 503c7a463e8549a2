use crate::Task;

/// A decoded window, as far as scoring needs it. Times in ns on one clock.
#[derive(Clone, Debug, PartialEq)]
pub struct WindowSeen<'a> {
    /// Its first sample.
    pub oldest_ns: i64,
    /// Its last sample.
    pub newest_ns: i64,
    /// Whether it may be trusted.
    pub valid: bool,
    /// Class labels.
    pub classes: &'a [&'a str],
    /// The posterior, one a class.
    pub posterior: &'a [f32],
}

/// A trial that has been decided.
#[derive(Clone, Debug, PartialEq)]
pub struct Decided {
    /// Its number, from 1.
    pub number: usize,
    /// When it was cued, ns.
    pub cue_ns: i64,
    /// The class that was cued.
    pub cued: String,
    /// The class decided for: the highest mean posterior. `None` without a valid window, which counts as wrong.
    pub decided: Option<String>,
    /// Mean posterior over its valid windows, one a class.
    pub mean_posterior: Vec<f64>,
    /// Valid windows it rests on.
    pub windows: usize,
    /// Windows in it that could not be trusted.
    pub invalid: usize,
}

impl Decided {
    /// Whether the decision is the cue.
    #[must_use]
    pub fn is_right(&self) -> bool {
        self.decided.as_deref() == Some(self.cued.as_str())
    }
}

struct Open {
    number: usize,
    cue_ns: i64,
    cued: String,
    sums: Vec<f64>,
    labels: Vec<String>,
    windows: usize,
    invalid: usize,
}

/// Decides trials from cues and windows as they come: the mean posterior over the valid windows that lie wholly within
/// the task's span after the cue. Windows must come in the order of their newest sample; a cue may come late, up to
/// the first window after its span began.
pub struct TrialScorer {
    task: Task,
    tolerance_ns: i64,
    open: Vec<Open>,
    cued: usize,
}

impl TrialScorer {
    /// A scorer of `task`. Two times within `tolerance_ns` count as equal, which absorbs what clock correction adds.
    #[must_use]
    pub fn new(task: Task, tolerance_ns: i64) -> Self {
        Self { task, tolerance_ns, open: Vec::new(), cued: 0 }
    }

    /// Takes a marker; one that is no cue of the task changes nothing.
    pub fn marker(&mut self, text: &str, time_ns: i64) {
        let Some(class) = self.task.class_of(text) else { return };
        self.cued += 1;
        self.open.push(Open {
            number: self.cued,
            cue_ns: time_ns,
            cued: class.to_owned(),
            sums: Vec::new(),
            labels: Vec::new(),
            windows: 0,
            invalid: 0,
        });
    }

    /// Takes a window; returns the trials whose span it has passed.
    pub fn window(&mut self, window: &WindowSeen<'_>) -> Vec<Decided> {
        let ns = |s: f64| (s * 1e9).round() as i64;
        for trial in &mut self.open {
            let from = trial.cue_ns + ns(self.task.from_s) - self.tolerance_ns;
            let to = trial.cue_ns + ns(self.task.to_s) + self.tolerance_ns;
            if window.oldest_ns < from || window.newest_ns > to {
                continue;
            }
            if !window.valid {
                trial.invalid += 1;
                continue;
            }
            trial.sums.resize(window.posterior.len(), 0.0);
            for (sum, p) in trial.sums.iter_mut().zip(window.posterior) {
                *sum += f64::from(*p);
            }
            if trial.labels.is_empty() {
                trial.labels = window.classes.iter().map(|c| (*c).to_owned()).collect();
            }
            trial.windows += 1;
        }
        let end = ns(self.task.to_s) + self.tolerance_ns;
        self.close(|trial| window.newest_ns > trial.cue_ns + end)
    }

    /// Cued trials whose span the windows have not passed: they are not decided, and not to be counted.
    #[must_use]
    pub fn unfinished(&self) -> usize {
        self.open.len()
    }

    /// Cues seen so far.
    #[must_use]
    pub fn cued(&self) -> usize {
        self.cued
    }

    fn close(&mut self, over: impl Fn(&Open) -> bool) -> Vec<Decided> {
        let (done, open) = std::mem::take(&mut self.open).into_iter().partition(over);
        self.open = open;
        let done: Vec<Open> = done;
        done.into_iter().map(decide).collect()
    }
}

fn decide(trial: Open) -> Decided {
    let mean_posterior: Vec<f64> = trial.sums.iter().map(|s| s / trial.windows as f64).collect();
    // The first of equal ones, as NumPy's `argmax` has it.
    let best =
        (0..mean_posterior.len()).rev().max_by(|a, b| mean_posterior[*a].total_cmp(&mean_posterior[*b]));
    Decided {
        number: trial.number,
        cue_ns: trial.cue_ns,
        cued: trial.cued,
        decided: best.map(|b| trial.labels[b].clone()),
        mean_posterior,
        windows: trial.windows,
        invalid: trial.invalid,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task() -> Task {
        Task::find(std::path::Path::new("eegmmidb-fists-feet")).expect("it comes along")
    }

    const MS: i64 = 1_000_000;

    fn window(newest_ms: i64, fists: f32, valid: bool) -> (i64, i64, [f32; 2], bool) {
        ((newest_ms - 1000) * MS, newest_ms * MS, [fists, 1.0 - fists], valid)
    }

    fn feed(scorer: &mut TrialScorer, w: (i64, i64, [f32; 2], bool)) -> Vec<Decided> {
        scorer.window(&WindowSeen {
            oldest_ns: w.0,
            newest_ns: w.1,
            valid: w.3,
            classes: &["fists", "feet"],
            posterior: &w.2,
        })
    }

    #[test]
    fn only_windows_wholly_inside_the_span_count_ends_included() {
        let mut s = TrialScorer::new(task(), MS);
        s.marker("T0", 0);
        s.marker("T1", 10_000 * MS);
        // Begins before the span; at its very begin; at its very end; beyond it.
        for (newest, fists, decided) in
            [(11_400, 0.0, 0), (11_500, 0.9, 0), (14_000, 0.7, 0), (14_010, 0.0, 1)]
        {
            let got = feed(&mut s, window(newest, fists, true));
            assert_eq!(got.len(), decided, "{newest}");
            if let [trial] = got.as_slice() {
                assert_eq!((trial.windows, trial.is_right(), trial.number), (2, true, 1));
                assert!((trial.mean_posterior[0] - 0.8).abs() < 1e-6);
            }
        }
        assert_eq!(s.unfinished(), 0);
    }

    #[test]
    fn untrusted_windows_do_not_vote_and_a_trial_without_votes_is_wrong() {
        let mut s = TrialScorer::new(task(), MS);
        s.marker("T2", 0);
        feed(&mut s, window(2000, 0.1, false));
        assert_eq!(s.unfinished(), 1, "its span is not over");
        let trial = feed(&mut s, window(9000, 0.1, true)).remove(0);
        assert_eq!(
            (trial.decided.as_deref(), trial.windows, trial.invalid, trial.is_right()),
            (None, 0, 1, false)
        );
    }

    #[test]
    fn a_cue_that_comes_after_its_span_began_still_gets_the_rest() {
        let mut s = TrialScorer::new(task(), MS);
        feed(&mut s, window(1600, 0.9, true));
        s.marker("T1", 0);
        feed(&mut s, window(2000, 0.9, true));
        assert_eq!(feed(&mut s, window(9000, 0.1, true))[0].windows, 1);
    }
}
