use super::START;
use crate::child::Child;
use crate::setup::peer;
use crate::{World, recording};
use serde::Deserialize;
use serde_json::json;

/// mne-lsl's `PlayerLSL` in a process of its own.
pub struct Player {
    _child: Child,
    /// Onset in seconds of the recording, and text, of every annotation it will send.
    pub annotations: Vec<(f64, String)>,
}

#[derive(Deserialize)]
struct Announced {
    annotations: Vec<(f64, String)>,
}

impl Player {
    /// Plays the recording from `from_s` to `to_s`, in chunks of `chunk` frames; it waits for nobody. Its annotations go
    /// out in the stream `name`-annotations.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start(world: &World, name: &str, from_s: f64, to_s: f64, chunk: u64) -> Self {
        let mut command = peer("player.py");
        command.arg(
            json!({
                "recording": recording(), "from_s": from_s, "to_s": to_s,
                "name": name, "source_id": name, "chunk": chunk,
            })
            .to_string(),
        );
        let mut child = world.spawn("player", command);
        let announced: Announced =
            serde_json::from_value(child.answer(START)).expect("it tells its annotations");
        Self { _child: child, annotations: announced.annotations }
    }
}
