//! The engine as the server sees it, and the server as the pipelines see it.

use crate::gate::Gate;
use crate::outlet::IntentOutlet;
use crate::recordings::{Recordings, no_recordings};
use bci_config::{Mistake, Mistakes};
use bci_models::{Bundle, Device, OrtDecoder};
use bci_pipeline::{Binding, Desk, MeasuredRate, Sink, State, Status, StatusChange, Teaching};
use bci_record::{AFRESH, Intake, Note};
use bci_rt::clock::{Clock, HostClock, process_cpu_seconds};
use bci_rt::edge::Writer;
use bci_rt::guard;
use bci_server::{
    ArtefactsRemoved, Changed, DecoderChange, DecoderInfo, Engine, EngineStatus, Pause, PipelineDecoders,
    PipelineRules, PipelineSettings, PipelineStatus, Publisher, Recording, RecordingChange, RecordingRefusal,
    StreamState, StreamStatus,
};
use bci_types::{DecoderIdentity, HostNs, Intent, Marker, Rate, StreamSpec};
use serde_json::json;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

/// What the server asks.
pub(crate) struct DaemonEngine {
    pub(crate) started: HostNs,
    pub(crate) versions: Vec<(String, String)>,
    pub(crate) realtime_priority: bool,
    pub(crate) pipelines: Vec<Known>,
    /// Where the configuration says where to.
    pub(crate) recording: Option<Recordings>,
    pub(crate) gate: Arc<Gate>,
    /// Where pipelines' results go, and clients' markers.
    pub(crate) sink: Arc<dyn Sink>,
}

/// A pipeline as far as its status and its decoders need it.
pub(crate) struct Known {
    pub(crate) name: Arc<str>,
    pub(crate) status: Arc<Status>,
    pub(crate) desk: Arc<Desk>,
    pub(crate) settings: PipelineSettings,
    /// As configured; of the release none where it is the threshold.
    pub(crate) rules: PipelineRules,
    pub(crate) release: Option<f64>,
    /// Where candidates are to run.
    pub(crate) device: Device,
    /// The decoders that are loaded.
    pub(crate) loaded: Mutex<Vec<DecoderInfo>>,
}

impl Known {
    /// More of a decoder.
    fn info(&self, identity: Option<&Arc<DecoderIdentity>>) -> Option<DecoderInfo> {
        let loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        loaded.iter().rev().find(|info| Some(&info.identity) == identity).cloned()
    }

    fn load(&self, folder: &Path) -> Result<DecoderInfo, String> {
        // Asked before anything that takes long: a candidate is run and verified before it is loaded.
        self.desk.has_room().map_err(|e| e.to_string())?;
        let lines =
            |found: Vec<Mistake>| found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        let mistakes = Mistakes::new();
        let bundle = Bundle::read(folder, &mistakes).ok_or_else(|| lines(mistakes.into_sorted()))?;
        let decoder = OrtDecoder::load(&bundle, self.device).map_err(lines)?;
        let info = info_of(&bundle, &decoder);
        let binding = self.desk.load(bundle, Box::new(decoder)).map_err(|e| crate::exit::chain(&e))?;
        let info = acting(info, &binding);
        self.remember(Some(&info));
        Ok(info)
    }

    /// Remembers a decoder that was loaded, and forgets those that are no more.
    fn remember(&self, new: Option<&DecoderInfo>) {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(new) = new {
            loaded.retain(|info| info.identity != new.identity);
            loaded.push(new.clone());
        }
        let decoders = self.desk.decoders();
        let there = [&decoders.active, &decoders.other];
        loaded.retain(|info| there.into_iter().flatten().any(|identity| **identity == *info.identity));
    }
}

/// What clients are told of a decoder.
pub(crate) fn info_of(bundle: &Bundle, decoder: &OrtDecoder) -> DecoderInfo {
    DecoderInfo {
        identity: Arc::clone(&bundle.identity),
        description: bundle.description.clone(),
        licence: bundle.licence.clone(),
        labels: bundle.output.labels().to_vec(),
        proof: decoder.proof().to_string(),
        agreement: crate::commands::decoder::checked(decoder),
        run_us: decoder.run_time().as_secs_f64() * 1e6,
        threshold: 0.0,
        smoothing_ms: 0.0,
    }
}

/// With where from it acts in the pipeline that it was bound to.
pub(crate) fn acting(info: DecoderInfo, binding: &Binding) -> DecoderInfo {
    DecoderInfo { threshold: binding.policy.threshold, smoothing_ms: binding.policy.smoothing_ms, ..info }
}

impl Engine for DaemonEngine {
    fn status(&self) -> EngineStatus {
        EngineStatus {
            versions: self.versions.clone(),
            uptime_seconds: (HostClock.now() - self.started) as f64 / 1e9,
            cpu_seconds: process_cpu_seconds(),
            pipelines: self.pipelines.iter().map(|known| pipeline(known, &self.gate)).collect(),
            realtime_heap_operations: guard::operations(),
            realtime_loops_watched: guard::passes(),
            realtime_priority: self.realtime_priority,
        }
    }

    fn now(&self) -> HostNs {
        HostClock.now()
    }

    fn pipelines(&self) -> Vec<Arc<str>> {
        self.pipelines.iter().map(|known| Arc::clone(&known.name)).collect()
    }

    fn decoders(&self, pipeline: &str) -> Option<PipelineDecoders> {
        let known = self.known(pipeline)?;
        let decoders = known.desk.decoders();
        Some(PipelineDecoders {
            active: known.info(decoders.active.as_ref()),
            shadow: known.info(decoders.other.as_ref()),
            report: known.desk.report(),
            decoders,
        })
    }

    fn change(&self, pipeline: &str, change: DecoderChange) -> Result<Changed, String> {
        let known = self.known(pipeline).ok_or_else(|| format!("there is no pipeline {pipeline}"))?;
        let swapped = match change {
            DecoderChange::Load(folder) => {
                return known.load(&folder).map(|info| Changed::Loaded(Box::new(info)));
            }
            DecoderChange::Discard => {
                known.desk.discard().map_err(|e| e.to_string())?;
                known.remember(None);
                return Ok(Changed::Discarded);
            }
            DecoderChange::Swap { model_sha256, patience } => known.desk.swap(&model_sha256, patience),
            DecoderChange::RollBack { patience } => known.desk.roll_back(patience),
        };
        let swapped = swapped.map_err(|e| e.to_string())?;
        if let Some(now) = &swapped.now {
            tracing::info!(%pipeline, decoder = %now.name, version = %now.version, after_window = swapped.after, "decoders swapped");
            if let Some(recording) = &self.recording {
                recording.event(json!({ "event": "decoders_swapped", "pipeline": pipeline, "model_sha256": now.model_sha256,
                    "after_window": swapped.after }));
            }
        }
        Ok(Changed::Swapped(swapped))
    }

    fn recording(&self) -> Result<Option<Recording>, RecordingRefusal> {
        self.recording.as_ref().map(Recordings::now).ok_or_else(no_recordings)
    }

    fn record(&self, change: RecordingChange) -> Result<Recording, RecordingRefusal> {
        let recordings = self.recording.as_ref().ok_or_else(no_recordings)?;
        match change {
            RecordingChange::Start(name) => {
                let afresh = name.afresh;
                let begun = recordings.start(name)?;
                if afresh {
                    recordings.event(json!({ "event": AFRESH }));
                    self.pipelines.iter().for_each(|known| known.status.begin_anew());
                }
                Ok(begun)
            }
            RecordingChange::Stop => recordings.stop(),
        }
    }

    fn pause(&self, pipeline: &str, pause: Option<Pause>) {
        if let Some(recording) = &self.recording {
            let (what, why) = match &pause {
                Some(pause) => ("paused", pause.reason.as_str()),
                None => ("resumed", ""),
            };
            recording.event(json!({ "event": what, "pipeline": pipeline, "reason": why }));
        }
        self.gate.pause(pipeline, pause);
    }

    fn mark(&self, marker: Marker) {
        self.sink.marker(marker);
    }
}

impl DaemonEngine {
    fn known(&self, pipeline: &str) -> Option<&Known> {
        self.pipelines.iter().find(|known| *known.name == *pipeline)
    }
}

fn pipeline(known: &Known, gate: &Gate) -> PipelineStatus {
    let Known { status, desk, settings, .. } = known;
    let decoders = desk.decoders();
    // Of the decoder that publishes now: another may state others.
    let acts = known.info(decoders.active.as_ref());
    let settings = acts.map_or(*settings, |info| PipelineSettings {
        threshold: info.threshold,
        smoothing_ms: info.smoothing_ms,
        ..*settings
    });
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
        decoder: decoders.active.unwrap_or_else(nobody),
        samples_in: n(&c.samples_in),
        samples_lost: n(&c.samples_lost),
        samples_repeated: n(&c.samples_repeated),
        gaps: n(&c.gaps),
        reattached: n(&c.reattached),
        windows: n(&c.windows),
        windows_skipped: n(&c.windows_skipped),
        windows_invalid: n(&c.windows_invalid),
        decoder_faults: n(&c.decoder_faults),
        away_seconds: n(&c.away_ms) as f64 / 1e3,
        settings,
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
        pause: gate.paused(&known.name),
        rules: PipelineRules { release: known.release.unwrap_or(settings.threshold), ..known.rules.clone() },
    }
}

/// In place of a decoder whose thread died.
fn nobody() -> Arc<DecoderIdentity> {
    let nothing = String::new;
    Arc::new(DecoderIdentity { name: nothing(), version: nothing(), model_sha256: nothing() })
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
pub(crate) struct PublishingSink {
    pub(crate) publisher: Publisher,
    /// Whom markers tell when to learn.
    pub(crate) teachings: Vec<(Arc<str>, Arc<Teaching>)>,
    /// Who writes it down.
    pub(crate) recorder: Option<Intake>,
    /// What is withheld.
    pub(crate) gate: Arc<Gate>,
    /// Intents as an LSL stream.
    pub(crate) outlet: Option<IntentOutlet>,
}

impl PublishingSink {
    fn note(&self, note: impl FnOnce() -> Note) {
        if let Some(recorder) = &self.recorder {
            recorder.note(note);
        }
    }
}

impl Sink for PublishingSink {
    fn intent(&self, mut intent: Intent) {
        self.gate.pass(&mut intent);
        let intent = Arc::new(intent);
        self.publisher.intent(Arc::clone(&intent));
        if let Some(outlet) = &self.outlet {
            outlet.take(&intent);
        }
        self.note(|| Note::Intent(intent));
    }

    fn marker(&self, marker: Marker) {
        let time_s = marker.time.as_lsl_seconds();
        let taught = self.teachings.iter().filter_map(|(pipeline, teaching)| {
            teaching.marker(&marker.text, time_s).map(|number| (Arc::clone(pipeline), number))
        });
        let taught: Vec<(Arc<str>, u64)> = taught.collect();
        let marker = Arc::new(marker);
        self.publisher.marker(Arc::clone(&marker));
        self.note(|| Note::Marker { marker, taught });
    }

    fn attached(
        &self,
        pipeline: &Arc<str>,
        stream: &StreamSpec,
        description: Option<&str>,
        frames: usize,
    ) -> Option<Writer> {
        self.recorder.as_ref().map(|recorder| recorder.attach(pipeline, stream, description, frames))
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
        self.note(|| Note::Event {
            at: change.since,
            what: json!({ "event": "stream", "pipeline": &*change.pipeline, "state": format!("{:?}", change.state).to_lowercase(),
                "message": change.message }),
        });
        self.publisher.stream(stream_status(change));
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
