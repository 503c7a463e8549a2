//! HTTP/1.1 and HTTP/2 over connections that were taken in: what gRPC, gRPC-web, WebSocket and pages ride on.

use crate::access::Connection;
use axum::http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use std::convert::Infallible;
use std::pin::pin;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tonic::body::Body;
use tower::{Service, ServiceExt as _};

/// The largest headers of a request, in bytes, a token among them.
const LARGEST_HEADERS: u32 = 16 << 10;
/// Calls at once on a connection.
const CALLS: u32 = 1100;
/// What may wait for a client that does not read, on top of what the system holds, in bytes a call.
const WAITING: usize = 64 << 10;
/// What a client may send before it is read, in bytes a call and a connection.
const UNREAD: (u32, u32) = (64 << 10, 1 << 20);
/// A connection on which nothing is heard is asked whether it is there, and given up when it does not answer.
const ASK_AFTER: Duration = Duration::from_secs(15);
const ANSWER_WITHIN: Duration = Duration::from_secs(15);
/// From the first byte of headers to their last, at most.
const HEADERS_WITHIN: Duration = Duration::from_secs(10);

/// Serves what comes until `ending` changes, and what is open then until it has ended.
pub(crate) async fn serve<S>(
    mut incoming: mpsc::Receiver<Connection>,
    service: S,
    mut ending: watch::Receiver<()>,
) where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            connection = incoming.recv() => match connection {
                Some(connection) => {
                    open.spawn(one(connection, service.clone(), ending.clone()));
                }
                None => break,
            },
            Some(_) = open.join_next() => {}
            _ = ending.changed() => break,
        }
    }
    drop(incoming);
    while open.join_next().await.is_some() {}
}

/// One connection, to its end.
async fn one<S>(connection: Connection, service: S, mut ending: watch::Receiver<()>)
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    let from = connection.from();
    let each = service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(from.clone());
        service.clone().oneshot(request)
    });
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_WITHIN)
        .max_buf_size(2 * LARGEST_HEADERS as usize)
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(CALLS)
        .max_header_list_size(LARGEST_HEADERS)
        .max_send_buf_size(WAITING)
        .initial_stream_window_size(UNREAD.0)
        .initial_connection_window_size(UNREAD.1)
        .keep_alive_interval(ASK_AFTER)
        .keep_alive_timeout(ANSWER_WITHIN);
    let mut conversation = pin!(builder.serve_connection_with_upgrades(TokioIo::new(connection), each));
    let ended = tokio::select! {
        ended = &mut conversation => ended,
        _ = ending.changed() => {
            conversation.as_mut().graceful_shutdown();
            conversation.await
        }
    };
    if let Err(e) = ended {
        tracing::debug!(error = %e, "a connection ended badly");
    }
}
