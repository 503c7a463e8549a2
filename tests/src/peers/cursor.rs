use crate::child::{Child, Signal};
use crate::setup::cursor;
use crate::{Display, World};
use serde_json::Value;
use std::process::Command;
use std::time::{Duration, Instant};

/// A running `bcid-cursor`.
pub struct Cursor {
    child: Child,
    steps: Vec<(i64, i64)>,
    told: Vec<String>,
}

impl Cursor {
    /// One that prints its steps.
    #[must_use]
    pub fn printing(world: &World, address: &str) -> Self {
        let mut command = Self::command(address);
        command.arg("--print");
        Self { child: world.spawn("cursor", command), steps: Vec::new(), told: Vec::new() }
    }

    /// One that moves the pointer of a display.
    #[must_use]
    pub fn on(world: &World, address: &str, display: &Display) -> Self {
        let mut command = Self::command(address);
        command.env("DISPLAY", display.name());
        Self { child: world.spawn("cursor", command), steps: Vec::new(), told: Vec::new() }
    }

    fn command(address: &str) -> Command {
        let mut command = Command::new(cursor());
        command.args(["--pipeline", "p", "--speed", "0.5", "--server"]).arg(format!("http://{address}"));
        command
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        self.child.signal(signal);
    }

    fn take(&mut self) {
        while let Some(line) = self.child.try_line() {
            let line: Value = serde_json::from_str(&line).unwrap_or_default();
            if let (Some(at), Some(x)) = (line["at_ns"].as_i64(), line["x"].as_i64()) {
                self.steps.push((at, x));
            }
            if let Some(text) = line["told"].as_str() {
                self.told.push(text.to_owned());
            }
        }
    }

    /// Waits for a step that is made after this time.
    ///
    /// # Panics
    /// When there is none `within` this time.
    pub fn moves_after(&mut self, ns: i64, within: Duration) {
        let begun = Instant::now();
        loop {
            self.take();
            if self.steps.last().is_some_and(|(at, _)| *at > ns) {
                return;
            }
            assert!(begun.elapsed() < within, "it does not move: {:?}", self.told);
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// When it moved last, ns on the monotonic clock.
    pub fn last_step_ns(&mut self) -> Option<i64> {
        self.take();
        self.steps.last().map(|(at, _)| *at)
    }

    /// The largest step so far, in pixels.
    #[must_use]
    pub fn largest_step(&self) -> i64 {
        self.steps.iter().map(|(_, x)| x.abs()).max().unwrap_or(0)
    }

    /// What it said of the connection.
    #[must_use]
    pub fn told(&self) -> &[String] {
        &self.told
    }
}
