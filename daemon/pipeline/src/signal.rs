//! The hot loop's body: a chunk in, finished windows out. Allocates nothing after `design`.

mod chains;
mod end;
mod feed;
mod holes;
mod repair;
mod taint;
mod turns;

use self::chains::{Chains, Filtered};
use self::end::{Came, End};
use self::feed::{Feed, Note};
use self::repair::Repair;
use self::taint::Taint;
use crate::faults::FaultSpec;
use crate::slots::WindowQueue;
use crate::status::Counters;
use crate::teaching::{Known, Teaching};
use crate::timing::{Event, Timing, TimingSpec};
use bci_dsp::run::{Learned, Select};
use bci_dsp::{Signal, StepSpec};
use bci_rt::clock::Clock;
use bci_rt::edge::Header;
use bci_types::{HostNs, Hz, Seq, Validity};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// A real rate further than this from the stated one is told, per cent.
const RATE_OFF_PERCENT: f64 = 0.5;

/// What a path is built from, everything already validated.
pub(crate) struct Layout<'a> {
    /// Channels of the stream.
    pub(crate) inputs: usize,
    /// For each wide channel its place in the stream and its factor to uV.
    pub(crate) taken: &'a [(usize, f64)],
    /// The channels that the rig's own steps work on, at the stream's rate, in uV.
    pub(crate) wide: Signal,
    pub(crate) conditioning: &'a [StepSpec],
    /// The decoder's channels among what the rig's own steps yield.
    pub(crate) picked: &'a [usize],
    pub(crate) decoder_labels: &'a [String],
    pub(crate) to_decoder_unit: f64,
    pub(crate) preprocessing: &'a [StepSpec],
    /// Frames of a window that is handed over.
    pub(crate) window_samples: usize,
    /// Frames that a decision rests on: more, where a decoder is fed by the hop.
    pub(crate) decision_samples: usize,
    pub(crate) hop_samples: usize,
    pub(crate) gap_ms: f64,
    pub(crate) teaching: Option<Arc<Teaching>>,
    pub(crate) dejitter: bool,
    pub(crate) faults: FaultSpec,
    pub(crate) max_chunk: usize,
}

/// What goes on from one attachment of a source to the next.
#[derive(Clone, Copy, Debug, Default)]
pub struct Continuity {
    /// The next window's number.
    pub(crate) seq: Seq,
    /// The next frame's position in the stream.
    pub(crate) frame: u64,
    /// Holes so far.
    epoch: u64,
    /// Attachments so far, but for the first.
    attachment: u32,
    last_stamp: Option<f64>,
}

impl Continuity {
    /// After an attachment of which nothing is known but its last stamp.
    pub(crate) fn after(stamp_s: f64) -> Self {
        Self { last_stamp: Some(stamp_s), ..Self::default() }
    }

    /// The same place in the stream, no window yet.
    pub(crate) fn before_any_window(self) -> Self {
        self.with_windows_of(Self::default())
    }

    /// The same place in the stream, the next window of `other`.
    pub(crate) fn with_windows_of(self, other: Self) -> Self {
        Self { seq: other.seq, ..self }
    }
}

/// The filters, windows and bookkeeping of one attachment to a stream; owned by the signal thread.
///
/// ```text
/// chunk [frames x inputs] -> select, to uV -> repair -> conditioning -> pick the decoder's channels, its unit
///       -> preprocessing -> window [channels x samples]
/// ```
#[derive(Debug)]
pub struct SignalPath {
    rate: Hz,
    max_chunk: usize,
    inputs: usize,
    first: Select,
    wide: Box<[f64]>,
    timing: Timing,
    /// Smoothed times are told in place of stamps.
    dejitter: bool,
    repair: Repair,
    feed: Feed,
    chains: Chains,
    end: End,
    settle: u64,
    settle_after_learning: u64,
    /// Frames of this attachment that went into the filters.
    fed: u64,
    /// What must not be learned from, as of the newest frame that goes into the filters.
    ahead: Taint,
    /// The filters begin anew before the next good frame.
    restart: bool,
    /// When adaptive steps may learn, where that is not always.
    teaching: Option<Arc<Teaching>>,
    /// The markers that teach, of those that had come before the chunk that is worked on.
    known: Known,
    /// How many had come before the first one: filters that begin from nothing do not know of them, nor does who replays.
    unknown: Option<u64>,
}

/// When a frame was taken, in seconds on the LSL clock.
#[derive(Clone, Copy, Debug)]
struct Time {
    /// As told.
    stamp: f64,
    /// As stamped.
    raw: f64,
}

/// What the timing of a frame tells.
#[derive(Clone, Copy, Debug)]
struct Met {
    event: Event,
    /// The last stamp before.
    before: Option<f64>,
    time: Time,
}

/// What a path needs of its surroundings for one chunk.
pub struct Surroundings<'a> {
    /// For the stamps of the ledger.
    pub clock: &'a dyn Clock,
    /// Where windows go: each to every one of these.
    pub queues: &'a [&'a WindowQueue],
    /// What is counted.
    pub counters: &'a Counters,
}

/// What a signal path costs in time, whatever the machine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cost {
    /// The lowest and the highest frequency that loses no more than half its power, Hz; `None` when nothing passes.
    pub pass_band_hz: Option<(f64, f64)>,
    /// The group delay in the (geometric) middle of that, seconds.
    pub delay_s: f64,
    /// How long after a start or a fault windows are not trusted, seconds.
    pub settle_s: f64,
    /// How much longer at the start, until adaptive steps have learned enough, seconds.
    pub warm_up_s: f64,
    /// How long the windows are that each frame which comes out tells of (a power, a covariance), seconds; 0 where it is of a
    /// moment.
    pub reach_s: f64,
}

/// One call of [`SignalPath::process`].
struct Pass<'a> {
    acquired: HostNs,
    dequeued: HostNs,
    at: &'a mut Continuity,
    around: &'a Surroundings<'a>,
    teaching: Option<&'a Teaching>,
    known: Known,
    windows: usize,
}

impl SignalPath {
    pub(crate) fn design(l: &Layout<'_>) -> Result<Self, String> {
        let text = |e: bci_dsp::DesignError| e.to_string();
        let rate = l.wide.rate;
        let first = Select::design(l.inputs, l.taken).map_err(text)?;
        let channels = first.outputs();
        let chains = Chains::design(l, l.max_chunk)?;
        let settle = chains.settle_samples();
        let signal_delay_ns = (chains.delay_s() * 1e9).round() as i64;
        Ok(Self {
            rate,
            max_chunk: l.max_chunk,
            inputs: l.inputs,
            wide: vec![0.0; channels * l.max_chunk].into_boxed_slice(),
            first,
            timing: Timing::new(rate, TimingSpec::new(l.gap_ms)),
            dejitter: l.dejitter,
            repair: Repair::new(l.faults, chains.used(), rate)?,
            feed: Feed::new(channels, l.max_chunk),
            end: End::design(l, chains.output().channels(), settle, chains.reach_samples(), signal_delay_ns)
                .map_err(text)?,
            settle,
            settle_after_learning: chains.settle_after_learning(),
            chains,
            fed: 0,
            // What is learned from has to be settled itself, and nothing more.
            ahead: Taint::new(settle),
            restart: false,
            teaching: l.teaching.clone(),
            known: Known::default(),
            unknown: None,
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
        self.end.window_len()
    }

    /// How long the filters take to settle, in samples of the stream.
    #[must_use]
    pub fn settle_samples(&self) -> u64 {
        self.settle
    }

    /// How many frames of the stream before its own a frame of a window was computed over, where that is a window again (a
    /// power, a covariance). It settles within [`SignalPath::settle_samples`] with the filters.
    #[must_use]
    pub fn reach_samples(&self) -> u64 {
        self.chains.reach_samples() as u64
    }

    /// From one window to the next, in frames of the stream.
    #[must_use]
    pub fn period_frames(&self) -> f64 {
        self.end.hop() as f64 * self.rate.get() / self.chains.output().rate.get()
    }

    /// Begins its windows so that they end with the same frames as those of `beside`, where both come as often and neither
    /// changes the rate; else leaves them as they are. Both are to be fed the same chunks from now on.
    pub(crate) fn end_with(&mut self, beside: &SignalPath) {
        let plain = |path: &SignalPath| path.chains.output().rate == path.rate;
        if plain(self) && plain(beside) && self.end.hop() == beside.end.hop() && self.fed == 0 {
            self.end.end_with(&beside.end);
        }
    }

    /// What it costs in time. Takes a while: not for the hot path.
    #[must_use]
    pub fn cost(&self) -> Cost {
        Cost {
            pass_band_hz: self.chains.pass_band(),
            delay_s: self.chains.delay_s(),
            settle_s: self.settle as f64 / self.rate.get(),
            warm_up_s: (self.chains.warm_up_samples() + self.settle_after_learning) as f64 / self.rate.get(),
            reach_s: match self.chains.reach_samples() {
                0 => 0.0,
                // From a window's first sample to its last one is one less than it has.
                reach => (reach + 1) as f64 / self.rate.get(),
            },
        }
    }

    /// What the `n`th adaptive step of the rig's own, or of the decoder's, has learned so far; see
    /// [`bci_dsp::Chain::learned`]. Not for the hot path.
    pub fn learned(&mut self, of_decoder: bool, n: usize) -> Option<(Learned<'_>, &Signal)> {
        self.chains.learned(of_decoder, n)
    }

    /// Takes a chunk: `samples` `[frames x inputs]`, frame-major; `stamps` one a frame, seconds on the LSL clock.
    /// Returns how many windows were handed over.
    pub fn process(
        &mut self,
        header: Header,
        samples: &[f64],
        stamps: &[f64],
        at: &mut Continuity,
        around: &Surroundings<'_>,
    ) -> usize {
        let dequeued = around.clock.now();
        if let Some(taught) = header.taught {
            self.known = Known { from: *self.unknown.get_or_insert(taught), to: taught };
        }
        let (teaching, known) = (self.teaching.clone(), self.known);
        let teaching = teaching.as_deref();
        let mut pass = Pass { acquired: header.acquired, dequeued, at, around, teaching, known, windows: 0 };
        if header.discontinuity {
            // What waits for a good frame does not wait for one of another attachment.
            self.give_up_waiting(&mut pass);
            self.flush(&mut pass);
            self.timing.restart();
            self.reconnect(header, stamps, pass.at, around.counters);
        }
        // Nothing waits in the feed between chunks. What is in order is left where it was put.
        self.first.process(&samples[..header.frames * self.inputs], self.feed.room());
        self.timing.dropped(header.dropped_before);
        let mut irregular = None;
        for (i, &raw) in stamps[..header.frames].iter().enumerate() {
            let met = self.meet(i, raw, &header);
            let looked = self.repair.look(self.feed.next());
            if met.event == Event::Even && looked.is_clean() && !self.repair.is_busy() && !self.restart {
                let Time { stamp, raw } = met.time;
                let position = Self::position(&mut pass);
                self.feed.admit(Note { stamp, raw, position, causes: Validity::VALID, stand_in: false });
            } else {
                irregular = Some((i, met, looked));
                break;
            }
        }
        if let Some(newest) = self.feed.newest() {
            self.repair.remember(newest, self.feed.notes().len() as u64);
        }
        if let Some((first, met, looked)) = irregular {
            // From here on frame by frame: what comes next is not where it was put.
            let rest = (header.frames - first) * self.first.outputs();
            self.wide[..rest].copy_from_slice(&self.feed.room()[..rest]);
            let dropped = |n: usize| if n == 0 { header.dropped_before } else { 0 };
            self.irregular(0, dropped(first), met, looked, &mut pass);
            for i in 1..header.frames - first {
                let met = self.meet(first + i, stamps[first + i], &header);
                let channels = self.first.outputs();
                let looked = self.repair.look(&self.wide[i * channels..(i + 1) * channels]);
                self.irregular(i, dropped(first + i), met, looked, &mut pass);
            }
        }
        self.flush(&mut pass);
        pass.at.last_stamp = self.timing.last().or(pass.at.last_stamp);
        self.tell_rate(around.counters);
        pass.windows
    }

    /// Does beforehand what can be done of the next window. To be called once those that were due have been told.
    pub fn prepare(&mut self) {
        self.end.prepare();
    }

    fn tell_rate(&self, counters: &Counters) {
        let rate = &counters.rate;
        if let Some(estimate) = self.timing.sampling().estimate().filter(|e| e.converged) {
            rate.sampled_hz.store(estimate.hz.to_bits(), Ordering::Relaxed);
            rate.off.fetch_or(estimate.is_off(RATE_OFF_PERCENT), Ordering::Relaxed);
        }
        if let Some(estimate) = self.timing.delivered().estimate().filter(|e| e.converged) {
            rate.delivered_hz.store(estimate.hz.to_bits(), Ordering::Relaxed);
        }
        rate.jitter_s.store(self.timing.corrected_rms_s().to_bits(), Ordering::Relaxed);
    }

    fn position(pass: &mut Pass<'_>) -> u64 {
        let position = pass.at.frame;
        pass.at.frame = position.saturating_add(1);
        position
    }

    /// Filters everything in the feed and hands over the windows that become due.
    fn flush(&mut self, pass: &mut Pass<'_>) {
        if self.feed.is_empty() {
            return;
        }
        let mut done = 0;
        while done < self.feed.notes().len() {
            let (frames, learn) = self.alike(done);
            let (samples, notes) = self.feed.part(done..done + frames);
            let (fed, after) = (self.fed, self.fed + frames as u64);
            let Filtered { samples, origins, mut good, learned_from } = self.chains.process(samples, learn);
            let learned = learned_from.map_or(after, |from| fed + from as u64);
            if learned > fed {
                self.end.taint().not_learned_before(learned, self.settle_after_learning);
            }
            if good == origins.len() {
                let came = Came { samples: Some(samples), origins, base: 0, notes, fed };
                self.end.take(came, &self.timing, pass);
            } else {
                // Stable filters keep what is bounded bounded. Were one not stable after all, or a number of a step too
                // large, it is silenced, marked and begun from nothing rather than stay poisoned.
                let cut = origins[good] as usize;
                // Of a frame that several come out of, all or none.
                while good > 0 && origins[good - 1] as usize == cut {
                    good -= 1;
                }
                let (sound, spoilt) = notes.split_at(cut);
                let samples = Some(&samples[..samples.len() / origins.len() * good]);
                let (before, after_it) = origins.split_at(good);
                let came = Came { samples, origins: before, base: 0, notes: sound, fed };
                self.end.take(came, &self.timing, pass);
                for taint in [&mut self.ahead, self.end.taint()] {
                    taint.meet(Validity::NOT_FINITE, after - 1);
                    taint.since(Validity::SETTLING, after);
                }
                let fed = fed + cut as u64;
                let came = Came { samples: None, origins: after_it, base: cut, notes: spoilt, fed };
                self.end.take(came, &self.timing, pass);
                self.chains.reset();
                self.end.begins_anew();
            }
            self.fed = after;
            done += frames;
        }
        self.feed.clear();
        if let Some(removed) = self.chains.removed() {
            let counters = &pass.around.counters.artefacts;
            counters.windows.store(removed.windows, Ordering::Relaxed);
            counters.reconstructed.store(removed.reconstructed_windows, Ordering::Relaxed);
            counters.power_ppm.store((removed.share_of_power_removed * 1e6) as u64, Ordering::Relaxed);
        }
    }

    /// From frame `first` of the feed on, how many frames may all be learned from, or all not; and which of the two.
    fn alike(&mut self, first: usize) -> (usize, bool) {
        let fed = self.fed;
        let (ahead, teaching, known) = (&mut self.ahead, self.teaching.as_deref(), self.known);
        let mut may_learn = (fed..).zip(&self.feed.notes()[first..]).map(|(at, note)| {
            ahead.meet(note.causes, at);
            ahead.is_clear(at) && teaching.is_none_or(|teaching| teaching.allows(note.stamp, known))
        });
        let learn = may_learn.next().unwrap_or(false);
        (1 + may_learn.take_while(|may| *may == learn).count(), learn)
    }
}

#[cfg(test)]
mod tests;
