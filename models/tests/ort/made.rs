//! Bundles written by the tests.

use bci_config::Mistakes;
use bci_models::bundle::{Matrix, sha256_hex, write_npy};
use bci_models::{Bundle, Device, OrtDecoder};
use std::path::Path;
use tempfile::TempDir;

/// A bundle of two channels at 100 Hz, a window and a hop of one sample, whose output is that of [`Made::model`].
pub(crate) struct Made {
    /// Its `decoder.toml`, hashes as `MODEL`, `SEGMENT` and `EXPECTED`.
    pub(crate) text: String,
    pub(crate) model: Vec<u8>,
    /// `[frames x channels]`.
    pub(crate) segment: Matrix,
    pub(crate) expected: Matrix,
}

const TEXT: &str = r#"schema = 2
name = "made"
version = "1.0.0"
description = "d"
licence = "MIT"
[model]
file = "model.onnx"
sha256 = "MODEL"
[input]
tensor = "window"
unit = "uV"
rate_hz = 100.0
window_samples = 1
hop_samples = 1
channels = ["C3", "C4"]
[output]
tensor = "posterior"
kind = "class_posteriors"
classes = ["left", "right"]
[provenance]
trained_by = "by hand"
subjects = "none"
split = "none"
code_version = "1"
[golden]
segment = "segment.npy"
segment_sha256 = "SEGMENT"
expected = "expected.npy"
expected_sha256 = "EXPECTED"
origin = "made up"
"#;

pub(crate) fn matrix(columns: usize, values: &[f32]) -> Matrix {
    Matrix { rows: values.len() / columns, columns, values: values.to_vec() }
}

impl Made {
    /// Around `model`, for which the golden segment is two frames that are posteriors themselves.
    pub(crate) fn new(model: &[u8]) -> Self {
        let frames = matrix(2, &[0.25, 0.75, 0.5, 0.5]);
        Self { text: TEXT.to_owned(), model: model.to_vec(), segment: frames.clone(), expected: frames }
    }

    pub(crate) fn with(mut self, from: &str, to: &str) -> Self {
        assert!(self.text.contains(from), "{from}");
        self.text = self.text.replacen(from, to, 1);
        self
    }

    pub(crate) fn golden(mut self, segment: Matrix, expected: Matrix) -> Self {
        (self.segment, self.expected) = (segment, expected);
        self
    }

    pub(crate) fn write(&self) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        let (segment, expected) = (write_npy(&self.segment), write_npy(&self.expected));
        let text = self
            .text
            .replace("\"MODEL\"", &format!("\"{}\"", sha256_hex(&self.model)))
            .replace("\"SEGMENT\"", &format!("\"{}\"", sha256_hex(&segment)))
            .replace("\"EXPECTED\"", &format!("\"{}\"", sha256_hex(&expected)));
        for (file, bytes) in [
            ("model.onnx", self.model.as_slice()),
            ("segment.npy", &segment),
            ("expected.npy", &expected),
            ("decoder.toml", text.as_bytes()),
        ] {
            std::fs::write(folder.path().join(file), bytes).unwrap();
        }
        folder
    }

    pub(crate) fn load(&self) -> Result<OrtDecoder, Vec<String>> {
        self.load_on(Device::Cpu)
    }

    pub(crate) fn load_on(&self, device: Device) -> Result<OrtDecoder, Vec<String>> {
        load(self.write().path(), device)
    }

    pub(crate) fn refusal(&self) -> Vec<String> {
        self.load().map(|_| Vec::new()).unwrap_or_else(|told| told)
    }
}

/// Reads and loads; what is wrong in words, the folder left out.
pub(crate) fn load(folder: &Path, device: Device) -> Result<OrtDecoder, Vec<String>> {
    let mistakes = Mistakes::new();
    let bundle = Bundle::read(folder, &mistakes);
    let found = match bundle {
        Some(bundle) => match OrtDecoder::load(&bundle, device) {
            Ok(decoder) => return Ok(decoder),
            Err(found) => found,
        },
        None => mistakes.into_sorted(),
    };
    let prefix = format!("{}/", folder.display());
    Err(found.iter().map(|m| m.to_string().replace(&prefix, "")).collect())
}
