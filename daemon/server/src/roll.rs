//! Who subscribes now, and how far each is behind.

use crate::access::Caller;
use crate::publisher::Publisher;
use bci_types::HostNs;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Every subscription that lives; clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Roll(Arc<Mutex<Entries>>);

#[derive(Debug, Default)]
struct Entries {
    /// So many came, so far.
    came: u64,
    here: BTreeMap<u64, Arc<Entry>>,
}

/// One subscription.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) number: u64,
    pub(crate) caller: Caller,
    pub(crate) pipeline: String,
    pub(crate) since: HostNs,
    /// Responses handed to its transport.
    sent: AtomicU64,
    /// How many events had been when it was last served.
    position: AtomicU64,
    dropped: AtomicU64,
}

impl Entry {
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Events that wait for it, of those that there have been.
    pub(crate) fn behind(&self, publisher: &Publisher) -> u64 {
        publisher.position().saturating_sub(self.position.load(Ordering::Relaxed))
    }
}

impl Roll {
    /// Takes a subscription down, for as long as what is returned lives.
    pub(crate) fn enter(&self, caller: Caller, pipeline: String, since: HostNs, position: u64) -> Present {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.came += 1;
        let entry = Arc::new(Entry {
            number: entries.came,
            caller,
            pipeline,
            since,
            sent: AtomicU64::new(0),
            position: AtomicU64::new(position),
            dropped: AtomicU64::new(0),
        });
        entries.here.insert(entry.number, Arc::clone(&entry));
        Present { roll: self.clone(), entry }
    }

    /// All, in the order in which they came.
    pub(crate) fn all(&self) -> Vec<Arc<Entry>> {
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.here.values().cloned().collect()
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).here.len()
    }
}

/// A subscription that is there.
#[derive(Debug)]
pub(crate) struct Present {
    roll: Roll,
    entry: Arc<Entry>,
}

impl Present {
    /// It was served up to this position.
    pub(crate) fn at(&self, position: u64) {
        self.entry.position.store(position, Ordering::Relaxed);
    }

    /// A response goes to its transport.
    pub(crate) fn sent(&self) {
        self.entry.sent.fetch_add(1, Ordering::Relaxed);
    }

    /// It lost so many events.
    pub(crate) fn dropped(&self, events: u64) {
        self.entry.dropped.fetch_add(events, Ordering::Relaxed);
    }
}

impl Drop for Present {
    fn drop(&mut self) {
        let mut entries = self.roll.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.here.remove(&self.entry.number);
    }
}
