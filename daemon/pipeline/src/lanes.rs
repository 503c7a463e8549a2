//! The lanes of a pipeline: one or two decoders on one stream, each with a queue of windows and a thread of its own.
//!
//! Decoders that need the same of the stream share a signal path, and get the very same windows; others have a path each.
//! What the signal thread works with is built elsewhere and handed over; what it is done with is freed elsewhere.

use crate::bind::{bind, check};
use crate::signal::{Continuity, SignalPath, Surroundings};
use crate::slots::WindowQueue;
use crate::spec::PipelineSpec;
use crate::status::{Counters, Status};
use crate::swap::{Exchange, LaneId};
use bci_models::Bundle;
use bci_rt::clock::Clock;
use bci_rt::doorbell::Doorbell;
use bci_rt::edge::Reader;
use bci_types::{Rate, StreamSpec};
use crossbeam_queue::ArrayQueue;
use std::sync::Arc;

/// The most lanes of a pipeline: one that publishes and one in its shadow.
pub(crate) const LANES: usize = 2;

/// The signal paths that lanes have their windows from.
pub(crate) type Paths = [Option<Box<SignalPath>>; LANES];

/// What a lane is, for whoever builds signal paths.
#[derive(Clone)]
pub(crate) struct LaneSpec {
    pub(crate) spec: Arc<PipelineSpec>,
    pub(crate) bundle: Arc<Bundle>,
    pub(crate) route: Route,
}

/// Where a lane's windows go, and which signal path they come from.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    pub(crate) queue: WindowQueue,
    pub(crate) bell: Doorbell,
    pub(crate) path: usize,
}

/// One attachment of a source: its ring, room for one chunk, and the signal paths.
pub(crate) struct Attachment {
    /// Which attachment of the pipeline, from 1.
    pub(crate) number: u64,
    pub(crate) reader: Reader,
    pub(crate) samples: Box<[f64]>,
    pub(crate) stamps: Box<[f64]>,
    pub(crate) paths: Paths,
}

/// A lane comes or goes: what the signal thread takes over, and gives back what it had in its place.
pub(crate) struct Change {
    /// The attachment that the path was built for; 0 where there was none.
    pub(crate) attachment: u64,
    pub(crate) routes: [Option<Route>; LANES],
    /// A path and its place.
    pub(crate) path: Option<(usize, Box<SignalPath>)>,
    /// On the way back: paths that no lane needs any more.
    pub(crate) retired: Paths,
}

/// What the signal thread shares with others.
pub(crate) struct Handover {
    pub(crate) attachments: ArrayQueue<Box<Attachment>>,
    pub(crate) attachments_done: ArrayQueue<Box<Attachment>>,
    pub(crate) changes: ArrayQueue<Box<Change>>,
    pub(crate) changes_done: ArrayQueue<Box<Change>>,
}

/// Attachments that may wait for the signal thread: a source that comes and goes faster than that is made to wait.
const WAITING_ATTACHMENTS: usize = 4;
/// Changes of lanes that may wait.
const WAITING_CHANGES: usize = 8;

impl Handover {
    pub(crate) fn new() -> Self {
        Self {
            attachments: ArrayQueue::new(WAITING_ATTACHMENTS),
            // The source empties the way out before it puts one more in. Meanwhile no more can be retired than wait, the one
            // that comes, and one that the signal thread had taken but not yet put in its place.
            attachments_done: ArrayQueue::new(WAITING_ATTACHMENTS + 2),
            changes: ArrayQueue::new(WAITING_CHANGES),
            changes_done: ArrayQueue::new(WAITING_CHANGES + 2),
        }
    }
}

/// The lanes as whoever builds signal paths knows them.
pub(crate) struct Registry {
    lanes: [Option<LaneSpec>; LANES],
    /// The stream attached now or last, its largest chunk, and the number of the attachment.
    attached: Option<(StreamSpec, usize, u64)>,
}

impl Registry {
    pub(crate) fn new(first: LaneSpec) -> Self {
        Self { lanes: [Some(first), None], attached: None }
    }

    /// The signal paths of all lanes for a new attachment, and its number.
    pub(crate) fn attach(
        &mut self,
        stream: &StreamSpec,
        frames: usize,
        exchange: &Exchange,
    ) -> Result<(Paths, u64), String> {
        let mut paths: Paths = [None, None];
        for lane in self.lanes.iter().flatten() {
            let place = &mut paths[lane.route.path];
            if place.is_none() {
                let told = |found: Vec<bci_config::Mistake>| {
                    found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
                };
                *place = Some(Box::new(bind(&lane.spec, &lane.bundle, stream, frames).map_err(told)?));
            }
        }
        let number = self.attached.as_ref().map_or(0, |(_, _, n)| *n) + 1;
        self.attached = Some((stream.clone(), frames, number));
        self.tell_periods(exchange);
        Ok((paths, number))
    }

    /// Tells how often each lane's windows come on the stream attached now.
    pub(crate) fn tell_periods(&self, exchange: &Exchange) {
        let Some((StreamSpec { rate: Rate::Regular(stated), .. }, ..)) = &self.attached else { return };
        for (id, lane) in self.lanes.iter().enumerate() {
            let Some(LaneSpec { spec, bundle, .. }) = lane else { continue };
            let rate = spec.rate.as_ref().map_or(*stated, |rate| rate.value);
            if let Ok(binding) = check(spec, bundle) {
                exchange.set_period(id, binding.hop_ms * 1e-3 * rate.get());
            }
        }
    }

    /// Adds a lane, with the path it needs; what the signal thread has to be told.
    ///
    /// # Errors
    /// Every mistake of its decoder against the stream.
    pub(crate) fn add(
        &mut self,
        id: LaneId,
        spec: Arc<PipelineSpec>,
        bundle: Arc<Bundle>,
        queue: WindowQueue,
        bell: Doorbell,
    ) -> Result<Box<Change>, Vec<bci_config::Mistake>> {
        let like = self.lanes.iter().flatten().find(|lane| same_windows(&lane.bundle, &bundle));
        let taken = |path: usize| self.lanes.iter().flatten().any(|lane| lane.route.path == path);
        let (path, built) = match like {
            Some(lane) => (lane.route.path, None),
            None => {
                let place = (0..LANES).find(|place| !taken(*place)).unwrap_or(id);
                let built = match &self.attached {
                    Some((stream, frames, _)) => Some(Box::new(bind(&spec, &bundle, stream, *frames)?)),
                    None => None,
                };
                (place, built)
            }
        };
        self.lanes[id] = Some(LaneSpec { spec, bundle, route: Route { queue, bell, path } });
        Ok(self.change(built.map(|built| (path, built))))
    }

    /// Takes a lane away; what the signal thread has to be told.
    pub(crate) fn remove(&mut self, id: LaneId) -> Box<Change> {
        self.lanes[id] = None;
        self.change(None)
    }

    /// The lane's decoder.
    pub(crate) fn bundle(&self, id: LaneId) -> Option<Arc<Bundle>> {
        self.lanes[id].as_ref().map(|lane| Arc::clone(&lane.bundle))
    }

    pub(crate) fn change(&self, path: Option<(usize, Box<SignalPath>)>) -> Box<Change> {
        let routes = self.lanes.each_ref().map(|lane| lane.as_ref().map(|lane| lane.route.clone()));
        let attachment = self.attached.as_ref().map_or(0, |(_, _, number)| *number);
        Box::new(Change { attachment, routes, path, retired: [None, None] })
    }
}

/// Whether two decoders take the very same windows of the stream.
fn same_windows(a: &Bundle, b: &Bundle) -> bool {
    let steps = |bundle: &Bundle| bundle.preprocessing.iter().map(|s| s.spec.clone()).collect::<Vec<_>>();
    let (i, j) = (&a.input, &b.input);
    i.channels.value == j.channels.value
        && i.unit == j.unit
        && i.rate.value == j.rate.value
        && i.window_samples.value == j.window_samples.value
        && i.hop_samples.value == j.hop_samples.value
        && i.feed == j.feed
        && steps(a) == steps(b)
}

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
            for (place, path) in a.paths.iter_mut().enumerate() {
                let Some(path) = path else { continue };
                let length = path.window_len();
                let mut readers = [None, None];
                // The lane that publishes first: what it misses is counted.
                for (reader, id) in readers.iter_mut().zip([active, 1 - active]) {
                    *reader = routes[id].as_ref().filter(|r| r.path == place && r.queue.length() == length);
                }
                let counters = if place == counted { &status.counters } else { &*aside };
                let queues: [Option<&WindowQueue>; LANES] = readers.map(|r| r.map(|r| &r.queue));
                let due = match queues {
                    [Some(a_queue), Some(b)] => {
                        let around = Surroundings { clock, queues: &[a_queue, b], counters };
                        path.process(header, &a.samples, &a.stamps, &mut at[place], &around)
                    }
                    [Some(one), None] | [None, Some(one)] => {
                        let around = Surroundings { clock, queues: &[one], counters };
                        path.process(header, &a.samples, &a.stamps, &mut at[place], &around)
                    }
                    [None, None] => {
                        let around = Surroundings { clock, queues: &[], counters };
                        path.process(header, &a.samples, &a.stamps, &mut at[place], &around)
                    }
                };
                if due > 0 {
                    readers.iter().flatten().for_each(|reader| reader.bell.ring());
                }
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
        // One that was built for an attachment of before is of no use: the present one was built with the lane.
        if let (Some((place, path)), Some(current)) = (&mut change.path, &mut self.current)
            && change.attachment == here
        {
            let other = self.at[1 - *place];
            self.at[*place] = other.before_any_window();
            if let Some(beside) = &current.paths[1 - *place] {
                path.end_with(beside);
            }
            match &mut current.paths[*place] {
                Some(there) => std::mem::swap(there, path),
                none => *none = change.path.take().map(|(_, path)| path),
            }
        }
        let _ = handover.changes_done.force_push(change);
        true
    }
}
