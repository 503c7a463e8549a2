//! A proxy that speaks LSL's wire protocol and stands between a source and the daemon.
//!
//! It looks a source up in its own LSL session, answers look-ups in another as if it were that source, and passes on the
//! description, the samples and the clock's echoes. What it does to the samples on the way is asked for while it runs: freeze,
//! cut, delay, duplicate, reorder, corrupt, set another clock. Nobody on either side can tell it from the source.
//!
//! What it knows of the protocol (version 1.10): a look-up is a UDP datagram `LSL:shortinfo`, a query and where to answer; the
//! answer is the stream's description with its ports. A TCP connection begins with `LSL:fullinfo`, answered by the whole
//! description, or with `LSL:streamfeed/110` and headers, answered by headers, two samples of a known pattern, and the samples.
//! A sample is a tag (1: the stamp follows from the last, 2: an eight-byte stamp follows), the stamp and the values. Clocks are
//! compared over UDP, `LSL:timedata`.

mod discovery;
mod feed;
mod frames;
mod handshake;

pub use self::discovery::{Announced, Question, StandIn};
pub use self::frames::{Frames, Layout, restamp};
pub use self::handshake::{is_for_samples, is_headers, is_request, until};
use crate::World;
use std::net::{TcpListener, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What is done to samples on the way.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// Nothing goes on, and nothing is lost: it waits.
    pub frozen: bool,
    /// Everything comes so much later.
    pub delay: Duration,
    /// Every chunk that is passed on comes twice.
    pub duplicate: bool,
    /// Of each two samples the second comes first.
    pub reorder: bool,
    /// Every so manieth sample is left out; none with 0.
    pub leave_out_every: u64,
    /// Of every so manieth sample this byte, counted from its tag, becomes so; none with 0.
    pub corrupt: (u64, usize, u8),
    /// Added to every stamp, s.
    pub stamps_off_s: f64,
    /// Questions for the source's clock are not answered.
    pub no_clock: bool,
}

/// Shared by the proxy's threads.
pub(crate) struct Shared {
    pub(crate) faults: Mutex<Faults>,
    pub(crate) ended: AtomicBool,
    /// Grows when all connections are to be cut.
    pub(crate) cuts: std::sync::atomic::AtomicU64,
    pub(crate) source: Announced,
    pub(crate) layout: Layout,
    /// Samples passed on.
    pub(crate) passed: std::sync::atomic::AtomicU64,
}

impl Shared {
    pub(crate) fn faults(&self) -> Faults {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_over(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }
}

/// A source's stand-in; gone when dropped.
pub struct Proxy(Arc<Shared>);

impl Proxy {
    /// Stands in for the stream `name` of `source`'s world in that of `daemon`. Its samples are `channels` values of
    /// `value_bytes` each.
    ///
    /// # Panics
    /// When the stream does not answer.
    #[must_use]
    pub fn between(source: &World, daemon: &World, name: &str, layout: Layout) -> Self {
        let announced = Announced::find(source.session(), name);
        let feeds = TcpListener::bind("127.0.0.1:0").expect("a port");
        let clock = UdpSocket::bind("127.0.0.1:0").expect("a port");
        let port = |address: std::io::Result<std::net::SocketAddr>| address.expect("bound").port();
        let ports = (port(feeds.local_addr()), port(clock.local_addr()));
        let stand_in = announced.stand_in(daemon.session(), ports);
        let shared = Arc::new(Shared {
            faults: Mutex::default(),
            ended: AtomicBool::new(false),
            cuts: std::sync::atomic::AtomicU64::new(0),
            source: announced,
            layout,
            passed: std::sync::atomic::AtomicU64::new(0),
        });
        discovery::answer(stand_in.clone(), Arc::clone(&shared));
        feed::serve(feeds, stand_in, Arc::clone(&shared));
        feed::echo_clock(clock, Arc::clone(&shared));
        Self(shared)
    }

    /// Does this to the samples from now on.
    pub fn set(&self, change: impl FnOnce(&mut Faults)) {
        change(&mut self.0.lock());
    }

    /// Breaks every connection off, as a cable that is pulled and put back: in the middle of a sample, maybe.
    pub fn cut(&self) {
        self.0.cuts.fetch_add(1, Ordering::AcqRel);
    }

    /// Samples passed on so far.
    #[must_use]
    pub fn passed(&self) -> u64 {
        self.0.passed.load(Ordering::Acquire)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.0.ended.store(true, Ordering::Release);
        self.cut();
    }
}
