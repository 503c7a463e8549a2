use super::feed::Note;
use super::taint::Taint;
use super::{Layout, Pass};
use crate::status::count;
use crate::timing::Timing;
use bci_dsp::DesignError;
use bci_dsp::run::Window;
use bci_types::{HostNs, Ledger, Validity};
use std::sync::atomic::{AtomicU64, Ordering};

/// The end of the path: what was filtered goes into the window, and windows go out, with what is known of their frames.
#[derive(Debug)]
pub(super) struct End {
    window: Window,
    /// What is known of each frame that a decision rests on, a ring.
    known: Box<[Known]>,
    taint: Taint,
    /// Frames that came out of the filters.
    emitted: u64,
    /// The newest of those fed that was interpolated.
    last_bridged: Option<u64>,
    /// Which of all filters that ever began from nothing these are.
    generation: u64,
    /// One frame of zeros.
    silence: Box<[f64]>,
    signal_delay_ns: i64,
    /// The stamps of the frames fed last, a ring: as many as lie between the oldest that a frame that comes out is computed
    /// over and the newest.
    fed_stamps: Box<[f64]>,
}

/// What is known of a frame in the window.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    stamp: f64,
    /// The stamp of the oldest fed frame that it was computed over.
    begun: f64,
    raw: f64,
    position: u64,
    /// Its place among the frames fed.
    fed: u64,
}

/// What came out of the filters.
#[derive(Clone, Copy, Debug)]
pub(super) struct Came<'a> {
    /// `[frames x channels]`; silence where `None`.
    pub(super) samples: Option<&'a [f64]>,
    /// For each frame the newest of the fed frames that went into it, counted from `base`.
    pub(super) origins: &'a [u32],
    pub(super) base: usize,
    /// What is known of the fed frames, the first of them number `fed`.
    pub(super) notes: &'a [Note],
    pub(super) fed: u64,
}

impl End {
    /// For frames of `channels` channels, `signal_delay_ns` later than the signal, from filters that settle in `settle`
    /// frames of the stream and have just been started. Each was computed over `reach` fed frames before its newest.
    pub(super) fn design(
        l: &Layout<'_>,
        channels: usize,
        settle: u64,
        reach: usize,
        signal_delay_ns: i64,
    ) -> Result<Self, DesignError> {
        Ok(Self {
            window: Window::design(channels, l.window_samples, l.hop_samples)?,
            known: vec![Known::default(); l.window_samples.max(l.decision_samples)].into_boxed_slice(),
            taint: Taint::new(settle),
            emitted: 0,
            last_bridged: None,
            generation: next_generation(),
            silence: vec![0.0; channels].into_boxed_slice(),
            signal_delay_ns,
            fed_stamps: vec![0.0; reach].into_boxed_slice(),
        })
    }

    /// Numbers in a window.
    pub(super) fn window_len(&self) -> usize {
        self.window.channels() * self.window.frames()
    }

    /// Frames from one window to the next.
    pub(super) fn hop(&self) -> usize {
        self.window.hop()
    }

    /// Begins windows so that they end when those of `beside` do.
    pub(super) fn end_with(&mut self, beside: &End) {
        self.window.end_with(&beside.window);
    }

    /// Gets ready for the next window, once this one was handed over.
    pub(super) fn prepare(&mut self) {
        self.window.prepare();
    }

    /// The filters began from nothing.
    pub(super) fn begins_anew(&mut self) {
        self.generation = next_generation();
    }

    /// What windows are marked for.
    pub(super) fn taint(&mut self) -> &mut Taint {
        &mut self.taint
    }

    /// So many frames would have come out meanwhile: windows that would have ended with them are passed over.
    pub(super) fn skip(&mut self, frames: u64) {
        self.window.skip(frames);
    }

    /// Takes in what came, and hands over the windows that become due.
    pub(super) fn take(&mut self, came: Came<'_>, timing: &Timing, pass: &mut Pass<'_>) {
        let Came { samples, origins, base, notes, fed } = came;
        let channels = self.window.channels();
        // Frames whose causes were met.
        let mut met = 0;
        let mut done = 0;
        while done < origins.len() {
            let pushed = match samples {
                Some(samples) => self.window.push(&samples[done * channels..]),
                None => self.window.push(&self.silence),
            };
            for origin in &origins[done..done + pushed.frames] {
                let origin = *origin as usize - base;
                let place = (self.emitted % self.known.len() as u64) as usize;
                let Note { stamp, raw, position, .. } = notes[origin];
                let begun = self.stamp_before(notes, fed, origin);
                self.known[place] = Known { stamp, begun, raw, position, fed: fed + origin as u64 };
                self.emitted += 1;
            }
            done += pushed.frames;
            let newest = origins[done - 1] as usize - base;
            self.meet(&notes[met..=newest], fed + met as u64);
            met = newest + 1;
            // Where a window ends within a hole there is nothing new to decide on, and its time is over.
            if pushed.due && !notes[newest].stand_in {
                self.hand_over(timing, pass);
            }
        }
        self.meet(&notes[met..], fed + met as u64);
        let reach = self.fed_stamps.len();
        if reach > 0 {
            let kept = notes.len().min(reach);
            for (note, at) in notes[notes.len() - kept..].iter().zip(fed + (notes.len() - kept) as u64..) {
                self.fed_stamps[(at % reach as u64) as usize] = note.stamp;
            }
        }
    }

    /// The stamp of the oldest frame that what came of `notes[origin]` was computed over; the first of `notes` is number `fed`.
    fn stamp_before(&self, notes: &[Note], fed: u64, origin: usize) -> f64 {
        let reach = self.fed_stamps.len() as u64;
        let oldest = (fed + origin as u64).saturating_sub(reach);
        match oldest.checked_sub(fed) {
            Some(within) => notes[within as usize].stamp,
            None => self.fed_stamps[(oldest % reach) as usize],
        }
    }

    /// The frames from number `first` on are in the filters now.
    fn meet(&mut self, notes: &[Note], first: u64) {
        for (note, at) in notes.iter().zip(first..) {
            self.taint.meet(note.causes, at);
            if note.causes.has(Validity::BRIDGED) {
                self.last_bridged = Some(at);
            }
        }
    }

    /// A window is due.
    fn hand_over(&mut self, timing: &Timing, pass: &mut Pass<'_>) {
        let counters = pass.around.counters;
        let seq = pass.at.seq;
        pass.at.seq += 1;
        count(&counters.windows, 1);
        let (oldest, newest) = (self.known(self.window.frames() as u64), self.known(1));
        let mut validity = self.taint.of(oldest.fed);
        let spans_step = validity.has(Validity::CLOCK_STEP);
        let from = self.whole_from(oldest);
        let frames = (newest.fed - from.fed + 1) as usize;
        if !spans_step && timing.is_stretched(frames, from.raw, newest.raw) {
            validity = validity.with(Validity::GAP);
        }
        if self.last_bridged.is_some_and(|bridged| bridged >= oldest.fed) {
            validity = validity.with(Validity::BRIDGED);
        }
        if !validity.is_valid() {
            count(&counters.windows_invalid, 1);
        }
        let teaches = validity.is_valid()
            && pass.teaching.is_some_and(|t| t.allows_whole((oldest.begun, newest.stamp), pass.known));
        for (n, queue) in pass.around.queues.iter().enumerate() {
            let taken = queue.take();
            if taken.as_ref().is_none_or(|(_, replaced)| *replaced) {
                count(queue.given_up(), 1);
            }
            let Some((mut slot, _)) = taken else { continue };
            // The first is who publishes.
            let copied = match n {
                0 => self.window.take_channel_major(&mut slot.window),
                _ => self.window.copy_channel_major(&mut slot.window),
            };
            debug_assert!(copied, "a window that is due is full, and slots are made for it");
            slot.seq = seq;
            slot.validity = validity;
            slot.epoch = pass.at.epoch;
            slot.attachment = pass.at.attachment;
            slot.oldest_sample = HostNs::from_lsl_seconds(oldest.begun);
            slot.newest_sample = HostNs::from_lsl_seconds(newest.stamp);
            slot.newest_frame = newest.position;
            (slot.teaches, slot.generation) = (teaches, self.generation);
            slot.ledger = Ledger {
                acquired: pass.acquired,
                dequeued: pass.dequeued,
                filtered: pass.around.clock.now(),
                decoded: HostNs::default(),
                signal_delay_ns: self.signal_delay_ns,
            };
            queue.submit(slot);
        }
        pass.windows += 1;
    }

    /// What is known of the `n`th frame from the end, the newest being the first.
    fn known(&self, n: u64) -> Known {
        self.known[((self.emitted - n) % self.known.len() as u64) as usize]
    }

    /// The first frame of what a decision rests on, as far back as the time between frames is known. `oldest` is the first of
    /// the window that is handed over; a decoder that is fed by the hop rests on more, but remembers nothing from before a gap.
    fn whole_from(&self, oldest: Known) -> Known {
        let window = self.window.frames() as u64;
        let cut = self.taint.until(Validity::GAP).max(self.taint.until(Validity::CLOCK_STEP));
        // Frames are in order: the farthest that lies behind the cut.
        let (mut near, mut far) = (window, (self.known.len() as u64).min(self.emitted));
        while near < far {
            let middle = near + (far - near).div_ceil(2);
            if self.known(middle).fed >= cut {
                near = middle;
            } else {
                far = middle - 1;
            }
        }
        if near > window { self.known(near) } else { oldest }
    }
}

/// Of all threads.
fn next_generation() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}
