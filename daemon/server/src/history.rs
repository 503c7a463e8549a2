//! The newest events, for subscribers that come back.

use crate::publisher::{Numbered, Publisher};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::TryRecvError;

/// Events that are remembered, at most.
pub(crate) const REMEMBERED: usize = 4096;

/// The newest [`REMEMBERED`] events; clones share them.
///
/// It is a subscriber like any other: whoever publishes does not know of it. Events are taken in when somebody comes back, and when
/// [`History::catch_up`] is called.
#[derive(Clone, Debug)]
pub(crate) struct History(Arc<Mutex<Kept>>);

#[derive(Debug)]
struct Kept {
    events: Option<Receiver<Numbered>>,
    kept: VecDeque<Numbered>,
}

impl History {
    /// Of what `publisher` publishes from now on.
    pub(crate) fn of(publisher: &Publisher) -> Self {
        Self(Arc::new(Mutex::new(Kept { events: publisher.receive(), kept: VecDeque::new() })))
    }

    /// Takes in what happened. To be called now and then, before the publisher's backlog is full.
    pub(crate) fn catch_up(&self) {
        drop(self.caught_up());
    }

    /// Every event behind `position` that is remembered, in order.
    pub(crate) fn behind(&self, position: u64) -> Vec<Numbered> {
        let caught_up = self.caught_up();
        let first = caught_up.kept.partition_point(|event| event.position <= position);
        caught_up.kept.range(first..).cloned().collect()
    }

    fn caught_up(&self) -> MutexGuard<'_, Kept> {
        let mut found = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Kept { events, kept } = &mut *found;
        let Some(events) = events else { return found };
        loop {
            match events.try_recv() {
                Ok(event) => {
                    if kept.len() == REMEMBERED {
                        kept.pop_front();
                    }
                    kept.push_back(event);
                }
                // Positions tell how many.
                Err(TryRecvError::Lagged(_)) => {}
                Err(TryRecvError::Empty | TryRecvError::Closed) => return found,
            }
        }
    }
}
