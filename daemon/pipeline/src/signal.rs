//! The hot loop's body: a chunk in, finished windows out. Allocates nothing after `design`.

mod chains;
mod feed;
mod repair;
mod taint;

use self::chains::Chains;
use self::feed::{Feed, Note};
use self::repair::{Looked, Repair};
use self::taint::Taint;
use crate::faults::FaultSpec;
use crate::slots::WindowQueue;
use crate::status::{Counters, count};
use crate::timing::{Event, Timing, TimingSpec};
use bci_dsp::run::{Learned, Select, Window};
use bci_dsp::{Signal, StepSpec};
use bci_rt::clock::Clock;
use bci_rt::edge::Header;
use bci_types::{HostNs, Hz, Ledger, Seq, Validity};
use std::sync::atomic::Ordering;

/// A filter counts as settled when this part of what the largest input can cause is left: of an electrode offset of
/// 10 mV, 1 uV.
pub const SETTLED: f64 = 1e-4;

/// A hole longer than this is no loss of samples but a source that was away, or a clock that jumped, in seconds.
const LONGEST_LOSS_S: f64 = 60.0;

/// The most of a hole that is filled in, in seconds: more would change nothing, for whatever it touches is marked.
const LONGEST_FILL_S: f64 = 1.0;

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
    pub(crate) window_samples: usize,
    pub(crate) hop_samples: usize,
    pub(crate) gap_ms: f64,
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
    last_stamp: Option<f64>,
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
    learn: Box<[bool]>,
    chains: Chains,
    window: Window,
    /// What is known of each frame in the window, a ring.
    known: Box<[Known]>,
    settle: u64,
    signal_delay_ns: i64,
    /// The most frames that stand in for a hole, and the frames from one window to the next, of which a shortened hole
    /// is a multiple shorter: windows end where they would have.
    longest_fill: u64,
    period: u64,
    /// Frames of this attachment that went into the filters, stand-ins included.
    fed: u64,
    /// Frames that came out of them.
    emitted: u64,
    /// The newest of those fed that was interpolated.
    last_bridged: Option<u64>,
    silence: Box<[f64]>,
    /// As of the newest frame in `feed`, and as of the newest in the window.
    ahead: Taint,
    taint: Taint,
    /// The filters begin anew before the next frame.
    restart: bool,
}

/// What is known of a frame in the window.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    stamp: f64,
    raw: f64,
    position: u64,
    /// Its place among the frames fed.
    fed: u64,
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
    /// Where windows go.
    pub queue: &'a WindowQueue,
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
}

/// One call of [`SignalPath::process`].
struct Pass<'a> {
    acquired: HostNs,
    dequeued: HostNs,
    at: &'a mut Continuity,
    around: &'a Surroundings<'a>,
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
        let warm_up = chains.warm_up_samples();
        let output = chains.output();
        let output_channels = output.channels();
        let window = Window::design(output_channels, l.window_samples, l.hop_samples).map_err(text)?;
        let per_frame = rate.get() / output.rate.get();
        let span = (l.window_samples as f64 * per_frame).ceil() as u64;
        let period = l.hop_samples as f64 * per_frame;
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
            learn: vec![true; l.max_chunk].into_boxed_slice(),
            window,
            known: vec![Known::default(); l.window_samples].into_boxed_slice(),
            settle,
            signal_delay_ns: (chains.delay_s() * 1e9).round() as i64,
            longest_fill: (settle + span).min((LONGEST_FILL_S * rate.get()) as u64).max(1),
            period: if (period - period.round()).abs() < 1e-6 { period.round() as u64 } else { 1 },
            chains,
            fed: 0,
            emitted: 0,
            last_bridged: None,
            silence: vec![0.0; output_channels].into_boxed_slice(),
            // What is learned from has to be settled itself, and nothing more.
            ahead: Taint::new(settle, 0),
            taint: Taint::new(settle, warm_up),
            restart: false,
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
        self.window.channels() * self.window.frames()
    }

    /// How long the filters take to settle, in samples of the stream.
    #[must_use]
    pub fn settle_samples(&self) -> u64 {
        self.settle
    }

    /// What it costs in time. Takes a while: not for the hot path.
    #[must_use]
    pub fn cost(&self) -> Cost {
        Cost {
            pass_band_hz: self.chains.pass_band(),
            delay_s: self.chains.delay_s(),
            settle_s: self.settle as f64 / self.rate.get(),
            warm_up_s: self.chains.warm_up_samples() as f64 / self.rate.get(),
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
        if header.discontinuity {
            self.timing.restart();
            self.reconnect(header, stamps, at, around.counters);
        }
        let mut pass = Pass { acquired: header.acquired, dequeued, at, around, windows: 0 };
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
            self.repair.remember(newest);
        }
        if let Some((first, met, looked)) = irregular {
            // From here on frame by frame: what comes next is not where it was put.
            let rest = (header.frames - first) * self.first.outputs();
            self.wide[..rest].copy_from_slice(&self.feed.room()[..rest]);
            self.irregular(0, first, met, looked, &header, &mut pass);
            for i in 1..header.frames - first {
                let met = self.meet(first + i, stamps[first + i], &header);
                let channels = self.first.outputs();
                let looked = self.repair.look(&self.wide[i * channels..(i + 1) * channels]);
                self.irregular(i, first + i, met, looked, &header, &mut pass);
            }
        }
        self.flush(&mut pass);
        pass.at.last_stamp = self.timing.last().or(pass.at.last_stamp);
        self.tell_rate(around.counters);
        pass.windows
    }

    /// The first chunk after the source was attached anew: positions go on with the time that passed, nothing else.
    fn reconnect(&mut self, header: Header, stamps: &[f64], at: &mut Continuity, counters: &Counters) {
        if let (Some(last), Some(first)) = (at.last_stamp, stamps.first()) {
            at.epoch += 1;
            count(&counters.away_ms, ((first - last) * 1e3).max(0.0) as u64);
            let passed = (((first - last) * self.rate.get()).round() - 1.0).max(0.0) as u64;
            // What the ring dropped lies within that time and is passed over where it is counted.
            at.frame = at.frame.saturating_add(passed.saturating_sub(header.dropped_before));
            self.ahead.since(Validity::GAP, self.fed);
            self.taint.since(Validity::GAP, self.fed);
        }
    }

    /// What frame `i` of the chunk tells about time.
    fn meet(&mut self, i: usize, raw: f64, header: &Header) -> Met {
        let before = self.timing.last();
        // A chunk came as a whole: of the frames within it is not known when they did.
        let at_an_end = i == 0 || i + 1 == header.frames;
        let event = self.timing.frame(raw, at_an_end.then_some(header.acquired.0));
        let stamp = if self.dejitter { self.timing.smoothed_s() } else { raw };
        Met { event, before, time: Time { stamp, raw } }
    }

    /// Frame `i` of `wide`, number `n` of the chunk, in its turn.
    fn irregular(
        &mut self,
        i: usize,
        n: usize,
        met: Met,
        looked: Looked,
        header: &Header,
        pass: &mut Pass<'_>,
    ) {
        let Met { event, before, time } = met;
        let mut causes = Validity::VALID;
        match event {
            Event::Even => {}
            Event::Missing(missing) => self.hole(missing, before, i, time, pass),
            Event::ClockStep(_) => {
                causes = Validity::CLOCK_STEP;
                self.clock_step(if n == 0 { header.dropped_before } else { 0 }, before, i, time, pass);
            }
        }
        self.frame(i, time, causes, looked, pass);
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

    /// The source's clock was set before frame `i` of the chunk: no sample is missing but those dropped on the way.
    fn clock_step(&mut self, dropped: u64, before: Option<f64>, i: usize, time: Time, pass: &mut Pass<'_>) {
        count(&pass.around.counters.clock_steps, 1);
        if dropped > 0 {
            self.hole(dropped, before, i, time, pass);
        }
        pass.at.epoch += 1;
        self.restart |= self.repair.resets_after(Validity::CLOCK_STEP);
    }

    /// `missing` frames are not there before frame `i` of the chunk.
    fn hole(&mut self, missing: u64, before: Option<f64>, i: usize, time: Time, pass: &mut Pass<'_>) {
        let counters = pass.around.counters;
        let seconds = missing as f64 / self.rate.get();
        if seconds > LONGEST_LOSS_S {
            count(&counters.away_ms, (seconds * 1e3) as u64);
        } else {
            count(&counters.samples_lost, missing);
        }
        count(&counters.gaps, 1);
        let from = before.filter(|b| b.is_finite()).unwrap_or(time.raw);
        // Nothing lies before the first frame that could be gone on with.
        let begun = self.fed > 0 || !self.feed.is_empty() || self.repair.held() > 0;
        let next_is_good = begun && self.repair.bridges_gap(missing) && {
            let channels = self.first.outputs();
            self.repair.is_good(&self.wide[i * channels..(i + 1) * channels])
        };
        if next_is_good && self.repair.lasting == Validity::VALID {
            self.bridge_gap(missing, from, i, time, pass);
            return;
        }
        self.give_up_waiting(pass);
        self.flush(pass);
        pass.at.epoch += 1;
        if !begun {
            self.ahead.since(Validity::GAP, 0);
            self.taint.since(Validity::GAP, 0);
            pass.at.frame = pass.at.frame.saturating_add(missing);
            return;
        }
        let mut fill = missing;
        if fill > self.longest_fill {
            fill = self.longest_fill + (missing - self.longest_fill) % self.period;
        }
        pass.at.frame = pass.at.frame.saturating_add(missing - fill);
        for k in 0..fill {
            let share = (k + 1) as f64 / (fill + 1) as f64;
            let between = from + (time.raw - from) * share;
            let note = Note {
                stamp: between,
                raw: between,
                position: Self::position(pass),
                causes: Validity::GAP,
                stand_in: true,
            };
            self.make_room(pass);
            self.feed.push(note).copy_from_slice(self.repair.last());
        }
        self.flush(pass);
        self.restart |= self.repair.resets_after(Validity::GAP);
    }

    /// Missing frames are interpolated to frame `i` of the chunk, which is good.
    fn bridge_gap(&mut self, missing: u64, from: f64, i: usize, time: Time, pass: &mut Pass<'_>) {
        let channels = self.first.outputs();
        count(&pass.around.counters.frames_bridged, missing);
        // What waits is interpolated first, as far as it can be: to the next good frame.
        self.release_waiting(i, pass);
        for k in 0..missing {
            let share = (k + 1) as f64 / (missing + 1) as f64;
            let between = from + (time.raw - from) * share;
            let note = Note {
                stamp: between,
                raw: between,
                position: Self::position(pass),
                causes: Validity::BRIDGED,
                stand_in: false,
            };
            self.make_room(pass);
            let next = &self.wide[i * channels..(i + 1) * channels];
            let out = self.feed.push(note);
            for ((out, last), next) in out.iter_mut().zip(self.repair.last()).zip(next) {
                *out = last + (next - last) * share;
            }
        }
    }

    /// Frame `i` of the chunk goes on its way: as it is, mended, or into the waiting row.
    fn frame(&mut self, i: usize, time: Time, told: Validity, looked: Looked, pass: &mut Pass<'_>) {
        let channels = self.first.outputs();
        let span = i * channels..(i + 1) * channels;
        let Looked { causes, dirty } = looked;
        let Time { stamp, raw } = time;
        let note =
            Note { stamp, raw, position: Self::position(pass), causes: causes.with(told), stand_in: false };
        if causes.has_any(Validity::NOT_FINITE) {
            count(&pass.around.counters.frames_not_finite, 1);
        }
        if causes.is_valid() {
            if self.repair.held() > 0 {
                self.release_waiting(i, pass);
            }
            if self.repair.lasting != Validity::VALID {
                self.restart |= self.repair.resets_after(self.repair.lasting);
                self.repair.lasting = Validity::VALID;
            }
        } else if self.repair.lasting == Validity::VALID && self.repair.bridges(causes) {
            self.repair.wait(&self.wide[span], note);
            return;
        } else {
            self.give_up_waiting(pass);
            self.repair.lasting = self.repair.lasting.with(causes);
        }
        self.make_room(pass);
        if self.restart && causes.is_valid() {
            self.flush(pass);
            self.restart = false;
            self.chains.restart();
            self.ahead.since(Validity::SETTLING, self.fed);
            self.taint.since(Validity::SETTLING, self.fed);
        }
        let out = self.feed.push(note);
        if dirty {
            self.repair.mend(&self.wide[span], out);
        } else {
            self.repair.pass(&self.wide[span], out);
        }
    }

    /// The frames that wait are interpolated to frame `i` of the chunk.
    fn release_waiting(&mut self, i: usize, pass: &mut Pass<'_>) {
        let channels = self.first.outputs();
        self.repair.interpolate(&self.wide[i * channels..(i + 1) * channels]);
        count(&pass.around.counters.frames_bridged, self.repair.held() as u64);
        for k in 0..self.repair.held() {
            self.make_room(pass);
            let (_, note) = self.repair.held_frame(k);
            let out = self.feed.push(Note { causes: Validity::BRIDGED, ..note });
            self.repair.mend_held(k, out);
        }
        self.repair.release();
    }

    /// The frames that wait have waited for too long: they are held and marked.
    fn give_up_waiting(&mut self, pass: &mut Pass<'_>) {
        for k in 0..self.repair.held() {
            self.make_room(pass);
            let (_, note) = self.repair.held_frame(k);
            self.repair.lasting = self.repair.lasting.with(note.causes);
            let out = self.feed.push(note);
            self.repair.mend_held(k, out);
        }
        self.repair.release();
    }

    fn position(pass: &mut Pass<'_>) -> u64 {
        let position = pass.at.frame;
        pass.at.frame = position.saturating_add(1);
        position
    }

    fn make_room(&mut self, pass: &mut Pass<'_>) {
        if self.feed.is_full() {
            self.flush(pass);
        }
    }

    /// Filters everything in the feed and hands over the windows that become due.
    fn flush(&mut self, pass: &mut Pass<'_>) {
        if self.feed.is_empty() {
            return;
        }
        let (samples, notes) = self.feed.held();
        let learn = &mut self.learn[..notes.len()];
        for ((note, learn), at) in notes.iter().zip(&mut *learn).zip(self.fed..) {
            self.ahead.meet(note.causes, at);
            *learn = self.ahead.is_clear(at);
        }
        let channels = self.first.outputs();
        let mut rest = samples;
        let mut from = 0;
        let mut out = Out {
            window: &mut self.window,
            known: &mut self.known,
            taint: &mut self.taint,
            timing: &self.timing,
            emitted: &mut self.emitted,
            last_bridged: &mut self.last_bridged,
            silence: &self.silence,
            signal_delay_ns: self.signal_delay_ns,
        };
        // Blocks of which everything may be learned from, or nothing.
        for alike in learn.chunk_by(|a, b| a == b) {
            let (block, after) = rest.split_at_mut(alike.len() * channels);
            rest = after;
            let notes = &notes[from..from + alike.len()];
            from += alike.len();
            let filtered = self.chains.process(block, alike[0]);
            if filtered.finite {
                out.take(Some(filtered.samples), filtered.origins, notes, self.fed, pass);
            } else {
                // Stable filters keep what is bounded bounded. Were one not stable after all, it would be silenced, marked
                // and begun again rather than stay poisoned.
                let last = self.fed + alike.len() as u64 - 1;
                self.ahead.meet(Validity::NOT_FINITE, last);
                out.taint.meet(Validity::NOT_FINITE, last);
                out.take(None, filtered.origins, notes, self.fed, pass);
                self.chains.restart();
            }
            self.fed += alike.len() as u64;
        }
        self.feed.clear();
        if let Some(removed) = self.chains.removed() {
            let counters = &pass.around.counters.artefacts;
            counters.windows.store(removed.windows, Ordering::Relaxed);
            counters.reconstructed.store(removed.reconstructed_windows, Ordering::Relaxed);
            counters.power_ppm.store((removed.share_of_power_removed * 1e6) as u64, Ordering::Relaxed);
        }
    }
}

/// The end of the path: what was filtered goes into the window, and windows go out.
struct Out<'a> {
    window: &'a mut Window,
    known: &'a mut [Known],
    taint: &'a mut Taint,
    timing: &'a Timing,
    emitted: &'a mut u64,
    last_bridged: &'a mut Option<u64>,
    /// One frame of zeros.
    silence: &'a [f64],
    signal_delay_ns: i64,
}

impl Out<'_> {
    /// `samples` (silence where `None`) came out of the filters for the frames of which `notes` are known, the first of
    /// them number `fed`.
    fn take(
        &mut self,
        samples: Option<&[f64]>,
        origins: &[u32],
        notes: &[Note],
        fed: u64,
        pass: &mut Pass<'_>,
    ) {
        let channels = self.window.channels();
        // Frames whose causes were met.
        let mut met = 0;
        let mut done = 0;
        while done < origins.len() {
            let pushed = self.window.push(samples.map_or(self.silence, |s| &s[done * channels..]));
            for origin in &origins[done..done + pushed.frames] {
                let origin = *origin as usize;
                let place = (*self.emitted % self.known.len() as u64) as usize;
                let note = &notes[origin];
                self.known[place] = Known {
                    stamp: note.stamp,
                    raw: note.raw,
                    position: note.position,
                    fed: fed + origin as u64,
                };
                *self.emitted += 1;
            }
            done += pushed.frames;
            let newest = origins[done - 1] as usize;
            self.meet(&notes[met..=newest], fed + met as u64);
            met = newest + 1;
            // Where a window ends within a hole there is nothing new to decide on, and its time is over.
            if pushed.due && !notes[newest].stand_in {
                self.hand_over(pass);
            }
        }
        self.meet(&notes[met..], fed + met as u64);
    }

    /// The frames from number `first` on are in the filters now.
    fn meet(&mut self, notes: &[Note], first: u64) {
        for (note, at) in notes.iter().zip(first..) {
            self.taint.meet(note.causes, at);
            if note.causes.has(Validity::BRIDGED) {
                *self.last_bridged = Some(at);
            }
        }
    }

    /// A window is due.
    fn hand_over(&mut self, pass: &mut Pass<'_>) {
        let counters = pass.around.counters;
        let seq = pass.at.seq;
        pass.at.seq += 1;
        count(&counters.windows, 1);
        let length = self.known.len() as u64;
        let of = |n: u64| self.known[(n % length) as usize];
        let (oldest, newest) = (of(*self.emitted - length), of(*self.emitted - 1));
        let mut validity = self.taint.of(oldest.fed);
        let frames = (newest.fed - oldest.fed + 1) as usize;
        let spans_step = validity.has(Validity::CLOCK_STEP);
        if !spans_step && self.timing.is_stretched(frames, oldest.raw, newest.raw) {
            validity = validity.with(Validity::GAP);
        }
        if self.last_bridged.is_some_and(|bridged| bridged >= oldest.fed) {
            validity = validity.with(Validity::BRIDGED);
        }
        if !validity.is_valid() {
            count(&counters.windows_invalid, 1);
        }
        let Some((mut slot, replaced)) = pass.around.queue.take() else {
            count(&counters.windows_skipped, 1);
            return;
        };
        if replaced {
            count(&counters.windows_skipped, 1);
        }
        let copied = self.window.copy_channel_major(&mut slot.window);
        debug_assert!(copied, "a window that is due is full, and slots are made for it");
        slot.seq = seq;
        slot.validity = validity;
        slot.epoch = pass.at.epoch;
        slot.oldest_sample = HostNs::from_lsl_seconds(oldest.stamp);
        slot.newest_sample = HostNs::from_lsl_seconds(newest.stamp);
        slot.newest_frame = newest.position;
        slot.ledger = Ledger {
            acquired: pass.acquired,
            dequeued: pass.dequeued,
            filtered: pass.around.clock.now(),
            decoded: HostNs::default(),
            signal_delay_ns: self.signal_delay_ns,
        };
        pass.around.queue.submit(slot);
        pass.windows += 1;
    }
}

#[cfg(test)]
mod tests;
