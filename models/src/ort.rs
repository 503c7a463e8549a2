//! Inference through ONNX Runtime. With its folder the one place that names the `ort` crate.

mod bound;
mod decoder;
mod fit;
mod open;
mod watch;

pub use decoder::OrtDecoder;

use crate::device::{Device, ran_on_cpu, ran_on_cuda};
use crate::native;
use crate::onnx::trial_model;
use ::ort::environment::Environment;
use ::ort::memory::Allocator;
use ::ort::session::Session;
use ::ort::value::Tensor;
use open::Traced;
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
    /// Each execution provider of interest, and whether it was seen to run a trial model here, or why not.
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

/// Loads ONNX Runtime and says what it is and which execution providers run a trial model on this machine.
///
/// # Errors
/// [`OrtError`] when it is missing or unusable.
pub fn runtime_info() -> Result<RuntimeInfo, OrtError> {
    let loaded = runtime()?;
    Ok(RuntimeInfo {
        path: loaded.path.clone(),
        version: native::version_of(&loaded.path).unwrap_or_else(|| "unknown".to_owned()),
        providers: vec![("CPU", proves(loaded, Device::Cpu)), ("CUDA", proves(loaded, Device::Cuda))],
    })
}

/// Whether the trace of a run of [`trial_model`] shows it on `device`.
fn proves(loaded: &Loaded, device: Device) -> Result<(), String> {
    let mut traced = Traced::open(loaded, &trial_model(), device).map_err(|e| first_line(&e))?;
    let run = |session: &mut Session| -> ::ort::Result<()> {
        let input = Tensor::<f32>::new(&Allocator::default(), [2usize, 2])?;
        let output = Tensor::<f32>::new(&Allocator::default(), [2usize, 2])?;
        let mut binding = session.create_binding()?;
        binding.bind_input("x", &input)?;
        binding.bind_output("y", output)?;
        session.run_binding(&binding).map(|_| ())
    };
    run(&mut traced.session).map_err(|e| first_line(&e.to_string()))?;
    let (_, nodes) = traced.finish()?;
    if device == Device::Cpu { ran_on_cpu(&nodes) } else { ran_on_cuda(&nodes) }
}

/// The first line of an error, without the place in ONNX Runtime's source that may stand before it.
fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let told = line.split_once("[ONNXRuntimeError] : ").and_then(|(_, rest)| rest.splitn(3, " : ").nth(2));
    told.filter(|_| line.starts_with('/')).unwrap_or(line).to_owned()
}

#[cfg(test)]
mod tests {
    use super::first_line;

    #[test]
    fn what_is_told_is_what_happened() {
        let long =
            "/src/bridge.cc:20 onnxruntime::Get() [ONNXRuntimeError] : 1 : FAIL : Failed to load a : b\nmore";
        assert_eq!(first_line(long), "Failed to load a : b");
        let node = "Non-zero status code returned while running X node. [ONNXRuntimeError] : 2 : BAD : y";
        assert_eq!(first_line(node), node);
        assert_eq!(first_line(""), "");
    }
}
