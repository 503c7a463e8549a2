use super::{ANSWER, START, Section};
use crate::child::{Child, Signal};
use crate::setup::peer;
use crate::{LABELS, RATE, World};
use serde_json::{Value, json};
use std::path::Path;

/// What a pylsl source announces.
#[derive(Clone, Debug)]
pub struct Source<'a> {
    /// Its signal streams, all of the same signal: name (which is the source_id too) and sample format.
    pub streams: Vec<(&'a str, &'a str)>,
    /// Its marker stream.
    pub markers: Option<&'a str>,
    /// The labels it gives its channels.
    pub labels: &'a [&'a str],
}

impl<'a> Source<'a> {
    /// One stream of float32, as most amplifiers send, and no markers.
    #[must_use]
    pub fn one(name: &'a str) -> Self {
        Self { streams: vec![(name, "float32")], markers: None, labels: &LABELS }
    }

    /// With a marker stream.
    #[must_use]
    pub fn with_markers(self, name: &'a str) -> Self {
        Self { markers: Some(name), ..self }
    }
}

/// A pylsl outlet in a process of its own.
pub struct Outlet {
    child: Child,
    begun: Option<Playing>,
}

/// A play that has begun.
#[derive(Clone, Copy, Debug)]
pub struct Playing {
    /// The first frame's stamp, seconds on the LSL clock.
    pub begin: f64,
}

/// What was sent.
#[derive(Clone, Copy, Debug)]
pub struct Sent {
    /// Frames sent.
    pub frames: u64,
    /// Frames left out because the process was stopped.
    pub left_out: u64,
}

impl Outlet {
    /// Announces `source`, which will play the signal in the file `signal` (see [`Section`]).
    #[must_use]
    pub fn announce(world: &World, source: &Source<'_>, signal: &Path) -> Self {
        let named = |name: &str| json!({ "name": name, "source_id": name });
        let streams: Vec<Value> = source
            .streams
            .iter()
            .map(|(name, format)| json!({ "name": name, "source_id": name, "format": format }))
            .collect();
        let mut command = peer("outlet.py");
        command.arg(
            json!({
                "signal": signal, "labels": source.labels, "unit": "microvolts", "rate": RATE,
                "streams": streams, "markers": source.markers.map(named),
            })
            .to_string(),
        );
        let mut child = world.spawn("outlet", command);
        child.answer(START);
        Self { child, begun: None }
    }

    /// A source of real EEG that sends nothing yet.
    #[must_use]
    pub fn announce_unplayed(world: &World, source: &Source<'_>) -> Self {
        let signal = Section::between(4.0, 24.0).of_channels(source.labels).signal(world);
        Self::announce(world, source, &signal)
    }

    /// A source that loops over real EEG for as long as it lives, in real time once somebody reads it.
    #[must_use]
    pub fn looping(world: &World, source: &Source<'_>) -> Self {
        let mut outlet = Self::announce_unplayed(world, source);
        outlet.child.tell(&json!({ "play": { "loop": true } }));
        outlet
    }

    /// Waits until every stream has a reader and plays once, in real time. `cues` are markers and the frames they belong
    /// to.
    pub fn play(&mut self, cues: &[(u64, &str)]) -> Playing {
        self.child.tell(&json!({ "play": { "cues": cues } }));
        self.playing()
    }

    /// Waits for the readers of the play that was asked for.
    ///
    /// # Panics
    /// When none come.
    pub fn playing(&mut self) -> Playing {
        *self.begun.get_or_insert_with(|| {
            let begin = self.child.answer(START)["begin"].as_f64().expect("the play begins");
            Playing { begin }
        })
    }

    /// Waits for the last frame; a loop tells what was sent so far.
    ///
    /// # Panics
    /// When it does not come.
    pub fn sent(&mut self) -> Sent {
        self.playing();
        self.child.tell(&json!({ "end": true }));
        let answer = self.child.answer(START);
        let count = |key: &str| answer[key].as_u64().expect("a count");
        Sent { frames: count("sent"), left_out: count("left_out") }
    }

    /// Sends `count` markers, a thousand a second, `text` and a number each.
    pub fn flood(&mut self, count: u64, text: &str) {
        self.playing();
        self.child.tell(&json!({ "flood": { "markers": count, "text": text } }));
        self.child.answer(ANSWER);
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        self.child.signal(signal);
    }
}

impl Playing {
    /// The stamp of a frame, ns on the LSL clock.
    #[must_use]
    pub fn stamp_ns(&self, frame: u64) -> i64 {
        ((self.begin + frame as f64 / RATE) * 1e9).round() as i64
    }
}
