//! `bcid run`: start, serve, drain.

use super::{Interrupts, LslLog, load_lsl, runtime, writable, write_json};
use crate::assemble::{Assembled, Part, assemble};
use crate::cli::{OverrideArgs, RunArgs};
use crate::config::{Config, Overrides};
use crate::engine::{DaemonEngine, Known, PublishingSink, acting, decoder_line, info_of, versions};
use crate::exit::{Exit, Failure};
use crate::gate::Gate;
use crate::logging::{self, LogFormat};
use crate::outlet::IntentOutlet;
use crate::recordings::Recordings;
use crate::socket::SocketFile;
use bci_driver_lsl::{InletOptions, LslMarkerFactory, LslSourceFactory};
use bci_models::Bundle;
use bci_pipeline::{Binding, RealTime, Running, RunningMarkers, Sink, start, start_markers};
use bci_record::Manifest;
use bci_rt::clock::{Clock, HostClock};
use bci_rt::thread::probe_priority;
use bci_rt::wakeful::{Effect, Wakeful};
use bci_server::{
    Access, Engine, PipelineRules, PipelineSettings, Publisher, Server, Sockets, Telemetry, TlsFiles,
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::{Value, json};

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

impl From<&OverrideArgs> for Overrides {
    fn from(args: &OverrideArgs) -> Self {
        Self {
            listen: args.listen,
            stream_name: args.stream_name.clone(),
            marker_name: args.marker_name.clone(),
        }
    }
}

pub(crate) fn run(args: &RunArgs) -> Result<Exit, Failure> {
    for file in [&args.json, &args.ready_file].into_iter().flatten() {
        writable(file)?;
    }
    // One thread serves; decoding and signals have their own. With a second, each intent wakes that one too, to no purpose.
    let runtime = runtime(1)?;
    let interrupts = runtime.block_on(async { Interrupts::listen() })?;
    logging::init(args.log_format);
    open_as_many_files_as_may_be();
    load_lsl(match args.log_format {
        LogFormat::Text => LslLog::Errors,
        LogFormat::Json => LslLog::Silent,
    })?;
    let assembled =
        assemble(&args.config, &Overrides::from(&args.overrides), true).map_err(Failure::mistakes)?;
    let offset_ns = assembled.lsl.clock_offset_ns();
    if offset_ns.abs() > 1_000_000 {
        return Err(Failure::new(
            Exit::Internal,
            format!(
                "liblsl's clock is {offset_ns} ns from the host's monotonic clock: latencies would be wrong"
            ),
        ));
    }
    let outcome = runtime.block_on(serve(args, assembled, interrupts));
    runtime.shutdown_timeout(Duration::from_secs(1));
    outcome
}

/// A connection is an open file: what the system permits at most, and not what it permits at first, bounds their number.
fn open_as_many_files_as_may_be() {
    let limit = getrlimit(Resource::Nofile);
    if let Err(e) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        tracing::warn!(files = limit.current, error = %e, "the number of open files, and of connections, stays bounded");
    }
}

/// Everything that runs.
struct Daemon {
    engine: Arc<DaemonEngine>,
    publisher: Publisher,
    telemetry: Telemetry,
    pipelines: Vec<Running>,
    markers: Vec<RunningMarkers>,
    access: Access,
    /// Held while the daemon runs.
    wakeful: Option<Wakeful>,
}

async fn serve(
    args: &RunArgs,
    mut assembled: Assembled,
    mut interrupts: Interrupts,
) -> Result<Exit, Failure> {
    let Some(tcp) = assembled.listener.take() else {
        return Err(Failure::new(Exit::Internal, "no port was taken"));
    };
    // The file is there for as long as this function runs.
    let (local, file) = assembled.socket.take().map(|s| (s.listener, s.file)).unzip();
    let local_url = file.as_ref().map(SocketFile::url);
    for part in &assembled.pipelines {
        tracing::info!(
            pipeline = %part.spec.name,
            decoder = %decoder_line(&part.bundle),
            stream = %part.stream,
            hop_ms = part.binding.hop_ms,
            "pipeline"
        );
    }
    let tls: Option<TlsFiles> = assembled.config.tls.take().map(|tls| tls.value);
    let scheme = if tls.is_some() { "https" } else { "http" };
    let mut daemon = begin(assembled)?;
    let access = std::mem::take(&mut daemon.access);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = listen(&daemon, access, Sockets { tcp, tls, local })?;
    let address = server.address().map_err(|e| Failure::caused(Exit::Internal, "listening", &e))?;
    let mut serving = tokio::spawn(server.run(async move {
        let _ = stopped.await;
    }));
    tracing::info!("serving gRPC on {scheme}://{address}, metrics on {scheme}://{address}/metrics");
    let mut ready = json!({ "grpc": format!("{scheme}://{address}") });
    if let Some(url) = local_url {
        tracing::info!("serving gRPC on {url}");
        ready["socket"] = url.into();
    }
    if let Some(file) = &args.ready_file {
        write_json(file, &ready)?;
    }
    let mut failed = None;
    tokio::select! {
        () = interrupts.next() => tracing::info!("draining"),
        () = broken(&daemon.pipelines) => {
            failed = Some(Failure::new(Exit::Internal, "a pipeline's thread died; see the log"));
        }
        ended = &mut serving => {
            failed = Some(match ended {
                Ok(Err(e)) => Failure::caused(Exit::Internal, "serving", &e),
                _ => Failure::new(Exit::Internal, "the server ended by itself"),
            });
        }
    }
    let Daemon { engine, publisher, telemetry, pipelines, markers, wakeful, .. } = daemon;
    let recorded = Arc::clone(&engine);
    let drained = tokio::task::spawn_blocking(move || {
        pipelines.iter().for_each(Running::stop_acquiring);
        markers.iter().for_each(RunningMarkers::ask_to_stop);
        let panicked: Vec<_> = pipelines.into_iter().flat_map(Running::drain).collect();
        markers.into_iter().for_each(RunningMarkers::stop);
        // Last: everything is in it.
        (panicked, recorded.recording.as_ref().map_or(Ok(()), Recordings::close))
    });
    let (panicked, recorded) = tokio::select! {
        ended = drained => ended.unwrap_or((Vec::new(), Ok(()))),
        // Looking for a stream can take some seconds to give up: who asks twice does not want to wait for it.
        () = interrupts.next() => {
            return Err(Failure::new(Exit::Internal, "interrupted again while draining: ended at once, without a summary"));
        }
    };
    publisher.close();
    let _ = stop.send(());
    // A subscriber that does not read must not keep the daemon from ending.
    if !serving.is_finished() {
        let _ = tokio::time::timeout(Duration::from_secs(3), serving).await;
    }
    let mut summary = summary(engine.as_ref(), &telemetry, &publisher);
    summary["wakeful_processors"] = awake(wakeful.as_ref());
    print_summary(&summary);
    if let Some(file) = &args.json {
        write_json(file, &summary)?;
    }
    match failed {
        Some(failure) => Err(failure),
        None if panicked.is_empty() => match recorded {
            Ok(()) => Ok(Exit::Clean),
            Err(problem) => Err(Failure::new(Exit::Device, problem)),
        },
        None => Err(Failure::new(Exit::Internal, format!("threads panicked: {}", panicked.join(", ")))),
    }
}

fn listen(daemon: &Daemon, access: Access, sockets: Sockets) -> Result<Server, Failure> {
    let engine: Arc<dyn Engine> = Arc::clone(&daemon.engine) as Arc<dyn Engine>;
    Server::new(sockets, engine, daemon.publisher.clone(), daemon.telemetry.clone(), access)
        .map_err(|e| Failure::caused(Exit::Internal, "listening", &e))
}

/// Starts every pipeline and marker reader.
fn begin(assembled: Assembled) -> Result<Daemon, Failure> {
    let Assembled { mut config, pipelines, lsl, audit, .. } = assembled;
    let access = config.access(audit);
    let names = pipelines.iter().map(|p| Arc::clone(&p.spec.name));
    let gate = Arc::new(Gate::new(names, &config.order));
    let publisher = Publisher::new();
    let teachings = pipelines.iter();
    let teachings =
        teachings.filter_map(|p| Some((Arc::clone(&p.spec.name), p.spec.teaching.clone()?))).collect();
    let no_thread = |e: std::io::Error| Failure::caused(Exit::Internal, "starting a thread", &e);
    let manifest = Manifest { configuration: config.text.clone(), facts: facts(&pipelines, &lsl, &config) };
    let recording = config.recording.map(|r| Recordings::new(r, manifest)).transpose().map_err(no_thread)?;
    if let Some(recording) = &recording {
        // Before the first stream: a replay begins where decoding began.
        recording.at_start();
    }
    let recorder = recording.as_ref().map(Recordings::intake);
    let outlet = config.outlet.take().map(|outlet| IntentOutlet::start(lsl, outlet)).transpose();
    let outlet =
        outlet.map_err(|e| Failure::caused(Exit::Internal, "announcing the stream of intents", &e))?;
    let sink: Arc<dyn Sink> = Arc::new(PublishingSink {
        publisher: publisher.clone(),
        teachings,
        recorder,
        gate: Arc::clone(&gate),
        outlet,
    });
    let clock: Arc<dyn Clock> = Arc::new(HostClock);
    let rt = RealTime { priority: config.priority };
    let wakeful = config.cpu_latency_us.and_then(wakeful);
    let mut running = Vec::new();
    let mut known = Vec::new();
    for part in pipelines {
        let Part { spec, stream, bundle, binding, decoder, cost, device, .. } = part;
        let factory = Box::new(LslSourceFactory::new(lsl, stream, InletOptions::default()));
        let loaded = Mutex::new(vec![acting(info_of(&bundle, &decoder), &binding)]);
        let name = Arc::clone(&spec.name);
        let settings = PipelineSettings {
            window_ms: bundle.input.window_samples.value as f64 * 1e3 / bundle.windowed.rate.get(),
            hop_ms: binding.hop_ms,
            threshold: binding.policy.threshold,
            smoothing_ms: binding.policy.smoothing_ms,
            max_age_ms: binding.policy.max_age_ms,
            signal_delay_ms: cost.map_or(0.0, |c| c.delay_s * 1e3),
            settle_ms: cost.map_or(0.0, |c| c.settle_s * 1e3),
        };
        let (rules, release) = (rules(&bundle, &binding), binding.policy.hold.release);
        let decoder = Box::new(decoder);
        let started = start(spec, bundle, decoder, factory, Arc::clone(&clock), Arc::clone(&sink), rt)
            .map_err(no_thread)?;
        known.push(Known {
            name,
            status: Arc::clone(&started.status),
            desk: Arc::clone(&started.desk),
            settings,
            rules,
            release,
            device,
            loaded,
        });
        running.push(started);
    }
    let mut markers = Vec::new();
    for query in config.markers {
        let factory = Box::new(LslMarkerFactory::new(lsl, query, InletOptions::default()));
        markers.push(start_markers(factory, Arc::clone(&sink)).map_err(no_thread)?);
    }
    let engine = DaemonEngine {
        started: HostClock.now(),
        versions: versions(&lsl),
        realtime_priority: config.priority.is_some_and(|p| probe_priority(p).is_ok()),
        pipelines: known,
        recording,
        gate,
        sink,
    };
    Ok(Daemon {
        engine: Arc::new(engine),
        telemetry: Telemetry::of(&publisher),
        publisher,
        pipelines: running,
        markers,
        access,
        wakeful,
    })
}

/// How posteriors become intents, as clients are told.
fn rules(bundle: &Bundle, binding: &Binding) -> PipelineRules {
    let policy = &binding.policy;
    let labels = bundle.output.labels();
    let motion = policy.motion.as_ref();
    PipelineRules {
        release: 0.0,
        dwell_ms: policy.hold.dwell_ms,
        refractory_ms: policy.hold.refractory_ms,
        rest: policy.hold.rest.iter().filter_map(|class| labels.get(*class).cloned()).collect(),
        valid_ms: policy.valid_ms,
        accumulates: policy.accumulation.is_some(),
        axes: motion.map_or_else(Vec::new, |motion| motion.axes.to_vec()),
        motion_unit: motion.map_or_else(String::new, |motion| motion.unit.to_string()),
    }
}

/// What a recording says of who made it.
fn facts(pipelines: &[Part], lsl: &bci_driver_lsl::Liblsl, config: &Config) -> Value {
    let versions: serde_json::Map<_, _> = versions(lsl).into_iter().map(|(k, v)| (k, v.into())).collect();
    let decoder = |name: &str| {
        let configured = config.pipelines.iter().find(|p| *p.spec.name == *name);
        configured.and_then(|p| p.decoder.as_ref()).and_then(|d| std::path::absolute(&d.value).ok())
    };
    let pipelines: Vec<Value> = pipelines
        .iter()
        .map(|part| {
            let identity = &part.bundle.identity;
            json!({
                "name": &*part.spec.name,
                "stream": part.stream.to_string(),
                "device": format!("{:?}", part.device).to_lowercase(),
                "decoder": {
                    "folder": decoder(&part.spec.name),
                    "name": identity.name,
                    "version": identity.version,
                    "model_sha256": identity.model_sha256,
                },
            })
        })
        .collect();
    let folder =
        config.folder.as_deref().and_then(|folder| std::path::absolute(Path::new(".").join(folder)).ok());
    json!({ "versions": versions, "processor": processor(), "configuration_folder": folder, "pipelines": pipelines })
}

/// The processor, by which it depends whether a replay yields the same bits.
fn processor() -> String {
    let known = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let of = |key: &str| {
        let line = known.lines().find(|line| line.split(':').next().is_some_and(|k| k.trim() == key));
        line.and_then(|line| line.split(':').nth(1)).map(|value| value.trim().to_owned())
    };
    ["vendor_id", "cpu family", "model", "model name"]
        .iter()
        .filter_map(|key| of(key))
        .collect::<Vec<_>>()
        .join(" / ")
}

/// Keeps processors from sleeping deeper than asked, where the system permits it.
fn wakeful(latency_us: u32) -> Option<Wakeful> {
    let held = Wakeful::hold(latency_us);
    match &held {
        Err(e) => tracing::warn!(
            cpu_latency_us = latency_us,
            error = %e,
            "the system does not keep processors awake: windows after a pause are slower (`bcid doctor` says how to permit it)"
        ),
        Ok(held) => match held.effect() {
            Effect::Driver => {}
            Effect::Polled(processors) => tracing::info!(
                processors,
                "the system has no idle driver: threads keep processors awake, and seem to use all time that nobody else wants"
            ),
            Effect::None(why) => tracing::warn!(
                cpu_latency_us = latency_us,
                reason = %why,
                "processors are not kept awake: windows after a pause are slower"
            ),
        },
    }
    held.ok()
}

/// What keeps processors awake, for the summary: `false`, `"driver"`, or how many have a thread for it.
fn awake(wakeful: Option<&Wakeful>) -> Value {
    match wakeful.map(Wakeful::effect) {
        Some(Effect::Driver) => "driver".into(),
        Some(Effect::Polled(processors)) => (*processors).into(),
        Some(Effect::None(_)) | None => false.into(),
    }
}

/// Returns when a pipeline's thread has ended by itself.
async fn broken(pipelines: &[Running]) {
    let mut every = tokio::time::interval(Duration::from_millis(250));
    loop {
        every.tick().await;
        if pipelines.iter().any(Running::is_broken) {
            return;
        }
    }
}

fn summary(engine: &DaemonEngine, telemetry: &Telemetry, publisher: &Publisher) -> Value {
    let status = engine.status();
    let pipelines: Vec<Value> = status
        .pipelines
        .iter()
        .map(|p| {
            let steps: serde_json::Map<String, Value> = telemetry
                .summary(&p.stream.pipeline)
                .into_iter()
                .map(|s| {
                    let ms = |value: f64| if s.count > 0 { json!(value) } else { Value::Null };
                    let row = json!({ "count": s.count, "p50": ms(s.p50_ms), "p99": ms(s.p99_ms), "max": ms(s.max_ms) });
                    (s.step.to_owned(), row)
                })
                .collect();
            json!({
                "name": &*p.stream.pipeline,
                "decoder": p.decoder.name,
                "model_sha256": p.decoder.model_sha256,
                "samples_in": p.samples_in,
                "samples_lost": p.samples_lost,
                "gaps": p.gaps,
                "reattached": p.reattached,
                "away_s": p.away_seconds,
                "windows": p.windows,
                "windows_skipped": p.windows_skipped,
                "windows_invalid": p.windows_invalid,
                "decoder_faults": p.decoder_faults,
                "frames_not_finite": p.frames_not_finite,
                "frames_bridged": p.frames_bridged,
                "clock_steps": p.clock_steps,
                "samples_repeated": p.samples_repeated,
                "measured_rate_hz": p.measured_rate_hz,
                "signal_delay_ms": p.settings.signal_delay_ms,
                "settle_ms": p.settings.settle_ms,
                "latency_ms": steps,
            })
        })
        .collect();
    json!({
        "uptime_s": status.uptime_seconds,
        "cpu_s": status.cpu_seconds,
        "realtime_priority": status.realtime_priority,
        "realtime_heap_operations": status.realtime_heap_operations,
        "realtime_loops_watched": status.realtime_loops_watched,
        "events_dropped": publisher.dropped(),
        "versions": status.versions.into_iter().collect::<std::collections::BTreeMap<_, _>>(),
        "pipelines": pipelines,
    })
}

/// The summary for people, on stdout.
#[allow(clippy::print_stdout, reason = "what the command is asked to print")]
fn print_summary(summary: &Value) {
    let number = |v: &Value, key: &str| v[key].as_u64().unwrap_or(0);
    println!(
        "ran {:.1} s on {:.2} s of processor time; heap operations in real-time loops: {} in {} passes",
        summary["uptime_s"].as_f64().unwrap_or(0.0),
        summary["cpu_s"].as_f64().unwrap_or(0.0),
        number(summary, "realtime_heap_operations"),
        number(summary, "realtime_loops_watched"),
    );
    for p in summary["pipelines"].as_array().into_iter().flatten() {
        println!(
            "{}: samples {} in, {} lost in {} gaps, attached again {} times after {:.1} s away; windows {}, skipped {}, not trusted {}, decoder faults {}",
            p["name"].as_str().unwrap_or_default(),
            number(p, "samples_in"),
            number(p, "samples_lost"),
            number(p, "gaps"),
            number(p, "reattached"),
            p["away_s"].as_f64().unwrap_or(0.0),
            number(p, "windows"),
            number(p, "windows_skipped"),
            number(p, "windows_invalid"),
            number(p, "decoder_faults"),
        );
        println!("  latency from the newest sample's stamp to the hand-over to subscribers:");
        for step in ["acquire", "queue", "filter", "decode", "publish", "total"] {
            if let Some(s) = p["latency_ms"].get(step).filter(|s| number(s, "count") > 0) {
                let ms = |key: &str| s[key].as_f64().unwrap_or(f64::NAN);
                println!(
                    "  {step:<8} p50 {:>8.3} ms   p99 {:>8.3} ms   max {:>8.3} ms",
                    ms("p50"),
                    ms("p99"),
                    ms("max")
                );
            }
        }
    }
}
