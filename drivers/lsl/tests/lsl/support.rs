//! LSL kept to this machine, unique names, and pylsl processes.

use bci_driver_api::{Source, SourceError};
use bci_driver_lsl::{InletOptions, LOOPBACK_CONFIG, Liblsl, LslSource, LslSourceFactory, Query};
use bci_types::{ChannelKind, ChannelSpec, Chunk, Hz, Rate, SampleFormat, StreamSpec, Unit};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

pub(crate) const LONG: Duration = Duration::from_secs(10);

struct Loopback {
    lsl: Liblsl,
    config: PathBuf,
    _folder: tempfile::TempDir,
}

fn loopback_once() -> &'static Loopback {
    static ONCE: OnceLock<Loopback> = OnceLock::new();
    ONCE.get_or_init(|| {
        let lsl = Liblsl::load().unwrap_or_else(|e| panic!("{e}"));
        // A session of its own: streams of other test processes are not seen.
        let text = LOOPBACK_CONFIG
            .replace("[lab]\n", &format!("[lab]\nSessionID = bcid-test-{}\n", std::process::id()));
        lsl.configure(&text).expect("nothing has used liblsl before");
        let folder = tempfile::tempdir().expect("a folder");
        let config = folder.path().join("lsl_api.cfg");
        std::fs::write(&config, text).expect("the configuration for the peers");
        Loopback { lsl, config, _folder: folder }
    })
}

/// liblsl, kept to this machine.
pub(crate) fn loopback() -> Liblsl {
    loopback_once().lsl
}

/// A name that no other test has.
pub(crate) fn unique(what: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("{what}-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// Looks only as long for a second stream as the loopback configuration needs.
pub(crate) fn quick() -> InletOptions {
    InletOptions { settle: Duration::from_millis(300), ..InletOptions::default() }
}

pub(crate) fn by_source(source_id: &str) -> LslSourceFactory {
    LslSourceFactory::new(loopback(), Query::source_id(source_id), quick())
}

pub(crate) fn open(source_id: &str) -> LslSource {
    by_source(source_id).open_source(LONG).unwrap_or_else(|e| panic!("{source_id}: {e}"))
}

/// A signal stream of `count` channels, labelled, named like its source.
pub(crate) fn signal(source_id: &str, format: SampleFormat, hz: f64, count: usize) -> StreamSpec {
    StreamSpec {
        name: source_id.into(),
        kind: "EEG".into(),
        source_id: source_id.into(),
        hostname: String::new(),
        instance: String::new(),
        format,
        rate: if hz == 0.0 { Rate::Irregular } else { Rate::Regular(Hz::new(hz).unwrap()) },
        channels: (0..count)
            .map(|i| ChannelSpec {
                label: Some(format!("E{i}")),
                unit: Unit::Microvolts,
                kind: ChannelKind::Eeg,
            })
            .collect(),
    }
}

/// Pulls until `enough` says so of the frames (values of the first channel, stamps) seen so far.
pub(crate) fn pull_until(
    source: &mut dyn Source,
    at_most: Duration,
    mut enough: impl FnMut(&[f64], &[f64]) -> bool,
) -> Result<(Vec<f64>, Vec<f64>), SourceError> {
    let channels = source.spec().channels.len();
    let mut chunk = Chunk::with_capacity(channels, 256);
    let (mut values, mut stamps) = (Vec::new(), Vec::new());
    let begun = Instant::now();
    while !enough(&values, &stamps) {
        assert!(begun.elapsed() < at_most, "not enough after {at_most:?}: {} frames", values.len());
        source.pull(&mut chunk, Duration::from_millis(100))?;
        values.extend(chunk.samples().iter().step_by(channels));
        stamps.extend(chunk.stamps());
    }
    Ok((values, stamps))
}

fn python() -> PathBuf {
    if let Some(named) = std::env::var_os("BCID_TEST_PYTHON") {
        return named.into();
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the workspace");
    let fetched = root.join(".native/venv/bin/python");
    assert!(
        fetched.exists(),
        "{} is missing: run `cargo xtask setup`, or set BCID_TEST_PYTHON to a Python with pylsl 1.18.6",
        fetched.display()
    );
    fetched
}

pub(crate) fn peer(script: &str) -> Command {
    let mut command = Command::new(python());
    command
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers").join(script))
        .env("LSLAPICFG", &loopback_once().config)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    command
}

/// A pylsl outlet in a process of its own; killed when dropped.
pub(crate) struct PyOutlet {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl PyOutlet {
    pub(crate) fn start(spec: &Value) -> Self {
        let mut child = peer("outlet.py").arg(spec.to_string()).spawn().expect("Python starts");
        let stdin = child.stdin.take().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let mut started = Self { child, stdin, stdout };
        started.answer();
        started
    }

    /// A double64 stream of two channels.
    pub(crate) fn plain(source_id: &str, rate: f64) -> Self {
        Self::start(&json!({
            "name": source_id, "type": "EEG", "source_id": source_id,
            "format": "double64", "rate": rate, "channels": 2,
        }))
    }

    pub(crate) fn push(&mut self, samples: &Value, stamps: &[f64]) {
        self.tell(&json!({ "push": samples, "stamps": stamps }));
        self.answer();
    }

    pub(crate) fn run(&mut self, hz: f64) {
        self.tell(&json!({ "run": { "hz": hz } }));
        self.answer();
    }

    /// Sends the process a signal by name (`STOP`, `CONT`, `KILL`).
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([format!("-{name}"), self.child.id().to_string()]).status();
        assert!(sent.expect("kill runs").success());
    }

    fn tell(&mut self, command: &Value) {
        writeln!(self.stdin, "{command}").expect("the outlet listens");
    }

    fn answer(&mut self) {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("the outlet answers");
        assert_eq!(line, "ok\n", "pylsl failed: run `cargo xtask setup` if it is not installed");
    }
}

impl Drop for PyOutlet {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
