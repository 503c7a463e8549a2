use crate::design::DesignError;
use crate::run::{RetuneError, same_channels, simd::vectorised};
use bci_types::Hz;
use std::hint::select_unpredictable as select;

/// What [`ChannelFaults`] looks for.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FaultSpec {
    /// How long a channel must stay where it is to count as flat, in ms; `None` looks for no flat channels.
    pub flat_ms: Option<f64>,
    /// By how much it may stray from where it was when the run began, in the signal's unit; 0 or more.
    pub flat_eps_uv: f64,
    /// The magnitude from which on a sample counts as railed; `None` looks for no rails.
    pub rail_uv: Option<f64>,
}

/// What was found in a frame, among the channels watched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// A channel has been flat for as long as it takes.
    pub flat: bool,
    /// A sample is at or beyond the rails.
    pub railed: bool,
    /// Frames for which the channel that has been still for longest has not changed, whatever it takes to be flat.
    pub flat_since: u32,
}

/// Whether electrodes are dead: tells frame by frame, at a fraction of a nanosecond a sample.
///
/// Causal, without a window: a channel counts as flat from the frame that completes `flat_ms` until the frame in which it
/// moves. A NaN is neither flat nor railed, and a run begins anew behind it. Only `design` allocates.
#[derive(Clone, Debug)]
pub struct ChannelFaults {
    /// Frames of no change that make a channel flat; infinite when none do.
    flat_frames: f64,
    eps: f64,
    /// NaN, which nothing reaches, when there are none.
    rail: f64,
    /// Where each channel's run began.
    held: Box<[f64]>,
    /// The same after the frame that is being looked at: to write elsewhere is faster than in place.
    next: Box<[f64]>,
    /// Frames since.
    run: Box<[f64]>,
    /// All bits for channels watched, none for others.
    watched: Box<[u64]>,
}

/// The longest run that can be told.
const LONGEST: f64 = u32::MAX as f64;

impl ChannelFaults {
    /// Watches every channel. Allocates.
    ///
    /// # Errors
    /// Everything wrong at once: no channels, a `flat_ms` that is not at least a frame, a `flat_eps_uv` that is not 0 or
    /// more, a `rail_uv` that is not above 0.
    pub fn design(channels: usize, rate: Hz, spec: FaultSpec) -> Result<Self, Vec<DesignError>> {
        let mut mistakes = Vec::new();
        if channels == 0 {
            mistakes.push(DesignError::NoChannels);
        }
        let flat_frames = spec.flat_ms.map(|ms| (ms, ms * rate.get() / 1e3));
        if let Some((ms, _)) = flat_frames.filter(|(_, n)| !(*n >= 1.0 - 1e-9 && *n <= LONGEST)) {
            let most = LONGEST / rate.get() * 1e3;
            let must = format!("must be {} to {most} ms at {rate}", 1e3 / rate.get());
            mistakes.push(DesignError::setting("flat_ms", ms, must));
        }
        mistakes.extend(level_mistakes(spec.flat_eps_uv, spec.rail_uv));
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        Ok(Self {
            flat_frames: flat_frames.map_or(f64::INFINITY, |(_, n)| (n - 1e-6).ceil()),
            eps: spec.flat_eps_uv,
            rail: spec.rail_uv.unwrap_or(f64::NAN),
            held: vec![f64::NAN; channels].into_boxed_slice(),
            next: vec![f64::NAN; channels].into_boxed_slice(),
            run: vec![0.0; channels].into_boxed_slice(),
            watched: vec![u64::MAX; channels].into_boxed_slice(),
        })
    }

    /// Watches only the channels marked in `mask`, from the next frame on; runs go on being counted in all of them.
    /// Channels beyond the mask are not watched. Allocates nothing.
    pub fn watch(&mut self, mask: &[bool]) {
        let marks = mask.iter().copied().chain(std::iter::repeat(false));
        for (watched, marked) in self.watched.iter_mut().zip(marks) {
            *watched = if marked { u64::MAX } else { 0 };
        }
    }

    /// As designed, but for the channels watched: no frame has ever come.
    pub fn reset(&mut self) {
        self.held.fill(f64::NAN);
        self.run.fill(0.0);
    }

    /// Takes over what `ready` looks for; runs and the channels watched stay.
    ///
    /// # Errors
    /// [`RetuneError::Channels`].
    pub fn retune(&mut self, ready: &ChannelFaults) -> Result<(), RetuneError> {
        let (have, got) = (self.channels(), ready.channels());
        same_channels(have, got)?;
        self.flat_frames = ready.flat_frames;
        self.eps = ready.eps;
        self.rail = ready.rail;
        Ok(())
    }

    /// Looks at the next frame, one sample a channel.
    pub fn check(&mut self, frame: &[f64]) -> Faults {
        debug_assert_eq!(frame.len(), self.channels(), "one frame");
        let (longest, railed) = vectorised(
            #[inline(always)]
            || self.look(frame),
        );
        std::mem::swap(&mut self.held, &mut self.next);
        Faults { flat: longest >= self.flat_frames, railed, flat_since: longest as u32 }
    }

    /// Frames for which a channel has not changed, watched or not; `None` when there is no such channel.
    #[must_use]
    pub fn flat_since(&self, channel: usize) -> Option<u32> {
        self.run.get(channel).map(|&run| run as u32)
    }

    /// Channels a frame.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.run.len()
    }

    /// The longest run among channels watched, and whether one is at the rails.
    #[inline(always)]
    fn look(&mut self, frame: &[f64]) -> (f64, bool) {
        let Self { eps, rail, held, next, run, watched, .. } = self;
        let (mut longest, mut beyond) = (0, 0);
        let channels = next.iter_mut().zip(held.iter()).zip(run.iter_mut()).zip(watched.iter()).zip(frame);
        for ((((next, &held), run), &watched), &x) in channels {
            // Selected without a branch, which is what lets the channels go side by side.
            let steady = (x - held).abs() <= *eps;
            *next = select(steady, held, x);
            *run = select(steady, *run + 1.0, 0.0);
            // Numbers from 0 on are in the order of their bits, and whole numbers have a maximum that vectorises.
            longest = longest.max((run.to_bits() & watched) as i64);
            beyond |= select(x.abs() >= *rail, watched, 0);
        }
        (f64::from_bits(longest as u64), beyond != 0)
    }
}

/// What is wrong with how much a flat channel may move and with where the rails are.
pub(super) fn level_mistakes(flat_eps_uv: f64, rail_uv: Option<f64>) -> Vec<DesignError> {
    let mut found = Vec::new();
    if !(flat_eps_uv >= 0.0 && flat_eps_uv.is_finite()) {
        found.push(DesignError::setting("flat_eps_uv", flat_eps_uv, "must be 0 uV or more"));
    }
    if let Some(rail) = rail_uv.filter(|rail| !(*rail > 0.0 && rail.is_finite())) {
        found.push(DesignError::setting("rail_uv", rail, "must be above 0 uV"));
    }
    found
}
