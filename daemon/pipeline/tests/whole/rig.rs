//! A scripted source, a scripted decoder, a clock that can hold the signal thread up, and a sink that keeps everything.

use bci_config::{Mistakes, read};
use bci_driver_api::{Source, SourceError, SourceFactory};
use bci_models::bundle::Output;
use bci_models::steps::read_steps;
use bci_models::{Bundle, DecodeError, Decoder};
use bci_pipeline::{
    IntentSpec, PipelineSpec, PolicySpec, RealTime, Running, Sink, State, StatusChange, start,
};
use bci_rt::clock::{Clock, HostClock};
use bci_types::{
    ChannelKind, ChannelSpec, Chunk, DecoderIdentity, HostNs, Hz, Intent, Marker, Rate, SampleFormat,
    StreamSpec, Unit,
};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

pub(crate) const RATE: f64 = 160.0;
/// Samples a window, and between windows.
pub(crate) const WINDOW: usize = 4;
pub(crate) const HOP: usize = 2;
/// The decoder's channels in its order; others are beside the point.
pub(crate) const LABELS: [&str; 2] = ["C3", "C4"];

/// What a source does next.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pull {
    /// Delivers a chunk of this many frames.
    Frames(usize),
    /// Loses this many: time goes on without them.
    Lose(u64),
    /// Waits until this many intents are out.
    Await(u64),
    /// Waits until this much was opened by [`Rig::open_gate`].
    Gate(u64),
    /// Is silent for good until asked whether it was superseded; then it says yes.
    Superseded,
    /// Is lost.
    Lost,
}

/// What the factory finds next.
pub(crate) enum Open {
    Fails(fn() -> SourceError),
    /// A stream of these channels; `None` is one without a label.
    Stream(Vec<&'static str>, Vec<Pull>),
}

/// The number at frame `n` in the channel called `label`: the decoder can tell what it was given.
pub(crate) fn value(n: u64, label: &str) -> f64 {
    let channel = LABELS.iter().position(|l| l.eq_ignore_ascii_case(label)).unwrap_or(9);
    (n * 10 + channel as u64) as f64
}

struct Scripted {
    spec: StreamSpec,
    labels: Vec<&'static str>,
    script: VecDeque<Pull>,
    frame: Vec<f64>,
    /// Made beforehand: the pull that finds the source lost allocates no more than others.
    epitaph: String,
    shared: Arc<Shared>,
}

#[derive(Default)]
pub(crate) struct Shared {
    /// Frames that the sources have made, lost ones included.
    pub(crate) made: AtomicU64,
    pub(crate) gate: AtomicU64,
    pub(crate) hold_signal: AtomicBool,
    pub(crate) intents: Mutex<Vec<Intent>>,
    pub(crate) intents_out: AtomicU64,
    pub(crate) states: Mutex<Vec<(State, String)>>,
    /// The windows as the decoder saw them.
    pub(crate) windows: Mutex<Vec<Vec<f32>>>,
    /// How often the factory was asked, and for how long it was not.
    pub(crate) opens: AtomicU64,
}

impl Source for Scripted {
    fn spec(&self) -> &StreamSpec {
        &self.spec
    }

    fn pull(&mut self, chunk: &mut Chunk, timeout: Duration) -> Result<usize, SourceError> {
        chunk.clear();
        let until = Instant::now() + timeout;
        loop {
            match self.script.front().copied() {
                Some(Pull::Frames(n)) => {
                    self.script.pop_front();
                    for _ in 0..n {
                        let at = self.shared.made.fetch_add(1, Ordering::SeqCst);
                        for (x, label) in self.frame.iter_mut().zip(&self.labels) {
                            *x = value(at, label);
                        }
                        assert!(chunk.push(BEGUN_S + at as f64 / RATE, &self.frame));
                    }
                    // As the stamps go, not as fast as the script: a hole takes its time.
                    let newest = chunk.stamps().last().copied().unwrap_or_default();
                    chunk.acquired = HostNs::from_lsl_seconds(newest);
                    return Ok(n);
                }
                Some(Pull::Lose(n)) => {
                    self.script.pop_front();
                    self.shared.made.fetch_add(n, Ordering::SeqCst);
                }
                Some(Pull::Await(n)) if self.shared.intents_out.load(Ordering::SeqCst) >= n => {
                    self.script.pop_front();
                }
                Some(Pull::Gate(n)) if self.shared.gate.load(Ordering::SeqCst) >= n => {
                    self.script.pop_front();
                }
                Some(Pull::Lost) => {
                    return Err(SourceError::Lost { stream: std::mem::take(&mut self.epitaph) });
                }
                Some(Pull::Await(_) | Pull::Gate(_)) if Instant::now() < until => {
                    std::thread::sleep(Duration::from_micros(100));
                }
                _ => {
                    std::thread::sleep(until.saturating_duration_since(Instant::now()));
                    return Ok(0);
                }
            }
        }
    }

    fn superseded(&mut self, _: Duration) -> Option<bool> {
        Some(matches!(self.script.front(), Some(Pull::Superseded)))
    }
}

struct Factory {
    opens: VecDeque<Open>,
    shared: Arc<Shared>,
}

impl SourceFactory for Factory {
    fn describe(&self) -> String {
        "the scripted stream".into()
    }

    fn open(&mut self, timeout: Duration) -> Result<Box<dyn Source>, SourceError> {
        self.shared.opens.fetch_add(1, Ordering::SeqCst);
        match self.opens.pop_front() {
            None => {
                std::thread::sleep(timeout.min(Duration::from_millis(20)));
                Err(SourceError::NotFound { query: "the scripted stream".into() })
            }
            Some(Open::Fails(error)) => Err(error()),
            Some(Open::Stream(labels, script)) => Ok(Box::new(Scripted {
                spec: stream(&labels),
                frame: vec![0.0; labels.len()],
                labels,
                epitaph: "fake".into(),
                script: script.into(),
                shared: Arc::clone(&self.shared),
            })),
        }
    }
}

fn stream(labels: &[&str]) -> StreamSpec {
    StreamSpec {
        name: "fake".into(),
        kind: "EEG".into(),
        source_id: String::new(),
        hostname: String::new(),
        instance: String::new(),
        format: SampleFormat::Double64,
        rate: Rate::Regular(Hz::new(RATE).unwrap()),
        channels: labels
            .iter()
            .map(|label| ChannelSpec {
                label: Some((*label).to_owned()),
                unit: Unit::Microvolts,
                kind: ChannelKind::Eeg,
            })
            .collect(),
    }
}

/// When the scripted source's first frame was taken, in seconds.
const BEGUN_S: f64 = 1000.0;

/// The host's, put later than any scripted stamp: the host may have been started a moment ago.
struct HeldClock(Arc<Shared>);

impl Clock for HeldClock {
    fn now(&self) -> HostNs {
        if std::thread::current().name().is_some_and(|n| n.starts_with("dsp-")) {
            while self.0.hold_signal.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        HostNs(HostNs::from_lsl_seconds(2.0 * BEGUN_S).0 + HostClock.now().0)
    }
}

struct Keeping(Arc<Shared>);

impl Sink for Keeping {
    fn intent(&self, intent: Intent) {
        self.0.intents.lock().unwrap().push(intent);
        self.0.intents_out.fetch_add(1, Ordering::SeqCst);
    }
    fn marker(&self, _: Marker) {}
    fn status(&self, change: StatusChange) {
        self.0.states.lock().unwrap().push((change.state, change.message));
    }
}

/// What the decoder does with its `n`th window.
pub(crate) type Decode = fn(n: u64) -> Result<(), DecodeError>;

struct ScriptedDecoder {
    output: Output,
    decode: Decode,
    n: u64,
    shared: Arc<Shared>,
}

impl Decoder for ScriptedDecoder {
    fn identity(&self) -> Arc<DecoderIdentity> {
        Arc::new(DecoderIdentity { name: "d".into(), version: "1".into(), model_sha256: String::new() })
    }
    fn output(&self) -> &Output {
        &self.output
    }
    fn decode(&mut self, window: &[f32], posterior: &mut [f32]) -> Result<(), DecodeError> {
        let n = self.n;
        self.n += 1;
        self.shared.windows.lock().unwrap().push(window.to_vec());
        posterior.copy_from_slice(&[0.1, 0.9]);
        (self.decode)(n)
    }
}

/// A running pipeline and everything that can be seen of it.
pub(crate) struct Rig {
    pub(crate) running: Running,
    pub(crate) shared: Arc<Shared>,
}

impl Rig {
    /// Starts a pipeline that finds `opens` one after the other. `steps` are lines of the configuration.
    pub(crate) fn start(steps: &str, opens: Vec<Open>, decode: Decode, deadline: Duration) -> Self {
        Self::start_held(steps, opens, decode, deadline, false)
    }

    /// The same, with the signal thread held up at its first chunk until [`Rig::release_signal`].
    pub(crate) fn start_held(
        steps: &str,
        opens: Vec<Open>,
        decode: Decode,
        deadline: Duration,
        held: bool,
    ) -> Self {
        let shared = Arc::new(Shared::default());
        shared.hold_signal.store(held, Ordering::SeqCst);
        let policy = PolicySpec {
            smoothing_ms: 0.0,
            threshold: 0.7,
            max_age_ms: f64::INFINITY,
            ..PolicySpec::NOTHING
        };
        let decoder = Box::new(ScriptedDecoder {
            output: Output::posteriors(&["a", "b"]),
            decode,
            n: 0,
            shared: Arc::clone(&shared),
        });
        let spec =
            PipelineSpec { deadline_ms: Some(deadline.as_secs_f64() * 1e3), ..pipeline(steps, policy) };
        Self::begin(shared, spec, bundle(), decoder, opens)
    }

    /// Starts a pipeline whose configuration says nothing of how posteriors become intents, with the decoder of `bundle`.
    pub(crate) fn start_with_its_decoders_policy(bundle: Bundle, opens: Vec<Open>, decode: Decode) -> Self {
        let shared = Arc::new(Shared::default());
        let intent = IntentSpec { max_age_ms: f64::INFINITY, ..IntentSpec::default() };
        let spec = PipelineSpec { intent, deadline_ms: Some(60e3), ..pipeline("", PolicySpec::NOTHING) };
        let decoder = candidate(&shared, decode);
        Self::begin(shared, spec, bundle, decoder, opens)
    }

    fn begin(
        shared: Arc<Shared>,
        spec: PipelineSpec,
        bundle: Bundle,
        decoder: Box<dyn Decoder>,
        opens: Vec<Open>,
    ) -> Self {
        let running = start(
            spec,
            bundle,
            decoder,
            Box::new(Factory { opens: opens.into(), shared: Arc::clone(&shared) }),
            Arc::new(HeldClock(Arc::clone(&shared))),
            Arc::new(Keeping(Arc::clone(&shared))),
            RealTime::default(),
        )
        .unwrap();
        Self { running, shared }
    }

    pub(crate) fn release_signal(&self) {
        self.shared.hold_signal.store(false, Ordering::SeqCst);
    }

    pub(crate) fn open_gate(&self, to: u64) {
        self.shared.gate.store(to, Ordering::SeqCst);
    }

    pub(crate) fn counter(&self, which: fn(&bci_pipeline::Counters) -> &AtomicU64) -> u64 {
        which(&self.running.status.counters).load(Ordering::SeqCst)
    }

    /// Waits until `done`; a failure shows the states met.
    pub(crate) fn wait(&self, what: &str, done: impl Fn(&Self) -> bool) {
        let begun = Instant::now();
        while !done(self) {
            assert!(
                begun.elapsed() < Duration::from_secs(10),
                "{what} never came; states {:?}",
                self.states()
            );
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    pub(crate) fn states(&self) -> Vec<(State, String)> {
        self.shared.states.lock().unwrap().clone()
    }

    /// Drains; returns the status, the intents and the windows behind them.
    pub(crate) fn drain(self) -> (Arc<bci_pipeline::Status>, Vec<Intent>, Vec<Vec<f32>>) {
        let status = Arc::clone(&self.running.status);
        assert_eq!(self.running.drain(), [""; 0], "no thread panicked");
        let intents = std::mem::take(&mut *self.shared.intents.lock().unwrap());
        let windows = std::mem::take(&mut *self.shared.windows.lock().unwrap());
        (status, intents, windows)
    }
}

fn pipeline(steps: &str, policy: PolicySpec) -> PipelineSpec {
    let mistakes = Mistakes::new();
    let conditioning = read("rig.toml", steps, &mistakes, |t| read_steps(t, "steps")).unwrap();
    assert!(mistakes.is_empty());
    PipelineSpec {
        name: "p".into(),
        labels: None,
        unit: None,
        teaching: None,
        anew: false,
        gap_ms: 0.0,
        dejitter: false,
        rate: None,
        faults: bci_pipeline::FaultSpec { flat_ms: None, ..bci_pipeline::FaultSpec::default() },
        channels: None,
        conditioning,
        window_ms: None,
        hop_ms: None,
        intent: policy.into(),
        anticipate: false,
        deadline_ms: None,
    }
}

fn bundle() -> Bundle {
    bundle_with(&LABELS, WINDOW, "")
}

/// A candidate's decoder.
pub(crate) fn candidate(shared: &Arc<Shared>, decode: Decode) -> Box<dyn Decoder> {
    Box::new(ScriptedDecoder {
        output: Output::posteriors(&["a", "b"]),
        decode,
        n: 0,
        shared: Arc::clone(shared),
    })
}

/// A bundle of these channels, window and further lines of preprocessing.
pub(crate) fn bundle_with(labels: &[&str], window: usize, steps: &str) -> Bundle {
    let folder = tempfile::tempdir().unwrap();
    // A model of an empty graph: it is read, and never run.
    std::fs::write(folder.path().join("model.onnx"), [0x3a, 0]).unwrap();
    let text = format!(
        "schema = 2\nname = \"d\"\nversion = \"1\"\ndescription = \"d\"\nlicence = \"MIT\"\n\
         [model]\nfile = \"model.onnx\"\n\
         sha256 = \"7648eb81c4e9fef7b51879c6fcd6fb4b8863eea0cb2a978c508711dc52c80041\"\n\
         [input]\ntensor = \"x\"\nunit = \"uV\"\nrate_hz = {RATE}\nwindow_samples = {window}\nhop_samples = {HOP}\n\
         channels = {labels:?}\n{steps}\
         [output]\ntensor = \"y\"\nkind = \"class_posteriors\"\nclasses = [\"a\", \"b\"]\n\
         [provenance]\ntrained_by = \"x\"\nsubjects = \"x\"\nsplit = \"x\"\ncode_version = \"x\"\n\
         [golden]\nsegment = \"s.npy\"\nsegment_sha256 = \"0\"\nexpected = \"e.npy\"\nexpected_sha256 = \"0\"\norigin = \"x\"\n"
    );
    std::fs::write(folder.path().join("decoder.toml"), text).unwrap();
    let mistakes = Mistakes::new();
    Bundle::read(folder.path(), &mistakes).unwrap_or_else(|| panic!("{:?}", mistakes.into_sorted()))
}
