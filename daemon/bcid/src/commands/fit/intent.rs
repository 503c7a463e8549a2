//! From where on a class is to be an intent, as what was left out has it.
//!
//! What was chosen by some recordings comes to more false activations on others. Two persons' (OpenBCI, three classes, two methods):
//! chosen with at most one a minute, recordings of the same day that were left out of the choice had 0.8 to 2.0; with at most two, 0.8 to
//! 3.2. Who wants no more than two is to ask for one, which is what is asked by default.

use crate::commands::policies::Policies;
use bci_calibration::{Asynchronous, Session, Task};
use bci_models::bundle::OperatingPoint;
use bci_pipeline::PolicySpec;

/// Time constants that are tried, ms: from half a window to what a person still waits for.
const SMOOTHING_MS: [f64; 6] = [250.0, 500.0, 750.0, 1000.0, 1500.0, 2000.0];

/// What was chosen.
#[derive(Clone, Debug)]
pub(super) struct Chosen {
    pub(super) point: OperatingPoint,
    /// What it comes to on that by which it was chosen.
    pub(super) found: Asynchronous,
    /// What points come to that were chosen without what they are tried on; `None` where there is but one part.
    pub(super) unseen: Option<Asynchronous>,
}

/// The part of trials detected below which a decoder is as good as silent.
const HARDLY: f64 = 0.3;

/// A point, and what it comes to in each part.
struct Tried {
    point: OperatingPoint,
    parts: Vec<Asynchronous>,
}

/// Chooses, of all smoothings and thresholds, those by which the most trials are detected among those with at most `most_per_min`
/// false activations a minute of rest; of equal ones, by which they are detected soonest. `parts` are what was left out, as
/// decoders had it that had not seen it.
///
/// # Errors
/// In words, why there is nothing to choose.
pub(super) fn choose(
    policies: Policies,
    task: &Task,
    resting: &[usize],
    mut parts: Vec<Session>,
    most_per_min: f64,
) -> Result<Chosen, String> {
    let mut all = Vec::new();
    for smoothing_ms in SMOOTHING_MS {
        for threshold in policies.thresholds() {
            let policy =
                PolicySpec { smoothing_ms, threshold, max_age_ms: f64::INFINITY, ..PolicySpec::NOTHING };
            let tried = parts.iter_mut().map(|part| {
                policies.decide(&policy, part);
                part.asynchronous(task, resting)
            });
            let parts = tried.collect();
            all.push(Tried { point: OperatingPoint { threshold, smoothing_ms }, parts });
        }
    }
    let (best, found) = best_of(&all, |_| true, most_per_min)?;
    // The choice is as much a part of what is made as the decoder is: it, too, is tried on what it was made without.
    // Where the others offer nothing to choose there would be no intents: its trials are missed.
    let left_out = |part: usize| match best_of(&all, |other| other != part, most_per_min) {
        Ok((best, _)) => best.parts[part].clone(),
        Err(_) => all[0].parts[part].silent(),
    };
    let count = parts.len();
    let unseen = (count > 1).then(|| {
        let mut sum = Asynchronous::default();
        (0..count).map(left_out).for_each(|part| sum.add(&part));
        sum
    });
    Ok(Chosen { point: best.point, found, unseen })
}

/// In a line or two.
pub(super) fn told(chosen: &Result<Chosen, String>) -> Vec<String> {
    let chosen = match chosen {
        Ok(chosen) => chosen,
        Err(why) => return vec![format!("no threshold is stated, whoever runs it says one: {why}")],
    };
    let Chosen { point, found, unseen } = chosen;
    let hardly = found.detected_part().is_some_and(|part| part < HARDLY);
    let mut lines = vec![format!(
        "intents from {} on, smoothed over {} ms, as the bundle states: without cues {}",
        point.threshold,
        point.smoothing_ms,
        figures(found)
    )];
    lines.extend(unseen.as_ref().map(|unseen| {
        format!("  with threshold and smoothing, too, chosen without what is left out: {}", figures(unseen))
    }));
    lines.extend(hardly.then(|| {
        "  IT WILL HARDLY EVER SPEAK at that threshold. Where trials are cued, state a lower one ([pipeline.intent] threshold, or `bcid evaluate --threshold`); without cues it is of no use".to_owned()
    }));
    lines
}

/// What a bundle says of it behind how it was split; nothing where nothing was chosen.
pub(super) fn provenance(chosen: &Result<Chosen, String>) -> String {
    let Ok(Chosen { found, unseen, .. }) = chosen else { return String::new() };
    let unseen = unseen.as_ref().map_or_else(String::new, |unseen| {
        format!("; where they are chosen without what is left out, {}", figures(unseen))
    });
    format!(
        "; threshold and smoothing of [intent] are chosen by those decoders, without cues: {}{unseen}",
        figures(found)
    )
}

fn figures(found: &Asynchronous) -> String {
    format!(
        "{} of {} imagery trials detected ({:.1} %), {} misdetected, with {:.2} false activations a minute ({} in {:.1} min of rest)",
        found.detected(),
        found.trials,
        100.0 * found.detected_part().unwrap_or(0.0),
        found.misdetected,
        found.false_per_min().unwrap_or(0.0),
        found.at_rest,
        found.rest_min
    )
}

fn best_of(
    all: &[Tried],
    wanted: impl Fn(usize) -> bool,
    most_per_min: f64,
) -> Result<(&Tried, Asynchronous), String> {
    let sum = |tried: &Tried| {
        let mut sum = Asynchronous::default();
        let parts = tried.parts.iter().enumerate().filter(|(part, _)| wanted(*part));
        parts.for_each(|(_, found)| sum.add(found));
        sum
    };
    let mut best: Option<(&Tried, Asynchronous)> = None;
    for tried in all {
        let found = sum(tried);
        let Some(rate) = found.false_per_min() else {
            return Err("no rest was recorded that could be tried".to_owned());
        };
        if found.trials == 0 {
            return Err("no imagery was recorded that could be tried".to_owned());
        }
        if rate > most_per_min || found.detected() == 0 {
            continue;
        }
        let is_better = best.as_ref().is_none_or(|(_, best)| {
            let soon = |found: &Asynchronous| found.latency_s(0.5).unwrap_or(f64::INFINITY);
            found.detected() > best.detected()
                || (found.detected() == best.detected() && soon(&found) < soon(best))
        });
        if is_better {
            best = Some((tried, found));
        }
    }
    best.ok_or_else(|| format!("none detects a trial with at most {most_per_min} false activations a minute"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bci_calibration::{Cue, SeenWindow};
    use std::path::Path;

    const HOP_S: f64 = 0.1;
    /// Of left, right and idle.
    const RESTING: [usize; 1] = [2];
    const POLICIES: fn() -> Policies = || Policies::new(3, 100.0);

    fn task() -> Task {
        // From 0.5 to 5.5 s.
        Task::find(Path::new("openbci16-left-right-idle")).expect("sound")
    }

    /// Ten seconds of nothing, then so many trials of the left hand and as many of rest by turns, eight seconds apart. Who imagines
    /// is sure of it with 0.75; in each rest there is half a second in which it is as if with 0.9.
    fn session(trials: usize, rests: bool) -> Session {
        let mut session = Session::default();
        let (nothing, imagined, burst) = ([0.1, 0.1, 0.8], [0.75, 0.05, 0.2], [0.9, 0.05, 0.05]);
        let mut put = |posterior: [f32; 3], seconds: f64| {
            for _ in 0..(seconds / HOP_S).round() as usize {
                let newest_s = session.windows.len() as f64 * HOP_S;
                session.windows.push(SeenWindow {
                    oldest_s: newest_s - 0.5,
                    newest_s,
                    valid: true,
                    posterior: posterior.to_vec(),
                    intent: None,
                    afresh: session.windows.is_empty(),
                    hops: 1,
                });
            }
            session.windows.len() as f64 * HOP_S
        };
        let mut cues = Vec::new();
        let mut now = put(nothing, 10.0);
        let cue = |time_s, class, rest| Cue { time_s, class: Some(class), rest, recording: 0, end_s: 1e3 };
        for _ in 0..trials {
            cues.push(cue(now, 0, false));
            put(imagined, 5.5);
            now = put(nothing, 2.5);
            if rests {
                cues.push(cue(now, 2, true));
                put(nothing, 3.0);
                put(burst, 0.5);
                now = put(nothing, 4.5);
            }
        }
        Session { cues, ..session }
    }

    /// By hand, with k = exp(-0.1 / tau) for each tau: a burst of five windows takes the left hand from 0.1 to 0.9 - 0.8 k^5, which is
    /// 0.79 at 250 ms, more than who imagines ever reaches, 0.606 at 500 and 0.489 at 750; from 1000 ms on rest stays the largest
    /// through it. In trials the left hand is 0.75 - 0.65 k^n after n windows and above rest where 1.25 k^n < 0.55. Just above the burst
    /// that takes 8 windows at 500 ms, 7 at 750, 9 at 1000: 0.49 over 750 ms is soonest.
    #[test]
    fn what_detects_all_with_none_at_rest_soonest_is_chosen() {
        let parts = vec![session(6, true), session(6, true)];
        let chosen = choose(POLICIES(), &task(), &RESTING, parts, 0.5).expect("a choice");
        assert_eq!(chosen.point, OperatingPoint { threshold: 0.49, smoothing_ms: 750.0 });
        assert_eq!((chosen.found.detected(), chosen.found.trials, chosen.found.at_rest), (12, 12, 0));
        assert!((chosen.found.rest_min - 1.0).abs() < 1e-9);
        // The window with the cue is the first.
        assert!((chosen.found.latency_s(0.5).expect("detected") - 6.0 * HOP_S).abs() < 1e-6);
        // Either part alone has it so, and the other is as the first.
        let unseen = chosen.unseen.expect("two parts");
        assert_eq!((unseen.detected(), unseen.trials, unseen.at_rest), (12, 12, 0));
        // Who does not mind the bursts, one in each five seconds of rest, is served sooner.
        let hasty = choose(POLICIES(), &task(), &RESTING, vec![session(6, true)], 12.0).expect("a choice");
        assert!(hasty.point.smoothing_ms < 750.0 && hasty.found.at_rest > 0 && hasty.unseen.is_none());
        assert!(hasty.found.latency_s(0.5) < chosen.found.latency_s(0.5));
    }

    #[test]
    fn where_nothing_can_be_chosen_it_is_said_why() {
        let none = |parts: Vec<Session>| choose(POLICIES(), &task(), &RESTING, parts, 1.0).expect_err("none");
        assert!(none(vec![session(2, false)]).contains("no rest"));
        let mut at_rest = session(2, true);
        at_rest.cues.retain(|cue| cue.rest);
        assert!(none(vec![at_rest]).contains("no imagery"));
        let mut blind = session(2, true);
        blind.windows.iter_mut().for_each(|window| window.posterior = vec![0.3, 0.3, 0.4]);
        assert!(none(vec![blind]).contains("none detects a trial with at most 1 false activations"));
    }
}
