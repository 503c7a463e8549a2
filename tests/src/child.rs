use serde_json::Value;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// What is sent to a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Ctrl-C.
    Int,
    /// A polite request to end.
    Term,
    /// No chance to say good-bye.
    Kill,
    /// Frozen.
    Stop,
    /// Thawed.
    Cont,
}

/// A process that is spoken with in lines and killed when dropped.
pub struct Child {
    name: String,
    process: std::process::Child,
    stdin: Option<std::process::ChildStdin>,
    lines: Receiver<String>,
}

impl Child {
    /// Starts it; stderr goes into the file `name`.log of `folder`.
    pub(crate) fn spawn(name: &str, mut command: Command, folder: &Path) -> Self {
        let log = File::options()
            .create(true)
            .append(true)
            .open(folder.join(format!("{name}.log")))
            .expect("the folder can be written to");
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|e| panic!("{name} cannot be started: {e}"));
        let stdin = process.stdin.take();
        let stdout = process.stdout.take().expect("it was asked for");
        let (send, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines() {
                let Ok(line) = line else { return };
                if send.send(line).is_err() {
                    return;
                }
            }
        });
        Self { name: name.to_owned(), process, stdin, lines }
    }

    /// Its process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Writes a line to it.
    ///
    /// # Panics
    /// When it no longer listens.
    pub fn tell(&mut self, line: &Value) {
        let stdin = self.stdin.as_mut().expect("its stdin is open");
        writeln!(stdin, "{line}").unwrap_or_else(|e| panic!("{} no longer listens: {e}", self.name));
    }

    /// Its next line; `None` when it has closed its output.
    ///
    /// # Panics
    /// When nothing comes `within` this time.
    pub fn line(&mut self, within: Duration) -> Option<String> {
        match self.lines.recv_timeout(within) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("{} said nothing for {within:?}", self.name),
        }
    }

    /// Its next line, if it has said one.
    pub(crate) fn try_line(&mut self) -> Option<String> {
        self.lines.try_recv().ok()
    }

    /// Its next line as JSON.
    ///
    /// # Panics
    /// When nothing comes `within` this time, or something else.
    pub fn answer(&mut self, within: Duration) -> Value {
        let line = self.line(within).unwrap_or_else(|| panic!("{} ended without an answer", self.name));
        serde_json::from_str(&line).unwrap_or_else(|e| panic!("{} said {line:?}: {e}", self.name))
    }

    /// What it has written to its output since, once it has ended.
    pub fn rest(&mut self, within: Duration) -> String {
        let mut text = String::new();
        while let Some(line) = self.line(within) {
            text.push_str(&line);
            text.push('\n');
        }
        text
    }

    /// Sends it a signal.
    ///
    /// # Panics
    /// When it is gone already.
    pub fn signal(&self, signal: Signal) {
        let name = format!("-{signal:?}").to_uppercase();
        let sent = Command::new("kill").args([name, self.process.id().to_string()]).status();
        assert!(sent.is_ok_and(|s| s.success()), "{} cannot be sent {signal:?}", self.name);
    }

    /// Whether it has ended: its exit code, -1 after a signal.
    ///
    /// # Panics
    /// When the system does not know it.
    pub fn ended(&mut self) -> Option<i32> {
        self.process.try_wait().expect("a child can be waited for").map(|s| s.code().unwrap_or(-1))
    }

    /// Waits for its end: its exit code, -1 after a signal.
    ///
    /// # Panics
    /// When it has not ended `within` this time.
    pub fn wait(&mut self, within: Duration) -> i32 {
        let begun = Instant::now();
        loop {
            if let Some(code) = self.ended() {
                return code;
            }
            assert!(begun.elapsed() < within, "{} still runs after {within:?}", self.name);
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
