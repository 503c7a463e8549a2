use super::START;
use crate::child::Child;
use crate::setup::peer;
use crate::{Daemon, World};
use serde_json::{Value, json};

/// Somebody who tries what ought not to be possible, over whatever the daemon speaks; see `intruder.py`.
pub struct Intruder(Child);

impl Intruder {
    /// Starts it.
    #[must_use]
    pub fn at(world: &World, daemon: &Daemon) -> Self {
        let mut command = peer("intruder.py");
        command.arg(daemon.address());
        Self(world.spawn("intruder", command))
    }

    /// Tries it.
    ///
    /// # Panics
    /// When nothing comes of it in time.
    pub fn ask(&mut self, command: &Value) -> Value {
        self.0.tell(command);
        self.0.answer(START)
    }

    /// The gRPC status with which a call ends, with more about how it is made.
    ///
    /// # Panics
    /// When there is none.
    pub fn call(&mut self, method: &str, more: &Value) -> String {
        let mut asked = json!({ "ask": "call", "method": method });
        let (Some(all), Some(more)) = (asked.as_object_mut(), more.as_object()) else { panic!("objects") };
        all.extend(more.clone());
        self.ask(&asked)["code"].as_str().expect("a status").to_owned()
    }
}
