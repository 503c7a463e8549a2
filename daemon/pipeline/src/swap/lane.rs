use super::exchange::SwapError;
use super::report::{Counted, Figures};
use crate::decode::Decoded;
use crate::slots::WindowQueue;
use crate::status::{Counters, count};
use bci_models::Bundle;
use bci_types::{DecoderIdentity, Intent, Numbers, Seq, Validity};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What a lane decoded is kept for so long, in ms: for comparison, and to be published at a swap. Longer than a run may
/// hang until it is stopped, so that nothing vanishes when the other takes over.
const KEPT_MS: f64 = 2500.0;
/// In windows: not fewer, for comparison, and not more, whatever the hop.
const KEPT: (usize, usize) = (64, 4096);

/// A decoder at work, as the exchange knows it.
pub(crate) struct Lane {
    pub(crate) identity: Arc<DecoderIdentity>,
    /// From one of its windows to the next, in frames of the stream.
    pub(crate) period: f64,
    /// Why it has no windows of the stream that is attached now.
    pub(crate) unfit: Option<String>,
    /// Where its decoder counts; its own, so that it says which lane this is.
    counted: Arc<Counters>,
    /// Windows given up on their way to it and not yet accounted for.
    given_up: Arc<AtomicU64>,
    /// What has been accounted for.
    settled: Spent,
    figures: Figures,
    /// What it decoded of late.
    recent: VecDeque<Decoded>,
    /// How many of those.
    room: usize,
    /// What is added to the numbers of its windows.
    offset: u64,
    /// It is to go on with the numbers of the other.
    rebase: bool,
    /// Faults in a row.
    faults: u32,
    newest: Option<(u64, Validity)>,
}

/// What a lane counted from one window to the next.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Spent {
    skipped: u64,
    faults: u64,
    invalid: u64,
}

impl Spent {
    pub(super) fn count_in(self, counters: &Counters) {
        count(&counters.windows_skipped, self.skipped);
        count(&counters.decoder_faults, self.faults);
        count(&counters.windows_invalid, self.invalid);
    }
}

impl Lane {
    /// The lane of a decoder, whose windows come every `hop_ms` through `queue`.
    pub(crate) fn of(bundle: &Bundle, hop_ms: f64, counted: &Arc<Counters>, queue: &WindowQueue) -> Self {
        // As far as is known before there is a stream.
        let period = hop_ms * 1e-3 * bundle.input.rate.value.get();
        let identity = Arc::clone(&bundle.identity);
        Self::new(identity, period, hop_ms, Arc::clone(counted), Arc::clone(queue.given_up()))
    }

    pub(crate) fn new(
        identity: Arc<DecoderIdentity>,
        period: f64,
        hop_ms: f64,
        counted: Arc<Counters>,
        given_up: Arc<AtomicU64>,
    ) -> Self {
        let room = ((KEPT_MS / hop_ms).ceil() as usize).clamp(KEPT.0, KEPT.1);
        Self {
            identity,
            period,
            unfit: None,
            counted,
            given_up,
            settled: Spent::default(),
            figures: Figures::new(),
            recent: VecDeque::with_capacity(room),
            room,
            offset: 0,
            rebase: false,
            faults: 0,
            newest: None,
        }
    }

    pub(super) fn counted(&self) -> &Arc<Counters> {
        &self.counted
    }

    /// Whether this is the lane of the decoder that counts `of`.
    pub(super) fn is_of(&self, of: &Arc<Counters>) -> bool {
        Arc::ptr_eq(&self.counted, of)
    }

    pub(super) fn occupies(&self) -> SwapError {
        SwapError::Occupied(self.identity.name.clone())
    }

    /// Its decoder is compared with another from now on.
    pub(super) fn begin_anew(&mut self) {
        self.figures = Figures::new();
        self.recent.clear();
    }

    /// It decoded a window; what it has counted since the last.
    pub(super) fn met(&mut self, decoded: &Decoded) -> Spent {
        let Intent { newest_frame, validity, .. } = decoded.intent;
        let fault = validity.has(Validity::DECODER_FAULT);
        self.newest = Some((newest_frame, validity));
        self.faults = if fault { self.faults + 1 } else { 0 };
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let now = Spent {
            skipped: of(&self.counted.windows_skipped),
            faults: of(&self.counted.decoder_faults),
            invalid: of(&self.counted.windows_invalid),
        };
        let before = std::mem::replace(&mut self.settled, now);
        let spent = Spent {
            skipped: now.skipped - before.skipped + self.given_up.swap(0, Ordering::Relaxed),
            faults: now.faults - before.faults,
            invalid: now.invalid - before.invalid,
        };
        self.figures.decoded(decoded.took_ns, fault, spent.skipped);
        spent
    }

    /// Keeps what it decoded.
    pub(super) fn keep(&mut self, decoded: Decoded) {
        if self.recent.len() == self.room {
            self.recent.pop_front();
        }
        self.recent.push_back(decoded);
    }

    /// What it decoded of late, oldest first.
    pub(super) fn recent(&self) -> impl Iterator<Item = &Decoded> {
        self.recent.iter()
    }

    /// What it decoded of the window that ends nearest to `frame`, less than half of `period` frames away.
    pub(super) fn near(&self, frame: u64, period: f64) -> Option<&Intent> {
        let recent = self.recent.iter().rev().map(|decoded| &decoded.intent);
        let mut close = recent.take_while(|other| other.newest_frame as f64 + period > frame as f64);
        close.find(|other| (other.newest_frame.abs_diff(frame) as f64) < 0.5 * period)
    }

    /// Faults in a row.
    pub(super) fn faults(&self) -> u32 {
        self.faults
    }

    /// The newest frame of what it decoded last, and how that was.
    pub(super) fn newest(&self) -> Option<(u64, Validity)> {
        self.newest
    }

    /// It publishes from now on.
    pub(super) fn takes_over(&mut self) {
        self.rebase = true;
        self.faults = 0;
    }

    /// The number under which a window is published, after the last one: its number and its newest frame.
    pub(super) fn number(&mut self, intent: &Intent, last: Option<(Seq, u64)>) -> Seq {
        if let (true, Some((seq, newest_frame))) = (std::mem::take(&mut self.rebase), last) {
            // As many numbers on as hops in the stream.
            let frames = intent.newest_frame.saturating_sub(newest_frame) as f64;
            let hops = (frames / self.period).round().max(1.0) as u64;
            self.offset = (seq + hops).wrapping_sub(intent.seq);
        }
        intent.seq.wrapping_add(self.offset)
    }

    /// How it has done since there are two.
    pub(super) fn figures(&self) -> Counted {
        self.figures.told(self.given_up.load(Ordering::Relaxed))
    }

    pub(super) fn yields_posteriors(&self) -> bool {
        self.recent.back().is_none_or(|decoded| decoded.intent.kind == Numbers::Posterior)
    }
}
