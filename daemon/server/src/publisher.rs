//! The bounded broadcast from the engine to every subscriber.

use crate::engine::StreamStatus;
use bci_types::{Intent, Marker};
use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{Notify, broadcast};

/// Events a subscriber may be behind before it loses the oldest.
const BACKLOG: usize = 1024;
/// After so many events whoever counts them is woken, before it loses any.
const TOLD_EVERY: u64 = BACKLOG as u64 / 4;

/// What subscribers are told.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    Intent(Arc<Intent>),
    Marker(Arc<Marker>),
    Stream(Arc<StreamStatus>),
    /// The daemon drains: the stream ends.
    Closing,
}

/// An event, and how many there have been, this one included.
#[derive(Clone, Debug)]
pub(crate) struct Numbered {
    pub(crate) position: u64,
    pub(crate) event: Event,
}

/// Hands events to all subscribers; clones share them. Never waits for a subscriber, from any thread; of two that publish at once
/// one waits for the other's hand-over.
#[derive(Clone, Debug)]
pub struct Publisher {
    events: broadcast::Sender<Numbered>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// Another one each time.
    run: u64,
    closing: AtomicBool,
    dropped: AtomicU64,
    /// Events so far. Held while one is sent, so that their order is that of their numbers.
    sent: Mutex<u64>,
    /// The same, for whoever asks: only who publishes holds the lock.
    position: AtomicU64,
    /// Rings when a stream changed its state, when all ends, and now and then.
    changed: Notify,
}

impl Default for Publisher {
    fn default() -> Self {
        let shared = Shared {
            run: std::hash::RandomState::new().build_hasher().finish(),
            closing: AtomicBool::default(),
            dropped: AtomicU64::default(),
            sent: Mutex::default(),
            position: AtomicU64::default(),
            changed: Notify::default(),
        };
        Self { events: broadcast::channel(BACKLOG).0, shared: Arc::new(shared) }
    }
}

impl Publisher {
    /// A publisher without subscribers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A window was decoded.
    pub fn intent(&self, intent: impl Into<Arc<Intent>>) {
        self.send(Event::Intent(intent.into()));
    }

    /// Returns when a stream has changed its state since the last time, when all ends, and when many events have been sent.
    /// One waits at a time.
    pub(crate) async fn changed(&self) {
        self.shared.changed.notified().await;
    }

    /// Whether all ends.
    pub(crate) fn is_closing(&self) -> bool {
        self.shared.closing.load(Ordering::Acquire)
    }

    /// A marker arrived.
    pub fn marker(&self, marker: impl Into<Arc<Marker>>) {
        self.send(Event::Marker(marker.into()));
    }

    /// A stream changed its state.
    pub fn stream(&self, status: StreamStatus) {
        self.send(Event::Stream(Arc::new(status)));
        self.shared.changed.notify_one();
    }

    /// Ends every subscription after what was sent before, and refuses new ones.
    pub fn close(&self) {
        self.shared.closing.store(true, Ordering::Release);
        self.send(Event::Closing);
        self.shared.changed.notify_one();
    }

    /// Events that slow subscribers lost since start.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.shared.dropped.load(Ordering::Relaxed)
    }

    fn send(&self, event: Event) {
        let position = {
            let mut sent = self.shared.sent.lock().unwrap_or_else(PoisonError::into_inner);
            *sent += 1;
            // Without a receiver there is nobody to tell: no error.
            let _ = self.events.send(Numbered { position: *sent, event });
            // Afterwards: who reads it and then subscribes misses nothing behind it.
            self.shared.position.store(*sent, Ordering::Release);
            *sent
        };
        if position.is_multiple_of(TOLD_EVERY) {
            self.shared.changed.notify_one();
        }
    }

    /// This run, among those that clients may remember.
    pub(crate) fn run(&self) -> u64 {
        self.shared.run
    }

    /// Events so far.
    pub(crate) fn position(&self) -> u64 {
        self.shared.position.load(Ordering::Acquire)
    }

    /// `None` once closed.
    pub(crate) fn receive(&self) -> Option<broadcast::Receiver<Numbered>> {
        let receiver = self.events.subscribe();
        // Looked at after subscribing: a close in between is then seen either here or as an event.
        (!self.is_closing()).then_some(receiver)
    }

    pub(crate) fn note_dropped(&self, events: u64) {
        self.shared.dropped.fetch_add(events, Ordering::Relaxed);
    }
}
