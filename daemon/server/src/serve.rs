//! The listener and everything behind it.

use crate::engine::{Engine, StreamState};
use crate::history::History;
use crate::intents::Services;
use crate::metrics;
use crate::publisher::Publisher;
use crate::telemetry::Telemetry;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use bci_proto::v1::decoder_service_server::DecoderServiceServer;
use bci_proto::v1::intent_service_server::IntentServiceServer;
use bci_proto::v1::recording_service_server::RecordingServiceServer;
use bci_proto::v1::telemetry_service_server::TelemetryServiceServer;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::UnixListenerStream;
use tonic::service::Routes;
use tonic::transport::server::TcpIncoming;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

/// Why the server could not be set up or ended.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The listener's socket failed.
    #[error("the listening socket cannot be used")]
    Socket(#[source] std::io::Error),
    /// The descriptor of the services is damaged.
    #[error("reflection cannot be set up")]
    Reflection(#[source] tonic_reflection::server::Error),
    /// The transport ended with an error.
    #[error("the gRPC transport failed")]
    Transport(#[source] tonic::transport::Error),
}

/// The service whose health is the health of the streams: serving while every pipeline has samples.
pub(crate) const INTENTS: &str = "bci.v1.IntentService";
/// Answers as long as the daemon runs.
const TELEMETRY: &str = "bci.v1.TelemetryService";

/// What clients may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Permissions {
    /// Load, swap and discard decoders.
    pub change_decoders: bool,
    /// Begin and end recordings.
    pub record: bool,
}

/// Where a server is reached; bound already, so that what is taken by others is found before anything starts.
#[derive(Debug)]
pub struct Sockets {
    /// Over TCP.
    pub tcp: std::net::TcpListener,
    /// On this machine only; the shorter way.
    pub local: Option<std::os::unix::net::UnixListener>,
}

/// A server on bound sockets, ready to run.
pub struct Server {
    tcp: TcpListener,
    local: Option<UnixListener>,
    services: Services,
}

impl Server {
    /// A server on `sockets`. Call inside a tokio runtime.
    ///
    /// # Errors
    /// [`ServerError::Socket`].
    pub fn new(
        sockets: Sockets,
        engine: Arc<dyn Engine>,
        publisher: Publisher,
        telemetry: Telemetry,
        permissions: Permissions,
    ) -> Result<Self, ServerError> {
        let Sockets { tcp, local } = sockets;
        tcp.set_nonblocking(true).map_err(ServerError::Socket)?;
        let tcp = TcpListener::from_std(tcp).map_err(ServerError::Socket)?;
        let local = local.map(|local| {
            local.set_nonblocking(true)?;
            UnixListener::from_std(local)
        });
        let local = local.transpose().map_err(ServerError::Socket)?;
        Ok(Self {
            tcp,
            local,
            services: Services {
                engine,
                history: History::of(&publisher),
                publisher,
                telemetry,
                permissions,
            },
        })
    }

    /// The address it listens on over TCP.
    ///
    /// # Errors
    /// [`ServerError::Socket`].
    pub fn address(&self) -> Result<SocketAddr, ServerError> {
        self.tcp.local_addr().map_err(ServerError::Socket)
    }

    /// Serves until `stop` is done and every open call has ended; close the publisher to end subscriptions.
    ///
    /// # Errors
    /// [`ServerError`].
    pub async fn run(self, stop: impl Future<Output = ()> + Send) -> Result<(), ServerError> {
        let (reporter, health) = tonic_health::server::health_reporter();
        let observer = tokio::spawn(observe(self.services.clone(), reporter));
        let reflection = || {
            tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(bci_proto::DESCRIPTOR)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
                .register_encoded_file_descriptor_set(tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET)
                .register_encoded_file_descriptor_set(tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET)
                .include_reflection_service(false)
        };
        // Both versions: most clients in the field still ask for v1alpha.
        let v1 = reflection().build_v1().map_err(ServerError::Reflection)?;
        let v1alpha = reflection().build_v1alpha().map_err(ServerError::Reflection)?;
        let services = self.services.clone();
        let page = get(move || {
            let services = services.clone();
            async move {
                ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metrics::render(&services))
            }
        });
        let routes = Routes::from(axum::Router::new().route("/metrics", page))
            .add_service(IntentServiceServer::new(self.services.clone()))
            .add_service(TelemetryServiceServer::new(self.services.clone()))
            .add_service(DecoderServiceServer::new(self.services.clone()))
            .add_service(RecordingServiceServer::new(self.services.clone()))
            .add_service(health)
            .add_service(v1)
            .add_service(v1alpha);
        // Without TCP_NODELAY an event waits up to 40 ms for the peer's delayed acknowledgement.
        let incoming = TcpIncoming::from(self.tcp).with_nodelay(Some(true)).then(breathing);
        let (end, ending) = watch::channel(());
        let ended = || {
            let mut ending = ending.clone();
            async move { drop(ending.changed().await) }
        };
        let router = || tonic::transport::Server::builder().accept_http1(true).add_routes(routes.clone());
        let tcp = router().serve_with_incoming_shutdown(incoming, ended());
        let local = self.local.map(|local| UnixListenerStream::new(local).then(breathing));
        let local = async {
            match local {
                Some(incoming) => router().serve_with_incoming_shutdown(incoming, ended()).await,
                None => Ok(()),
            }
        };
        let mut serving = std::pin::pin!(async { tokio::try_join!(tcp, local) });
        let served = tokio::select! {
            served = &mut serving => served,
            () = stop => {
                let _ = end.send(());
                serving.await
            }
        };
        let served = served.map(|_| ()).map_err(ServerError::Transport);
        observer.abort();
        served
    }
}

/// After an error a pause: without free file descriptors the next one follows at once, and nothing else would be served.
async fn breathing<T>(accepted: std::io::Result<T>) -> std::io::Result<T> {
    if accepted.is_err() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    accepted
}

/// How often what happened is counted, if nobody looks: often enough for the publisher's backlog.
const COUNT_EVERY: Duration = Duration::from_millis(100);

/// Keeps the health of the intents up to date, told when it changes, and the telemetry from falling behind. Off an
/// intent's way: no intent wakes it.
pub(crate) async fn observe(services: Services, reporter: HealthReporter) {
    let mut serving = all_streaming(&services);
    report(&reporter, serving).await;
    reporter.set_service_status(TELEMETRY, ServingStatus::Serving).await;
    loop {
        let changed = tokio::time::timeout(COUNT_EVERY, services.publisher.changed()).await.is_ok();
        services.telemetry.catch_up();
        services.history.catch_up();
        if services.publisher.is_closing() {
            report(&reporter, false).await;
            return;
        }
        // The engine's state is at least as new as what told of it; asked at leisure it would hold up decoders.
        if changed && serving != all_streaming(&services) {
            serving = !serving;
            report(&reporter, serving).await;
        }
    }
}

fn all_streaming(services: &Services) -> bool {
    services.engine.status().pipelines.iter().all(|p| p.stream.state == StreamState::Streaming)
}

async fn report(reporter: &HealthReporter, serving: bool) {
    let status = if serving { ServingStatus::Serving } else { ServingStatus::NotServing };
    reporter.set_service_status(INTENTS, status).await;
}
