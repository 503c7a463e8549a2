//! The lanes of a pipeline: one or two decoders on one stream, each with a queue of windows and a thread of its own.
//!
//! Decoders that need the same of the stream share a signal path, and get the very same windows; others have a path each.
//! What the signal thread works with is built elsewhere and handed over; what it is done with is freed elsewhere.

mod burden;
mod registry;
mod work;

pub(crate) use self::registry::{Built, NoPlace, Place, Plan, Registry};
pub(crate) use self::work::Signal;
use crate::signal::SignalPath;
use crate::slots::WindowQueue;
use crate::spec::PipelineSpec;
use bci_models::Bundle;
use bci_rt::doorbell::Doorbell;
use bci_rt::edge::Reader;
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
