use serde::Deserialize;

/// What the decoder says of the whole recording, by SciPy and ONNX Runtime (`models/python/bcid_models/write_oracle.py`).
#[derive(Debug, Deserialize)]
pub struct Oracle {
    /// SHA-256 of the model.
    pub model_sha256: String,
    /// The classes.
    pub classes: Vec<String>,
    /// The last frame of every window.
    pub newest_frame: Vec<u64>,
    /// The windows' posteriors.
    pub posterior: Vec<Vec<f64>>,
    /// The cued trials.
    pub trials: Vec<OracleTrial>,
}

/// A cued trial.
#[derive(Debug, Deserialize)]
pub struct OracleTrial {
    /// When it was cued, seconds of the recording.
    pub onset_s: f64,
    /// What was cued.
    pub label: String,
    /// What is decided.
    pub decision: String,
    /// Windows that the decision rests on.
    pub windows: u64,
    /// Their mean posterior.
    pub mean_posterior: Vec<f64>,
    /// Whether the decision is the cue.
    pub right: bool,
}

impl Oracle {
    /// Reads it.
    ///
    /// # Panics
    /// When the checkout lacks it.
    #[must_use]
    pub fn read() -> Self {
        let file = crate::root().join("tests/oracle/eegmmidb-s001-r10.json");
        let text = std::fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", file.display()))
    }
}
