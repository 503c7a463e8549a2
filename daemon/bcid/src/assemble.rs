//! From a configuration file to parts that fit each other, or to every reason why not. Nothing is started here.

use crate::config::{Config, Overrides, PipelineConfig, read_config};
use crate::socket::LocalSocket;
use bci_config::{Mistake, Mistakes};
use bci_driver_api::SourceError;
use bci_driver_lsl::{InletOptions, Liblsl, LslSourceFactory, Query};
use bci_models::{Bundle, Device, Draft, OrtDecoder};
use bci_pipeline::{Binding, Cost, PipelineSpec, acquire, bind, check, check_stream, check_unseen, cost};
use bci_server::{Audit, check_tls};
use bci_types::StreamSpec;
use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

/// How long a stream is looked for before the daemon starts without it (or reports what is wrong without it).
const LOOK: Duration = Duration::from_millis(1500);

/// A checked configuration, ready to run.
pub(crate) struct Assembled {
    pub(crate) config: Config,
    pub(crate) listener: Option<TcpListener>,
    /// Where the configuration asks for one.
    pub(crate) socket: Option<LocalSocket>,
    pub(crate) pipelines: Vec<Part>,
    pub(crate) lsl: Liblsl,
    /// Where changes are written down.
    pub(crate) audit: Audit,
}

/// A pipeline's parts.
pub(crate) struct Part {
    pub(crate) spec: PipelineSpec,
    pub(crate) stream: Query,
    pub(crate) bundle: Bundle,
    pub(crate) binding: Binding,
    pub(crate) decoder: OrtDecoder,
    /// Where decoders are to run.
    pub(crate) device: Device,
    /// What the signal path costs in time; `None` where only a stream could tell and none was there.
    pub(crate) cost: Option<Cost>,
    /// The stream as it was seen while checking; `None` when it was not there.
    pub(crate) seen: Option<StreamSpec>,
}

/// Reads the configuration, loads and tries every decoder, takes the port and the local socket (`take_port`), looks at every stream that is
/// there, and holds all of it against each other.
///
/// # Errors
/// Every mistake found.
pub(crate) fn assemble(
    file: &Path,
    overrides: &Overrides,
    take_port: bool,
) -> Result<Assembled, Vec<Mistake>> {
    let mistakes = Mistakes::new();
    let lsl = Liblsl::load().map_err(|e| mistakes.add(Mistake::elsewhere(crate::exit::chain(&e)))).ok();
    let config = read_config(file, overrides, &mistakes);
    if let (Some(lsl), Some(config)) = (lsl, &config)
        && let Err(e) = config.network.apply(lsl)
    {
        mistakes.add(Mistake::elsewhere(format!("[lsl]: {}", crate::exit::chain(&e))));
    }
    if let Some(config) = config.as_ref().filter(|config| config.markers.is_empty()) {
        for at in config.pipelines.iter().filter_map(|p| p.adapt_at.as_ref()) {
            mistakes.add(at.mistake("waits for markers, and no [[markers]] says which stream brings them: nothing would ever be learned"));
        }
    }
    let mut parts = Vec::new();
    for pipeline in config.iter().flat_map(|c| &c.pipelines) {
        parts.extend(part(pipeline, lsl, &mistakes));
    }
    let (mut listener, mut socket) = (None, None);
    if let (true, Some(config)) = (take_port, &config) {
        match TcpListener::bind(config.listen.value) {
            Ok(bound) => listener = Some(bound),
            Err(e) => mistakes.add(config.listen.mistake(format!("cannot be listened on: {e}"))),
        }
        socket = config.socket.as_ref().and_then(|path| {
            LocalSocket::bind(&path.value).map_err(|problem| mistakes.add(path.mistake(problem))).ok()
        });
    }
    if let Some(tls) = config.as_ref().and_then(|config| config.tls.as_ref())
        && let Err(e) = check_tls(&tls.value)
    {
        mistakes.add(tls.mistake(crate::exit::chain(&e)));
    }
    let mut audit = Audit::default();
    if let (true, Some(file)) = (take_port, config.as_ref().and_then(|config| config.audit.as_ref())) {
        match Audit::beside(&file.value) {
            Ok(beside) => audit = beside,
            Err(e) => mistakes.add(file.mistake(format!("cannot be written: {e}"))),
        }
    }
    match (config, lsl) {
        (Some(config), Some(lsl)) if mistakes.is_empty() => {
            Ok(Assembled { config, listener, socket, pipelines: parts, lsl, audit })
        }
        _ => Err(mistakes.into_sorted()),
    }
}

/// One pipeline, checked as far as what can be read of it allows; `None` when it cannot run.
fn part(config: &PipelineConfig, lsl: Option<Liblsl>, mistakes: &Mistakes) -> Option<Part> {
    let spec = &config.spec;
    let draft = config.decoder.as_ref().and_then(|folder| {
        if !folder.is_dir() {
            mistakes.add(folder.mistake(format!("{} is no folder", folder.display())));
            return None;
        }
        Bundle::draft(folder, mistakes)
    });
    let seen = lsl.zip(config.stream.as_ref()).and_then(|(lsl, query)| look(config, lsl, query, mistakes));
    let mut binding = None;
    match (&draft, &seen) {
        (Some(draft), stream) => {
            binding = check(spec, draft.contract()).map_err(|found| mistakes.extend(found)).ok();
            if stream.is_none() {
                mistakes.extend(check_unseen(spec, Some(draft.contract())));
            }
            if let Some(stream) = stream {
                let chunk = acquire::chunk_frames(stream.rate);
                if let Err(found) = bind(spec, draft.contract(), stream, chunk) {
                    mistakes.extend(found);
                }
            }
        }
        (None, Some(stream)) => mistakes.extend(check_stream(spec, stream)),
        (None, None) => mistakes.extend(check_unseen(spec, None)),
    }
    let bundle = draft.and_then(Draft::into_sound)?;
    let decoder = OrtDecoder::load(&bundle, config.device).map_err(|found| mistakes.extend(found)).ok()?;
    Some(Part {
        spec: spec.clone(),
        stream: config.stream.clone()?,
        binding: binding?,
        decoder,
        device: config.device,
        cost: cost(spec, &bundle, seen.as_ref()),
        bundle,
        seen,
    })
}

/// The stream, when it is there already. Its absence is no mistake: the daemon waits for it.
fn look(config: &PipelineConfig, lsl: Liblsl, query: &Query, mistakes: &Mistakes) -> Option<StreamSpec> {
    let mut factory = LslSourceFactory::new(lsl, query.clone(), InletOptions::default());
    match factory.peek(LOOK) {
        Ok(stream) => Some(stream),
        Err(SourceError::NotFound { .. } | SourceError::Lost { .. } | SourceError::Unreachable { .. }) => {
            None
        }
        Err(e) => {
            mistakes.add(Mistake::elsewhere(format!(
                "pipeline {}: {}",
                config.spec.name,
                crate::exit::chain(&e)
            )));
            None
        }
    }
}
