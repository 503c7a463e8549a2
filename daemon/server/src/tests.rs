//! The services on a scripted engine, without a network.

#![allow(clippy::unwrap_used, reason = "tests")]

mod control;
mod decoders;
mod door;
mod metrics;
mod recording;
mod resume;

use crate::access::Access;
use crate::engine::{
    Changed, DecoderChange, Engine, EngineStatus, Pause, PipelineDecoders, PipelineRules, PipelineStatus,
    Recording, RecordingChange, RecordingRefusal, StreamState, StreamStatus,
};
use crate::grpc::Services;
use crate::publisher::Publisher;
use crate::serve::{INTENTS, observe};
use crate::telemetry::Telemetry;
use bci_proto::v1;
use bci_proto::v1::intent_service_server::IntentService as _;
use bci_proto::v1::subscribe_response::Event as Wire;
use bci_types::{
    DecoderIdentity, HostNs, Intent, Ledger, Marker, NoIntentReason, Numbers, Outcome, Validity,
};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio_stream::StreamExt as _;
use tonic::{Code, Request};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_server::Health as _;
use tonic_health::server::{HealthReporter, HealthService};

/// What the backlog of a subscriber holds, in events.
const BACKLOG: u64 = 1024;

struct Scripted(Mutex<EngineStatus>, Mutex<Vec<DecoderChange>>, Mutex<Vec<Marker>>);

impl Engine for Scripted {
    fn status(&self) -> EngineStatus {
        self.0.lock().unwrap().clone()
    }
    fn now(&self) -> HostNs {
        HostNs(9_000_000)
    }
    fn pipelines(&self) -> Vec<Arc<str>> {
        self.0.lock().unwrap().pipelines.iter().map(|p| Arc::clone(&p.stream.pipeline)).collect()
    }
    fn decoders(&self, pipeline: &str) -> Option<PipelineDecoders> {
        decoders::scripted(pipeline)
    }
    fn change(&self, _: &str, change: DecoderChange) -> Result<Changed, String> {
        self.1.lock().unwrap().push(change.clone());
        decoders::changed(&change)
    }
    fn recording(&self) -> Result<Option<Recording>, RecordingRefusal> {
        Ok(recording::last())
    }
    fn record(&self, change: RecordingChange) -> Result<Recording, RecordingRefusal> {
        recording::changed(change)
    }
    fn pause(&self, pipeline: &str, pause: Option<Pause>) {
        let mut status = self.0.lock().unwrap();
        let of = status.pipelines.iter_mut().find(|p| *p.stream.pipeline == *pipeline).unwrap();
        of.pause = pause;
    }
    fn mark(&self, marker: Marker) {
        self.2.lock().unwrap().push(marker);
    }
}

fn pipeline(name: &str, state: StreamState) -> PipelineStatus {
    PipelineStatus {
        stream: StreamStatus { pipeline: name.into(), state, message: "m".into(), since: HostNs(1) },
        stream_name: "s".into(),
        rate_hz: 160.0,
        channels: 9,
        decoder: Arc::new(DecoderIdentity {
            name: "d".into(),
            version: "1".into(),
            model_sha256: "00".into(),
        }),
        samples_in: 11,
        samples_lost: 12,
        gaps: 13,
        samples_repeated: 22,
        reattached: 14,
        windows: 15,
        windows_skipped: 16,
        windows_invalid: 17,
        away_seconds: 0.0,
        settings: crate::PipelineSettings::default(),
        decoder_faults: 18,
        frames_not_finite: 19,
        frames_bridged: 20,
        artefacts: None,
        measured_rate_hz: 159.9,
        delivered_rate_hz: 159.8,
        stamp_jitter_ms: 0.5,
        clock_steps: 21,
        pause: None,
        rules: PipelineRules::default(),
    }
}

/// Services over an engine with the pipelines `a` and `b`.
fn services() -> (Services, Arc<Scripted>) {
    let status = EngineStatus {
        pipelines: vec![pipeline("a", StreamState::Streaming), pipeline("b", StreamState::Waiting)],
        ..EngineStatus::default()
    };
    let engine = Arc::new(Scripted(Mutex::new(status), Mutex::default(), Mutex::default()));
    let publisher = Publisher::new();
    let telemetry = Telemetry::of(&publisher);
    let of = Arc::clone(&engine) as Arc<dyn Engine>;
    let services = Services::new(of, publisher, telemetry, &Access::default());
    (services, engine)
}

fn intent(pipeline: &str, seq: u64) -> Intent {
    Intent {
        seq,
        pipeline: pipeline.into(),
        decoder: Arc::new(DecoderIdentity {
            name: "d".into(),
            version: "1".into(),
            model_sha256: "00".into(),
        }),
        kind: Numbers::Posterior,
        labels: Arc::new(["left".to_owned(), "right".to_owned()]),
        numbers: vec![0.25, 0.75],
        smoothed: vec![0.5, 0.5],
        outcome: Outcome::NoIntent(NoIntentReason::InvalidData),
        action: bci_types::Action::default(),
        validity: Validity::GAP.with(Validity::NOT_FINITE),
        oldest_sample: HostNs(0),
        newest_sample: HostNs(1_000_000),
        newest_frame: 159,
        ledger: Ledger {
            acquired: HostNs(2_000_000),
            dequeued: HostNs(3_000_000),
            filtered: HostNs(4_000_000),
            decoded: HostNs(6_000_000),
            signal_delay_ns: 7_000_000,
        },
    }
}

fn marker(text: &str) -> Marker {
    Marker { stream: "m".into(), text: text.into(), time: HostNs(5), received: HostNs(6) }
}

async fn subscribe(services: &Services, pipeline: &str, markers: bool) -> Subscriber {
    let request = v1::SubscribeRequest { pipeline: pipeline.into(), markers, ..Default::default() };
    Subscriber(services.subscribe(Request::new(request)).await.unwrap().into_inner())
}

struct Subscriber(<Services as v1::intent_service_server::IntentService>::SubscribeStream);

impl Subscriber {
    /// Everything up to the end of the stream.
    async fn rest(self) -> Vec<Wire> {
        self.0.map(|e| e.unwrap().event.unwrap()).collect().await
    }
}

/// Events in a few words.
fn words(events: &[Wire]) -> Vec<String> {
    events
        .iter()
        .map(|e| match e {
            Wire::Intent(i) => format!("{}{}", i.pipeline, i.sequence),
            Wire::Marker(m) => m.text.clone(),
            Wire::Stream(s) => format!("{} is {:?}", s.pipeline, s.state()),
            Wire::Missed(m) => format!("missed {}", m.events),
        })
        .collect()
}

#[tokio::test]
async fn subscribers_get_what_they_asked_for_in_order_until_the_daemon_closes() {
    let (services, _) = services();
    let all = subscribe(&services, "", true).await;
    let only_b = subscribe(&services, "b", false).await;
    assert_eq!(services.roll.count(), 2);
    services.publisher.intent(intent("a", 0));
    services.publisher.marker(marker("T1"));
    services.publisher.intent(intent("b", 0));
    services.publisher.stream(pipeline("a", StreamState::Lost).stream);
    services.publisher.intent(intent("a", 1));
    services.publisher.close();
    // What was sent before the close still arrives; then the stream ends.
    assert_eq!(
        words(&all.rest().await),
        ["a is Streaming", "b is Waiting", "a0", "T1", "b0", "a is Lost", "a1"]
    );
    assert_eq!(words(&only_b.rest().await), ["b is Waiting", "b0"]);
    assert_eq!((services.roll.count(), services.publisher.dropped()), (0, 0));
    let refused = services.subscribe(Request::new(v1::SubscribeRequest::default())).await;
    assert_eq!(refused.err().unwrap().code(), Code::Unavailable);
}

#[tokio::test]
async fn a_pipeline_that_is_not_there_is_refused_with_those_that_are() {
    let (services, _) = services();
    let request = v1::SubscribeRequest { pipeline: "c".into(), ..Default::default() };
    let refused = services.subscribe(Request::new(request)).await.err().unwrap();
    assert_eq!((refused.code(), refused.message()), (Code::NotFound, "no pipeline \"c\"; there are: a, b"));
    assert_eq!(services.roll.count(), 0);
}

#[tokio::test]
async fn an_intent_goes_over_whole() {
    let (services, _) = services();
    let subscriber = subscribe(&services, "a", false).await;
    services.publisher.intent(intent("a", 7));
    services.publisher.close();
    let Wire::Intent(i) = subscriber.rest().await.pop().unwrap() else { panic!("an intent") };
    let probabilities: Vec<_> =
        i.probabilities.iter().map(|p| (p.label.as_str(), p.window, p.smoothed)).collect();
    assert_eq!(probabilities, [("left", 0.25, 0.5), ("right", 0.75, 0.5)]);
    let validity = i.validity.unwrap();
    assert!(!validity.valid);
    assert_eq!(validity.causes().collect::<Vec<_>>(), [v1::InvalidCause::Gap, v1::InvalidCause::NotFinite]);
    let Some(v1::intent::Outcome::None(none)) = i.outcome else { panic!("no intent") };
    assert_eq!(none.reason(), v1::NoIntentReason::InvalidData);
    assert_eq!((i.sequence, i.oldest_sample_ns, i.newest_sample_ns, i.newest_frame), (7, 0, 1_000_000, 159));
    let l = i.ledger.unwrap();
    let stamps = [l.acquired_ns, l.queued_ns, l.filtered_ns, l.decoded_ns, l.published_ns];
    assert_eq!(stamps, [2_000_000, 3_000_000, 4_000_000, 6_000_000, 9_000_000]);
}

/// The decoding thread hands intents over whether anybody reads or not; who does not read is told what was missed,
/// and gets the newest.
#[tokio::test]
async fn a_subscriber_that_does_not_read_delays_nobody_and_is_told_what_it_missed() {
    const SENT: u64 = 50_000;
    let (services, _) = services();
    let slow = subscribe(&services, "a", false).await;
    let begun = Instant::now();
    for seq in 0..SENT {
        services.publisher.intent(intent("a", seq));
    }
    // Not one has been read. Far above what it takes, far below what any waiting would.
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    services.publisher.close();
    let events = slow.rest().await;
    // The end of the stream takes a place in the backlog too.
    let missed = SENT + 1 - BACKLOG;
    assert_eq!(
        words(&events[..3]),
        ["a is Streaming".to_owned(), format!("missed {missed}"), format!("a{missed}")]
    );
    assert_eq!(words(&events[2..]), (missed..SENT).map(|s| format!("a{s}")).collect::<Vec<_>>());
    assert_eq!(services.publisher.dropped(), missed);
}

async fn health(reporter: &HealthReporter) -> i32 {
    let request = HealthCheckRequest { service: INTENTS.into() };
    let service = HealthService::from_health_reporter(reporter.clone());
    service.check(Request::new(request)).await.unwrap().into_inner().status
}

/// Lets every other task run until it waits.
async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

#[test]
fn what_happened_is_counted_once_whenever_somebody_looks() {
    let (services, _) = services();
    let counts = || {
        let steps = services.telemetry.summary("a");
        ["decode", "publish"].map(|name| steps.iter().find(|s| s.step == name).map_or(0, |s| s.count))
    };
    assert_eq!(counts(), [0, 0]);
    for seq in 0..3 {
        services.publisher.intent(intent("a", seq));
        services.telemetry.handed(&Arc::new(intent("a", seq)), HostNs(7_000_000));
        services.telemetry.handed(&Arc::new(intent("b", seq)), HostNs(7_000_000));
    }
    assert_eq!(counts(), [3, 3]);
    assert_eq!(counts(), [3, 3], "nothing happened meanwhile");
    // Nobody looked for too long: what the backlog does not hold is missing, and nothing else.
    (0..BACKLOG + 10).for_each(|seq| services.publisher.intent(intent("a", seq)));
    assert_eq!(counts(), [3 + BACKLOG, 3]);
    services.publisher.intent(intent("a", 0));
    services.publisher.close();
    assert_eq!(counts(), [4 + BACKLOG, 3], "what came before the end");
}

/// With nobody but itself to look, a flood is counted whole.
#[tokio::test]
async fn a_flood_is_counted_whole() {
    let (services, _) = services();
    tokio::spawn(observe(services.clone(), HealthReporter::new()));
    settle().await;
    for seq in 0..20 * BACKLOG {
        services.publisher.intent(intent("a", seq));
        if seq % 100 == 0 {
            settle().await;
        }
    }
    let steps = services.telemetry.summary("a");
    assert_eq!(steps[0].count, 20 * BACKLOG);
}

#[tokio::test]
async fn health_follows_the_streams_even_when_events_are_missed() {
    let (services, engine) = services();
    let reporter = HealthReporter::new();
    let set = |state| {
        engine.0.lock().unwrap().pipelines[1].stream.state = state;
        services.publisher.stream(pipeline("b", state).stream);
    };
    tokio::spawn(observe(services.clone(), reporter.clone()));
    settle().await;
    let (serving, not_serving) = (1, 2);
    assert_eq!(health(&reporter).await, not_serving, "b waits for its stream");
    set(StreamState::Streaming);
    settle().await;
    assert_eq!(health(&reporter).await, serving);
    // The loss is the first of more events than the backlog holds.
    set(StreamState::Lost);
    for seq in 0..2 * BACKLOG {
        services.publisher.intent(intent("a", seq));
    }
    settle().await;
    assert_eq!(health(&reporter).await, not_serving);
    set(StreamState::Streaming);
    settle().await;
    assert_eq!(health(&reporter).await, serving);
    services.publisher.close();
    settle().await;
    assert_eq!(health(&reporter).await, not_serving, "the daemon drains");
}
