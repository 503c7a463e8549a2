//! What may be acted upon now.

use crate::clock::{DaemonClock, now_ns};
use crate::intents::Event;
use crate::v1;
use std::collections::BTreeMap;

/// What a client may act upon: fed events as they come, asked at any time. It lets go by itself once an intent's validity has
/// passed, on data that cannot be trusted, on missed events, and when nothing is heard any more.
///
/// What a stopped process finds waiting when it goes on is long past its validity: none of it begins anything.
#[derive(Clone, Debug)]
pub struct Hold {
    clock: DaemonClock,
    pipelines: BTreeMap<String, Held>,
}

#[derive(Clone, Debug, Default)]
struct Held {
    class: Option<String>,
    velocity: Vec<f32>,
    /// `None`: for as long as nothing else is heard.
    until_ns: Option<i64>,
    /// The activation that was begun last, and the run that counts them.
    begun: Option<(u64, u64)>,
    /// What came before the next intent was heard, too.
    heard: bool,
}

impl Hold {
    /// With the daemon's clock, as [`crate::Client::clock`] finds it.
    #[must_use]
    pub fn new(clock: DaemonClock) -> Self {
        Self { clock, pipelines: BTreeMap::new() }
    }

    /// Another measurement of the daemon's clock, after a new connection.
    pub fn set_clock(&mut self, clock: DaemonClock) {
        self.clock = clock;
    }

    /// Takes an event in; the class that begins with it, if one does: once an activation.
    pub fn take(&mut self, event: &Event) -> Option<String> {
        self.take_at(event, now_ns())
    }

    /// The class that is held in a pipeline now.
    #[must_use]
    pub fn class(&self, pipeline: &str) -> Option<&str> {
        self.valid(pipeline, now_ns())?.class.as_deref()
    }

    /// What a cursor is to do now, along each axis; nothing means to stand still.
    #[must_use]
    pub fn velocity(&self, pipeline: &str) -> &[f32] {
        self.valid(pipeline, now_ns()).map_or(&[], |held| held.velocity.as_slice())
    }

    /// When what is held ends by itself, ns on this machine's monotonic clock; `None` where nothing is held, or for ever.
    #[must_use]
    pub fn ends_ns(&self, pipeline: &str) -> Option<i64> {
        let until = self.valid(pipeline, now_ns())?.until_ns?;
        Some(until.saturating_sub(self.clock.offset_ns).saturating_sub(self.clock.uncertainty_ns))
    }

    fn valid(&self, pipeline: &str, here_ns: i64) -> Option<&Held> {
        let held = self.pipelines.get(pipeline)?;
        held.until_ns.is_none_or(|until| self.clock.latest(here_ns) < until).then_some(held)
    }

    fn take_at(&mut self, event: &Event, here_ns: i64) -> Option<String> {
        match event {
            Event::Intent { intent, replayed: false, run } => self.intent(intent, *run, here_ns),
            Event::Missed(_) | Event::Lost(_) => {
                self.pipelines.values_mut().for_each(Held::let_go);
                None
            }
            Event::Stream(status) => {
                if status.state() != v1::StreamState::Streaming
                    && let Some(held) = self.pipelines.get_mut(&status.pipeline)
                {
                    held.let_go();
                }
                None
            }
            Event::Intent { .. } | Event::Marker(_) | Event::Connected => None,
        }
    }

    fn intent(&mut self, intent: &v1::Intent, run: u64, here_ns: i64) -> Option<String> {
        let latest = self.clock.latest(here_ns);
        let held = self.pipelines.entry(intent.pipeline.clone()).or_default();
        let heard = std::mem::replace(&mut held.heard, true);
        held.until_ns = intent.valid_until_ns;
        let late = intent.valid_until_ns.is_some_and(|until| latest >= until);
        held.velocity.clear();
        if !late {
            held.velocity.extend(intent.motion.iter().flat_map(|motion| &motion.axes).map(|axis| axis.value));
        }
        let Some(v1::intent::Outcome::Discrete(discrete)) = intent.outcome.as_ref().filter(|_| !late) else {
            held.class = None;
            return None;
        };
        held.class = Some(discrete.label.clone());
        let activation = (run, discrete.activation);
        if held.begun == Some(activation) {
            return None;
        }
        held.begun = Some(activation);
        // One that lasts already where nothing was heard before began while nobody listened: it is held, and is no beginning.
        (heard || discrete.held_ms <= 0.0).then(|| discrete.label.clone())
    }
}

impl Held {
    fn let_go(&mut self) {
        (self.class, self.heard) = (None, false);
        self.velocity.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = 1_000_000;

    fn intent(activation: u64, held_ms: f64, until_ms: i64) -> Event {
        let outcome = (activation > 0).then(|| {
            v1::intent::Outcome::Discrete(v1::DiscreteIntent {
                label: "left".into(),
                probability: 0.9,
                activation,
                held_ms,
            })
        });
        let axes = vec![v1::AxisVelocity { axis: "x".into(), value: 0.5 }];
        let intent = v1::Intent {
            pipeline: "p".into(),
            outcome: outcome.or(Some(v1::intent::Outcome::None(v1::NoIntent::default()))),
            valid_until_ns: Some(until_ms * MS),
            motion: Some(v1::VelocityIntent { axes, unit: "1/s".into() }),
            ..v1::Intent::default()
        };
        Event::Intent { intent: Box::new(intent), replayed: false, run: 7 }
    }

    /// The class and velocity at a time.
    fn at(hold: &Hold, ms: i64) -> (bool, bool) {
        let valid = hold.valid("p", ms * MS);
        (valid.is_some_and(|held| held.class.is_some()), valid.is_some_and(|held| !held.velocity.is_empty()))
    }

    #[test]
    fn what_is_held_ends_at_its_time_and_begins_once() {
        let mut hold = Hold::new(DaemonClock::default());
        assert_eq!(hold.take_at(&intent(1, 0.0, 300), 0), Some("left".to_owned()));
        assert_eq!(hold.take_at(&intent(1, 60.0, 360), 60 * MS), None, "the same activation");
        assert_eq!((at(&hold, 359), at(&hold, 360)), ((true, true), (false, false)));
        assert_eq!(hold.take_at(&intent(2, 0.0, 400), 100 * MS), Some("left".to_owned()));
        assert_eq!(hold.take_at(&intent(0, 0.0, 500), 200 * MS), None);
        assert_eq!(at(&hold, 201), (false, true));
        assert_eq!(
            hold.take_at(&intent(3, 60.0, 600), 300 * MS),
            Some("left".to_owned()),
            "its first window was skipped"
        );
        let mut hold = Hold::new(DaemonClock::default());
        assert_eq!(hold.take_at(&intent(3, 1000.0, 600), 300 * MS), None, "it began while nobody listened");
        assert_eq!(at(&hold, 301), (true, true));
    }

    #[test]
    fn a_backlog_after_a_pause_begins_nothing() {
        let mut hold = Hold::new(DaemonClock { offset_ns: 50 * MS, uncertainty_ns: MS });
        assert_eq!(hold.take_at(&intent(0, 0.0, 300), 0), None);
        for n in 0..30u64 {
            let event = intent(n / 3 + 1, if n.is_multiple_of(3) { 0.0 } else { 60.0 }, 300 + 60 * n as i64);
            assert_eq!(hold.take_at(&event, 3000 * MS), None);
            assert_eq!(at(&hold, 3000), (false, false));
        }
        assert_eq!(hold.take_at(&intent(12, 0.0, 3400), 3000 * MS), Some("left".to_owned()));
        // The daemon's clock is 50 ms ahead, and known to a millisecond.
        assert_eq!((at(&hold, 3348), at(&hold, 3349)), ((true, true), (false, false)));
    }

    #[test]
    fn whatever_breaks_the_stream_lets_go() {
        let missed = Event::Missed(v1::Missed { events: 3, another_run: false });
        let lost = Event::Lost("gone".into());
        let silent = v1::StreamStatus {
            pipeline: "p".into(),
            state: v1::StreamState::Silent.into(),
            ..Default::default()
        };
        for event in [missed, lost, Event::Stream(silent)] {
            let mut hold = Hold::new(DaemonClock::default());
            hold.take_at(&intent(1, 0.0, 300), 0);
            assert_eq!(hold.take_at(&event, 10 * MS), None);
            assert_eq!(at(&hold, 11), (false, false), "{event:?}");
            assert_eq!(
                hold.take_at(&intent(1, 60.0, 400), 60 * MS),
                None,
                "it goes on, and does not begin again"
            );
            assert_eq!(at(&hold, 61), (true, true));
        }
        let mut hold = Hold::new(DaemonClock::default());
        let Event::Intent { intent: of, run, .. } = intent(1, 0.0, 300) else { unreachable!("it is one") };
        assert_eq!(hold.take_at(&Event::Intent { intent: of, replayed: true, run }, 0), None, "of the past");
        assert_eq!(at(&hold, 1), (false, false));
    }
}
