//! A client of the daemon, as `watch` and `trials` are: it knows only the wire format.

use crate::cli::ServerArg;
use crate::exit::{Exit, Failure};
use bci_proto::v1;
use bci_proto::v1::control_service_client::ControlServiceClient;
use bci_proto::v1::decoder_service_client::DecoderServiceClient;
use bci_proto::v1::intent_service_client::IntentServiceClient;
use bci_proto::v1::recording_service_client::RecordingServiceClient;
use bci_proto::v1::subscribe_response::Event;
use bci_proto::v1::telemetry_service_client::TelemetryServiceClient;
use bci_rt::clock::{Clock as _, HostClock};
use bci_server::{Distribution, StepSummary};
use bci_types::HostNs;
use bcid_client::{Error, Target, Wire};

/// A connection to a daemon.
pub(crate) struct Client(bcid_client::Client);

/// An event and when it was received.
pub(crate) struct Received {
    pub(crate) event: Event,
    pub(crate) at: HostNs,
}

/// A running subscription.
pub(crate) struct Events(tonic::Streaming<v1::SubscribeResponse>);

impl Client {
    /// Connects.
    pub(crate) async fn connect(to: &ServerArg) -> Result<Self, Failure> {
        let client = bcid_client::Client::connect(&target(to)?).await;
        client.map(Self).map_err(|e| match e {
            Error::Unreachable { .. } => {
                Failure::new(Exit::Device, format!("{e} (start one with `bcid run`)"))
            }
            Error::Target(_) | Error::Refused(_) => Failure::new(Exit::Usage, e.to_string()),
        })
    }

    /// Subscribes.
    pub(crate) async fn subscribe(&self, pipeline: &str, markers: bool) -> Result<Events, Failure> {
        let request = v1::SubscribeRequest { pipeline: pipeline.to_owned(), markers, ..Default::default() };
        let answer = IntentServiceClient::new(self.0.wire()).subscribe(request).await;
        answer.map(|r| Events(r.into_inner())).map_err(|e| self.refused(&e))
    }

    /// The daemon's status.
    pub(crate) async fn status(&self) -> Result<v1::GetStatusResponse, Failure> {
        let answer = TelemetryServiceClient::new(self.0.wire()).get_status(v1::GetStatusRequest {}).await;
        answer.map(tonic::Response::into_inner).map_err(|e| self.refused(&e))
    }

    /// The service that loads and swaps decoders.
    pub(crate) fn decoders(&self) -> DecoderServiceClient<Wire> {
        DecoderServiceClient::new(self.0.wire())
    }

    /// The service that begins and ends recordings.
    pub(crate) fn recordings(&self) -> RecordingServiceClient<Wire> {
        RecordingServiceClient::new(self.0.wire())
    }

    /// The service that pauses, resumes and marks.
    pub(crate) fn control(&self) -> ControlServiceClient<Wire> {
        ControlServiceClient::new(self.0.wire())
    }

    /// A refusal of these services: what cannot be is no failure of the daemon.
    pub(crate) fn refused_change(&self, status: &tonic::Status) -> Failure {
        use tonic::Code::{FailedPrecondition, InvalidArgument, NotFound, PermissionDenied, Unauthenticated};
        let exit = match status.code() {
            FailedPrecondition => Exit::Failed,
            NotFound | InvalidArgument | PermissionDenied | Unauthenticated => Exit::Usage,
            _ => Exit::Device,
        };
        Failure { exit, lines: status.message().lines().map(str::to_owned).collect() }
    }

    fn refused(&self, status: &tonic::Status) -> Failure {
        use tonic::Code::{NotFound, PermissionDenied, Unauthenticated};
        let usage = matches!(status.code(), NotFound | PermissionDenied | Unauthenticated);
        let exit = if usage { Exit::Usage } else { Exit::Device };
        Failure::new(exit, format!("{}: {}", self.0.url(), status.message()))
    }
}

impl Events {
    /// The next event; `None` when the daemon has ended the stream.
    pub(crate) async fn next(&mut self) -> Result<Option<Received>, Failure> {
        loop {
            match self.0.message().await {
                Ok(Some(v1::SubscribeResponse { event: Some(event), .. })) => {
                    return Ok(Some(Received { event, at: HostClock.now() }));
                }
                // A kind of event that this client is too old for.
                Ok(Some(_)) => {}
                Ok(None) => return Ok(None),
                Err(e) => {
                    return Err(Failure::new(Exit::Device, format!("the daemon is gone: {}", e.message())));
                }
            }
        }
    }
}

/// Where the daemon is, and what is shown to it: the token of the file that is named, else of the environment.
fn target(to: &ServerArg) -> Result<Target, Failure> {
    let usage = |problem: String| Failure::new(Exit::Usage, problem);
    let wrong = |e: Error| usage(format!("--server: {e}"));
    let mut target = Target::at(&to.server).map_err(wrong)?;
    target.ca = to.ca.clone();
    target.identity = to.certificate.clone().zip(to.key.clone());
    let token = match &to.token_file {
        Some(path) => Some(
            std::fs::read_to_string(path)
                .map_err(|e| usage(format!("--token-file {}: cannot be read: {e}", path.display())))?,
        ),
        None => std::env::var("BCID_TOKEN").ok(),
    };
    token.map_or(Ok(target.clone()), |token| target.with_token(&token)).map_err(wrong)
}

/// Where the time went, from the sample's stamp to this client. Meaningful on the daemon's own machine, whose clock
/// the times are on.
#[derive(Default)]
pub(crate) struct Latency {
    steps: [Distribution; LATENCY_STEPS.len()],
}

/// The steps, in order, `total` last.
pub(crate) const LATENCY_STEPS: [&str; 7] =
    ["acquire", "queue", "filter", "decode", "publish", "receive", "total"];

impl Latency {
    /// Takes in an intent received `at`.
    pub(crate) fn record(&mut self, intent: &v1::Intent, at: HostNs) {
        let Some(l) = &intent.ledger else { return };
        let durations = [
            l.acquired_ns - intent.newest_sample_ns,
            l.queued_ns - l.acquired_ns,
            l.filtered_ns - l.queued_ns,
            l.decoded_ns - l.filtered_ns,
            l.published_ns - l.decoded_ns,
            at.0 - l.published_ns,
            at.0 - intent.newest_sample_ns,
        ];
        for (step, ns) in self.steps.iter_mut().zip(durations) {
            step.record(ns);
        }
    }

    /// The distributions, in the order of [`LATENCY_STEPS`].
    pub(crate) fn summary(&self) -> Vec<StepSummary> {
        self.steps.iter().zip(LATENCY_STEPS).map(|(d, name)| d.summary(name)).collect()
    }
}

/// The intent's outcome in a few words, and whether it is an intent.
pub(crate) fn outcome_words(intent: &v1::Intent) -> (String, bool) {
    match &intent.outcome {
        Some(v1::intent::Outcome::Discrete(d)) => (d.label.clone(), true),
        Some(v1::intent::Outcome::None(none)) => {
            let words = match none.reason() {
                v1::NoIntentReason::InvalidData => format!("no intent: {}", causes(intent)),
                v1::NoIntentReason::Rejected => "no intent: the decoder is unsure".to_owned(),
                v1::NoIntentReason::Rest => "no intent: rest".to_owned(),
                v1::NoIntentReason::Dwelling => "no intent: not for long enough yet".to_owned(),
                v1::NoIntentReason::Refractory => "no intent: too soon after the last".to_owned(),
                v1::NoIntentReason::Accumulating => "no intent: gathering evidence".to_owned(),
                v1::NoIntentReason::Paused => "no intent: paused".to_owned(),
                v1::NoIntentReason::Overruled => "no intent: another pipeline goes first".to_owned(),
                _ => "no intent: in doubt".to_owned(),
            };
            (words, false)
        }
        Some(v1::intent::Outcome::Velocity(v)) => {
            let axes: Vec<String> = v.axes.iter().map(|a| format!("{} {:+.3}", a.axis, a.value)).collect();
            (format!("{} {}", axes.join(" "), v.unit), true)
        }
        Some(v1::intent::Outcome::Text(text)) => (text.text.clone(), true),
        Some(v1::intent::Outcome::Numbers(n)) => (format!("{} numbers", n.values.len()), true),
        None => ("an outcome this client is too old for".to_owned(), false),
    }
}

fn causes(intent: &v1::Intent) -> String {
    let validity = intent.validity.clone().unwrap_or_default();
    let words: Vec<&str> = validity
        .causes()
        .map(|cause| match cause {
            v1::InvalidCause::Gap => "samples missing",
            v1::InvalidCause::Settling => "filters settling",
            v1::InvalidCause::NotFinite => "NaN in the data",
            v1::InvalidCause::DecoderFault => "decoder fault",
            v1::InvalidCause::Stale => "samples too old",
            v1::InvalidCause::Railed => "a channel at its rail",
            v1::InvalidCause::Flat => "a channel stands still",
            v1::InvalidCause::ClockStep => "the source's clock was set",
            v1::InvalidCause::Unspecified => "unknown cause",
        })
        .collect();
    words.join(", ")
}
