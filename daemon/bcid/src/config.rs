//! The daemon's configuration file.

mod intent;
mod server;

use self::intent::{IntentPart, read_intent, read_velocity};
use self::server::ServerPart;
use crate::network::Network;
use crate::outlet::OutletConfig;
use bci_config::{Located, Mistake, Mistakes, Place, Table, read};
use bci_driver_lsl::Query;
use bci_models::Device;
use bci_models::steps::{Files, read_steps_with};
use bci_pipeline::{FLAT_MS, FaultPolicy, FaultSpec, Handling, PipelineSpec, Teaching};
use bci_record::{Naming, NamingError, Template};
use bci_server::{Access, Audit, TlsFiles};
use bci_types::{Hz, Unit};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// Where the daemon listens when the configuration does not say.
const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 50051);

/// The longest fault that may be interpolated, ms: decoding waits for as long.
const LONGEST_BRIDGE_MS: f64 = 500.0;

/// A read configuration.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) listen: Located<SocketAddr>,
    /// The file of the local socket.
    pub(crate) socket: Option<Located<PathBuf>>,
    /// The files of its encryption.
    pub(crate) tls: Option<Located<TlsFiles>>,
    /// Where changes are written down.
    pub(crate) audit: Option<Located<PathBuf>>,
    server: ServerPart,
    pub(crate) priority: Option<u8>,
    /// How long an idle processor may take to wake, us.
    pub(crate) cpu_latency_us: Option<u32>,
    pub(crate) pipelines: Vec<PipelineConfig>,
    pub(crate) markers: Vec<Query>,
    pub(crate) recording: Option<RecordingConfig>,
    /// How streams are looked for.
    pub(crate) network: Network,
    /// Intents as an LSL stream, where it is wanted.
    pub(crate) outlet: Option<OutletConfig>,
    /// Pipelines whose intents go before others', the first first.
    pub(crate) order: Vec<Arc<str>>,
    /// The file as it was read, and the folder that it lay in.
    pub(crate) text: String,
    pub(crate) folder: Option<PathBuf>,
}

impl Config {
    /// Who may come in, and what for.
    pub(crate) fn access(&mut self, audit: Audit) -> Access {
        std::mem::take(&mut self.server).access(&self.listen, audit)
    }
}

/// Where recordings go, and what they are called.
#[derive(Clone, Debug)]
pub(crate) struct RecordingConfig {
    pub(crate) folder: PathBuf,
    pub(crate) template: Template,
    pub(crate) naming: Naming,
    /// Begin with the daemon.
    pub(crate) at_start: bool,
}

/// A pipeline's part of it. What is `None` was missing or wrong, which has been noted; what can be checked without it
/// is checked all the same.
#[derive(Clone, Debug)]
pub(crate) struct PipelineConfig {
    pub(crate) spec: PipelineSpec,
    pub(crate) stream: Option<Query>,
    pub(crate) decoder: Option<Located<PathBuf>>,
    /// Where the decoder is to run.
    pub(crate) device: Device,
    /// Where it is said when adaptive steps learn.
    pub(crate) adapt_at: Option<Place>,
}

/// What the command line puts in place of the file's values.
#[derive(Clone, Debug, Default)]
pub(crate) struct Overrides {
    pub(crate) listen: Option<SocketAddr>,
    pub(crate) stream_name: Option<String>,
    pub(crate) marker_name: Option<String>,
}

/// Reads `file`; every mistake is noted. What is returned is as much as could be read: it may be run only when there is
/// no mistake.
pub(crate) fn read_config(file: &Path, overrides: &Overrides, mistakes: &Mistakes) -> Option<Config> {
    read_config_from(file, file.parent().unwrap_or(Path::new("")), overrides, mistakes)
}

/// As [`read_config`], of a copy of a file that lay in `folder`: what it names is there.
pub(crate) fn read_config_from(
    file: &Path,
    folder: &Path,
    overrides: &Overrides,
    mistakes: &Mistakes,
) -> Option<Config> {
    let shown = file.display().to_string();
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(e) => {
            mistakes.add(Mistake::elsewhere(format!("{shown}: cannot be read: {e}")));
            return None;
        }
    };
    let mut config = read(&shown, &text, mistakes, |t| walk(t, folder))?;
    config.text = text;
    config.folder = Some(folder.to_owned());
    if let Some(listen) = overrides.listen {
        config.listen =
            Located { value: listen, at: Place::option("--listen", "server.listen", &listen.to_string()) };
    }
    config.server.check(&config.listen, mistakes);
    if let Some(name) = &overrides.stream_name {
        config.pipelines.iter_mut().for_each(|p| p.stream = Some(Query::name(name)));
    }
    if let Some(name) = &overrides.marker_name {
        config.markers = vec![Query::name(name)];
    }
    Some(config)
}

fn walk(t: &mut Table<'_>, folder: &Path) -> Config {
    let top = t.place().clone();
    let mut server = t.optional_table("server").map(|s| ServerPart::read(s, folder)).unwrap_or_default();
    let (priority, cpu_latency_us) = t.optional_table("realtime").map(read_realtime).unwrap_or_default();
    let tables = t.tables("pipeline");
    if tables.is_empty() {
        t.mistakes().add(Mistake::elsewhere(format!("{}: at least one [[pipeline]] is needed", top.file)));
    }
    let mut pipelines: Vec<PipelineConfig> = Vec::new();
    for table in tables {
        let (mistakes, at) = (t.mistakes(), table.place().clone());
        let p = read_pipeline(table, folder);
        if !p.spec.name.is_empty() && pipelines.iter().any(|other| other.spec.name == p.spec.name) {
            mistakes.add(at.mistake(format!("two pipelines are named {:?}", p.spec.name)));
        }
        pipelines.push(p);
    }
    let markers = t.tables("markers").into_iter().filter_map(read_query).collect();
    let listen = server.listen.take().unwrap_or(Located {
        value: DEFAULT_LISTEN,
        at: Place { key: "server.listen".into(), shown: DEFAULT_LISTEN.to_string(), ..top },
    });
    let order = t.optional_table("arbitration").map(|a| read_arbitration(a, &pipelines)).unwrap_or_default();
    let outlet = t.optional_table("outlet").and_then(read_outlet);
    let network = t.optional_table("lsl").map(Network::read).unwrap_or_default();
    let recording = t.optional_table("recording").and_then(|r| read_recording(r, folder));
    Config {
        listen,
        socket: server.socket.clone(),
        tls: server.tls.take(),
        audit: server.audit.take(),
        server,
        priority,
        cpu_latency_us,
        pipelines,
        markers,
        recording,
        network,
        outlet,
        order,
        text: String::new(),
        folder: None,
    }
}

/// Where recordings go.
fn read_recording(mut t: Table<'_>, folder: &Path) -> Option<RecordingConfig> {
    let place = t.required::<String>("folder");
    let template = t.optional::<String>("template");
    let mut naming = Naming {
        session: "S001".to_owned(),
        task: "default".to_owned(),
        modality: "eeg".to_owned(),
        ..Naming::default()
    };
    let fields = [
        ("participant", &mut naming.participant),
        ("session", &mut naming.session),
        ("task", &mut naming.task),
        ("acquisition", &mut naming.acquisition),
        ("modality", &mut naming.modality),
    ];
    let (mut wrong, mut places) = (false, Vec::new());
    for (key, field) in fields {
        if let Some(given) = t.optional::<String>(key) {
            places.push((key, given.at.clone()));
            if let Err(e) = Naming::check(key, &given) {
                wrong = true;
                t.mistakes().add(given.mistake(e.must()));
            }
            *field = given.value;
        }
    }
    let run = t.optional::<i64>("run");
    let at_start = t.optional::<bool>("at_start").is_none_or(|at_start| at_start.value);
    let (mistakes, at) = (t.mistakes(), t.place().clone());
    t.finish();
    if let Some(run) = run {
        naming.run = u32::try_from(run.value).ok().filter(|n| (1..=9999).contains(n));
        if naming.run.is_none() {
            mistakes
                .add(run.mistake("must be between 1 and 9999; leave the key out for the first that is free"));
        }
    }
    let default = if naming.acquisition.is_empty() { Template::BIDS } else { Template::BIDS_ACQUISITION };
    let parsed = match &template {
        Some(given) => Template::parse(given).map_err(|e| mistakes.add(given.mistake(e.to_string()))).ok(),
        None => Template::parse(default).ok(),
    }?;
    if !wrong {
        // What a client gives when it begins a recording may still be missing: what is given is looked at with that.
        let known = if at_start { naming.clone() } else { naming.with_gaps_filled() };
        match parsed.check(&known) {
            Err(e @ NamingError::Missing(_)) => {
                mistakes.add(at.mistake(format!("{e}, and at_start is true, as it is by default")));
            }
            Err(e) => {
                let what = if let NamingError::Label { what, .. } = &e { what } else { "" };
                let at = places.iter().find(|(key, _)| *key == what).map_or(&at, |(_, at)| at);
                mistakes.add(at.mistake(e.must()));
            }
            Ok(()) => {}
        }
    }
    Some(RecordingConfig { folder: tidy(&folder.join(place?.value)), template: parsed, naming, at_start })
}

/// The priority, and how long an idle processor may take to wake.
fn read_realtime(mut t: Table<'_>) -> (Option<u8>, Option<u32>) {
    let priority = t.optional::<i64>("priority");
    let latency = t.optional::<i64>("cpu_latency_us");
    let mistakes = t.mistakes();
    t.finish();
    let priority = priority.and_then(|given| {
        let permitted = u8::try_from(given.value).ok().filter(|p| (3..=99).contains(p));
        if permitted.is_none() {
            mistakes.add(given.mistake("must be between 3 and 99"));
        }
        permitted
    });
    let latency = latency.and_then(|given| {
        let permitted = u32::try_from(given.value).ok().filter(|us| *us <= 1000);
        if permitted.is_none() {
            mistakes.add(given.mistake("must be between 0 and 1000 us"));
        }
        permitted
    });
    (priority, latency)
}

/// Intents as an LSL stream.
fn read_outlet(mut t: Table<'_>) -> Option<OutletConfig> {
    let name = t.required::<String>("name");
    let every_window = t.optional::<bool>("every_window").is_some_and(|every| every.value);
    let mistakes = t.mistakes();
    t.finish();
    let name = name?;
    if name.value.is_empty() {
        mistakes.add(name.mistake("must be the name of the stream, such as \"bcid-intents\""));
        return None;
    }
    Some(OutletConfig { name: name.value, every_window })
}

/// Which pipelines' intents go before others'.
fn read_arbitration(mut t: Table<'_>, pipelines: &[PipelineConfig]) -> Vec<Arc<str>> {
    let order = t.required::<Vec<String>>("order");
    let mistakes = t.mistakes();
    t.finish();
    let Some(order) = order else { return Vec::new() };
    let mut found: Vec<Arc<str>> = Vec::new();
    for name in &order.value {
        if !pipelines.iter().any(|p| *p.spec.name == **name) {
            mistakes.add(order.mistake(format!("there is no pipeline {name:?}")));
        }
        if found.iter().any(|other| **other == **name) {
            mistakes.add(order.mistake(format!("{name:?} is named twice")));
        }
        found.push(name.as_str().into());
    }
    if found.len() < 2 {
        mistakes.add(order.mistake("must name two pipelines at least, the one that goes first first"));
    }
    found
}

fn read_pipeline(mut t: Table<'_>, folder: &Path) -> PipelineConfig {
    let mistakes = t.mistakes();
    let name = t.required::<String>("name");
    if let Some(name) = &name {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if name.is_empty() || name.len() > 32 || !name.chars().all(plain) {
            mistakes.add(name.mistake("must be 1 to 32 letters, digits, - or _"));
        }
    }
    let decoder = t.required::<String>("decoder").map(|d| d.map(|text| tidy(&folder.join(text))));
    let device = t.optional::<String>("device").map_or(Device::Cpu, |word| {
        Device::parse(&word).unwrap_or_else(|| {
            mistakes.add(word.mistake("must be \"cpu\", \"cuda\" or \"prefer_cuda\""));
            Device::Cpu
        })
    });
    let (query, stream) = t.required_table("stream").map(read_stream).unwrap_or_default();
    let signal = t.optional_table("signal").map(|t| read_signal(t, folder)).unwrap_or_default();
    let faults = t.optional_table("validity").map(read_validity).unwrap_or_default();
    let adapt = t.optional_table("adapt");
    let adapt_at = adapt.as_ref().map(|adapt| adapt.place().clone());
    let (teaching, anew) = adapt.map_or((None, false), read_adapt);
    let IntentPart { mut intent, deadline_ms, anticipate } =
        t.required_table("intent").map(read_intent).unwrap_or_default();
    intent.velocity = t.optional_table("velocity").map(read_velocity);
    t.finish();
    PipelineConfig {
        spec: PipelineSpec {
            name: name.map(|n| n.value).unwrap_or_default().into(),
            labels: stream.labels,
            unit: stream.unit,
            gap_ms: stream.gap_ms,
            dejitter: stream.dejitter,
            rate: stream.rate,
            faults,
            channels: signal.channels,
            conditioning: signal.steps,
            window_ms: signal.window_ms,
            hop_ms: signal.hop_ms,
            intent,
            anticipate,
            deadline_ms,
            teaching: teaching.map(Arc::new),
            anew,
        },
        stream: query,
        decoder,
        device,
        adapt_at,
    }
}

#[derive(Default)]
struct StreamPart {
    labels: Option<Located<Vec<String>>>,
    unit: Option<Located<Unit>>,
    gap_ms: f64,
    dejitter: bool,
    rate: Option<Located<Hz>>,
}

fn read_stream(mut t: Table<'_>) -> (Option<Query>, StreamPart) {
    let mistakes = t.mistakes();
    let labels = t.optional::<Vec<String>>("labels");
    let unit = t.optional::<String>("unit").and_then(|u| {
        let unit = Unit::parse(&u.value);
        if unit.to_microvolts().is_none() {
            mistakes.add(u.mistake("must be a voltage: uV, mV, V or nV"));
            return None;
        }
        Some(u.map(|_| unit))
    });
    let gap_ms = t.optional_within("gap_ms", 0.0..=10_000.0, "ms").map_or(20.0, |g| g.value);
    let dejitter = t.optional::<bool>("dejitter").is_some_and(|d| d.value);
    let rate = t.optional::<f64>("rate_hz").and_then(|r| match Hz::new(r.value) {
        Ok(hz) => Some(r.map(|_| hz)),
        Err(e) => {
            mistakes.add(r.mistake(e.to_string()));
            None
        }
    });
    (read_query(t), StreamPart { labels, unit, gap_ms, dejitter, rate })
}

/// The keys that say which stream is meant; closes the table.
fn read_query(mut t: Table<'_>) -> Option<Query> {
    let at = t.place().clone();
    let mut text = |key: &str| t.optional::<String>(key).map(|l| l.value);
    let query = Query {
        name: text("name"),
        kind: text("type"),
        source_id: text("source_id"),
        predicate: text("predicate"),
    };
    let mistakes = t.mistakes();
    t.finish();
    if query == Query::default() {
        mistakes.add(at.mistake("must say which stream: at least one of name, type, source_id, predicate"));
        return None;
    }
    if let Err(e) = query.xpath() {
        mistakes.add(at.mistake(e.to_string()));
        return None;
    }
    Some(query)
}

#[derive(Default)]
struct SignalPart {
    channels: Option<Located<Vec<String>>>,
    steps: Vec<bci_models::steps::Step>,
    window_ms: Option<Located<f64>>,
    hop_ms: Option<Located<f64>>,
}

fn read_signal(mut t: Table<'_>, folder: &Path) -> SignalPart {
    let part = SignalPart {
        channels: t.optional("channels"),
        steps: read_steps_with(&mut t, "steps", Files::beside(folder)),
        window_ms: t.optional("window_ms"),
        hop_ms: t.optional("hop_ms"),
    };
    if let Some(channels) = &part.channels
        && channels.is_empty()
    {
        t.mistakes().add(channels.mistake("must not be empty; leave the key out for all"));
    }
    t.finish();
    part
}

/// How faults are found and dealt with. What is wrong has been noted, and the default stands in.
fn read_validity(mut t: Table<'_>) -> FaultSpec {
    let mut policy = |cause: &str| FaultPolicy {
        handling: handling(&mut t, cause),
        bridge_ms: t
            .optional_within(&format!("{cause}_bridge_ms"), 0.0..=LONGEST_BRIDGE_MS, "ms")
            .map_or(0.0, |b| b.value),
    };
    let (gap, not_finite, railed) = (policy("gap"), policy("not_finite"), policy("railed"));
    let rail_uv = t.optional_within("rail_uv", 1.0..=1e12, "uV").map(|r| r.value);
    let (flat, clock_step) = (handling(&mut t, "flat"), handling(&mut t, "clock_step"));
    let flat_ms =
        t.optional_within("flat_ms", 0.0..=60_000.0, "ms; 0 does not look").map_or(FLAT_MS, |f| f.value);
    t.finish();
    FaultSpec {
        gap,
        not_finite,
        railed,
        rail_uv,
        flat,
        flat_ms: Some(flat_ms).filter(|ms| *ms > 0.0),
        clock_step,
    }
}

fn handling(t: &mut Table<'_>, cause: &str) -> Handling {
    let Some(word) = t.optional::<String>(cause) else { return Handling::default() };
    match word.as_str() {
        "hold" => Handling::Hold,
        "reset" => Handling::Reset,
        _ => {
            t.mistakes().add(word.mistake("must be \"hold\" or \"reset\""));
            Handling::default()
        }
    }
}

/// When adaptive steps may learn.
/// When adaptive steps learn, and whether they begin from nothing.
fn read_adapt(mut t: Table<'_>) -> (Option<Teaching>, bool) {
    let markers = t.required::<Vec<String>>("markers");
    let from = t.optional_within("from_s", -60.0..=600.0, "s").map_or(0.0, |from| from.value);
    let to = t.required::<f64>("to_s").and_then(|to| {
        // Written so that NaN fails.
        if to.value > from && to.value <= 600.0 {
            return Some(to.value);
        }
        t.mistakes().add(to.mistake(format!("must be above from_s, which is {from}, up to 600 s")));
        None
    });
    let markers = markers.and_then(|markers| {
        if markers.value.is_empty() {
            t.mistakes().add(markers.mistake("must name at least one marker: nothing would ever be learned"));
            return None;
        }
        Some(markers.value)
    });
    let anew = t.optional::<bool>("anew").is_some_and(|anew| anew.value);
    t.finish();
    let teaching = markers.zip(to).map(|(markers, to)| Teaching::new(markers, from, to));
    (teaching, anew)
}

/// A path without `.` and `..`, as far as its own words tell: messages then name the file as a person would.
fn tidy(path: &Path) -> PathBuf {
    let mut tidy = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if matches!(tidy.components().next_back(), Some(Component::Normal(_))) => {
                tidy.pop();
            }
            other => tidy.push(other),
        }
    }
    tidy
}
