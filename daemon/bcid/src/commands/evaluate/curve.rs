//! What a decoder comes to without cues: from the threshold in use on, and from every other.

use crate::commands::policies::Policies;
use crate::exit::{Exit, Failure};
use bci_calibration::{Asynchronous, Session, Task, wilson95};
use bci_pipeline::PolicySpec;
use serde_json::{Value, json};

/// What is asked of use without cues: this part of the trials detected, with at most so many false activations a minute at rest.
const WANTED_PART: f64 = 0.8;
/// The part below which a decoder is as good as silent.
const HARDLY: f64 = 0.3;
pub(super) const MOST_PER_MIN: f64 = 2.0;

/// Who said from where on a class is an intent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChosenBy {
    Decoder,
    Asked,
    Default,
}

impl ChosenBy {
    fn word(self) -> &'static str {
        match self {
            Self::Decoder => "decoder",
            Self::Asked => "asked",
            Self::Default => "default",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Decoder => "as the decoder states",
            Self::Asked => "as asked",
            Self::Default => "by default",
        }
    }
}

/// The session without cues.
pub(super) struct Curve {
    policy: PolicySpec,
    chosen_by: ChosenBy,
    in_use: Asynchronous,
    /// By threshold, rising, at the smoothing in use.
    points: Vec<(f64, Asynchronous)>,
}

impl Curve {
    /// Of a session that `policy` decided: replayed from every threshold on, after what is replayed at the one in use has been held
    /// against what the pipeline decided.
    pub(super) fn of(
        session: &Session,
        task: &Task,
        resting: &[usize],
        policies: Policies,
        (policy, chosen_by): (PolicySpec, ChosenBy),
    ) -> Result<Self, Failure> {
        let replayed = policies.intents(&policy, &session.windows);
        for (i, (window, again)) in session.windows.iter().zip(replayed).enumerate() {
            if window.intent != again {
                let problem = format!(
                    "the policy decides {again:?} on window {i} of what was kept of it, and the pipeline decided {:?}",
                    window.intent
                );
                return Err(Failure::new(Exit::Internal, problem));
            }
        }
        let mut thresholds = policies.thresholds();
        if !thresholds.contains(&policy.threshold) {
            thresholds.push(policy.threshold);
            thresholds.sort_by(f64::total_cmp);
        }
        let mut tried = session.clone();
        let points = thresholds.into_iter().map(|threshold| {
            policies.decide(&PolicySpec { threshold, ..policy.clone() }, &mut tried);
            (threshold, tried.asynchronous(task, resting))
        });
        let points = points.collect();
        Ok(Self { policy, chosen_by, in_use: session.asynchronous(task, resting), points })
    }

    /// The thresholds at which what is asked is reached.
    fn reached(&self) -> Vec<f64> {
        let enough = |(_, found): &&(f64, Asynchronous)| {
            found.detected_part().is_some_and(|part| part >= WANTED_PART) && is_quiet(found)
        };
        self.points.iter().filter(enough).map(|(threshold, _)| *threshold).collect()
    }

    /// Whether hardly anything is detected already: fewer false activations by a higher threshold are no way out.
    pub(super) fn hardly_detects(&self) -> bool {
        self.in_use.detected_part().is_some_and(|part| part < HARDLY)
    }

    pub(super) fn lines(&self) -> Vec<String> {
        let found = &self.in_use;
        let Some(part) = found.detected_part() else { return Vec::new() };
        let [low, high] = wilson95(found.detected(), found.trials).ci95;
        let latency =
            found.latency_s(0.5).map_or_else(String::new, |s| format!(", {s:.2} s after the cue (median)"));
        vec![
            format!(
                "without cues, from {} on, smoothed over {} ms ({}): {} of {} imagery trials detected ({:.1} %, 95 % {:.1} to {:.1}){latency}; {} misdetected, {} missed",
                self.policy.threshold,
                self.policy.smoothing_ms,
                self.chosen_by.words(),
                found.detected(),
                found.trials,
                100.0 * part,
                100.0 * low,
                100.0 * high,
                found.misdetected,
                found.missed(),
            ),
            format!("  {}{}; {}", self.at_rest(), self.between(), self.verdict()),
        ]
    }

    fn at_rest(&self) -> String {
        let found = &self.in_use;
        found.false_per_min().map_or_else(
            || "no rest was recorded".to_owned(),
            |rate| {
                let (count, minutes) = (found.at_rest, found.rest_min);
                format!("{rate:.2} false activations a minute at rest ({count} in {minutes:.1} min)")
            },
        )
    }

    fn between(&self) -> String {
        let found = &self.in_use;
        found.between_per_min().map_or_else(String::new, |rate| {
            let (count, minutes) = (found.between, found.between_min);
            format!(", {rate:.2} between trials ({count} in {minutes:.1} min)")
        })
    }

    /// Whether what is asked can be had from this decoder at this smoothing at all.
    fn verdict(&self) -> String {
        if self.in_use.false_per_min().is_none() {
            return "what would be set off at rest is not known".to_owned();
        }
        let wanted = format!("{} % with at most {MOST_PER_MIN} a minute", 100.0 * WANTED_PART);
        match self.reached().as_slice() {
            [] => {
                let best = self.points.iter().filter(|(_, found)| is_quiet(found));
                match best.max_by_key(|(_, found)| found.detected()) {
                    Some((threshold, found)) => format!(
                        "{wanted} cannot be had at any threshold: {} trials at most, from {threshold} on",
                        found.detected()
                    ),
                    None => format!("{wanted} cannot be had at any threshold"),
                }
            }
            [only] => format!("{wanted} can be had from {only} on"),
            [lowest, .., highest] => format!("{wanted} can be had between {lowest} and {highest}"),
        }
    }

    pub(super) fn json(&self) -> Value {
        let found = &self.in_use;
        let point = |(threshold, found): &(f64, Asynchronous)| {
            json!({
                "threshold": threshold,
                "detected": found.detected(),
                "misdetected": found.misdetected,
                "missed": found.missed(),
                "detected_part": found.detected_part(),
                "false_activations_per_min": found.false_per_min(),
                "between_trials_per_min": found.between_per_min(),
                "latency_s_p50": found.latency_s(0.5),
            })
        };
        json!({
            "definitions": {
                "activation": "the onset of an intent of a class that is not a resting one: the intent of a window differs from that of the window before it",
                "detected": "the first activation between a trial's cue and the end of its span is of the class that was cued; misdetected: of another; missed: there is none",
                "false_activations": "activations at rest; an intent that is held already when the rest begins counts",
                "between_trials": "activations outside of every span from a marker of the task to the end of a trial",
            },
            "threshold": self.policy.threshold,
            "smoothing_ms": self.policy.smoothing_ms,
            "chosen_by": self.chosen_by.word(),
            "detected": found.detected(),
            "misdetected": found.misdetected,
            "missed": found.missed(),
            "imagery_trials": found.trials,
            "detected_part": found.detected_part(),
            "detected_ci95": (found.trials > 0).then(|| wilson95(found.detected(), found.trials).ci95),
            "false_activations": found.at_rest,
            "false_activations_per_min": found.false_per_min(),
            "rest_min": found.rest_min,
            "between_trials_per_min": found.between_per_min(),
            "between_trials_min": found.between_min,
            "latency_s_p50": found.latency_s(0.5),
            "wanted": { "detected_part": WANTED_PART, "false_activations_per_min": MOST_PER_MIN, "thresholds": self.reached() },
            "curve": self.points.iter().map(point).collect::<Vec<_>>(),
        })
    }
}

/// No more false activations than asked; where no rest was recorded that is not known.
fn is_quiet(found: &Asynchronous) -> bool {
    found.false_per_min().is_some_and(|rate| rate <= MOST_PER_MIN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bci_calibration::{Cue, SeenWindow};
    use std::path::Path;

    fn policy() -> PolicySpec {
        PolicySpec { threshold: 0.7, ..PolicySpec::NOTHING }
    }

    /// Trials of the left hand at 10 and 30 s, the first with 0.8, the second with 0.6; at 20 s rest, in which it is once as if with
    /// 0.65, at 40 s once more.
    fn session() -> (Task, Session) {
        let task = Task::find(Path::new("openbci16-left-right-idle")).expect("sound");
        let window = |i: u32| {
            let newest_s = f64::from(i) * 0.1;
            let left = match i {
                120..140 => 0.8,
                320..340 => 0.6,
                230..235 | 430..435 => 0.65,
                _ => 0.1,
            };
            SeenWindow {
                oldest_s: newest_s - 0.5,
                newest_s,
                valid: true,
                posterior: vec![left, 0.0, 1.0 - left],
                intent: None,
                afresh: i == 0,
                hops: 1,
            }
        };
        let cue = |time_s, class: usize| Cue {
            time_s,
            class: Some(class),
            rest: class == 2,
            recording: 0,
            end_s: 50.0,
        };
        let cues = vec![cue(10.0, 0), cue(20.0, 2), cue(30.0, 0), cue(40.0, 2)];
        let windows = (0..500).map(window).collect();
        let mut session = Session { windows, cues, recordings: vec![[0.0, 50.0]] };
        Policies::new(3, 100.0).decide(&policy(), &mut session);
        (task, session)
    }

    #[test]
    fn every_threshold_gives_what_it_would_have_given() {
        let (task, session) = session();
        let curve = Curve::of(&session, &task, &[2], Policies::new(3, 100.0), (policy(), ChosenBy::Asked));
        let curve = curve.unwrap_or_else(|_| panic!("as it was decided"));
        let at = |threshold: f64| {
            let (_, found) = curve.points.iter().find(|(t, _)| *t == threshold).expect("tried");
            (found.detected(), found.missed(), found.at_rest)
        };
        // Below what the second trial reaches, rest goes off.
        assert_eq!(
            [0.81, 0.8, 0.7, 0.66, 0.65, 0.61, 0.6].map(at),
            [(0, 2, 0), (1, 1, 0), (1, 1, 0), (1, 1, 0), (1, 1, 2), (1, 1, 2), (2, 0, 2)]
        );
        let lines = curve.lines().join("\n");
        assert!(
            lines.contains("1 of 2 imagery trials detected") && lines.contains("2.00 s after the cue"),
            "{lines}"
        );
        assert!(lines.contains("cannot be had at any threshold: 1 trials at most"), "{lines}");
        assert!(curve.reached().is_empty());
    }

    #[test]
    fn an_intent_that_the_policy_does_not_come_to_is_an_error() {
        let (task, mut session) = session();
        session.windows[5].intent = Some(1);
        let curve = Curve::of(&session, &task, &[2], Policies::new(3, 100.0), (policy(), ChosenBy::Asked));
        let failure = curve.err().expect("refused");
        assert!(
            failure.exit == Exit::Internal && failure.lines[0].contains("window 5"),
            "{:?}",
            failure.lines
        );
    }
}
