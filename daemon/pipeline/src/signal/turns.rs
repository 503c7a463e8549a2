//! Frame by frame: what is wrong with each, and what goes into the filters in its place.

use super::feed::Note;
use super::repair::Looked;
use super::{Met, Pass, SignalPath, Time};
use crate::status::count;
use crate::timing::Event;
use bci_rt::edge::Header;
use bci_types::Validity;

impl SignalPath {
    /// What frame `i` of the chunk tells about time.
    pub(super) fn meet(&mut self, i: usize, raw: f64, header: &Header) -> Met {
        let before = self.timing.last();
        // A chunk came as a whole: of the frames within it is not known when they did.
        let at_an_end = i == 0 || i + 1 == header.frames;
        let event = self.timing.frame(raw, at_an_end.then_some(header.acquired.0));
        let stamp = if self.dejitter { self.timing.smoothed_s() } else { raw };
        Met { event, before, time: Time { stamp, raw } }
    }

    /// Frame `i` of `wide`, before which the ring dropped `dropped`, in its turn.
    pub(super) fn irregular(
        &mut self,
        i: usize,
        dropped: u64,
        met: Met,
        looked: Looked,
        pass: &mut Pass<'_>,
    ) {
        let Met { event, before, time } = met;
        let mut told = Validity::VALID;
        match event {
            Event::Even => {}
            Event::Missing(missing) => self.hole(missing, dropped, before, time, pass),
            Event::ClockStep(_) => {
                told = Validity::CLOCK_STEP;
                self.clock_step(dropped, time, pass);
            }
        }
        self.frame(i, time, told, looked, pass);
    }

    /// Frame `i` of `wide` goes on its way: as it is, mended, or into the waiting row.
    fn frame(&mut self, i: usize, time: Time, told: Validity, looked: Looked, pass: &mut Pass<'_>) {
        let channels = self.first.outputs();
        let span = i * channels..(i + 1) * channels;
        let Looked { causes, dirty } = looked;
        let Time { stamp, raw } = time;
        let note =
            Note { stamp, raw, position: Self::position(pass), causes: causes.with(told), stand_in: false };
        if causes.has(Validity::NOT_FINITE) {
            count(&pass.around.counters.frames_not_finite, 1);
        }
        if causes.is_valid() {
            if self.repair.held() > 0 {
                self.release_waiting(i, pass);
            }
            self.restart |= self.repair.ends();
        } else if self.repair.bridges(causes, 1) {
            self.repair.wait(&self.wide[span], note);
            return;
        } else {
            self.give_up_waiting(pass);
            self.repair.lasts(causes);
        }
        self.make_room(pass);
        if self.restart && causes.is_valid() {
            self.flush(pass);
            self.restart = false;
            self.chains.restart();
            self.ahead.since(Validity::SETTLING, self.fed);
            self.end.taint().since(Validity::SETTLING, self.fed);
        }
        let out = self.feed.push(note);
        if dirty {
            self.repair.mend(&self.wide[span], out);
        } else {
            self.repair.pass(&self.wide[span], out);
        }
    }

    /// The frames that wait are interpolated to frame `i` of `wide`.
    fn release_waiting(&mut self, i: usize, pass: &mut Pass<'_>) {
        let channels = self.first.outputs();
        self.repair.interpolate(&self.wide[i * channels..(i + 1) * channels]);
        count(&pass.around.counters.frames_bridged, self.repair.held() as u64);
        for k in 0..self.repair.held() {
            self.make_room(pass);
            let note = self.repair.note(k);
            // A set clock is no matter of the samples.
            let step =
                if note.causes.has(Validity::CLOCK_STEP) { Validity::CLOCK_STEP } else { Validity::VALID };
            let causes = Validity::BRIDGED.with(step);
            let out = self.feed.push(Note { causes, stand_in: false, ..note });
            self.repair.mend_held(k, out);
        }
        self.repair.release();
    }

    /// The frames that wait have waited for too long: they are held at the last good value and marked.
    pub(super) fn give_up_waiting(&mut self, pass: &mut Pass<'_>) {
        for k in 0..self.repair.held() {
            let note = self.repair.note(k);
            if note.stand_in && (k == 0 || !self.repair.note(k - 1).stand_in) {
                self.flush(pass);
                pass.at.epoch += 1;
            }
            self.make_room(pass);
            self.repair.lasts(note.causes);
            let out = self.feed.push(note);
            self.repair.mend_held(k, out);
        }
        self.repair.release();
    }

    fn make_room(&mut self, pass: &mut Pass<'_>) {
        if self.feed.is_full() {
            self.flush(pass);
        }
    }
}
