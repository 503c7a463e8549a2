use crate::child::{Child, Signal};
use crate::{World, bcid, bundle, root};
use serde_json::Value;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

/// For the daemon to load its libraries and decoder, look for its streams, and serve.
const START: Duration = Duration::from_secs(30);
/// For the daemon to drain and end.
const DRAIN: Duration = Duration::from_secs(10);

/// A pipeline of a test's configuration, with the shipped decoder.
#[derive(Clone, Debug)]
pub struct Pipeline<'a> {
    /// Its name.
    pub name: &'a str,
    /// The name of its stream.
    pub stream: &'a str,
}

/// A running `bcid run`; killed when dropped.
pub struct Daemon {
    child: Child,
    address: String,
    socket: Option<String>,
    summary: PathBuf,
}

/// How a daemon ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code.
    pub code: i32,
    /// From the signal to the end.
    pub took: Duration,
    /// Its closing summary.
    pub summary: Value,
}

impl Ended {
    /// Asserts that it ended cleanly, without delay, and that its real-time loops never touched the heap.
    ///
    /// # Panics
    /// When that is not so.
    pub fn assert_sound(&self) {
        assert_eq!(self.code, 0, "the exit code");
        assert!(self.took < Duration::from_secs(6), "draining took {:?}", self.took);
        assert_eq!(self.summary["realtime_heap_operations"], 0, "allocations or frees in real-time loops");
        assert!(self.summary["realtime_loops_watched"].as_u64() > Some(0), "{}", self.summary);
    }
}

impl Daemon {
    /// Runs `pipelines` and reads markers from the stream `markers`, set up as the demonstration is.
    ///
    /// # Panics
    /// When it does not come to serve.
    #[must_use]
    pub fn start(world: &World, pipelines: &[Pipeline<'_>], markers: Option<&str>) -> Self {
        Self::named(world, "daemon", pipelines, markers)
    }

    /// One pipeline that follows `stream`.
    ///
    /// # Panics
    /// When it does not come to serve.
    #[must_use]
    pub fn following(world: &World, stream: &str) -> Self {
        Self::start(world, &[Pipeline { name: "p", stream }], None)
    }

    /// As [`Daemon::start`], for tests of several daemons.
    ///
    /// # Panics
    /// When it does not come to serve.
    #[must_use]
    pub fn named(world: &World, name: &str, pipelines: &[Pipeline<'_>], markers: Option<&str>) -> Self {
        let mut text = text(name, pipelines);
        if let Some(markers) = markers {
            text.push_str(&format!("[[markers]]\nname = {markers:?}\n"));
        }
        Self::configured(world, name, &text)
    }

    /// Runs a configuration.
    ///
    /// # Panics
    /// When it does not come to serve.
    #[must_use]
    pub fn configured(world: &World, name: &str, text: &str) -> Self {
        let config = world.write(&format!("{name}.toml"), text);
        let mut command = Command::new(bcid());
        command.arg("run").arg(config);
        Self::serving(world, name, command)
    }

    /// Runs a pipeline `p` that follows `stream`, with `more` in its configuration; `within` is what the daemon's process is
    /// started by, where it is not started plainly.
    ///
    /// # Panics
    /// When it does not come to serve.
    #[must_use]
    pub fn with(world: &World, name: &str, stream: &str, more: &str, within: &[&str]) -> Self {
        let pipeline = Pipeline { name: "p", stream };
        let config = world.write(&format!("{name}.toml"), &(text(name, &[pipeline]) + more));
        let mut all = within.iter().map(std::ffi::OsString::from).chain([bcid().into_os_string()]);
        let mut command = Command::new(all.next().expect("a program"));
        command.args(all).arg("run").arg(config);
        Self::serving(world, name, command)
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        self.child.signal(signal);
    }

    /// Ends it as a crash would.
    pub fn kill(mut self) {
        self.child.signal(Signal::Kill);
        self.child.wait(DRAIN);
    }

    /// Its process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Runs the demonstration's own configuration on another stream.
    ///
    /// # Panics
    /// When it does not come to serve.
    #[must_use]
    pub fn demo(world: &World, stream: &str, markers: &str) -> Self {
        let mut command = Command::new(bcid());
        command.arg("run").arg(root().join("deploy/config/demo.toml"));
        command.args(["--listen", "127.0.0.1:0", "--stream-name", stream, "--marker-name", markers]);
        Self::serving(world, "daemon", command)
    }

    fn serving(world: &World, name: &str, mut command: Command) -> Self {
        let ready = world.file(&format!("{name}.ready"));
        let summary = world.file(&format!("{name}.json"));
        command.arg("--ready-file").arg(&ready).arg("--json").arg(&summary);
        let mut child = world.spawn(name, command);
        let begun = Instant::now();
        let told: Value = loop {
            if let Ok(text) = std::fs::read_to_string(&ready) {
                break serde_json::from_str(&text).expect("the ready file is whole as soon as it is there");
            }
            if let Some(code) = child.ended() {
                panic!("the daemon ended with {code} before it served");
            }
            assert!(begun.elapsed() < START, "the daemon does not serve after {START:?}");
            std::thread::sleep(Duration::from_millis(10));
        };
        let url = told["grpc"].as_str().expect("the ready file tells the address");
        let address = url.split_once("://").expect("an address with its scheme").1.to_owned();
        let socket = told["socket"].as_str().map(str::to_owned);
        Self { child, address, socket, summary }
    }

    /// Its local socket, `unix:FILE`.
    ///
    /// # Panics
    /// When its configuration names none.
    #[must_use]
    pub fn socket(&self) -> &str {
        self.socket.as_deref().expect("the ready file tells the socket")
    }

    /// Where it serves, `address:port`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Asserts that it still runs.
    ///
    /// # Panics
    /// When it does not.
    pub fn assert_alive(&mut self) {
        assert_eq!(self.child.ended(), None, "the daemon ended by itself");
    }

    /// Ends it by `signal` and waits for it.
    ///
    /// # Panics
    /// When it does not end.
    #[must_use]
    pub fn stop(mut self, signal: Signal) -> Ended {
        let begun = Instant::now();
        self.child.signal(signal);
        let code = self.child.wait(DRAIN);
        let took = begun.elapsed();
        let text = std::fs::read_to_string(&self.summary).expect("a daemon that drained wrote its summary");
        Ended { code, took, summary: serde_json::from_str(&text).expect("the summary is JSON") }
    }
}

/// A configuration of `pipelines`, in which tests may do what operators may.
fn text(name: &str, pipelines: &[Pipeline<'_>]) -> String {
    let server = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\nsocket = \"{name}.sock\"\nanonymous = [\"admin\"]\n[realtime]\npriority = 80\n"
    );
    pipelines.iter().fold(server, |text, p| text + &pipeline(p))
}

/// The tables of a pipeline, set up as the demonstration's.
#[must_use]
pub fn pipeline(p: &Pipeline<'_>) -> String {
    format!(
        "[[pipeline]]\nname = {:?}\ndecoder = {:?}\n[pipeline.stream]\nname = {:?}\n\
         [pipeline.signal]\nwindow_ms = 1000\nhop_ms = 62.5\n\
         [pipeline.intent]\nsmoothing_ms = 500\nthreshold = 0.7\n",
        p.name,
        bundle().to_string_lossy(),
        p.stream
    )
}
