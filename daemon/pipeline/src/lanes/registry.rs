use super::burden::{MOST, burden};
use super::{Change, LANES, LaneSpec, Paths};
use crate::bind::bind;
use crate::signal::SignalPath;
use crate::spec::PipelineSpec;
use crate::swap::LaneId;
use bci_config::Mistake;
use bci_models::Bundle;
use bci_types::StreamSpec;
use std::sync::Arc;

/// The lanes as whoever builds signal paths knows them.
pub(crate) struct Registry {
    lanes: [Option<LaneSpec>; LANES],
    attached: Option<Attached>,
    /// Grows with every change: what was built for an earlier one is built again.
    version: u64,
}

/// The stream attached now or last, its largest chunk, and the number of the attachment.
#[derive(Clone)]
struct Attached {
    stream: StreamSpec,
    frames: usize,
    number: u64,
}

/// The lanes as they were, to build paths for without holding anybody up.
pub(crate) struct Plan {
    lanes: [Option<LaneSpec>; LANES],
    attached: Option<Attached>,
    version: u64,
    /// The lane that publishes.
    pub(crate) active: LaneId,
}

/// The paths for an attachment.
pub(crate) struct Built {
    pub(crate) paths: Paths,
    /// From one window to the next, in frames of the stream; `None` without a path.
    pub(crate) periods: [Option<f64>; LANES],
    /// Why a lane has no path.
    pub(crate) unfit: [Option<String>; LANES],
}

/// Where a candidate has its windows from.
pub(crate) struct Place {
    place: usize,
    /// Its own path; `None` when it shares one, or there is no stream yet.
    path: Option<Box<SignalPath>>,
    /// From one window to the next, in frames of the stream, where that is known.
    pub(crate) period: Option<f64>,
}

/// Why a candidate has no windows.
pub(crate) enum NoPlace {
    Mistakes(Vec<Mistake>),
    /// Every path is in use.
    None,
}

impl Registry {
    pub(crate) fn new(first: LaneSpec) -> Self {
        Self { lanes: [Some(first), None], attached: None, version: 0 }
    }

    /// How it is now; `active` publishes.
    pub(crate) fn plan(&self, active: LaneId) -> Plan {
        Plan { lanes: self.lanes.clone(), attached: self.attached.clone(), version: self.version, active }
    }

    /// Whether nothing has changed since.
    pub(crate) fn is_as(&self, plan: &Plan) -> bool {
        self.version == plan.version
    }

    /// A source was attached; the number of the attachment.
    pub(crate) fn attached(&mut self, stream: &StreamSpec, frames: usize) -> u64 {
        self.version += 1;
        let number = self.attached.as_ref().map_or(0, |attached| attached.number) + 1;
        self.attached = Some(Attached { stream: stream.clone(), frames, number });
        number
    }

    /// Adds a lane that has its windows from `place`; what the signal thread has to be told.
    pub(crate) fn add(&mut self, id: LaneId, mut lane: LaneSpec, place: Place) -> Box<Change> {
        let Place { place, path, .. } = place;
        lane.route.path = place;
        self.version += 1;
        self.lanes[id] = Some(lane);
        self.change(path.map(|path| (place, path)))
    }

    /// Takes a lane away; what the signal thread has to be told.
    pub(crate) fn remove(&mut self, id: LaneId) -> Box<Change> {
        self.forget(id);
        self.change(None)
    }

    /// Takes a lane away whose decoder is gone. Its windows are given up until the signal thread is told of another.
    pub(crate) fn forget(&mut self, id: LaneId) {
        self.version += 1;
        self.lanes[id] = None;
    }

    /// The lane's decoder.
    pub(crate) fn bundle(&self, id: LaneId) -> Option<Arc<Bundle>> {
        self.lanes[id].as_ref().map(|lane| Arc::clone(&lane.bundle))
    }

    pub(crate) fn change(&self, path: Option<(usize, Box<SignalPath>)>) -> Box<Change> {
        let routes = self.lanes.each_ref().map(|lane| lane.as_ref().map(|lane| lane.route.clone()));
        let attachment = self.attached.as_ref().map_or(0, |attached| attached.number);
        Box::new(Change { attachment, routes, path, retired: [None, None] })
    }
}

impl Plan {
    /// Designs the signal paths of all lanes for a new attachment. The decoder that publishes decides whether the stream is
    /// taken; another that does not fit goes without.
    ///
    /// # Errors
    /// Every mistake of the decoder that publishes, a line each.
    pub(crate) fn design(&self, stream: &StreamSpec, frames: usize) -> Result<Built, String> {
        let mut built = Built { paths: [None, None], periods: [None; LANES], unfit: [None, None] };
        for id in [self.active, 1 - self.active] {
            let Some(lane) = &self.lanes[id] else { continue };
            let place = lane.route.path;
            if built.paths[place].is_none() {
                match bind(&lane.spec, &lane.bundle, stream, frames) {
                    Ok(path) => built.paths[place] = Some(Box::new(path)),
                    Err(found) if id == self.active => return Err(lines(&found)),
                    Err(found) => built.unfit[id] = Some(lines(&found)),
                }
            }
            built.periods[id] = built.paths[place].as_ref().map(|path| path.period_frames());
        }
        // Where both come as often, windows end with the same frames: so that they can be compared.
        if let Some(active) = &self.lanes[self.active] {
            let (first, second) = built.paths.split_at_mut(1);
            if let (Some(first), Some(second)) = (&mut first[0], &mut second[0]) {
                let (active, other) = if active.route.path == 0 { (first, second) } else { (second, first) };
                other.end_with(active);
            }
        }
        Ok(built)
    }

    /// Where a candidate would have its windows from. Designs a path where it needs one of its own, and looks how much time
    /// that takes.
    ///
    /// # Errors
    /// Every mistake of its decoder against the stream; or when its filters are too slow, or every path is in use.
    pub(crate) fn place(&self, spec: &PipelineSpec, bundle: &Bundle) -> Result<Place, NoPlace> {
        let lanes = || self.lanes.iter().flatten();
        if let Some(like) = lanes().find(|lane| same_windows(&lane.bundle, bundle)) {
            let design = |a: &Attached| bind(&like.spec, &like.bundle, &a.stream, a.frames);
            let period = self.attached.as_ref().and_then(|a| design(a).ok()).map(|path| path.period_frames());
            return Ok(Place { place: like.route.path, path: None, period });
        }
        let free = (0..LANES).find(|place| lanes().all(|lane| lane.route.path != *place));
        let place = free.ok_or(NoPlace::None)?;
        let Some(Attached { stream, frames, .. }) = &self.attached else {
            return Ok(Place { place, path: None, period: None });
        };
        let design = || bind(spec, bundle, stream, *frames).map_err(NoPlace::Mistakes);
        // What was tried has memory and knows another time: it is not the one that is used.
        let share = burden(design()?);
        if share > MOST {
            return Err(NoPlace::Mistakes(vec![Mistake::elsewhere(format!(
                "the filters of {} take {:.0} % of real time or more on this machine, must be {:.0} % at most: they would run on the thread of the decoder that publishes",
                bundle.identity.name,
                share * 100.0,
                MOST * 100.0
            ))]));
        }
        let path = Box::new(design()?);
        Ok(Place { place, period: Some(path.period_frames()), path: Some(path) })
    }
}

fn lines(found: &[Mistake]) -> String {
    found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
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
