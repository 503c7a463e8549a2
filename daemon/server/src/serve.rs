//! The listener and everything behind it.

use crate::access::{Access, Connections, Counts, Door, DoorLayer, TlsError, TlsFiles, acceptor, origins};
use crate::engine::{Engine, StreamState};
use crate::grpc::Services;
use crate::metrics;
use crate::publisher::Publisher;
use crate::telemetry::Telemetry;
use crate::transport::{self, Shards};
use crate::web;
use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use bci_proto::v1::control_service_server::ControlServiceServer;
use bci_proto::v1::decoder_service_server::DecoderServiceServer;
use bci_proto::v1::intent_service_server::IntentServiceServer;
use bci_proto::v1::recording_service_server::RecordingServiceServer;
use bci_proto::v1::telemetry_service_server::TelemetryServiceServer;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;
use tonic::service::Routes;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;
use tonic_web::GrpcWebLayer;

/// Why the server could not be set up or ended.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The listener's socket failed.
    #[error("the listening socket cannot be used")]
    Socket(#[source] std::io::Error),
    /// There can be no encryption.
    #[error("server.tls")]
    Tls(#[source] TlsError),
    /// The descriptor of the services is damaged.
    #[error("reflection cannot be set up")]
    Reflection(#[source] tonic_reflection::server::Error),
}

/// The service whose health is the health of the streams: serving while every pipeline has samples.
pub(crate) const INTENTS: &str = "bci.v1.IntentService";
/// Answers as long as the daemon runs.
const TELEMETRY: &str = "bci.v1.TelemetryService";

/// The largest request, in bytes: none of ours comes near it.
const LARGEST_REQUEST: usize = 64 << 10;
/// Threads that serve, at most.
const MOST_THREADS: usize = 4;

/// Where a server is reached; bound already, so that what is taken by others is found before anything starts.
#[derive(Debug)]
pub struct Sockets {
    /// Over TCP.
    pub tcp: std::net::TcpListener,
    /// Encrypted so.
    pub tls: Option<TlsFiles>,
    /// On this machine only; the shorter way.
    pub local: Option<std::os::unix::net::UnixListener>,
}

/// A server on bound sockets, ready to run.
pub struct Server {
    tcp: TcpListener,
    local: Option<UnixListener>,
    services: Services,
    connections: Connections,
    access: Access,
}

impl Server {
    /// A server on `sockets`. Call inside a tokio runtime.
    ///
    /// # Errors
    /// [`ServerError::Socket`], [`ServerError::Tls`].
    pub fn new(
        sockets: Sockets,
        engine: Arc<dyn Engine>,
        publisher: Publisher,
        telemetry: Telemetry,
        access: Access,
    ) -> Result<Self, ServerError> {
        let Sockets { tcp, tls, local } = sockets;
        tcp.set_nonblocking(true).map_err(ServerError::Socket)?;
        let tcp = TcpListener::from_std(tcp).map_err(ServerError::Socket)?;
        let local = local.map(|local| {
            local.set_nonblocking(true)?;
            UnixListener::from_std(local)
        });
        let local = local.transpose().map_err(ServerError::Socket)?;
        let tls = tls.as_ref().map(acceptor).transpose().map_err(ServerError::Tls)?;
        Ok(Self {
            tcp,
            local,
            services: Services::new(engine, publisher, telemetry, &access),
            connections: Connections { counts: Arc::new(Counts::default()), most: access.connections, tls },
            access,
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
    /// [`ServerError::Reflection`], before anything is served.
    pub async fn run(self, stop: impl Future<Output = ()> + Send) -> Result<(), ServerError> {
        let Self { tcp, local, services, connections, access } = self;
        let (reporter, health) = tonic_health::server::health_reporter();
        let observer = tokio::spawn(observe(services.clone(), reporter));
        let (cors, door) = (origins(&access), Door::new(access));
        let routes = routes(&services, &door, &connections.counts, health)?;
        let stack = tower::ServiceBuilder::new().layer(cors).layer(DoorLayer(door)).service(routes);
        let (end, ending) = watch::channel(());
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let (shards, served) = Shards::start(processors.min(MOST_THREADS) - 1, stack.clone(), ending.clone());
        let over_tcp = async {
            let taking = connections.clone().tcp(tcp, shards, ending.clone());
            tokio::join!(taking, served);
        };
        let through_file = async {
            if let Some(local) = local {
                let begin = |connection| std::future::ready(Some(connection));
                transport::serve(connections.local(local), begin, stack, ending.clone()).await;
            }
        };
        let mut serving = pin!(async { tokio::join!(over_tcp, through_file) });
        tokio::select! {
            _ = &mut serving => {}
            () = stop => {
                let _ = end.send(());
                serving.await;
            }
        }
        observer.abort();
        Ok(())
    }
}

/// Everything that is served, behind the door.
fn routes<H>(services: &Services, door: &Door, counts: &Arc<Counts>, health: H) -> Result<Routes, ServerError>
where
    H: tower::Service<
            axum::http::Request<tonic::body::Body>,
            Response = axum::http::Response<tonic::body::Body>,
            Error = std::convert::Infallible,
        > + tonic::server::NamedService
        + Clone
        + Send
        + Sync
        + 'static,
    H::Future: Send + 'static,
{
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
    let of = || services.clone();
    let mut grpc = Routes::builder();
    grpc.add_service(IntentServiceServer::new(of()).max_decoding_message_size(LARGEST_REQUEST))
        .add_service(TelemetryServiceServer::new(of()).max_decoding_message_size(LARGEST_REQUEST))
        .add_service(DecoderServiceServer::new(of()).max_decoding_message_size(LARGEST_REQUEST))
        .add_service(RecordingServiceServer::new(of()).max_decoding_message_size(LARGEST_REQUEST))
        .add_service(ControlServiceServer::new(of()).max_decoding_message_size(LARGEST_REQUEST))
        .add_service(health)
        .add_service(v1)
        .add_service(v1alpha);
    let (told, counts, door) = (services.clone(), Arc::clone(counts), door.clone());
    let page = get(move || {
        let page = metrics::render(&told, &counts, door.refused());
        async move { ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], page) }
    });
    let pages = Router::new()
        .route("/metrics", page)
        .route("/v1/intents", get(web::intents::serve))
        .with_state(services.clone());
    // Browsers speak HTTP/1.1 to pages and gRPC-web to services: each to its own.
    let grpc = tower::ServiceBuilder::new().layer(GrpcWebLayer::new()).service(grpc.routes());
    Ok(Routes::from(pages.fallback_service(grpc)))
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
