use super::START;
use crate::setup::peer;
use crate::{World, bundle, recording};
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::PathBuf;

/// A part of the recording.
#[derive(Clone, Debug)]
pub struct Section {
    from_s: f64,
    to_s: f64,
    labels: Option<Vec<String>>,
    scale: f64,
    whole: bool,
    seen_from: u64,
}

/// What the decoder says of a section, by SciPy and ONNX Runtime alone.
#[derive(Clone, Debug, Deserialize)]
pub struct Reference {
    /// The last frame of every window; windows are a frame apart.
    pub newest_frame: Vec<u64>,
    /// Their posteriors.
    pub posterior: Vec<Vec<f64>>,
}

impl Section {
    /// From `from_s` to `to_s`, every channel, in uV.
    #[must_use]
    pub fn between(from_s: f64, to_s: f64) -> Self {
        Self { from_s, to_s, labels: None, scale: 1.0, whole: false, seen_from: 0 }
    }

    /// Only these channels, in this order.
    #[must_use]
    pub fn of_channels(self, labels: &[&str]) -> Self {
        Self { labels: Some(labels.iter().map(|l| (*l).to_owned()).collect()), ..self }
    }

    /// Times `scale`, rounded to whole numbers that an int8 holds.
    #[must_use]
    pub fn fitting_int8(self, scale: f64) -> Self {
        Self { scale, whole: true, ..self }
    }

    /// Seen from frame `first` on only: there the filter starts.
    #[must_use]
    pub fn seen_from(self, first: u64) -> Self {
        Self { seen_from: first, ..self }
    }

    /// The signal as a file for an [`crate::Outlet`].
    #[must_use]
    pub fn signal(&self, world: &World) -> PathBuf {
        let file = world.file("signal.npy");
        self.run(world, "eeg.py", Some(&file));
        file
    }

    /// The signal as a file, and what the decoder says of it.
    #[must_use]
    pub fn signal_and_reference(&self, world: &World) -> (PathBuf, Reference) {
        let file = world.file("signal.npy");
        let reference = self.decode(world, Some(&file));
        (file, reference)
    }

    /// What the decoder says of it.
    #[must_use]
    pub fn reference(&self, world: &World) -> Reference {
        self.decode(world, None)
    }

    fn decode(&self, world: &World, out: Option<&PathBuf>) -> Reference {
        serde_json::from_value(self.run(world, "reference.py", out)).expect("posteriors")
    }

    fn run(&self, world: &World, script: &str, out: Option<&PathBuf>) -> Value {
        let mut command = peer(script);
        command.arg(
            json!({
                "recording": recording(), "bundle": bundle(), "from_s": self.from_s, "to_s": self.to_s,
                "labels": self.labels, "scale": self.scale, "round": self.whole, "seen_from": self.seen_from,
                "out": out,
            })
            .to_string(),
        );
        world.spawn("reference", command).answer(START)
    }
}

impl Reference {
    /// The posterior of the window whose last frame is `newest`, counted from the section's first.
    #[must_use]
    pub fn at(&self, newest: u64) -> Option<&[f64]> {
        let place = self.newest_frame.binary_search(&newest).ok()?;
        Some(&self.posterior[place])
    }
}
