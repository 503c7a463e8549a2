//! A session looked at as it is used where nothing tells the decoder when a trial runs: what its intents set off, and when.

use super::Session;
use super::session::TOLERANCE_S;
use crate::Task;

/// What the intents of a session come to without cues.
///
/// An *activation* is the onset of an intent of a class that is not a resting one: the intent of a window differs from that of
/// the window before it. Before the first window of a recording, and before one after a hole, there was none.
///
/// A *trial* is one whose cue asks for a class that is not a resting one, recorded to its end. It is *detected* where the first
/// activation from its cue to the end of its span is of the class that was cued, *misdetected* where that is of another, and
/// *missed* where there is none. An intent that began before the cue sets nothing off in the trial.
///
/// At *rest*, within the spans after rest markers, an intent that is held already when the span begins counts too: what it set off
/// goes on while the person rests. *Between trials* is all that was recorded outside of the spans from any marker of the task to
/// the end of a trial.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Asynchronous {
    /// Trials in all.
    pub trials: usize,
    /// Of those detected: how long after the cue, s.
    pub latencies_s: Vec<f64>,
    /// Trials in which another class came first.
    pub misdetected: usize,
    /// Activations at rest.
    pub at_rest: usize,
    /// How long that was, min.
    pub rest_min: f64,
    /// Activations between trials.
    pub between: usize,
    /// How long that was, min.
    pub between_min: f64,
}

impl Asynchronous {
    /// Trials that were detected.
    #[must_use]
    pub fn detected(&self) -> usize {
        self.latencies_s.len()
    }

    /// Trials in which nothing was set off.
    #[must_use]
    pub fn missed(&self) -> usize {
        self.trials - self.detected() - self.misdetected
    }

    /// The same session without any intent: every trial is missed.
    #[must_use]
    pub fn silent(&self) -> Self {
        Self {
            trials: self.trials,
            rest_min: self.rest_min,
            between_min: self.between_min,
            ..Self::default()
        }
    }

    /// The part of trials that was detected; `None` of no trials.
    #[must_use]
    pub fn detected_part(&self) -> Option<f64> {
        (self.trials > 0).then(|| self.detected() as f64 / self.trials as f64)
    }

    /// False activations a minute of rest; `None` without rest.
    #[must_use]
    pub fn false_per_min(&self) -> Option<f64> {
        (self.rest_min > 0.0).then(|| self.at_rest as f64 / self.rest_min)
    }

    /// Activations a minute between trials; `None` where there is nothing between them.
    #[must_use]
    pub fn between_per_min(&self) -> Option<f64> {
        (self.between_min > 0.0).then(|| self.between as f64 / self.between_min)
    }

    /// How long after the cue this part of the detected trials was detected, s; `None` where none was.
    #[must_use]
    pub fn latency_s(&self, part: f64) -> Option<f64> {
        let mut rising = self.latencies_s.clone();
        rising.sort_by(f64::total_cmp);
        let at = (part * rising.len() as f64).ceil() as usize;
        rising.get(at.max(1) - 1).copied()
    }

    /// With what another session came to.
    pub fn add(&mut self, other: &Self) {
        self.trials += other.trials;
        self.latencies_s.extend(&other.latencies_s);
        self.misdetected += other.misdetected;
        self.at_rest += other.at_rest;
        self.rest_min += other.rest_min;
        self.between += other.between;
        self.between_min += other.between_min;
    }
}

impl Session {
    /// What its intents come to where nothing tells when a trial runs; `resting` are the classes of rest.
    #[must_use]
    pub fn asynchronous(&self, task: &Task, resting: &[usize]) -> Asynchronous {
        let activations = self.activations(resting);
        let mut found = Asynchronous::default();
        for cue in self.cues.iter().filter(|cue| cue.time_s + task.to_s <= cue.end_s + TOLERANCE_S) {
            let Some(cued) = cue.class.filter(|class| !resting.contains(class)) else { continue };
            found.trials += 1;
            let first = activations.partition_point(|(time_s, _)| *time_s < cue.time_s - TOLERANCE_S);
            let within = |(time_s, _): &&(f64, usize)| *time_s <= cue.time_s + task.to_s + TOLERANCE_S;
            match activations.get(first).filter(within) {
                Some((time_s, class)) if *class == cued => found.latencies_s.push(time_s - cue.time_s),
                Some(_) => found.misdetected += 1,
                None => {}
            }
        }
        (found.at_rest, found.rest_min) = self.activations_at_rest(task, resting);
        (found.between, found.between_min) = self.activations_between(task, &activations);
        found
    }

    /// When intents of other classes than `resting` begin, and their classes.
    fn activations(&self, resting: &[usize]) -> Vec<(f64, usize)> {
        let mut before = None;
        let mut all = Vec::new();
        for window in &self.windows {
            let held = if window.afresh { None } else { before };
            let begins = window.intent.filter(|class| window.intent != held && !resting.contains(class));
            all.extend(begins.map(|class| (window.newest_s, class)));
            before = window.intent;
        }
        all
    }

    /// Intents of other classes than `resting` that begin, or are held already, while the person rests, and how long that was, in
    /// minutes.
    #[must_use]
    pub fn activations_at_rest(&self, task: &Task, resting: &[usize]) -> (usize, f64) {
        let (mut count, mut seconds) = (0, 0.0);
        for cue in self.cues.iter().filter(|cue| cue.rest) {
            let (from, to) = (cue.time_s + task.from_s, (cue.time_s + task.to_s).min(cue.end_s));
            seconds += (to - from).max(0.0);
            let mut before = None;
            for window in self.between(from, to) {
                let now = window.intent.filter(|class| !resting.contains(class));
                let held = if window.afresh { None } else { before };
                count += usize::from(now.is_some() && now != held);
                before = now;
            }
        }
        (count, seconds / 60.0)
    }

    /// Those outside of every trial and every rest, and how long that was, in minutes.
    fn activations_between(&self, task: &Task, activations: &[(f64, usize)]) -> (usize, f64) {
        let mut cues: Vec<f64> = self.cues.iter().map(|cue| cue.time_s).collect();
        cues.sort_by(f64::total_cmp);
        let inside = |time_s: f64| {
            let span = |cue: &f64| (cue - TOLERANCE_S..=cue + task.to_s + TOLERANCE_S).contains(&time_s);
            cues.iter().any(span)
        };
        let mut seconds = 0.0;
        for [begin, end] in &self.recordings {
            let mut from = *begin;
            let own = cues.iter().filter(|cue| (*begin..=*end).contains(*cue));
            // From the end of one span to the beginning of the next; after the last one, to the end of the recording.
            for (to, then) in own.map(|cue| (*cue, cue + task.to_s)).chain([(*end, *end)]) {
                seconds += (to - from).max(0.0);
                from = from.max(then);
            }
        }
        (activations.iter().filter(|(time_s, _)| !inside(*time_s)).count(), seconds / 60.0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Cue, SeenWindow};
    use super::*;
    use std::path::Path;

    const RESTING: [usize; 1] = [2];

    /// A window every half a second; a letter of `intents` each: `l`eft, `r`ight, `i`dle or none, and `|` before one after a hole.
    fn session(intents: &str, cues: &[(f64, Option<usize>)]) -> (Task, Session) {
        // From 0.5 to 5.5 s, of three classes the third at rest.
        let task = Task::find(Path::new("openbci16-left-right-idle")).expect("sound");
        let mut windows: Vec<SeenWindow> = Vec::new();
        let mut afresh = true;
        for letter in intents.chars() {
            if letter == '|' {
                afresh = true;
                continue;
            }
            let newest_s = windows.len() as f64 * 0.5;
            windows.push(SeenWindow {
                oldest_s: newest_s - 0.5,
                newest_s,
                valid: true,
                posterior: Vec::new(),
                intent: "lri".find(letter),
                afresh: std::mem::take(&mut afresh),
                hops: 1,
            });
        }
        let end_s = (windows.len() - 1) as f64 * 0.5;
        let cue = |(time_s, class): &(f64, Option<usize>)| {
            let rest = class.is_none_or(|class| RESTING.contains(&class));
            Cue { time_s: *time_s, class: *class, rest, recording: 0, end_s }
        };
        let cues = cues.iter().map(cue).collect();
        (task, Session { windows, cues, recordings: vec![[0.0, end_s]] })
    }

    /// Of a trial for the left hand that begins with the fifth window: detected when, misdetected, missed.
    fn trial(intents: &str) -> (Vec<f64>, usize, usize) {
        let (task, session) = session(intents, &[(2.0, Some(0))]);
        let found = session.asynchronous(&task, &RESTING);
        assert_eq!(found.trials, 1, "{intents}");
        (found.latencies_s.clone(), found.misdetected, found.missed())
    }

    #[test]
    fn the_first_activation_from_the_cue_on_decides_a_trial() {
        //                before|trial      |after
        assert_eq!(trial("........l........"), (vec![2.0], 0, 0));
        assert_eq!(trial("........lrrl....."), (vec![2.0], 0, 0), "what comes later changes nothing");
        assert_eq!(trial(".......rrlllll..."), (vec![], 1, 0));
        assert_eq!(trial("....l............"), (vec![0.0], 0, 0), "with the cue");
        assert_eq!(trial("...............l."), (vec![5.5], 0, 0), "with the span's end");
        assert_eq!(trial("................l"), (vec![], 0, 1), "after it");
        assert_eq!(trial("................."), (vec![], 0, 1));
    }

    #[test]
    fn what_began_before_the_cue_is_none_of_the_trials() {
        assert_eq!(trial("...llllll........"), (vec![], 0, 1));
        assert_eq!(trial("...llll.ll......."), (vec![2.0], 0, 0), "it began again");
        assert_eq!(trial("...rrrrll........"), (vec![1.5], 0, 0), "from another to the cued one");
        assert_eq!(trial("...lllrrr........"), (vec![], 1, 0));
        // A hole ends what was held.
        assert_eq!(trial("...lll|lll......."), (vec![1.0], 0, 0));
    }

    #[test]
    fn to_rest_is_no_activation_and_to_come_back_from_it_is_one() {
        assert_eq!(trial("....iiiiiiiiiiiii"), (vec![], 0, 1));
        assert_eq!(trial("....iiiill......."), (vec![2.0], 0, 0));
        assert_eq!(trial("...lliilll......."), (vec![1.5], 0, 0));
    }

    #[test]
    fn a_trial_that_the_recording_ends_in_is_none() {
        let (task, session) = session("........l......", &[(2.0, Some(0))]);
        assert_eq!(session.asynchronous(&task, &RESTING).trials, 0);
        assert_eq!(session.asynchronous(&task, &RESTING).detected_part(), None);
    }

    #[test]
    fn what_is_decided_at_rest_is_counted_when_it_begins_and_when_it_is_held_already() {
        let rest = |intents: &str| {
            let (task, session) = session(intents, &[(2.0, Some(2)), (8.0, None)]);
            let found = session.asynchronous(&task, &RESTING);
            // The second one, of no class, is cut off by the recording's end.
            assert!((found.rest_min - 7.5 / 60.0).abs() < 1e-12);
            assert_eq!((found.trials, found.at_rest), (0, session.activations_at_rest(&task, &RESTING).0));
            found.at_rest
        };
        //               before|rest      |after|rest
        assert_eq!(rest("......................."), 0);
        assert_eq!(rest("......ll..ll.rriiiillll"), 4, "the last one is held already");
        assert_eq!(rest("..llll..........ii....."), 1, "half a second after the marker it is held");
        assert_eq!(rest("..lll..........lii....."), 1);
        assert_eq!(rest("......lllll............"), 1);
        assert_eq!(rest("......ll|lll............"), 2, "after a hole it begins anew");
    }

    #[test]
    fn between_trials_is_what_is_outside_of_all_of_them() {
        let between = |intents: &str| {
            let (task, session) = session(intents, &[(2.0, Some(0)), (10.0, Some(2))]);
            let found = session.asynchronous(&task, &RESTING);
            (found.between, found.between_min * 60.0)
        };
        //                  before|trial      |between |rest      |after
        assert_eq!(between("...................................."), (0, 2.0 + 2.5 + 2.0));
        assert_eq!(between(".l..l..l...l...l.l.i.l..r...r..rl..l"), (4, 6.5));
        let (task, mut halves) = session("..l.............l...............", &[]);
        halves.recordings = vec![[0.0, 4.0], [6.0, 15.5]];
        let found = halves.asynchronous(&task, &RESTING);
        assert_eq!((found.between, found.between_min * 60.0), (2, 13.5));
    }

    #[test]
    fn sessions_add_up() {
        let (task, one) = session("........l.......", &[(2.0, Some(0))]);
        let (_, other) = session("....rr..l.......", &[(2.0, Some(1))]);
        let mut sum = one.asynchronous(&task, &RESTING);
        sum.add(&other.asynchronous(&task, &RESTING));
        sum.add(&Asynchronous { at_rest: 3, rest_min: 2.0, ..Asynchronous::default() });
        assert_eq!((sum.trials, sum.detected(), sum.misdetected, sum.missed()), (2, 2, 0, 0));
        assert_eq!((sum.latency_s(0.5), sum.latency_s(1.0)), (Some(0.0), Some(2.0)));
        assert_eq!((sum.detected_part(), sum.false_per_min()), (Some(1.0), Some(1.5)));
    }
}
