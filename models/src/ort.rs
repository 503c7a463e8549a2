//! Inference through ONNX Runtime. The one place that names the `ort` crate.

use crate::bundle::{Bundle, Output, sha256_hex};
use crate::decoder::{DecodeError, Decoder, is_distribution};
use crate::native;
use ::ort::environment::Environment;
use ::ort::ep::{CPU, CUDA, ExecutionProvider};
use ::ort::memory::Allocator;
use ::ort::session::builder::GraphOptimizationLevel;
use ::ort::session::{IoBinding, Session};
use ::ort::value::{Outlet, Tensor, TensorElementType};
use bci_config::{Mistake, Place};
use bci_types::DecoderIdentity;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

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

/// A decoder that runs in ONNX Runtime on the calling thread, its input and output bound once.
pub struct OrtDecoder {
    session: Session,
    binding: IoBinding,
    input: Tensor<f32>,
    output: Output,
    identity: Arc<DecoderIdentity>,
}

impl std::fmt::Debug for OrtDecoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OrtDecoder").field("identity", &self.identity).finish_non_exhaustive()
    }
}

impl OrtDecoder {
    /// Loads the bundle's model, holds it against what the bundle says of it, and warms it up on silence.
    ///
    /// # Errors
    /// Every mistake found, each at its line of the bundle.
    pub fn load(bundle: &Bundle) -> Result<Self, Vec<Mistake>> {
        let model_at = bundle.model_place();
        let loaded = runtime().map_err(|e| vec![Mistake::elsewhere(e.to_string())])?;
        let session = open(loaded, bundle)
            .map_err(|e| vec![model_at.mistake(format!("the model cannot be loaded: {}", first_line(&e)))])?;
        let found = against_bundle(&session, bundle);
        if !found.is_empty() {
            return Err(found);
        }
        Self::bind(session, bundle)
            .and_then(|mut decoder| {
                let silence = vec![0.0; bundle.windowed.channels() * bundle.input.window_samples.value];
                let mut posterior = vec![0.0; bundle.output.numbers()];
                // Twice: the first run still allocates and plans. A refusal shows here and not before a person.
                for _ in 0..2 {
                    decoder.run(&silence, &mut posterior).map_err(|e| e.to_string())?;
                }
                Ok(decoder)
            })
            .map_err(|e| vec![model_at.mistake(format!("the model does not run: {}", first_line(&e)))])
    }

    fn bind(session: Session, bundle: &Bundle) -> Result<Self, String> {
        let shape = [1, bundle.windowed.channels(), bundle.input.window_samples.value];
        let prepare = || -> ::ort::Result<(IoBinding, Tensor<f32>)> {
            let input = Tensor::<f32>::new(&Allocator::default(), shape)?;
            let output = Tensor::<f32>::new(&Allocator::default(), bundle.output.shape())?;
            let mut binding = session.create_binding()?;
            binding.bind_input(bundle.input.tensor.value.clone(), &input)?;
            binding.bind_output(bundle.output.tensor.value.clone(), output)?;
            Ok((binding, input))
        };
        let (binding, input) = prepare().map_err(|e| e.to_string())?;
        Ok(Self {
            session,
            binding,
            input,
            output: bundle.output.clone(),
            identity: Arc::clone(&bundle.identity),
        })
    }

    fn run(&mut self, window: &[f32], posterior: &mut [f32]) -> ::ort::Result<()> {
        // The binding holds the same memory as `input`, so that writing here is all that a new window takes.
        self.input.extract_tensor_mut().1.copy_from_slice(window);
        let outputs = self.session.run_binding(&self.binding)?;
        let (_, values) = outputs[self.output.tensor.as_str()].try_extract_tensor::<f32>()?;
        posterior.copy_from_slice(values);
        Ok(())
    }
}

impl Decoder for OrtDecoder {
    fn identity(&self) -> Arc<DecoderIdentity> {
        Arc::clone(&self.identity)
    }

    fn output(&self) -> &Output {
        &self.output
    }

    fn decode(&mut self, window: &[f32], posterior: &mut [f32]) -> Result<(), DecodeError> {
        let needed = self.input.shape().num_elements();
        if window.len() != needed || posterior.len() != self.output.numbers() {
            return Err(DecodeError::Size { window: window.len(), needed, posterior: posterior.len() });
        }
        self.run(window, posterior)
            .map_err(|e| DecodeError::Run(Box::new(std::io::Error::other(e.to_string()))))?;
        if is_distribution(posterior) {
            Ok(())
        } else {
            Err(DecodeError::NotProbabilities(posterior.to_vec()))
        }
    }
}

/// One thread and no spinning: at this size a second thread costs more than it gives, and a spinning one takes
/// the processor from acquisition.
fn open(loaded: &Loaded, bundle: &Bundle) -> Result<Session, String> {
    let text = |e: ::ort::Error<_>| e.to_string();
    // The bytes that run are the bytes that are hashed: the file may have changed since the bundle was read.
    let bytes = std::fs::read(&bundle.model.value).map_err(|e| e.to_string())?;
    if sha256_hex(&bytes) != bundle.identity.model_sha256 {
        return Err("the file changes while it is being read".to_owned());
    }
    Session::builder(&loaded.environment)
        .map_err(|e| e.to_string())?
        .with_optimization_level(GraphOptimizationLevel::All)
        .map_err(text)?
        .with_intra_threads(1)
        .map_err(text)?
        .with_inter_threads(1)
        .map_err(text)?
        .with_intra_op_spinning(false)
        .map_err(text)?
        .with_flush_to_zero()
        .map_err(text)?
        .commit_from_memory(&bytes)
        .map_err(|e| e.to_string())
}

/// The model's own inputs and outputs against what the bundle says of them.
fn against_bundle(session: &Session, bundle: &Bundle) -> Vec<Mistake> {
    let input = &bundle.input;
    let mut found = Vec::new();
    if session.inputs().len() != 1 {
        let names: Vec<_> = session.inputs().iter().map(Outlet::name).collect();
        found.push(
            bundle
                .model_place()
                .mistake(format!("the model has the inputs {}; one is permitted", names.join(", "))),
        );
    }
    found.extend(tensor(
        session.inputs(),
        &input.tensor.at,
        &input.tensor.value,
        &[
            (1, "batch", &input.tensor.at),
            (input.channels.len(), "input.channels", &input.channels.at),
            (input.window_samples.value, "input.window_samples", &input.window_samples.at),
        ],
    ));
    found.extend(tensor(
        session.outputs(),
        &bundle.output.tensor.at,
        &bundle.output.tensor.value,
        &[(1, "batch", &bundle.output.tensor.at), {
            let (what, place) = bundle.output.last_axis();
            (bundle.output.shape().last().copied().unwrap_or_default(), what, place)
        }],
    ));
    found
}

fn tensor(outlets: &[Outlet], at: &Place, name: &str, dims: &[(usize, &str, &Place)]) -> Vec<Mistake> {
    let Some(outlet) = outlets.iter().find(|o| o.name() == name) else {
        let names: Vec<_> = outlets.iter().map(Outlet::name).collect();
        return vec![at.mistake(format!("the model has no such tensor; it has {}", names.join(", ")))];
    };
    let mut found = Vec::new();
    if outlet.dtype().tensor_type() != Some(TensorElementType::Float32) {
        let kind =
            outlet.dtype().tensor_type().map_or("no tensor".to_owned(), |t| format!("{t:?}").to_lowercase());
        found.push(at.mistake(format!("the model's `{name}` is {kind}; float32 is permitted")));
        return found;
    }
    let shape: Vec<i64> =
        outlet.dtype().tensor_shape().map(|s| s.iter().copied().collect()).unwrap_or_default();
    if shape.len() != dims.len() {
        found.push(at.mistake(format!(
            "the model's tensor has the shape {shape:?}; {} axes are permitted",
            dims.len()
        )));
        return found;
    }
    for (&actual, (wanted, what, place)) in shape.iter().zip(dims) {
        // -1 is an axis that the model leaves open.
        if actual != -1 && actual != *wanted as i64 {
            found.push(place.mistake(format!(
                "{what} gives {wanted}, but the model's `{name}` has the shape {shape:?}, {actual} there"
            )));
        }
    }
    found
}
