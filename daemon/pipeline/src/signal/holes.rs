//! Where the stream does not go on: missing frames, set clocks, new attachments.

use super::feed::Note;
use super::{Pass, SignalPath, Time};
use crate::status::{Counters, count};
use bci_rt::edge::Header;
use bci_types::Validity;

/// A hole longer than this is no loss of samples but a source that was away, or a clock that jumped, in seconds.
const LONGEST_LOSS_S: f64 = 60.0;

/// No source is away for longer, in seconds: ten years. What a stamp gone mad says beyond that moves no position.
const LONGEST_AWAY_S: f64 = 315_576_000.0;

impl SignalPath {
    /// The first chunk after the source was attached anew: positions go on with the time that passed, nothing else.
    pub(super) fn reconnect(
        &mut self,
        header: Header,
        stamps: &[f64],
        at: &mut super::Continuity,
        counters: &Counters,
    ) {
        at.attachment = at.attachment.wrapping_add(1);
        if let (Some(last), Some(first)) = (at.last_stamp, stamps.first()) {
            at.epoch += 1;
            // Written so that NaN is nothing.
            let away_s = (first - last).clamp(0.0, LONGEST_AWAY_S);
            count(&counters.away_ms, (away_s * 1e3) as u64);
            let passed = ((away_s * self.rate.get()).round() - 1.0).max(0.0) as u64;
            // What the ring dropped lies within that time and is passed over where it is counted.
            at.frame = at.frame.saturating_add(passed.saturating_sub(header.dropped_before));
            self.mark_gap();
        }
    }

    /// The source's clock was set right before a frame: no sample is missing but those that the ring dropped.
    pub(super) fn clock_step(&mut self, dropped: u64, time: Time, pass: &mut Pass<'_>) {
        count(&pass.around.counters.clock_steps, 1);
        if dropped > 0 {
            self.hole(dropped, dropped, None, time, pass);
        }
        pass.at.epoch += 1;
        self.restart |= self.repair.resets_after(Validity::CLOCK_STEP);
    }

    /// `missing` frames are not there before a frame taken at `time`, `dropped` of them because the ring was full. `before`
    /// is the stamp before them.
    pub(super) fn hole(
        &mut self,
        missing: u64,
        dropped: u64,
        before: Option<f64>,
        time: Time,
        pass: &mut Pass<'_>,
    ) {
        let counters = pass.around.counters;
        let missing = missing.min((LONGEST_AWAY_S * self.rate.get()) as u64);
        let seconds = missing as f64 / self.rate.get();
        if seconds > LONGEST_LOSS_S {
            count(&counters.away_ms, (seconds * 1e3) as u64);
        } else {
            count(&counters.samples_lost, missing);
        }
        count(&counters.gaps, 1);
        // Who is too slow for what comes does not make up what did not.
        if dropped == 0 && self.repair.bridges_gap(missing) {
            let from = before.filter(|b| b.is_finite()).unwrap_or(time.raw);
            for k in 1..=missing {
                let between = from + (time.raw - from) * (k as f64 / (missing + 1) as f64);
                let position = Self::position(pass);
                let causes = Validity::GAP;
                self.repair.wait_for(Note { stamp: between, raw: between, position, causes, stand_in: true });
            }
            return;
        }
        self.give_up_waiting(pass);
        self.flush(pass);
        pass.at.epoch += 1;
        pass.at.frame = pass.at.frame.saturating_add(missing);
        self.end.skip(self.chains.skip(missing));
        self.mark_gap();
        self.restart |= self.repair.resets_after(Validity::GAP);
    }

    /// What comes next does not follow what came last.
    fn mark_gap(&mut self) {
        // Nothing is bridged from before it.
        self.repair.hole();
        self.repair.lasts(Validity::GAP);
        self.ahead.since(Validity::GAP, self.fed);
        self.end.taint().since(Validity::GAP, self.fed);
    }
}
