use super::feed::Note;
use crate::faults::{FaultSpec, Handling};
use bci_dsp::run::{ChannelFaults, FaultSpec as FlatSearch, all_below};
use bci_types::{Hz, Validity};

/// A million volts, in uV. What claims more is no voltage and is treated like infinity, which it would become in the
/// filters or in single precision.
const LARGEST_UV: f64 = 1e12;

/// Finds what is wrong with frames and knows what they could be replaced by; owned by the signal thread.
///
/// Frames are in uV. Channels that nothing depends on are mended like the others but are no reason to distrust.
#[derive(Debug)]
pub(super) struct Repair {
    spec: FaultSpec,
    /// Which channels reach the decoder.
    used: Box<[bool]>,
    /// A magnitude that is not below this is no good value.
    limit: f64,
    /// The last good value of each channel.
    last: Box<[f64]>,
    flat: Option<ChannelFaults>,
    bridges: Bridges,
    /// Frames that wait for a good one to be interpolated to; what is spoilt is NaN in them.
    waiting: Box<[f64]>,
    notes: Box<[Note]>,
    held: usize,
    /// Why they wait.
    held_for: Validity,
    /// The causes of the fault that lasts now and is not bridged.
    lasting: Validity,
    /// There was a frame whose channels in use were all good.
    begun: bool,
    /// Frames since the last hole.
    since_hole: u64,
}

/// What is wrong with a frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct Looked {
    /// In the channels in use.
    pub(super) causes: Validity,
    /// Whether a channel, in use or not, has no good value.
    pub(super) dirty: bool,
}

impl Looked {
    pub(super) fn is_clean(self) -> bool {
        self.causes.is_valid() && !self.dirty
    }
}

/// The longest fault that is bridged, in frames.
#[derive(Clone, Copy, Debug)]
struct Bridges {
    gap: usize,
    not_finite: usize,
    railed: usize,
}

impl Repair {
    pub(super) fn new(spec: FaultSpec, used: Vec<bool>, rate: Hz) -> Result<Self, String> {
        let frames = |ms: f64| (ms * 1e-3 * rate.get() + 1e-9).max(0.0) as usize;
        let bridges = Bridges {
            gap: frames(spec.gap.bridge_ms),
            not_finite: frames(spec.not_finite.bridge_ms),
            railed: frames(spec.railed.bridge_ms),
        };
        let room = bridges.gap.max(bridges.not_finite).max(bridges.railed);
        let channels = used.len();
        let limit = spec.rail_uv.unwrap_or(LARGEST_UV).min(LARGEST_UV);
        let flat = match spec.flat_ms {
            Some(flat_ms) => {
                let search = FlatSearch { flat_ms: Some(flat_ms), flat_eps_uv: 0.0, rail_uv: None };
                let mut faults = ChannelFaults::design(channels, rate, search)
                    .map_err(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))?;
                faults.watch(&used);
                Some(faults)
            }
            None => None,
        };
        Ok(Self {
            spec,
            used: used.into_boxed_slice(),
            limit,
            last: vec![0.0; channels].into_boxed_slice(),
            flat,
            bridges,
            waiting: vec![0.0; room * channels].into_boxed_slice(),
            notes: vec![Note::default(); room].into_boxed_slice(),
            held: 0,
            held_for: Validity::VALID,
            lasting: Validity::VALID,
            begun: false,
            since_hole: 0,
        })
    }

    /// What is wrong with this frame.
    pub(super) fn look(&mut self, frame: &[f64]) -> Looked {
        let mut causes = Validity::VALID;
        if self.flat.as_mut().is_some_and(|flat| flat.check(frame).flat) {
            causes = causes.with(Validity::FLAT);
        }
        let dirty = !all_below(frame, self.limit);
        if dirty {
            for (&x, _) in frame.iter().zip(&self.used).filter(|(_, used)| **used) {
                // Written so that NaN fails.
                let good = x.abs() < self.limit;
                if !good {
                    causes = causes.with(self.cause_of(x));
                }
            }
        }
        Looked { causes, dirty }
    }

    /// Whether anything is under way that a good frame would end.
    pub(super) fn is_busy(&self) -> bool {
        self.held > 0 || self.lasting != Validity::VALID
    }

    /// The newest of `frames` more that were all good.
    pub(super) fn remember(&mut self, frame: &[f64], frames: u64) {
        self.last.copy_from_slice(frame);
        self.begun = true;
        self.since_hole = self.since_hole.saturating_add(frames);
    }

    /// Frames are missing here, and nothing stands in for them.
    pub(super) fn hole(&mut self) {
        self.since_hole = 0;
    }

    fn cause_of(&self, x: f64) -> Validity {
        // Infinity stands at no rail.
        if x.abs() < LARGEST_UV { Validity::RAILED } else { Validity::NOT_FINITE }
    }

    /// Whether missing frames are interpolated rather than marked: where no more are missing than came since the last
    /// hole, so that stand-ins are never more than what came.
    pub(super) fn bridges_gap(&self, missing: u64) -> bool {
        missing <= self.since_hole
            && missing <= self.bridges.gap as u64
            && self.bridges(Validity::GAP, missing as usize)
    }

    /// Whether so many more frames, missing or spoilt by `causes`, may wait for a good one: all that wait together for no
    /// longer than any of their causes permits, and only for what lies between good frames.
    pub(super) fn bridges(&self, causes: Validity, frames: usize) -> bool {
        let causes = causes.with(self.held_for);
        let limit = [
            (Validity::GAP, self.bridges.gap),
            (Validity::NOT_FINITE, self.bridges.not_finite),
            (Validity::RAILED, self.bridges.railed),
            (Validity::FLAT, 0),
        ]
        .into_iter()
        .filter(|(cause, _)| causes.has(*cause))
        .map(|(_, frames)| frames)
        .min();
        self.begun && self.lasting.is_valid() && limit.is_some_and(|limit| self.held + frames <= limit)
    }

    /// A fault of `causes` lasts and is not bridged.
    pub(super) fn lasts(&mut self, causes: Validity) {
        self.lasting = self.lasting.with(causes);
    }

    /// A good frame ends whatever lasted; whether the filters begin anew with it.
    pub(super) fn ends(&mut self) -> bool {
        self.begun = true;
        let ended = std::mem::replace(&mut self.lasting, Validity::VALID);
        self.resets_after(ended)
    }

    /// Whether the filters begin anew after a fault of `causes`.
    pub(super) fn resets_after(&self, causes: Validity) -> bool {
        [
            (Validity::GAP, self.spec.gap.handling),
            (Validity::NOT_FINITE, self.spec.not_finite.handling),
            (Validity::RAILED, self.spec.railed.handling),
            (Validity::FLAT, self.spec.flat),
            (Validity::CLOCK_STEP, self.spec.clock_step),
        ]
        .into_iter()
        .any(|(cause, handling)| causes.has(cause) && handling == Handling::Reset)
    }

    /// Writes `frame` to `out` with the last good value where it has none, and takes its good values as the last.
    pub(super) fn mend(&mut self, frame: &[f64], out: &mut [f64]) {
        self.since_hole = self.since_hole.saturating_add(1);
        let limit = self.limit;
        for ((x, last), out) in frame.iter().zip(&mut self.last).zip(out) {
            if x.abs() < limit {
                *last = *x;
            }
            *out = *last;
        }
    }

    /// As [`Repair::mend`], for a frame that has nothing to be mended.
    pub(super) fn pass(&mut self, frame: &[f64], out: &mut [f64]) {
        self.since_hole = self.since_hole.saturating_add(1);
        out.copy_from_slice(frame);
        self.last.copy_from_slice(frame);
    }

    /// Keeps a frame until a good one comes.
    pub(super) fn wait(&mut self, frame: &[f64], note: Note) {
        let (at, channels) = (self.held, self.last.len());
        let limit = self.limit;
        for (x, kept) in frame.iter().zip(&mut self.waiting[at * channels..]) {
            *kept = if x.abs() < limit { *x } else { f64::NAN };
        }
        self.since_hole = self.since_hole.saturating_add(1);
        self.keep(note);
    }

    /// As [`Repair::wait`], in place of a frame that is missing.
    pub(super) fn wait_for(&mut self, note: Note) {
        let (at, channels) = (self.held, self.last.len());
        self.waiting[at * channels..(at + 1) * channels].fill(f64::NAN);
        self.since_hole = 0;
        self.keep(note);
    }

    fn keep(&mut self, note: Note) {
        self.notes[self.held] = note;
        self.held += 1;
        self.held_for = self.held_for.with(note.causes);
    }

    /// How many frames wait.
    pub(super) fn held(&self) -> usize {
        self.held
    }

    /// What is known of waiting frame `i`.
    pub(super) fn note(&self, i: usize) -> Note {
        self.notes[i]
    }

    /// Copies waiting frame `i`, its gaps held at the last good value, to `out`.
    pub(super) fn mend_held(&mut self, i: usize, out: &mut [f64]) {
        let channels = self.last.len();
        let frame = &self.waiting[i * channels..(i + 1) * channels];
        for ((x, last), out) in frame.iter().zip(&mut self.last).zip(out) {
            if x.is_finite() {
                *last = *x;
            }
            *out = *last;
        }
    }

    /// Interpolates the waiting frames to `next`, whose channels in use are all good.
    pub(super) fn interpolate(&mut self, next: &[f64]) {
        let (channels, frames) = (self.last.len(), self.held);
        for (c, &next) in next.iter().enumerate() {
            let mut before = self.last[c];
            let mut i = 0;
            while i < frames {
                if self.waiting[i * channels + c].is_finite() {
                    before = self.waiting[i * channels + c];
                    i += 1;
                    continue;
                }
                let end = (i..frames).find(|&j| self.waiting[j * channels + c].is_finite()).unwrap_or(frames);
                let after = if end < frames { self.waiting[end * channels + c] } else { next };
                // A channel nothing depends on may still be spoilt.
                let after = if after.abs() < self.limit { after } else { before };
                let length = (end - i + 1) as f64;
                for (k, j) in (i..end).enumerate() {
                    self.waiting[j * channels + c] = before + (after - before) * ((k + 1) as f64 / length);
                }
                i = end;
            }
        }
    }

    /// No frame waits any more.
    pub(super) fn release(&mut self) {
        self.held = 0;
        self.held_for = Validity::VALID;
    }
}
