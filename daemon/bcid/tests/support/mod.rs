//! The daemon's program, run in a folder and an LSL session of its own.

#![allow(dead_code, reason = "no test needs all of it")]

use bci_models::bundle::sha256_hex;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// A folder with its own LSL session: streams of other tests are not seen from it.
pub(crate) struct Rig(tempfile::TempDir);

impl Rig {
    pub(crate) fn new() -> Self {
        let rig = Self(tempfile::tempdir().unwrap());
        let session = rig.0.path().file_name().unwrap().to_string_lossy().replace('.', "");
        let own = format!("[lab]\nSessionID = {session}\n");
        fs::write(rig.path("lsl_api.cfg"), bci_driver_lsl::LOOPBACK_CONFIG.replace("[lab]\n", &own)).unwrap();
        rig
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn bcid(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bcid"));
        command
            .args(args)
            .current_dir(root())
            .env("LSLAPICFG", self.path("lsl_api.cfg"))
            .env("BCID_LOG", "warn");
        command
    }

    /// A copy of the shipped decoder, its `decoder.toml` changed, and its model with it.
    pub(crate) fn decoder(&self, changes: &[(&str, &str)]) {
        let shipped = root().join("models/zoo/eegmmidb-s001-fists-feet");
        fs::create_dir_all(self.path("decoder/golden")).unwrap();
        for file in ["model.onnx", "golden/segment.npy", "golden/expected.npy"] {
            fs::copy(shipped.join(file), self.path("decoder").join(file)).unwrap();
        }
        let mut text = fs::read_to_string(shipped.join("decoder.toml")).unwrap();
        for (from, to) in changes {
            assert!(text.contains(from), "{from}");
            text = text.replacen(from, to, 1);
        }
        if !changes.is_empty() {
            let model = fs::read(shipped.join("model.onnx")).unwrap();
            let held = bci_models::contract::contract(&text).unwrap().to_string();
            let key = bci_models::onnx::CONTRACT_KEY;
            let changed = bci_models::onnx::with_metadata(&model, key, &held).unwrap();
            text = text.replace(&sha256_hex(&model), &sha256_hex(&changed));
            fs::write(self.path("decoder/model.onnx"), changed).unwrap();
        }
        fs::write(self.path("decoder/decoder.toml"), text).unwrap();
    }

    /// The hash of the decoder's model as it is now.
    pub(crate) fn model_hash(&self) -> String {
        sha256_hex(&fs::read(self.path("decoder/model.onnx")).unwrap())
    }

    /// The line of the decoder's `decoder.toml` that begins with `start`.
    pub(crate) fn line(&self, start: &str) -> usize {
        let text = fs::read_to_string(self.path("decoder/decoder.toml")).unwrap();
        1 + text.lines().position(|l| l.starts_with(start)).unwrap_or_else(|| panic!("{start}"))
    }

    /// `GOOD` with changes, for `bcid run`: refused with 78 and nothing started. Returns the mistakes, a line each,
    /// without the folder.
    pub(crate) fn refused(&self, changes: &[(&str, &str)], args: &[&str]) -> Vec<String> {
        let mut text = GOOD.to_owned();
        for (from, to) in changes {
            assert!(text.contains(from), "{from}");
            text = text.replacen(from, to, 1);
        }
        fs::write(self.path("rig.toml"), text).unwrap();
        let (config, ready) = (self.path("rig.toml"), self.path("ready.json"));
        let mut all = vec!["run", config.to_str().unwrap(), "--ready-file", ready.to_str().unwrap()];
        all.extend(args);
        let Output { status, stdout, stderr } = self.bcid(&all).output().unwrap();
        let told = String::from_utf8(stderr).unwrap().replace(&format!("{}/", self.0.path().display()), "");
        assert_eq!(status.code(), Some(78), "{told}");
        assert!(!ready.exists() && stdout.is_empty(), "nothing was started: {told}");
        let told: Vec<_> = told.lines().map(|l| l.trim_start_matches("bcid:").trim().to_owned()).collect();
        match told[0].strip_suffix(" mistakes, nothing was started:") {
            Some(count) => {
                assert_eq!(count.parse(), Ok(told.len() - 1), "{told:#?}");
                told[1..].to_vec()
            }
            None => told,
        }
    }
}

/// What every test breaks in its own way. The stream is not there, which is no mistake.
pub(crate) const GOOD: &str = r#"[server]
listen = "127.0.0.1:0"

[[pipeline]]
name = "p"
decoder = "decoder"

[pipeline.stream]
name = "rig"

[pipeline.signal]
window_ms = 1000
steps = [{ band_pass = { low_hz = 1.0, high_hz = 45.0, order = 2 } }]

[pipeline.intent]
threshold = 0.7
"#;

/// A child that ends with the test.
pub(crate) struct Running(Child);

impl Running {
    /// Starts and waits until a line on stderr holds `ready`.
    pub(crate) fn start(mut command: Command, ready: &str) -> Self {
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut told = Vec::new();
        while !told.last().is_some_and(|l: &String| l.contains(ready)) {
            told.push(lines.next().unwrap_or_else(|| panic!("{ready} never came: {told:?}")).unwrap());
        }
        // Read on, so that it never waits for a reader.
        std::thread::spawn(move || lines.for_each(drop));
        Self(child)
    }

    pub(crate) fn interrupt(mut self) -> Option<i32> {
        let pid = self.0.id();
        assert!(Command::new("sh").arg("-c").arg(format!("kill -INT {pid}")).status().unwrap().success());
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(20) {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("it did not end");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) fn play(rig: &Rig, name: &str) -> Running {
    let play = rig.bcid(&["play", "models/data/eegmmidb/S001R10.edf", "--loop", "--name", name]);
    Running::start(play, "playing ")
}
