use super::{Inner, LaneId, Outside, Published, SwapError, Ticket};
use crate::decode::Decoded;
use crate::policy::is_stale;
use crate::status::{MeasuredRate, count};
use crate::swap::lane::Lane;
use bci_types::{Intent, NoIntentReason, Outcome, Swapped, Validity};
use std::sync::Arc;
use std::sync::atomic::Ordering;

impl Inner {
    pub(super) fn name(&self, id: LaneId) -> String {
        self.lanes[id].as_ref().map(|lane| lane.identity.name.clone()).unwrap_or_default()
    }

    /// What a swap has come to.
    pub(super) fn swapped(&self) -> Swapped {
        let now = self.lanes[self.active].as_ref().map(|lane| Arc::clone(&lane.identity));
        Swapped { now, after: self.after }
    }

    /// A client waits until the candidate publishes; under which number.
    pub(super) fn ask(&mut self) -> u64 {
        self.tickets += 1;
        if let Some(lane) = &self.lanes[1 - self.active] {
            let wants = Arc::clone(lane.counted());
            self.waiting.push(Ticket { number: self.tickets, wants, outcome: None });
        }
        self.tickets
    }

    /// What has become of what a client waits for.
    pub(super) fn outcome(&mut self, number: u64) -> Option<Result<Swapped, SwapError>> {
        let at = self.waiting.iter().position(|waits| waits.number == number && waits.outcome.is_some())?;
        self.waiting.swap_remove(at).outcome
    }

    /// Whether somebody waits for the candidate.
    pub(super) fn is_asked(&self) -> bool {
        let candidate = self.lanes[1 - self.active].as_ref();
        let mut open = self.waiting.iter().filter(|waits| waits.outcome.is_none());
        open.any(|waits| candidate.is_some_and(|lane| lane.is_of(&waits.wants)))
    }

    /// Who waited for the lane that publishes now need wait no more.
    pub(super) fn content(&mut self) {
        let swapped = self.swapped();
        let Some(lane) = &self.lanes[self.active] else { return };
        for waits in
            self.waiting.iter_mut().filter(|waits| waits.outcome.is_none() && lane.is_of(&waits.wants))
        {
            waits.outcome = Some(Ok(swapped.clone()));
        }
    }

    /// Who waits for `lane` waits in vain.
    pub(super) fn disappoint(&mut self, lane: &Lane, why: &str) {
        for waits in
            self.waiting.iter_mut().filter(|waits| waits.outcome.is_none() && lane.is_of(&waits.wants))
        {
            let name = lane.identity.name.clone();
            waits.outcome = Some(Err(SwapError::NotReady { name, why: why.to_owned() }));
        }
    }

    /// Whether the candidate may take over now; else why not.
    pub(super) fn readiness(&self) -> Result<(), String> {
        let candidate = self.lanes[1 - self.active].as_ref().ok_or("it is gone")?;
        if let Some(why) = &candidate.unfit {
            return Err(format!("it does not fit the stream: {why}"));
        }
        let (newest, validity) = candidate.newest().ok_or("it has decoded no window yet")?;
        if validity.has(Validity::DECODER_FAULT) {
            return Err("it fails on windows".to_owned());
        }
        let active = self.lanes[self.active].as_ref();
        let other = active.and_then(Lane::newest).map(|(_, validity)| validity);
        if validity.has(Validity::SETTLING) && other.is_some_and(|v| !v.has(Validity::SETTLING)) {
            return Err("its filters or states have not settled yet".to_owned());
        }
        // Its next window comes a period after its newest: half of that is left for periods that are not whole.
        match self.last {
            Some(last) if newest as f64 + 0.5 * candidate.period <= last.newest_frame as f64 => {
                Err("it does not keep up with the stream".to_owned())
            }
            _ => Ok(()),
        }
    }

    /// Compares with what the other lane decoded of the same stretch of the stream, if it has.
    pub(super) fn compare(&mut self, id: LaneId, intent: &Intent) {
        let Self { lanes, comparison, active, .. } = self;
        let period = lanes.iter().flatten().map(|lane| lane.period).fold(f64::INFINITY, f64::min);
        let Some(other) = lanes[1 - id].as_ref().and_then(|lane| lane.near(intent.newest_frame, period))
        else {
            return;
        };
        let (of_active, of_other) = if id == *active { (intent, other) } else { (other, intent) };
        comparison.pair(of_active, of_other);
    }

    /// Publishes what lane `id` decoded, but for what the other has published already; whether it did.
    pub(super) fn publish(&mut self, id: LaneId, mut intent: Intent, outside: &Outside) -> bool {
        let Some(lane) = &mut self.lanes[id] else { return false };
        // Of one lane the order is right, and several windows may end with one frame of the stream.
        if self.last.is_some_and(|last| last.by != id && intent.newest_frame <= last.newest_frame) {
            return false;
        }
        intent.seq = lane.number(&intent, self.last.map(|last| (last.seq, last.newest_frame)));
        self.activations.number(&mut intent);
        self.last = Some(Published { by: id, seq: intent.seq, newest_frame: intent.newest_frame });
        let rate = &outside.status.counters.rate;
        if !self.rate_told && rate.off.load(Ordering::Relaxed) {
            self.rate_told = true;
            tracing::warn!(
                pipeline = %intent.pipeline,
                measured_hz = MeasuredRate::of(&rate.sampled_hz),
                "the stream's real rate is not the stated one: give `rate_hz` under [pipeline.stream], and a `resample` step"
            );
        }
        outside.sink.intent(intent);
        true
    }

    /// Publishes what the lane that publishes from now on decoded beyond the last window published, as it is worth by now.
    pub(super) fn catch_up(&mut self, outside: &Outside) {
        let id = self.active;
        let Some(lane) = &self.lanes[id] else { return };
        let (last, period) = (self.last, lane.period);
        let counters = &outside.status.counters;
        let mut before = None;
        let mut ahead = Vec::new();
        for decoded in lane.recent() {
            let Intent { seq, newest_frame, .. } = decoded.intent;
            let beyond = last.map(|last| newest_frame.saturating_sub(last.newest_frame));
            if beyond != Some(0) {
                // What lies between and is not there is lost: the one before had skipped it, or not come to it.
                let passed = before.map(|before: u64| seq.saturating_sub(before + 1));
                let due = beyond.map(|frames| ((frames as f64 / period).round() as u64).saturating_sub(1));
                let missed = if ahead.is_empty() { passed.or(due).min(due) } else { passed };
                count(&counters.windows_skipped, missed.unwrap_or(0));
                ahead.push(decoded.clone());
            }
            before = Some(seq);
        }
        let now = outside.clock.now();
        for Decoded { mut intent, spoilt, .. } in ahead {
            let ages = [now - intent.newest_sample, now - intent.ledger.acquired];
            let late = ages.into_iter().any(|age| is_stale(age, outside.max_age_ms));
            count(&counters.windows_invalid, u64::from(spoilt || late && intent.validity.is_valid()));
            count(&counters.decoder_faults, u64::from(intent.validity.has(Validity::DECODER_FAULT)));
            if late {
                intent.validity = intent.validity.with(Validity::STALE);
                intent.outcome = Outcome::NoIntent(NoIntentReason::InvalidData);
                intent.action.stop();
                let alike = 1.0 / intent.smoothed.len().max(1) as f32;
                intent.smoothed.fill(alike);
            }
            self.publish(id, intent, outside);
        }
    }
}
