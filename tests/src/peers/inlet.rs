use super::START;
use crate::World;
use crate::child::Child;
use crate::setup::peer;
use serde_json::Value;
use std::time::Duration;

/// A pylsl inlet of texts; see `inlet.py`.
pub struct Inlet(Child);

impl Inlet {
    /// Reads the stream of this name.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn of(world: &World, name: &str) -> Self {
        let mut command = peer("inlet.py");
        command.arg(name);
        let mut child = world.spawn("inlet", command);
        let told = child.answer(START);
        assert_eq!((told["type"].as_str(), told["channels"].as_u64()), (Some("Markers"), Some(1)), "{told}");
        Self(child)
    }

    /// The next sample: what its text says, as JSON, and its stamp, ns on the LSL clock.
    ///
    /// # Panics
    /// When none comes `within` this time, or it is no JSON.
    pub fn next(&mut self, within: Duration) -> (Value, i64) {
        let sample = self.0.answer(within);
        let text = sample["text"].as_str().expect("a text");
        (serde_json::from_str(text).expect("JSON"), sample["stamp_ns"].as_i64().expect("a stamp"))
    }
}
