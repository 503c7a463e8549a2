use crate::World;
use crate::child::Child;
use crate::setup::peer;
use std::process::Command;
use std::time::{Duration, Instant};

/// An X display that nobody sees, and a program that reads its pointer.
pub struct Display {
    name: String,
    _server: Child,
}

impl Display {
    /// Starts one under a number that is free.
    ///
    /// # Panics
    /// When it does not come about.
    #[must_use]
    pub fn start(world: &World) -> Self {
        let mut command = Command::new("Xvfb");
        // It finds a number by itself, and writes it to its standard output.
        command.args(["-displayfd", "1", "-screen", "0", "800x600x24", "-nolisten", "tcp"]);
        let mut server = world.spawn("xvfb", command);
        let told = server.line(Duration::from_secs(30)).expect("its number");
        Self { name: format!(":{}", told.trim()), _server: server }
    }

    /// What `DISPLAY` is to be.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where the pointer is, as another program reads it.
    ///
    /// # Panics
    /// When it cannot be read.
    #[must_use]
    pub fn pointer(&self) -> (i32, i32) {
        let begun = Instant::now();
        loop {
            let read = peer("pointer.py").env("DISPLAY", &self.name).output().expect("it runs");
            let text = String::from_utf8_lossy(&read.stdout).into_owned();
            let mut numbers = text.split_whitespace().filter_map(|n| n.parse().ok());
            if let (Some(x), Some(y)) = (numbers.next(), numbers.next()) {
                return (x, y);
            }
            let problem = String::from_utf8_lossy(&read.stderr).into_owned();
            assert!(begun.elapsed() < Duration::from_secs(10), "{problem}");
        }
    }
}
