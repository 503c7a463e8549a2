//! Connections: counted, bounded, and not held open by those who say nothing.

use super::caller::Peer;
use crate::transport::{Counted, Shards};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{mpsc, watch};
use tokio::time::Sleep;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// From the connection to its encryption, and from there to its first request, at most.
const SPEAK_WITHIN: Duration = Duration::from_secs(10);
/// Refusals are logged so often at most.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// What became of connections.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Open now.
    pub(crate) open: AtomicUsize,
    /// Not taken, for there were too many.
    pub(crate) refused: AtomicU64,
    /// Ended, for no encryption came about, or nothing was asked.
    pub(crate) failed: AtomicU64,
}

/// Takes connections in.
#[derive(Clone)]
pub(crate) struct Connections {
    pub(crate) counts: Arc<Counts>,
    /// At once, at most.
    pub(crate) most: usize,
    pub(crate) tls: Option<TlsAcceptor>,
}

/// An open connection, for as long as it lives.
struct Open(Arc<Counts>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Connections {
    fn admit(&self) -> Option<Open> {
        let counts = &self.counts;
        let before = counts.open.fetch_add(1, Ordering::Relaxed);
        let open = Open(Arc::clone(counts));
        if before < self.most {
            return Some(open);
        }
        counts.refused.fetch_add(1, Ordering::Relaxed);
        None
    }

    /// Takes in those that come over TCP, and hands each to one of `shards`.
    pub(crate) async fn tcp(self, listener: TcpListener, shards: Shards, mut ending: watch::Receiver<()>) {
        let mut complaint = Complaint::default();
        loop {
            let taken = tokio::select! {
                taken = listener.accept() => taken,
                _ = ending.changed() => return,
            };
            let (stream, address) = match taken {
                Ok(taken) => taken,
                Err(e) => {
                    complaint.tell(|n| tracing::warn!(error = %e, times = n, "a connection cannot be taken"));
                    breathe().await;
                    continue;
                }
            };
            let Some(open) = self.admit() else {
                let most = self.most;
                complaint.tell(
                    |n| tracing::warn!(peer = %address, most, times = n, "there are too many connections: refused"),
                );
                continue;
            };
            // Without TCP_NODELAY an event waits up to 40 ms for the peer's delayed acknowledgement.
            let _ = stream.set_nodelay(true);
            if let Ok(stream) = stream.into_std() {
                shards.hand(Taken { stream, address, tls: self.tls.clone(), open }).await;
            }
        }
    }

    /// Those that come through the local socket.
    pub(crate) fn local(&self, listener: UnixListener) -> mpsc::Receiver<Connection> {
        let (tell, told) = mpsc::channel(64);
        let this = self.clone();
        tokio::spawn(async move {
            loop {
                let taken = tokio::select! {
                    taken = listener.accept() => taken,
                    () = tell.closed() => return,
                };
                let Ok((stream, _)) = taken else {
                    breathe().await;
                    continue;
                };
                let Some(open) = this.admit() else { continue };
                let connection = Connection::new(Stream::Local(stream), Peer::Local, open);
                if tell.send(connection).await.is_err() {
                    return;
                }
            }
        });
        told
    }
}

/// A connection that was taken in, on its way to the thread that serves it.
pub(crate) struct Taken {
    stream: std::net::TcpStream,
    address: SocketAddr,
    tls: Option<TlsAcceptor>,
    open: Open,
}

impl Taken {
    /// On the thread that serves it: encrypted, where that is asked for; nothing where that does not come about.
    pub(crate) async fn begin(self) -> Option<Connection> {
        let Self { stream, address, tls, open } = self;
        // An address of IPv4 is one, whichever way it came in: the loopback's, too.
        let peer = Peer::Address(SocketAddr::new(address.ip().to_canonical(), address.port()));
        let stream = TcpStream::from_std(stream).ok()?;
        let Some(tls) = tls else {
            return Some(Connection::new(Stream::Plain(stream), peer, open));
        };
        let failed = |open: &Open| open.0.failed.fetch_add(1, Ordering::Relaxed);
        match tokio::time::timeout(SPEAK_WITHIN, tls.accept(stream)).await {
            Ok(Ok(stream)) => return Some(Connection::new(Stream::Tls(Box::new(stream)), peer, open)),
            Ok(Err(e)) => tracing::warn!(%peer, error = %e, "no encrypted connection came about"),
            Err(_) => tracing::warn!(%peer, "no encrypted connection came about in time"),
        }
        failed(&open);
        None
    }
}

/// After an error a pause: without free file descriptors the next one follows at once, and nothing else would be served.
async fn breathe() {
    tokio::time::sleep(Duration::from_millis(50)).await;
}

/// What would fill the log if it were told each time.
#[derive(Default)]
struct Complaint {
    told: Option<Instant>,
    times: u64,
}

impl Complaint {
    fn tell(&mut self, say: impl FnOnce(u64)) {
        self.times += 1;
        if self.told.is_none_or(|told| told.elapsed() >= TELL_EVERY) {
            say(std::mem::take(&mut self.times));
            self.told = Some(Instant::now());
        }
    }
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    Local(UnixStream),
}

/// A connection whose peer is known. It ends if nothing is asked over it soon.
pub(crate) struct Connection {
    stream: Stream,
    from: From,
    /// `None` once something was asked.
    patience: Option<Pin<Box<Sleep>>>,
    open: Open,
    /// By the thread that serves it.
    _counted: Option<Counted>,
}

/// Where a request comes from; with it goes whether anything was asked before.
#[derive(Clone, Debug)]
pub(crate) struct From {
    pub(crate) peer: Peer,
    pub(crate) spoke: Arc<AtomicBool>,
}

impl Connection {
    fn new(stream: Stream, peer: Peer, open: Open) -> Self {
        let from = From { peer, spoke: Arc::default() };
        Self {
            stream,
            from,
            patience: Some(Box::pin(tokio::time::sleep(SPEAK_WITHIN))),
            open,
            _counted: None,
        }
    }

    /// One that a thread counts among its own.
    pub(crate) fn counted_by(self, counted: Counted) -> Self {
        Self { _counted: Some(counted), ..self }
    }

    /// Where what is asked over it comes from.
    pub(crate) fn from(&self) -> From {
        self.from.clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.from.spoke.load(Ordering::Relaxed) {
            this.patience = None;
        }
        if let Some(patience) = &mut this.patience
            && patience.as_mut().poll(cx).is_ready()
        {
            this.patience = None;
            this.open.0.failed.fetch_add(1, Ordering::Relaxed);
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        match &mut this.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Stream::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
            Stream::Local(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Stream::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
            Stream::Local(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Stream::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Stream::Local(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Stream::Plain(stream) => stream.is_write_vectored(),
            Stream::Tls(stream) => stream.is_write_vectored(),
            Stream::Local(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Local(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Local(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
