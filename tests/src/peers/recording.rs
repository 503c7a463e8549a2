use super::START;
use crate::World;
use crate::setup::peer;
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A recording, as pyxdf reads it.
#[derive(Clone, Debug, Deserialize)]
pub struct Xdf {
    /// Its streams, by name.
    #[serde(default)]
    pub streams: BTreeMap<String, XdfStream>,
    /// Why it cannot be read.
    pub error: Option<String>,
}

/// A stream of it.
#[derive(Clone, Debug, Deserialize)]
pub struct XdfStream {
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Of its samples.
    pub format: String,
    /// Nominal, Hz.
    pub rate: f64,
    /// How many.
    pub samples: usize,
    /// Stamps, s.
    pub first_s: Option<f64>,
    /// Stamps, s.
    pub last_s: Option<f64>,
    /// No stamp is before the last.
    pub in_order: bool,
    /// Texts with their stamps.
    pub texts: Option<Vec<(f64, String)>>,
    /// Whether they are the first of a signal, bit for bit.
    pub like_signal: Option<bool>,
}

impl Xdf {
    /// Reads recordings; `signal` is a file for an [`crate::Outlet`].
    ///
    /// # Panics
    /// When one cannot be read.
    #[must_use]
    pub fn read(world: &World, files: &[PathBuf], signal: Option<&Path>) -> Vec<Self> {
        let mut command = peer("xdf.py");
        command.arg(json!({ "files": files, "signal": signal }).to_string());
        let answer = world.spawn("xdf", command).answer(START);
        let read = |file: &PathBuf| -> Self {
            let told = answer[file.to_string_lossy().as_ref()].clone();
            let xdf: Self = serde_json::from_value(told).expect("as xdf.py says");
            assert!(xdf.error.is_none(), "{}: {:?}", file.display(), xdf.error);
            xdf
        };
        files.iter().map(read).collect()
    }

    /// A stream of it.
    ///
    /// # Panics
    /// When it is not there.
    #[must_use]
    pub fn stream(&self, name: &str) -> &XdfStream {
        let known = || self.streams.keys().cloned().collect::<Vec<_>>();
        self.streams.get(name).unwrap_or_else(|| panic!("no stream {name} among {:?}", known()))
    }
}
