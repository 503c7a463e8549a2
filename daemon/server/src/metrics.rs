//! `/metrics` in the Prometheus text format, version 0.0.4.

use crate::access::Counts;
use crate::engine::{Recording, StreamState};
use crate::grpc::Services;
use crate::telemetry::{BUCKETS_NS, StepSummary};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::Ordering;

/// One metric of a pipeline: name, type, help, and its value.
type PipelineMetric = (&'static str, &'static str, &'static str, fn(&crate::engine::PipelineStatus) -> f64);

const PIPELINE_METRICS: [PipelineMetric; 15] = [
    ("bci_samples_total", "counter", "Frames received from the source.", |p| p.samples_in as f64),
    ("bci_samples_lost_total", "counter", "Frames known to be missing or dropped.", |p| {
        p.samples_lost as f64
    }),
    ("bci_gaps_total", "counter", "Holes in the stream.", |p| p.gaps as f64),
    ("bci_reattachments_total", "counter", "Times the source was attached again.", |p| p.reattached as f64),
    ("bci_windows_total", "counter", "Windows completed.", |p| p.windows as f64),
    ("bci_windows_skipped_total", "counter", "Windows skipped, decoding being late.", |p| {
        p.windows_skipped as f64
    }),
    ("bci_windows_invalid_total", "counter", "Windows that could not be trusted.", |p| {
        p.windows_invalid as f64
    }),
    ("bci_decoder_faults_total", "counter", "Windows on which the decoder failed.", |p| {
        p.decoder_faults as f64
    }),
    ("bci_frames_not_finite_total", "counter", "Frames with NaN, infinity or no voltage.", |p| {
        p.frames_not_finite as f64
    }),
    ("bci_frames_bridged_total", "counter", "Frames that were interpolated.", |p| p.frames_bridged as f64),
    ("bci_samples_repeated_total", "counter", "Frames that came again and were left out.", |p| {
        p.samples_repeated as f64
    }),
    ("bci_clock_steps_total", "counter", "Times the source's clock was set.", |p| p.clock_steps as f64),
    ("bci_measured_rate_hertz", "gauge", "Real rate of the source's sampling; 0 until known.", |p| {
        p.measured_rate_hz
    }),
    ("bci_signal_delay_seconds", "gauge", "Group delay of the filters.", |p| {
        p.settings.signal_delay_ms / 1e3
    }),
    ("bci_settle_seconds", "gauge", "How long the filters take to settle.", |p| p.settings.settle_ms / 1e3),
];

/// The page; of connections, and of requests that were refused at the door.
pub(crate) fn render(services: &Services, connections: &Counts, refused: u64) -> String {
    let status = services.engine.status();
    let mut page = Page::default();
    for (name, kind, help, value) in PIPELINE_METRICS {
        page.head(name, kind, help);
        for p in &status.pipelines {
            page.sample(name, &[("pipeline", &p.stream.pipeline)], value(p));
        }
    }
    page.head("bci_stream_state", "gauge", "1 for the state the pipeline's stream is in.");
    for p in &status.pipelines {
        for (state, name) in StreamState::ALL {
            let labels = [("pipeline", &*p.stream.pipeline), ("state", name)];
            page.sample("bci_stream_state", &labels, f64::from(u8::from(p.stream.state == state)));
        }
    }
    page.head("bci_pipeline_paused", "gauge", "1 while the pipeline's intents are withheld.");
    for p in &status.pipelines {
        let paused = f64::from(u8::from(p.pause.is_some()));
        page.sample("bci_pipeline_paused", &[("pipeline", &p.stream.pipeline)], paused);
    }
    page.head("bci_step_latency_seconds", "histogram", "Duration of each step from sample to subscriber.");
    for p in &status.pipelines {
        for step in services.telemetry.summary(&p.stream.pipeline) {
            page.histogram("bci_step_latency_seconds", &p.stream.pipeline, &step);
        }
    }
    let single = [
        (
            "bci_realtime_heap_operations_total",
            "counter",
            "Heap operations of real-time loops; 0 when sound.",
            status.realtime_heap_operations as f64,
        ),
        (
            "bci_realtime_loops_total",
            "counter",
            "Passes of real-time loops watched for them.",
            status.realtime_loops_watched as f64,
        ),
        (
            "bci_realtime_priority",
            "gauge",
            "1 when real-time priority is in force.",
            f64::from(u8::from(status.realtime_priority)),
        ),
        ("bci_subscribers", "gauge", "Subscribers to intents now.", services.roll.count() as f64),
        (
            "bci_events_dropped_total",
            "counter",
            "Events lost by slow subscribers.",
            services.publisher.dropped() as f64,
        ),
        (
            "bci_subscriber_events_behind_max",
            "gauge",
            "Events that wait for the subscriber that is furthest behind.",
            services.roll.all().iter().map(|entry| entry.behind(&services.publisher)).max().unwrap_or(0)
                as f64,
        ),
        ("bci_connections", "gauge", "Connections now.", connections.open.load(Ordering::Relaxed) as f64),
        (
            "bci_connections_refused_total",
            "counter",
            "Connections not taken, there being too many.",
            connections.refused.load(Ordering::Relaxed) as f64,
        ),
        (
            "bci_connections_failed_total",
            "counter",
            "Connections without encryption where it was asked for, or without a request.",
            connections.failed.load(Ordering::Relaxed) as f64,
        ),
        ("bci_requests_refused_total", "counter", "Requests that were refused at the door.", refused as f64),
        ("bci_cpu_seconds_total", "counter", "Processor time of the daemon.", status.cpu_seconds),
        ("bci_uptime_seconds", "gauge", "Time since the daemon began to serve.", status.uptime_seconds),
    ];
    for (name, kind, help, value) in single {
        page.head(name, kind, help);
        page.sample(name, &[], value);
    }
    if let Ok(Some(recording)) = services.engine.recording() {
        page.recording(&recording);
    }
    page.head("bci_build_info", "gauge", "1; versions of the daemon and what it loaded.");
    let labels: Vec<_> = status.versions.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    page.sample("bci_build_info", &labels, 1.0);
    page.0
}

#[derive(Default)]
struct Page(String);

impl Page {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        self.0.push_str(name);
        if !labels.is_empty() {
            self.0.push('{');
            for (i, (key, text)) in labels.iter().enumerate() {
                let comma = if i == 0 { "" } else { "," };
                let _ = write!(self.0, "{comma}{key}=\"{}\"", escape(text));
            }
            self.0.push('}');
        }
        let _ = writeln!(self.0, " {value}");
    }

    /// Of the recording that runs, or the last.
    fn recording(&mut self, recording: &Recording) {
        let flag = |on: bool| f64::from(u8::from(on));
        let single = [
            ("bci_recording_running", "gauge", "1 while a recording is written.", flag(recording.running)),
            (
                "bci_recording_trouble",
                "gauge",
                "1 while the disk takes nothing.",
                flag(recording.trouble.is_some()),
            ),
            ("bci_recording_seconds", "gauge", "How long the recording has lasted.", recording.seconds),
            ("bci_recording_bytes", "gauge", "Bytes in the recording.", recording.bytes as f64),
            (
                "bci_recording_notes_lost",
                "gauge",
                "Intents, markers and events that are missing from the recording.",
                recording.notes_lost as f64,
            ),
        ];
        for (name, kind, help, value) in single {
            self.head(name, kind, help);
            self.sample(name, &[], value);
        }
        // Streams of one name, as of two pipelines that read the same, are counted together.
        let mut streams: BTreeMap<&str, [u64; 2]> = BTreeMap::new();
        for (name, samples, lost) in &recording.streams {
            let [all, missing] = streams.entry(name).or_default();
            *all += samples;
            *missing += lost;
        }
        for (which, name, help) in [
            (0, "bci_recording_samples", "Samples of streams of a name in the recording."),
            (1, "bci_recording_samples_lost", "Samples of streams of a name that are missing from it."),
        ] {
            self.head(name, "gauge", help);
            for (stream, counts) in &streams {
                self.sample(name, &[("stream", stream)], counts[which] as f64);
            }
        }
    }

    fn histogram(&mut self, name: &str, pipeline: &str, step: &StepSummary) {
        let bucket = format!("{name}_bucket");
        for (bound, count) in BUCKETS_NS.iter().zip(step.buckets) {
            let le = (*bound as f64 / 1e9).to_string();
            self.sample(&bucket, &[("pipeline", pipeline), ("step", step.step), ("le", &le)], count as f64);
        }
        let labels = [("pipeline", pipeline), ("step", step.step)];
        self.sample(&bucket, &[labels[0], labels[1], ("le", "+Inf")], step.count as f64);
        self.sample(&format!("{name}_sum"), &labels, step.sum_s);
        self.sample(&format!("{name}_count"), &labels, step.count as f64);
    }
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
