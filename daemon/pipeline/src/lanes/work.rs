use super::{Attachment, Change, Handover, LANES, Route};
use crate::signal::{Continuity, Surroundings};
use crate::slots::WindowQueue;
use crate::status::{Counters, Status, count};
use crate::swap::Exchange;
use bci_rt::clock::Clock;
use std::sync::atomic::Ordering;

/// The signal thread's own.
pub(crate) struct Signal {
    current: Option<Box<Attachment>>,
    routes: [Option<Route>; LANES],
    /// A change that waits for its attachment.
    pending: Option<Box<Change>>,
    at: [Continuity; LANES],
    /// What paths count that no publishing lane has windows of.
    aside: Counters,
}

impl Signal {
    pub(crate) fn new(first: &Change) -> Self {
        Self {
            current: None,
            routes: first.routes.clone(),
            pending: None,
            at: [Continuity::default(); LANES],
            aside: Counters::default(),
        }
    }

    /// One pass: everything in the ring, and changes of attachment and lanes if some wait. Allocates and frees nothing.
    pub(crate) fn tick(
        &mut self,
        handover: &Handover,
        clock: &dyn Clock,
        status: &Status,
        exchange: &Exchange,
    ) {
        loop {
            // Looked at before the old ring is emptied: the source fills the new one only after it left the old.
            let next = handover.attachments.pop();
            self.drain(clock, status, exchange);
            if let Some(next) = next {
                self.begin_beside(&next);
                if let Some(old) = self.current.replace(next) {
                    // There is room: dropping it here would free memory on this thread.
                    let _ = handover.attachments_done.force_push(old);
                }
                self.settle_change(handover);
                continue;
            }
            if self.pending.is_none() {
                self.pending = handover.changes.pop();
            }
            if !self.settle_change(handover) {
                return;
            }
        }
    }

    /// Everything in the ring through every path, and its windows to every lane.
    fn drain(&mut self, clock: &dyn Clock, status: &Status, exchange: &Exchange) {
        let Self { current, routes, at, aside, .. } = self;
        let Some(a) = current else { return };
        while let Some(header) = a.reader.pop(&mut a.samples, &mut a.stamps) {
            let active = exchange.active();
            let counted = routes[active].as_ref().map_or(0, |route| route.path);
            // What is published does not wait for the filters of another.
            for place in [counted, 1 - counted] {
                let Some(path) = &mut a.paths[place] else { continue };
                let length = path.window_len();
                let reader =
                    |id: usize| routes[id].as_ref().filter(|r| r.path == place && r.queue.length() == length);
                let readers = [reader(active), reader(1 - active)];
                let counters = if place == counted { &status.counters } else { &*aside };
                let queues: [Option<&WindowQueue>; LANES] = readers.map(|r| r.map(|r| &r.queue));
                let (two, one);
                let queues: &[&WindowQueue] = match queues {
                    [Some(first), Some(second)] => {
                        two = [first, second];
                        &two
                    }
                    [Some(only), None] | [None, Some(only)] => {
                        one = [only];
                        &one
                    }
                    [None, None] => &[],
                };
                let around = Surroundings { clock, queues, counters };
                if path.process(header, &a.samples, &a.stamps, &mut at[place], &around) > 0 {
                    readers.iter().flatten().for_each(|reader| reader.bell.ring());
                    path.prepare();
                }
            }
            // Beside another decoder, what was given up may yet be published, of the other.
            if let (Some(route), true) =
                (&routes[active], routes[1 - active].is_none() || exchange.is_broken())
            {
                count(&status.counters.windows_skipped, route.queue.given_up().swap(0, Ordering::Relaxed));
            }
        }
    }

    /// Makes the change that waits, if its attachment is there; whether one was made or is no longer needed.
    fn settle_change(&mut self, handover: &Handover) -> bool {
        let here = self.current.as_ref().map_or(0, |a| a.number);
        let Some(mut change) = self.pending.take_if(|change| change.attachment <= here) else { return false };
        std::mem::swap(&mut self.routes, &mut change.routes);
        if let Some(current) = &mut self.current {
            for (place, (path, retired)) in current.paths.iter_mut().zip(&mut change.retired).enumerate() {
                if !self.routes.iter().flatten().any(|route| route.path == place) {
                    *retired = path.take();
                }
            }
        }
        if let Some((place, path)) = &mut change.path {
            let place = *place;
            self.at[place] = self.at[1 - place].before_any_window();
            // One that was built for an attachment of before is of no use: the present one was built with the lane.
            if let (Some(current), true) = (&mut self.current, change.attachment == here) {
                if let Some(beside) = &current.paths[1 - place] {
                    path.end_with(beside);
                }
                match &mut current.paths[place] {
                    Some(there) => std::mem::swap(there, path),
                    none => *none = change.path.take().map(|(_, path)| path),
                }
            }
        }
        let _ = handover.changes_done.force_push(change);
        true
    }

    /// Paths of the next attachment that were not there in this one begin at the same place of the stream as the other.
    fn begin_beside(&mut self, next: &Attachment) {
        let Some(current) = &self.current else { return };
        for place in 0..LANES {
            let (was, other) = (&current.paths[place], &current.paths[1 - place]);
            if was.is_none() && other.is_some() && next.paths[place].is_some() {
                self.at[place] = self.at[1 - place].with_windows_of(self.at[place]);
            }
        }
    }
}

#[cfg(test)]
mod tests;
