//! The engine as the server sees it, and the server as the pipelines see it.

use bci_models::Bundle;
use bci_pipeline::{MeasuredRate, Sink, State, Status, StatusChange};
use bci_rt::clock::{Clock, HostClock, process_cpu_seconds};
use bci_rt::guard;
use bci_server::{
    ArtefactsRemoved, Engine, EngineStatus, PipelineSettings, PipelineStatus, Publisher, StreamState,
    StreamStatus,
};
use bci_types::{DecoderIdentity, HostNs, Intent, Marker, Rate};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What the server asks.
pub(crate) struct DaemonEngine {
    pub(crate) started: HostNs,
    pub(crate) versions: Vec<(String, String)>,
    pub(crate) realtime_priority: bool,
    pub(crate) pipelines: Vec<Known>,
}

/// A pipeline as far as its status needs it.
pub(crate) struct Known {
    pub(crate) status: Arc<Status>,
    pub(crate) decoder: Arc<DecoderIdentity>,
    pub(crate) settings: PipelineSettings,
}

impl Engine for DaemonEngine {
    fn status(&self) -> EngineStatus {
        EngineStatus {
            versions: self.versions.clone(),
            uptime_seconds: (HostClock.now() - self.started) as f64 / 1e9,
            cpu_seconds: process_cpu_seconds(),
            pipelines: self.pipelines.iter().map(pipeline).collect(),
            realtime_heap_operations: guard::operations(),
            realtime_loops_watched: guard::passes(),
            realtime_priority: self.realtime_priority,
        }
    }

    fn now(&self) -> HostNs {
        HostClock.now()
    }

    fn pipelines(&self) -> Vec<Arc<str>> {
        self.pipelines.iter().map(|known| known.status.state().pipeline).collect()
    }
}

fn pipeline(known: &Known) -> PipelineStatus {
    let Known { status, decoder, settings } = known;
    let c = &status.counters;
    let n = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
    let stream = status.stream();
    PipelineStatus {
        stream: stream_status(status.state()),
        stream_name: stream.as_ref().map(|s| s.name.clone()).unwrap_or_default(),
        rate_hz: stream.as_ref().map_or(0.0, |s| match s.rate {
            Rate::Regular(hz) => hz.get(),
            Rate::Irregular => 0.0,
        }),
        channels: stream.as_ref().map_or(0, |s| u32::try_from(s.channels.len()).unwrap_or(u32::MAX)),
        decoder: Arc::clone(decoder),
        samples_in: n(&c.samples_in),
        samples_lost: n(&c.samples_lost),
        gaps: n(&c.gaps),
        reattached: n(&c.reattached),
        windows: n(&c.windows),
        windows_skipped: n(&c.windows_skipped),
        windows_invalid: n(&c.windows_invalid),
        decoder_faults: n(&c.decoder_faults),
        away_seconds: n(&c.away_ms) as f64 / 1e3,
        settings: *settings,
        frames_not_finite: n(&c.frames_not_finite),
        frames_bridged: n(&c.frames_bridged),
        measured_rate_hz: MeasuredRate::of(&c.rate.sampled_hz),
        delivered_rate_hz: MeasuredRate::of(&c.rate.delivered_hz),
        stamp_jitter_ms: MeasuredRate::of(&c.rate.jitter_s) * 1e3,
        clock_steps: n(&c.clock_steps),
        artefacts: (n(&c.artefacts.windows) > 0).then(|| ArtefactsRemoved {
            windows: n(&c.artefacts.windows),
            reconstructed: n(&c.artefacts.reconstructed),
            power_share: n(&c.artefacts.power_ppm) as f64 / 1e6,
        }),
    }
}

fn stream_status(change: StatusChange) -> StreamStatus {
    StreamStatus {
        pipeline: change.pipeline,
        state: match change.state {
            State::Waiting => StreamState::Waiting,
            State::Streaming => StreamState::Streaming,
            State::Silent => StreamState::Silent,
            State::Lost => StreamState::Lost,
            State::Refused => StreamState::Refused,
            State::Stopped => StreamState::Stopped,
        },
        message: change.message,
        since: change.since,
    }
}

/// Where the pipelines' results go.
pub(crate) struct PublishingSink(pub(crate) Publisher);

impl Sink for PublishingSink {
    fn intent(&self, intent: Intent) {
        self.0.intent(intent);
    }

    fn marker(&self, marker: Marker) {
        self.0.marker(marker);
    }

    fn status(&self, change: StatusChange) {
        let pipeline = &change.pipeline;
        match change.state {
            State::Silent | State::Lost if change.before != change.state => {
                tracing::error!(%pipeline, state = ?change.state, "{}", change.message);
            }
            State::Refused => {
                let reasons = change.message.replace('\n', "; ");
                tracing::error!(%pipeline, state = ?change.state, "{reasons}");
            }
            _ => {
                tracing::info!(%pipeline, state = ?change.state, "{}", change.message);
            }
        }
        self.0.stream(stream_status(change));
    }
}

/// The daemon's and its libraries' versions.
pub(crate) fn versions(lsl: &bci_driver_lsl::Liblsl) -> Vec<(String, String)> {
    let ort = bci_models::runtime_info().map_or_else(|_| "missing".to_owned(), |i| i.version);
    vec![
        ("bcid".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        ("liblsl".to_owned(), lsl_version(*lsl)),
        ("onnxruntime".to_owned(), ort),
    ]
}

/// A decoder in one line, for people.
pub(crate) fn decoder_line(bundle: &Bundle) -> String {
    let i = &bundle.identity;
    format!("{} {} ({}...)", i.name, i.version, &i.model_sha256[..12])
}

/// liblsl's version as people write it.
pub(crate) fn lsl_version(lsl: bci_driver_lsl::Liblsl) -> String {
    format!("{}.{}", lsl.version() / 100, lsl.version() % 100)
}
