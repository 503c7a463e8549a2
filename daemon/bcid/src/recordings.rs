//! Recordings as the daemon makes them: begun with it or by a client, named by its configuration.

use crate::config::RecordingConfig;
use crate::exit::chain;
use bci_record::{Intake, Manifest, Naming, Note, RecordError, Recorder, Wish};
use bci_rt::clock::{Clock, HostClock};
use bci_server::{Recording, RecordingName, RecordingRefusal};
use serde_json::Value;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, UNIX_EPOCH};

/// How long decoding waits for the recording to begin.
const PATIENCE: Duration = Duration::from_secs(2);

/// The recorder, and what its recordings are called and say.
pub(crate) struct Recordings {
    recorder: Recorder,
    config: RecordingConfig,
    manifest: Manifest,
}

impl Recordings {
    /// Starts the recorder; nothing is recorded yet.
    pub(crate) fn new(config: RecordingConfig, manifest: Manifest) -> io::Result<Self> {
        Ok(Self { recorder: Recorder::start()?, config, manifest })
    }

    /// What those get who have something to record.
    pub(crate) fn intake(&self) -> Intake {
        self.recorder.intake()
    }

    /// Begins the recording that the configuration asks for. Where that cannot be, decoding begins all the same, and it is tried
    /// again.
    pub(crate) fn at_start(&self) {
        if !self.config.at_start {
            return;
        }
        if let Err(e) = self.recorder.begin_in_time(self.wish(self.config.naming.clone()), PATIENCE) {
            tracing::error!(problem = %chain(&e), "THE SESSION IS NOT RECORDED; it is tried again, and decoding goes on");
        }
    }

    fn wish(&self, naming: Naming) -> Wish {
        let RecordingConfig { folder, template, .. } = &self.config;
        Wish { folder: folder.clone(), template: template.clone(), naming, manifest: self.manifest.clone() }
    }

    /// As a client asks.
    pub(crate) fn start(&self, name: RecordingName) -> Result<Recording, RecordingRefusal> {
        let or =
            |given: String, configured: &String| if given.is_empty() { configured.clone() } else { given };
        let configured = &self.config.naming;
        let naming = Naming {
            participant: or(name.participant, &configured.participant),
            session: or(name.session, &configured.session),
            task: or(name.task, &configured.task),
            acquisition: or(name.acquisition, &configured.acquisition),
            modality: or(name.modality, &configured.modality),
            run: name.run.or(configured.run),
        };
        self.recorder.begin(self.wish(naming)).map_err(|e| match &e {
            RecordError::Naming(_) => RecordingRefusal::Name(e.to_string()),
            _ => RecordingRefusal::State(chain(&e)),
        })?;
        Ok(self.now().unwrap_or_default())
    }

    /// As a client asks.
    pub(crate) fn stop(&self) -> Result<Recording, RecordingRefusal> {
        self.recorder.end().map_err(|e| match &e {
            RecordError::Unwritten { .. } => RecordingRefusal::Unwritten(chain(&e)),
            _ => RecordingRefusal::State(chain(&e)),
        })?;
        Ok(self.now().unwrap_or_default())
    }

    /// Notes that something happened.
    pub(crate) fn event(&self, what: Value) {
        self.recorder.intake().note(|| Note::Event { at: HostClock.now(), what });
    }

    /// The one that runs, or the last.
    pub(crate) fn now(&self) -> Option<Recording> {
        let state = self.recorder.state();
        Some(Recording {
            running: state.running,
            path: match (state.path, &state.trouble) {
                (Some(path), _) => path,
                (None, Some(_)) => PathBuf::new(),
                (None, None) => return None,
            },
            begun_unix_s: state
                .begun
                .and_then(|at| at.duration_since(UNIX_EPOCH).ok())
                .map_or(0.0, |since| since.as_secs_f64()),
            seconds: state.seconds,
            bytes: state.bytes,
            streams: state.streams.into_iter().map(|s| (s.name, s.samples, s.lost)).collect(),
            notes_lost: state.notes_lost,
            trouble: state.trouble,
        })
    }

    /// Ends what is being recorded; in words, what went wrong with it.
    pub(crate) fn close(&self) -> Result<(), String> {
        self.recorder.close().map_err(|e| chain(&e))
    }
}

/// Where the configuration does not say where to.
pub(crate) fn no_recordings() -> RecordingRefusal {
    RecordingRefusal::State(
        "the daemon's configuration has no [recording], which says where recordings go".to_owned(),
    )
}
