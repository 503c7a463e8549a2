use super::START;
use crate::child::Child;
use crate::setup::peer;
use crate::{Daemon, World};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// A grpcio client of the unary calls: status, health, reflection; and of `/metrics`.
pub struct Client(Child);

impl Client {
    /// Starts it.
    #[must_use]
    pub fn of(world: &World, daemon: &Daemon) -> Self {
        let mut command = peer("client.py");
        command.arg(daemon.address());
        Self(world.spawn("client", command))
    }

    /// Asks; see `client.py`.
    ///
    /// # Panics
    /// When the daemon does not answer it.
    pub fn ask(&mut self, command: &Value) -> Value {
        self.0.tell(command);
        self.0.answer(START)
    }

    /// `GetStatus`; 64-bit numbers are text, as JSON has them in protobuf.
    pub fn status(&mut self) -> Value {
        self.ask(&json!({ "ask": "status" }))
    }

    /// The only pipeline's part of the status.
    ///
    /// # Panics
    /// When there is not one pipeline.
    pub fn pipeline(&mut self) -> Value {
        let mut status = self.status();
        let pipelines = status["pipelines"].as_array_mut().expect("pipelines");
        assert_eq!(pipelines.len(), 1);
        pipelines.remove(0)
    }

    /// The health of a service.
    ///
    /// # Panics
    /// When it is no text.
    pub fn health(&mut self, service: &str) -> String {
        let answer = self.ask(&json!({ "ask": "health", "service": service }));
        answer.as_str().expect("a name").to_owned()
    }

    /// Asks for the health of a service until it is `wanted`.
    ///
    /// # Panics
    /// When it is not `within` this time.
    pub fn health_becomes(&mut self, service: &str, wanted: &str, within: Duration) {
        let begun = Instant::now();
        loop {
            let health = self.health(service);
            if health == wanted {
                return;
            }
            assert!(begun.elapsed() < within, "{service:?} is {health}, not {wanted}, after {within:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// A call of `DecoderService`: its answer.
    ///
    /// # Errors
    /// The gRPC status and its message.
    pub fn decoders(&mut self, call: &str, request: &Value) -> Result<Value, (String, String)> {
        let mut answer = self.ask(&json!({ "ask": "decoders", "call": call, "request": request }));
        if answer.get("ok").is_some() {
            return Ok(answer["ok"].take());
        }
        let text = |key: &str| answer[key].as_str().unwrap_or_default().to_owned();
        Err((text("code"), text("details")))
    }

    /// A counter of a status: protobuf's JSON writes 64-bit numbers as text.
    ///
    /// # Panics
    /// When it is no number.
    #[must_use]
    pub fn count(of: &Value, key: &str) -> u64 {
        let value = &of[key];
        let number = value.as_u64().or_else(|| value.as_str().and_then(|s| s.parse().ok()));
        number.unwrap_or_else(|| panic!("{key} is no count in {of}"))
    }
}
