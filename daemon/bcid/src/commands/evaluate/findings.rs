use super::curve::{Curve, MOST_PER_MIN};
use crate::cli::Adapt;
use crate::commands::tape::Tape;
use bci_calibration::{Agreement, Bin, Reliability, Session, Task, Trial, agreement};
use bci_models::Bundle;
use serde_json::{Value, json};

/// Random orders of the cues that the decisions are held against.
const PERMUTATIONS: usize = 10_000;
/// Chooses them: the same findings every time.
const SEED: u64 = 1;
/// By how much the windows of trials are moved, s: a decoder that reads the response to the cue fails a little later.
const SHIFTS_S: [f64; 7] = [-0.5, -0.25, 0.0, 0.25, 0.5, 0.75, 1.0];

/// What a session has shown.
pub(super) struct Findings {
    classes: Vec<String>,
    trials: Vec<Trial>,
    unfinished: usize,
    agreement: Agreement,
    p_permutation: f64,
    reliability: Reliability,
    shifted: Vec<(f64, Agreement)>,
    regions: Vec<(String, Agreement)>,
    activations_at_rest: (usize, f64),
    /// How long after the cue the first intent came, of trials in which it was right; rising.
    detections_s: Vec<f64>,
    /// Trials in which it was wrong.
    misfires: usize,
    windows: usize,
    windows_invalid: usize,
    trial_s: f64,
    curve: Curve,
}

impl Findings {
    pub(super) fn of(session: &Session, task: &Task, classes: &[String], curve: Curve) -> Self {
        let trials = session.trials(task, 0.0);
        let n = classes.len();
        let agreed = agreement(n, &trials);
        let resting = task.resting(classes);
        let first = |trial: &Trial| trial.first_intent.map(|(class, after_s)| (class == trial.cued, after_s));
        let mut detections_s: Vec<f64> =
            trials.iter().filter_map(first).filter(|(right, _)| *right).map(|(_, after)| after).collect();
        detections_s.sort_by(f64::total_cmp);
        Self {
            classes: classes.to_vec(),
            unfinished: session.unfinished(task),
            p_permutation: agreed.p_permutation(PERMUTATIONS, SEED),
            reliability: session.reliability(task),
            regions: Vec::new(),
            shifted: SHIFTS_S.iter().map(|s| (*s, agreement(n, &session.trials(task, *s)))).collect(),
            activations_at_rest: session.activations_at_rest(task, &resting),
            misfires: trials.iter().filter_map(first).filter(|(right, _)| !right).count(),
            detections_s,
            windows: session.windows.len(),
            windows_invalid: session.windows.iter().filter(|window| !window.valid).count(),
            trial_s: task.to_s,
            curve,
            agreement: agreed,
            trials,
        }
    }

    /// With what was found without parts of the head.
    pub(super) fn with_regions(self, regions: Vec<(String, Agreement)>) -> Self {
        Self { regions, ..self }
    }

    pub(super) fn trials(&self) -> usize {
        self.trials.len()
    }

    /// The part of all windows of trials that were right by themselves; `None` of no windows.
    fn window_accuracy(&self) -> Option<f64> {
        let all: usize = self.trials.iter().map(|trial| trial.windows).sum();
        let right: usize = self.trials.iter().map(|trial| trial.windows_right).sum();
        (all > 0).then(|| right as f64 / all as f64)
    }

    fn detection_s(&self, part: f64) -> Option<f64> {
        let at = (part * self.detections_s.len() as f64).ceil() as usize;
        self.detections_s.get(at.max(1) - 1).copied()
    }

    fn false_activations_per_min(&self) -> Option<f64> {
        let (count, minutes) = self.activations_at_rest;
        (minutes > 0.0).then(|| count as f64 / minutes)
    }

    pub(super) fn lines(&self) -> Vec<String> {
        let a = self.agreement.accuracy();
        let mut lines = vec![format!(
            "{} of {} trials right: accuracy {:.3} (95 % {:.3} to {:.3}), chance {:.3}, p = {:.4} ({PERMUTATIONS} permutations)",
            a.hits,
            a.total,
            a.value,
            a.ci95[0],
            a.ci95[1],
            self.agreement.chance(),
            self.p_permutation
        )];
        lines.push(format!(
            "balanced accuracy {:.3}, kappa {:.3}; {} of the windows right by themselves",
            self.agreement.balanced_accuracy(),
            self.agreement.kappa(),
            self.window_accuracy().map_or("none".to_owned(), |part| format!("{:.1} %", part * 100.0))
        ));
        lines.push(format!(
            "{:.3} bits a trial of {} s, {:.2} bits/min; expected calibration error {:.3}",
            self.agreement.bits(),
            self.trial_s,
            self.bits_per_min(),
            self.reliability.expected_error()
        ));
        let widest = self.classes.iter().map(String::len).max().unwrap_or(0).max(7);
        let columns = self.classes.iter().map(String::as_str).chain(["nothing"]);
        let head: String = columns.map(|class| format!("  {class:>widest$}")).collect();
        lines.push(format!("{:<widest$}{head}   (a row: cued; a column: decided)", ""));
        for (class, row) in self.classes.iter().zip(self.agreement.confusion()) {
            let counts: String = row.iter().map(|n| format!("  {n:>widest$}")).collect();
            lines.push(format!("{class:<widest$}{counts}"));
        }
        lines.push(match self.detection_s(0.5) {
            Some(median) => format!(
                "first intent right in {} trials, {median:.2} s after the cue (median); wrong in {}; none in {}; one held from before the cue counts here",
                self.detections_s.len(),
                self.misfires,
                self.trials.len() - self.detections_s.len() - self.misfires
            ),
            None => format!("first intent right in no trial, wrong in {}", self.misfires),
        });
        if let Some(rate) = self.false_activations_per_min() {
            let (count, minutes) = self.activations_at_rest;
            lines.push(format!("{rate:.2} false activations a minute at rest ({count} in {minutes:.1} min)"));
            if rate > MOST_PER_MIN {
                lines.push(if self.curve.hardly_detects() {
                    "  not to be used without cues, at any threshold: a task that cues rest as a class, and more recordings, are what helps".to_owned()
                } else {
                    "  TOO MANY to be used without cues: a higher --threshold or a longer --smoothing-ms has fewer".to_owned()
                });
            }
        }
        lines.extend(self.curve.lines());
        let shifts = self.shifted.iter().map(|(s, a)| format!("{s:+.2} s {:.3}", a.accuracy().value));
        lines.push(format!("accuracy where windows are moved: {}", shifts.collect::<Vec<_>>().join(", ")));
        if !self.regions.is_empty() {
            let regions = self.regions.iter().map(|(what, a)| format!("{what} {:.3}", a.accuracy().value));
            lines.push(format!("accuracy {}", regions.collect::<Vec<_>>().join(", ")));
        }
        if self.windows_invalid > 0 || self.unfinished > 0 {
            lines.push(format!(
                "{} of {} windows could not be trusted; {} trials were not recorded to their end",
                self.windows_invalid, self.windows, self.unfinished
            ));
        }
        lines
    }

    fn bits_per_min(&self) -> f64 {
        if self.trial_s > 0.0 { self.agreement.bits() * 60.0 / self.trial_s } else { 0.0 }
    }

    pub(super) fn json(&self, bundle: &Bundle, task: &Task, tapes: &[Tape], adapt: Option<Adapt>) -> Value {
        let a = self.agreement.accuracy();
        let bin =
            |bin: &Bin| json!({ "count": bin.count, "said": number(bin.said), "right": number(bin.right) });
        let trial = |t: &Trial| {
            json!({
                "recording": tapes.get(t.recording).map(|tape| &tape.recorded.file),
                "cued": self.classes[t.cued],
                "decided": t.decided.map(|class| &self.classes[class]),
                "right": t.decided == Some(t.cued),
                "mean_posterior": t.mean_posterior.iter().copied().map(number).collect::<Vec<_>>(),
                "windows": t.windows,
                "windows_invalid": t.invalid,
                "first_intent": t.first_intent.map(|(class, s)| json!({ "class": self.classes[class], "after_s": s })),
            })
        };
        let shift = |(s, a): &(f64, Agreement)| {
            let p = a.accuracy();
            json!({ "shift_s": s, "accuracy": number(p.value), "accuracy_ci95": p.ci95, "trials": p.total })
        };
        let region = |(what, a): &(String, Agreement)| {
            let p = a.accuracy();
            json!({ "what": what, "accuracy": number(p.value), "accuracy_ci95": p.ci95, "trials": p.total })
        };
        json!({
            "decoder": { "name": bundle.identity.name, "version": bundle.identity.version, "model_sha256": bundle.identity.model_sha256 },
            "task": task.name,
            "adapt": adapt.map(|a| format!("{a:?}").to_lowercase()),
            "recordings": tapes.iter().map(|t| json!({ "file": t.recorded.file, "sha256": t.recorded.sha256 })).collect::<Vec<_>>(),
            "classes": self.classes,
            "trials": a.total,
            "trials_unfinished": self.unfinished,
            "correct": a.hits,
            "accuracy": number(a.value),
            "accuracy_ci95": a.ci95,
            "chance": number(self.agreement.chance()),
            "p_permutation": self.p_permutation,
            "permutations": PERMUTATIONS,
            "balanced_accuracy": number(self.agreement.balanced_accuracy()),
            "kappa": number(self.agreement.kappa()),
            "confusion": self.agreement.confusion(),
            "window_accuracy": self.window_accuracy(),
            "windows": self.windows,
            "windows_invalid": self.windows_invalid,
            "itr_bits_per_trial": self.agreement.bits(),
            "itr_bits_per_min": self.bits_per_min(),
            "detection": {
                "right": self.detections_s.len(),
                "wrong": self.misfires,
                "none": self.trials.len() - self.detections_s.len() - self.misfires,
                "latency_s_p50": self.detection_s(0.5),
                "latency_s_p90": self.detection_s(0.9),
            },
            "false_activations_per_min": self.false_activations_per_min(),
            "rest_min": self.activations_at_rest.1,
            "asynchronous": self.curve.json(),
            "expected_calibration_error": number(self.reliability.expected_error()),
            "reliability": self.reliability.bins().iter().map(bin).collect::<Vec<_>>(),
            "audit": {
                "window_shift": self.shifted.iter().map(shift).collect::<Vec<_>>(),
                "regions": self.regions.iter().map(region).collect::<Vec<_>>(),
            },
            "per_trial": self.trials.iter().map(trial).collect::<Vec<_>>(),
        })
    }
}

/// JSON knows no NaN.
fn number(x: f64) -> Option<f64> {
    x.is_finite().then_some(x)
}
