//! What is played, and the decoder and configuration for it.

use crate::Options;
use bci_calibration::Task;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Of so many recordings, from the first, a decoder is made.
const LEARNED_FROM: usize = 4;

/// A recording, as the player will read it.
pub(super) struct Material {
    pub(super) file: PathBuf,
    /// The group of channels that is played, from 1.
    pub(super) group: usize,
    pub(super) frames: u64,
    pub(super) seconds: f64,
    /// Of its first marker stream.
    pub(super) markers: u64,
    /// Where its stamps leave more than half a second out, and how much that is in all, s.
    pub(super) holes: u64,
    pub(super) away_s: f64,
    pub(super) rate_hz: f64,
}

impl Material {
    pub(super) fn open(file: &Path) -> Result<Self, String> {
        let recording = bci_driver_playback::open(file).map_err(|e| format!("{}: {e}", file.display()))?;
        let groups = recording.groups();
        // As `bcid fit` chooses.
        let eeg = groups.iter().position(|g| g.stream().is_some_and(|s| s.kind.eq_ignore_ascii_case("EEG")));
        let at = eeg.unwrap_or(0);
        let group = groups.get(at).ok_or_else(|| format!("{}: no channels", file.display()))?;
        let away = group.segments().iter().skip(1).map(|s| {
            let before = group.frame_time_s(s.first_frame - 1);
            (s.start_s - before - 1.0 / group.rate().get()).max(0.0)
        });
        Ok(Self {
            file: file.to_owned(),
            group: at + 1,
            frames: group.frames(),
            seconds: group.duration_s(),
            markers: recording.annotations().iter().filter(|a| a.stream == 0).count() as u64,
            holes: group.segments().len() as u64 - 1,
            away_s: away.sum(),
            rate_hz: group.rate().get(),
        })
    }
}

/// The decoder that is run, and what its recordings do not say of themselves.
pub(super) struct Decoder {
    pub(super) folder: PathBuf,
    task: Option<Task>,
}

impl Decoder {
    /// The shipped one for the shipped recordings; for others one that is made of the first of them, which goes on learning in
    /// trials.
    pub(super) fn make(options: &Options, folder: &Path) -> Result<Self, String> {
        let Some(task) = &options.task else {
            return Ok(Self { folder: options.zoo.join("eegmmidb-s001-fists-feet"), task: None });
        };
        let made = folder.join("decoder");
        let mut fit = Command::new(&options.bcid);
        fit.arg("fit").arg("--task").arg(task).arg("--out").arg(&made).arg("--recordings");
        fit.args(options.recordings.iter().take(LEARNED_FROM));
        let out = fit.stdin(Stdio::null()).output().map_err(|e| e.to_string())?;
        if !out.status.success() {
            return Err(format!("bcid fit: {}", String::from_utf8_lossy(&out.stderr).trim()));
        }
        print!("{}", String::from_utf8_lossy(&out.stdout));
        let task = Task::find(task)
            .map_err(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))?;
        Ok(Self { folder: made, task: Some(task) })
    }

    /// The daemon's configuration: with real-time priority, as those that come along, where the system grants it. Times that the task counts from a marker go by as many times as fast as the recording.
    pub(super) fn configuration(&self, stream: &str, speed: f64, study: &Path) -> String {
        let quoted = |path: &Path| format!("{:?}", path.display().to_string());
        let mut text = format!(
            "[server]\nlisten = \"127.0.0.1:0\"\n[realtime]\npriority = 80\n[[markers]]\nname = \"{stream}-markers\"\n[recording]\nfolder = {}\n\
             participant = \"soak\"\ntemplate = {RECORDED:?}\n[[pipeline]]\nname = \"p\"\ndecoder = {}\n\
             [pipeline.intent]\nsmoothing_ms = 500\nthreshold = 0.7\n",
            quoted(study),
            quoted(&self.folder)
        );
        // Writing to a String cannot fail.
        if let Some(task) = &self.task {
            let markers: Vec<&str> = task.cues.iter().map(|(marker, _)| marker.as_str()).collect();
            let (from_s, to_s) = (task.from_s / speed, task.to_s / speed);
            let _ = write!(
                text,
                "[pipeline.adapt]\nmarkers = {markers:?}\nfrom_s = {from_s:?}\nto_s = {to_s:?}\n"
            );
        }
        let _ = writeln!(text, "[pipeline.stream]\nname = {stream:?}");
        if let Some(said) = self.task.as_ref().map(|task| &task.stream) {
            if !said.labels.is_empty() {
                let _ = writeln!(text, "labels = {:?}", said.labels);
            }
            if let Some(unit) = &said.unit {
                let _ = writeln!(text, "unit = {unit:?}");
            }
            if let Some(gap_ms) = said.gap_ms {
                let _ = writeln!(text, "gap_ms = {gap_ms:?}");
            }
        }
        text
    }
}

/// The recording that the daemon writes, in the study's folder.
pub(super) const RECORDED: &str = "soak.xdf";
