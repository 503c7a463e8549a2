use super::{Loaded, first_line};
use crate::device::{Device, Ran, nodes};
use ::ort::ep::{CUDA, ExecutionProvider, cuda::ConvAlgorithmSearch};
use ::ort::logging::LogLevel;
use ::ort::session::Session;
use ::ort::session::builder::GraphOptimizationLevel;
use tempfile::TempDir;

/// A session that traces its runs until the trace is asked for.
pub(super) struct Traced {
    pub(super) session: Session,
    /// Of this user alone, and gone with the value.
    folder: TempDir,
}

impl Traced {
    /// Opens a model on the processor, or on the GPU too.
    ///
    /// One thread and no spinning: at this size a second thread costs more than it gives, and a spinning one takes
    /// the processor from acquisition.
    ///
    /// # Errors
    /// In words.
    pub(super) fn open(loaded: &Loaded, model: &[u8], device: Device) -> Result<Self, String> {
        let text = |e: ::ort::Error<_>| e.to_string();
        let folder = tempfile::Builder::new()
            .prefix("bcid-trace-")
            .tempdir()
            .map_err(|e| format!("there is no room for ONNX Runtime's trace of who runs it: {e}"))?;
        let mut builder = Session::builder(&loaded.environment)
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
            // What goes wrong comes back as an error, and is told once.
            .with_log_level(LogLevel::Fatal)
            .map_err(text)?
            .with_profiling(folder.path().join("run"))
            .map_err(text)?;
        if device != Device::Cpu {
            // In full single precision, so that what was expected on a processor holds on a GPU; and by rule instead of by a
            // race of algorithms, so that a second start computes what the first did.
            CUDA::default()
                .with_tf32(false)
                .with_conv_algorithm_search(ConvAlgorithmSearch::Heuristic)
                .register(&mut builder)
                .map_err(|e| format!("CUDA does not load: {}", first_line(&e.to_string())))?;
        }
        let session = builder.commit_from_memory(model).map_err(|e| e.to_string())?;
        Ok(Self { session, folder })
    }

    /// Ends the trace and reads it: the session, and the nodes of what was run.
    ///
    /// # Errors
    /// In words.
    pub(super) fn finish(mut self) -> Result<(Session, Vec<Ran>), String> {
        let file = self.session.end_profiling().map_err(|e| first_line(&e.to_string()))?;
        let trace = std::fs::read_to_string(self.folder.path().join(file))
            .map_err(|e| format!("the trace of ONNX Runtime cannot be read: {e}"))?;
        Ok((self.session, nodes(&trace)?))
    }
}
