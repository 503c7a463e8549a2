//! The hot loop's body: a chunk in, finished windows out. Allocates nothing after `design`.

use crate::align::GapDetector;
use crate::slots::WindowQueue;
use crate::status::{Counters, count};
use bci_dsp::run::{Select, Window};
use bci_dsp::{Chain, StepSpec};
use bci_rt::clock::Clock;
use bci_rt::edge::Header;
use bci_types::{HostNs, Hz, Ledger, Seq, Validity};

/// A filter counts as settled when this part of what the largest input can cause is left: of an electrode offset of
/// 10 mV, 1 uV.
pub const SETTLED: f64 = 1e-4;
/// A million volts, in uV. What claims more is no voltage and is treated like infinity, which it would become in the
/// filters or in single precision.
const LARGEST_UV: f64 = 1e12;

/// A hole longer than this is no loss of samples but a source that was away, or a clock that jumped, in seconds.
const LONGEST_LOSS_S: f64 = 60.0;

/// What a path is built from, everything already validated.
pub(crate) struct Layout<'a> {
    pub(crate) rate: Hz,
    pub(crate) inputs: usize,
    /// To microvolts, one a channel of the stream.
    pub(crate) factors: &'a [f64],
    /// Channels that the rig's own steps work on; they contain the picked ones.
    pub(crate) conditioned: Option<&'a [usize]>,
    pub(crate) conditioning: &'a [StepSpec],
    pub(crate) picked: &'a [usize],
    pub(crate) to_decoder_unit: f64,
    pub(crate) preprocessing: &'a [StepSpec],
    pub(crate) window_samples: usize,
    pub(crate) hop_samples: usize,
    pub(crate) gap_ms: f64,
    pub(crate) max_chunk: usize,
}

/// What goes on from one attachment of a source to the next.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Continuity {
    /// The next window's number.
    pub(crate) seq: Seq,
    /// The next frame's position in the stream.
    pub(crate) frame: u64,
    /// Holes so far.
    epoch: u64,
    last_stamp: Option<f64>,
}

/// The filters, windows and bookkeeping of one attachment to a stream; owned by the signal thread.
///
/// ```text
/// chunk [frames x inputs] -> select, to uV -> conditioning -> pick the decoder's channels, its unit -> preprocessing
///       -> window [channels x samples]
/// ```
#[derive(Debug)]
pub struct SignalPath {
    rate: Hz,
    max_chunk: usize,
    inputs: usize,
    first: Select,
    conditioning: Option<(Chain, Select)>,
    preprocessing: Chain,
    window: Window,
    stamps: Box<[f64]>,
    wide: Box<[f64]>,
    narrow: Box<[f64]>,
    held: Box<[f64]>,
    /// The largest magnitude that is believed, in the unit of `wide`.
    largest: f64,
    /// Which frames of the chunk being filtered held a number that is none.
    bad: Box<[bool]>,
    gaps: GapDetector,
    settle: u64,
    /// Frames of this attachment that went into the window; holes do not count.
    pushed: u64,
    untrusted: Untrusted,
}

/// Up to which frame, counted as in `SignalPath::pushed`, each cause taints: a window whose first frame comes before
/// is marked.
#[derive(Clone, Copy, Debug, Default)]
struct Untrusted {
    gap: u64,
    settling: u64,
    not_finite: u64,
}

/// What a path needs of its surroundings for one chunk.
pub(crate) struct Surroundings<'a> {
    /// For the stamps of the ledger.
    pub(crate) clock: &'a dyn Clock,
    /// Where windows go.
    pub(crate) queue: &'a WindowQueue,
    /// What is counted.
    pub(crate) counters: &'a Counters,
}

impl SignalPath {
    pub(crate) fn design(l: &Layout<'_>) -> Result<Self, String> {
        let text = |e: bci_dsp::DesignError| e.to_string();
        let chain = |steps: &[StepSpec], channels: usize| {
            Chain::design(steps, l.rate, channels)
                .map_err(|all| all.iter().map(|(_, e)| e.to_string()).collect::<Vec<_>>().join("; "))
        };
        let (first, conditioning) = match l.conditioned {
            None => {
                let picks: Vec<_> = l.picked.iter().map(|&i| (i, l.factors[i] * l.to_decoder_unit)).collect();
                (Select::design(l.inputs, &picks).map_err(text)?, None)
            }
            Some(wide) => {
                let picks: Vec<_> = wide.iter().map(|&i| (i, l.factors[i])).collect();
                let narrow: Vec<_> = l
                    .picked
                    .iter()
                    .filter_map(|i| wide.iter().position(|w| w == i))
                    .map(|at| (at, l.to_decoder_unit))
                    .collect();
                let first = Select::design(l.inputs, &picks).map_err(text)?;
                let second = Select::design(wide.len(), &narrow).map_err(text)?;
                (first, Some((chain(l.conditioning, wide.len())?, second)))
            }
        };
        let preprocessing = chain(l.preprocessing, l.picked.len())?;
        let settle = preprocessing.settle_samples(SETTLED)
            + conditioning.as_ref().map_or(0, |(chain, _)| chain.settle_samples(SETTLED));
        Ok(Self {
            rate: l.rate,
            max_chunk: l.max_chunk,
            inputs: l.inputs,
            wide: vec![0.0; first.outputs() * l.max_chunk].into_boxed_slice(),
            held: vec![0.0; first.outputs()].into_boxed_slice(),
            largest: if l.conditioned.is_some() { LARGEST_UV } else { LARGEST_UV * l.to_decoder_unit },
            bad: vec![false; l.max_chunk].into_boxed_slice(),
            narrow: vec![0.0; l.picked.len() * l.max_chunk].into_boxed_slice(),
            window: Window::design(l.picked.len(), l.window_samples, l.hop_samples).map_err(text)?,
            stamps: vec![0.0; l.window_samples].into_boxed_slice(),
            first,
            conditioning,
            preprocessing,
            gaps: GapDetector::new(l.rate, l.gap_ms),
            settle: settle as u64,
            pushed: 0,
            untrusted: Untrusted { settling: settle as u64, ..Untrusted::default() },
        })
    }

    /// The stream's rate.
    #[must_use]
    pub fn rate(&self) -> Hz {
        self.rate
    }

    /// Channels of the stream.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// The largest chunk it takes, in frames.
    #[must_use]
    pub fn max_chunk(&self) -> usize {
        self.max_chunk
    }

    /// Numbers in a window.
    #[must_use]
    pub fn window_len(&self) -> usize {
        self.window.channels() * self.stamps.len()
    }

    /// How long the filters take to settle, in samples.
    #[must_use]
    pub fn settle_samples(&self) -> u64 {
        self.settle
    }

    /// Takes a chunk: `samples` `[frames x inputs]`, frame-major; `stamps` one a frame, seconds on the LSL clock.
    /// Returns how many windows were handed over.
    pub(crate) fn process(
        &mut self,
        header: Header,
        samples: &[f64],
        stamps: &[f64],
        at: &mut Continuity,
        around: &Surroundings<'_>,
    ) -> usize {
        let dequeued = around.clock.now();
        let mut windows = 0;
        let mut from = 0;
        if header.discontinuity {
            self.reconnect(header, stamps, at, around.counters);
        }
        for to in 0..header.frames {
            let mut missing = self.gaps.missing_before(stamps[to]);
            if to == 0 {
                if header.discontinuity {
                    missing = 0;
                }
                // What the ring dropped is known exactly; the stamps tell of the same hole.
                missing = missing.max(header.dropped_before);
            }
            if missing > 0 {
                let seconds = missing as f64 / self.rate.get();
                if seconds > LONGEST_LOSS_S {
                    count(&around.counters.away_ms, (seconds * 1e3) as u64);
                } else {
                    count(&around.counters.samples_lost, missing);
                }
                windows += self.segment(header, dequeued, samples, stamps, from..to, at, around);
                from = to;
                count(&around.counters.gaps, 1);
                at.frame = at.frame.saturating_add(missing);
                at.epoch += 1;
                self.untrusted.gap = self.pushed + self.settle;
            }
        }
        windows += self.segment(header, dequeued, samples, stamps, from..header.frames, at, around);
        at.last_stamp = self.gaps.last().or(at.last_stamp);
        windows
    }

    /// The first chunk after the source was attached anew: positions go on with the time that passed, nothing else.
    fn reconnect(&mut self, header: Header, stamps: &[f64], at: &mut Continuity, counters: &Counters) {
        if let (Some(last), Some(first)) = (at.last_stamp, stamps.first()) {
            at.epoch += 1;
            count(&counters.away_ms, ((first - last) * 1e3).max(0.0) as u64);
            let passed = (((first - last) * self.rate.get()).round() - 1.0).max(0.0) as u64;
            // What the ring dropped lies within that time and is passed over where it is counted.
            at.frame = at.frame.saturating_add(passed.saturating_sub(header.dropped_before));
            self.untrusted.gap = self.pushed + self.settle;
        }
    }

    /// Frames without a hole between them.
    #[allow(clippy::too_many_arguments, reason = "the body of one loop, split where it is called twice")]
    fn segment(
        &mut self,
        header: Header,
        dequeued: HostNs,
        samples: &[f64],
        stamps: &[f64],
        frames: std::ops::Range<usize>,
        at: &mut Continuity,
        around: &Surroundings<'_>,
    ) -> usize {
        let n = frames.len();
        if n == 0 {
            return 0;
        }
        let samples = &samples[frames.start * self.inputs..frames.end * self.inputs];
        let mut stamps = &stamps[frames];
        self.filter(samples, n, around.counters);
        let mut windows = 0;
        let channels = self.window.channels();
        let mut done = 0;
        while done < n {
            let pushed = self.window.push(&self.narrow[done * channels..n * channels]);
            let (these, rest) = stamps.split_at(pushed.frames);
            for (stamp, bad) in these.iter().zip(&self.bad[done..]) {
                let place = (self.pushed % self.stamps.len() as u64) as usize;
                self.stamps[place] = *stamp;
                self.pushed += 1;
                if *bad {
                    self.untrusted.not_finite = self.pushed + self.settle;
                }
            }
            at.frame = at.frame.saturating_add(pushed.frames as u64);
            stamps = rest;
            done += pushed.frames;
            if pushed.due && self.hand_over(header, dequeued, at, around) {
                windows += 1;
            }
        }
        windows
    }

    /// Runs the chains; what is no number is held at the channel's last good value, and its frame noted.
    fn filter(&mut self, samples: &[f64], n: usize, counters: &Counters) {
        let wide = &mut self.wide[..n * self.first.outputs()];
        self.first.process(samples, wide);
        for (frame, bad) in wide.chunks_exact_mut(self.held.len()).zip(&mut self.bad) {
            *bad = false;
            for (x, held) in frame.iter_mut().zip(&mut self.held) {
                // Written so that NaN fails.
                if x.abs() <= self.largest {
                    *held = *x;
                } else {
                    *x = *held;
                    *bad = true;
                }
            }
            if *bad {
                count(&counters.frames_not_finite, 1);
            }
        }
        let narrow = &mut self.narrow[..n * self.window.channels()];
        let mut finite = true;
        match &mut self.conditioning {
            None => narrow.copy_from_slice(wide),
            Some((chain, pick)) => {
                finite &= chain.process(wide);
                pick.process(wide, narrow);
            }
        }
        finite &= self.preprocessing.process(narrow);
        if !finite {
            // Stable filters keep what is bounded bounded. Were one not stable after all, it would be silenced, marked
            // and begun again rather than stay poisoned.
            narrow.fill(0.0);
            if let Some((chain, _)) = &mut self.conditioning {
                chain.reset();
            }
            self.preprocessing.reset();
            self.bad[..n].fill(true);
        }
    }

    /// A window is due. Returns whether a slot could be had for it.
    fn hand_over(
        &mut self,
        header: Header,
        dequeued: HostNs,
        at: &mut Continuity,
        around: &Surroundings<'_>,
    ) -> bool {
        let seq = at.seq;
        at.seq += 1;
        count(&around.counters.windows, 1);
        let length = self.stamps.len() as u64;
        let oldest = self.pushed - length;
        let stamp_of = |n: u64| HostNs::from_lsl_seconds(self.stamps[(n % length) as usize]);
        let (oldest_sample, newest_sample) = (stamp_of(oldest), stamp_of(self.pushed - 1));
        let mut validity = Validity::VALID;
        for (until, cause) in [
            (self.untrusted.gap, Validity::GAP),
            (self.untrusted.settling, Validity::SETTLING),
            (self.untrusted.not_finite, Validity::NOT_FINITE),
        ] {
            if oldest < until {
                validity = validity.with(cause);
            }
        }
        let seconds_of = |n: u64| self.stamps[(n % length) as usize];
        if self.gaps.is_stretched(self.stamps.len(), seconds_of(oldest), seconds_of(self.pushed - 1)) {
            validity = validity.with(Validity::GAP);
        }
        if !validity.is_valid() {
            count(&around.counters.windows_invalid, 1);
        }
        let Some((mut slot, replaced)) = around.queue.take() else {
            count(&around.counters.windows_skipped, 1);
            return false;
        };
        if replaced {
            count(&around.counters.windows_skipped, 1);
        }
        let copied = self.window.copy_channel_major(&mut slot.window);
        debug_assert!(copied, "a window that is due is full, and slots are made for it");
        slot.seq = seq;
        slot.validity = validity;
        slot.epoch = at.epoch;
        slot.oldest_sample = oldest_sample;
        slot.newest_sample = newest_sample;
        slot.newest_frame = at.frame.saturating_sub(1);
        slot.ledger = Ledger {
            acquired: header.acquired,
            dequeued,
            filtered: around.clock.now(),
            decoded: HostNs::default(),
        };
        around.queue.submit(slot);
        true
    }
}

#[cfg(test)]
mod tests;
