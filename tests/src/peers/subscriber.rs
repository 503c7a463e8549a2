use super::START;
use crate::child::Child;
use crate::event::{Event, Intent, MarkerSeen};
use crate::setup::peer;
use crate::{Daemon, World};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// A grpcio subscriber in a process of its own, to every pipeline and with markers.
pub struct Subscriber {
    child: Child,
    /// Every event so far.
    pub seen: Vec<Event>,
}

impl Subscriber {
    /// Subscribes; returns once the first event is there.
    #[must_use]
    pub fn to(world: &World, daemon: &Daemon) -> Self {
        Self::start(world, "subscriber", daemon.address(), json!({}))
    }

    /// Subscribes, reads the first event, and then nothing until [`Subscriber::read_on`].
    #[must_use]
    pub fn stalled(world: &World, daemon: &Daemon) -> Self {
        Self::start(world, "stalled", daemon.address(), json!({ "stall": true }))
    }

    /// Subscribes through the daemon's local socket.
    #[must_use]
    pub fn locally(world: &World, daemon: &Daemon) -> Self {
        Self::start(world, "local", daemon.socket(), json!({}))
    }

    /// Subscribes again, behind the place where an earlier subscription ended.
    #[must_use]
    pub fn back(world: &World, daemon: &Daemon, place: [u64; 2]) -> Self {
        Self::start(world, "back", daemon.address(), json!({ "resume": place }))
    }

    fn start(world: &World, name: &str, address: &str, mut options: Value) -> Self {
        let mut command = peer("subscriber.py");
        options["markers"] = json!(true);
        command.arg(address).arg(options.to_string());
        let mut subscriber = Self { child: world.spawn(name, command), seen: Vec::new() };
        subscriber.next(START);
        subscriber
    }

    /// Ends a stall.
    pub fn read_on(&mut self) {
        self.child.tell(&Value::Null);
    }

    /// The next event.
    ///
    /// # Panics
    /// When none comes `within` this time.
    pub fn next(&mut self, within: Duration) -> &Event {
        let event = serde_json::from_value(self.child.answer(within)).expect("an event");
        self.seen.push(event);
        self.seen.last().expect("just pushed")
    }

    /// Reads on until there is an event that `is` the one; its place in `seen`.
    ///
    /// # Panics
    /// When it is not there `within` this time, or the subscription ends before.
    pub fn until(&mut self, what: &str, within: Duration, is: impl Fn(&Event) -> bool) -> usize {
        let begun = Instant::now();
        loop {
            let left = within.saturating_sub(begun.elapsed());
            assert!(!left.is_zero(), "no {what} within {within:?}; last: {:?}", self.last_but_intents());
            let event = self.next(left);
            if is(event) {
                return self.seen.len() - 1;
            }
            if let Event::End { end, details } = event {
                panic!("the subscription ended with {end} {details:?} before {what}");
            }
        }
    }

    /// Reads on until a stream is in this state; its place in `seen`.
    pub fn until_state(&mut self, state: &str, within: Duration) -> usize {
        self.until(state, within, |e| e.is_state(state))
    }

    /// Reads on until `count` more intents are there.
    pub fn until_intents(&mut self, count: usize, within: Duration) {
        let begun = Instant::now();
        for _ in 0..count {
            self.until("intent", within.saturating_sub(begun.elapsed()), |e| e.intent().is_some());
        }
    }

    /// Reads on until there have been `count` markers in all.
    ///
    /// # Panics
    /// When there are not `within` this time.
    pub fn have_markers(&mut self, count: usize, within: Duration) {
        let begun = Instant::now();
        while self.markers().len() < count {
            self.next(within.saturating_sub(begun.elapsed()));
        }
    }

    /// Reads on to the subscription's end: its gRPC status.
    pub fn until_end(&mut self, within: Duration) -> String {
        let begun = Instant::now();
        loop {
            if let Event::End { end, .. } = self.next(within.saturating_sub(begun.elapsed())) {
                return end.clone();
            }
        }
    }

    /// The intents so far.
    #[must_use]
    pub fn intents(&self) -> Vec<&Intent> {
        self.seen.iter().filter_map(Event::intent).collect()
    }

    /// The markers so far.
    #[must_use]
    pub fn markers(&self) -> Vec<&MarkerSeen> {
        self.seen.iter().filter_map(Event::marker).collect()
    }

    fn last_but_intents(&self) -> Option<&Event> {
        self.seen.iter().rev().find(|e| e.intent().is_none())
    }
}
