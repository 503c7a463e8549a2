//! HTTP/1.1 and HTTP/2 over connections that were taken in: what gRPC, gRPC-web, WebSocket and pages ride on.

use crate::access::{Connection, Taken};
use axum::http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
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

/// What answers requests.
pub(crate) trait Answers:
    Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send> + Clone + Send + 'static
{
}

impl<S> Answers for S where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send>
        + Clone
        + Send
        + 'static
{
}

/// Serves connections until `ending` changes, and what is open then until it has ended. `begin` makes a connection of what comes.
pub(crate) async fn serve<T, F>(
    mut incoming: mpsc::Receiver<T>,
    begin: impl Fn(T) -> F,
    service: impl Answers,
    mut ending: watch::Receiver<()>,
) where
    F: Future<Output = Option<Connection>> + Send + 'static,
{
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            came = incoming.recv() => match came {
                Some(came) => {
                    let (begun, service, ending) = (begin(came), service.clone(), ending.clone());
                    open.spawn(async move {
                        if let Some(connection) = begun.await {
                            one(connection, service, ending).await;
                        }
                    });
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

/// Connections that one thread serves before others take part: a thread more would be woken by every intent, to no purpose.
const ALONE: usize = 8;

/// Threads among which connections are shared out, so that many do not wait for each other: the one that calls, and where there are
/// more connections than one thread should serve, others.
#[derive(Clone)]
pub(crate) struct Shards(Arc<[Shard]>);

#[derive(Clone)]
struct Shard {
    hand: mpsc::Sender<Taken>,
    /// Connections that it has, or is about to have.
    has: Arc<AtomicUsize>,
}

impl Shards {
    /// The caller's thread, and up to `more` others. What they serve ends when `ending` changes; the second part is done then.
    pub(crate) fn start(
        more: usize,
        service: impl Answers,
        ending: watch::Receiver<()>,
    ) -> (Self, impl Future<Output = ()>) {
        let mut shards = Vec::new();
        let (mut own, mut threads) = (None, Vec::new());
        for number in 0..=more {
            let (hand, handed) = mpsc::channel(64);
            let has = Arc::new(AtomicUsize::new(0));
            let counted = Arc::clone(&has);
            let begin = move |taken: Taken| {
                let counted = Counted(Arc::clone(&counted));
                async move {
                    let connection = taken.begin().await;
                    connection.map(|connection| connection.counted_by(counted))
                }
            };
            let serving = serve(handed, begin, service.clone(), ending.clone());
            if number == 0 {
                own = Some(serving);
            } else if let Some(ended) = thread(number + 1, serving) {
                threads.push(ended);
            } else {
                break;
            }
            shards.push(Shard { hand, has });
        }
        let ended = async move {
            if let Some(own) = own {
                own.await;
            }
            for thread in threads {
                // It is gone by then, or its connections do not matter any more.
                let _ = thread.await;
            }
        };
        (Self(shards.into()), ended)
    }

    /// Hands a connection to the thread that has fewest.
    pub(crate) async fn hand(&self, taken: Taken) {
        let has = |shard: &Shard| shard.has.load(Ordering::Relaxed);
        let fewest = || self.0.iter().min_by_key(|shard| has(shard));
        let shard = self.0.first().filter(|first| has(first) < ALONE).or_else(fewest);
        if let Some(shard) = shard {
            shard.has.fetch_add(1, Ordering::Relaxed);
            if shard.hand.send(taken).await.is_err() {
                shard.has.fetch_sub(1, Ordering::Relaxed);
            }
        }
    }
}

/// A connection that a thread has, for as long as it lives.
pub(crate) struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Does it on a thread of its own, and says when it is done.
fn thread(number: usize, work: impl Future<Output = ()> + Send + 'static) -> Option<oneshot::Receiver<()>> {
    let (done, ended) = oneshot::channel();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    let run = move || {
        runtime.block_on(work);
        let _ = done.send(());
    };
    std::thread::Builder::new().name(format!("net-{number}")).spawn(run).ok()?;
    Some(ended)
}

/// One connection, to its end.
async fn one(connection: Connection, service: impl Answers, mut ending: watch::Receiver<()>) {
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
