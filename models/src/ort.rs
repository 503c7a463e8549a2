//! Inference through ONNX Runtime. With its folder the one place that names the `ort` crate.

mod bound;
mod decoder;
mod fit;
mod open;

pub use decoder::OrtDecoder;

use crate::native;
use ::ort::environment::Environment;
use ::ort::ep::{CPU, CUDA, ExecutionProvider};
use ::ort::session::Session;
use std::path::PathBuf;
use std::sync::OnceLock;

/// Why ONNX Runtime is not to be had.
#[derive(Clone, Debug, thiserror::Error)]
pub enum OrtError {
    /// The library is nowhere.
    #[error(
        "ONNX Runtime was not found; looked at {}. Run `cargo xtask setup`, or set {} to a copy (1.24 or newer)",
        tried.iter().map(|p| p.display().to_string()).collect::<Vec<_>>().join(", "),
        native::OVERRIDE
    )]
    Missing {
        /// Every place tried.
        tried: Vec<PathBuf>,
    },
    /// It is there but does not load.
    #[error("ONNX Runtime at {} cannot be used: {reason}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

/// What was loaded.
#[derive(Clone, Debug)]
pub struct RuntimeInfo {
    /// The file.
    pub path: PathBuf,
    /// Its version.
    pub version: String,
    /// Each execution provider of interest, and whether a session really takes it here, or why not.
    pub providers: Vec<(&'static str, Result<(), String>)>,
}

struct Loaded {
    environment: Environment,
    path: PathBuf,
}

/// The library is opened once a process; a failure is remembered too.
fn runtime() -> Result<&'static Loaded, OrtError> {
    static LOADED: OnceLock<Result<Loaded, OrtError>> = OnceLock::new();
    LOADED
        .get_or_init(|| {
            let path = native::locate().map_err(|tried| OrtError::Missing { tried })?;
            let unusable = |reason: String| OrtError::Unusable { path: path.clone(), reason };
            let environment = ::ort::init_from(&path)
                .map_err(|e| unusable(e.to_string()))?
                .with_name("bcid")
                .with_telemetry(false)
                .build()
                .map_err(|e| unusable(e.to_string()))?;
            Ok(Loaded { environment, path })
        })
        .as_ref()
        .map_err(Clone::clone)
}

/// Loads ONNX Runtime and says what it is and which execution providers a session accepts on this machine.
///
/// # Errors
/// [`OrtError`] when it is missing or unusable.
pub fn runtime_info() -> Result<RuntimeInfo, OrtError> {
    let loaded = runtime()?;
    Ok(RuntimeInfo {
        path: loaded.path.clone(),
        version: native::version_of(&loaded.path).unwrap_or_else(|| "unknown".to_owned()),
        providers: vec![
            ("CPU", accepts(loaded, &CPU::default())),
            ("CUDA", accepts(loaded, &CUDA::default())),
        ],
    })
}

fn accepts(loaded: &Loaded, provider: &impl ExecutionProvider) -> Result<(), String> {
    let mut builder = Session::builder(&loaded.environment).map_err(|e| e.to_string())?;
    provider.register(&mut builder).map_err(|e| first_line(&e.to_string()))
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}
