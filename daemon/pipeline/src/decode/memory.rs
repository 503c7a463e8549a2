use crate::slots::Slot;
use bci_models::bundle::{Feed, Input, Reset};
use bci_types::{HostNs, Seq, Validity};
use std::collections::VecDeque;

/// How a decoder is fed, in frames after the preprocessing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fed {
    /// What a decision rests on.
    pub window: usize,
    /// From one window to the next.
    pub hop: usize,
    /// Whether it gets the newest hop alone.
    pub hops: bool,
}

impl Fed {
    /// As a bundle says.
    #[must_use]
    pub fn of(input: &Input) -> Self {
        let (window, hop) = (input.window_samples.value, input.hop_samples.value);
        Self { window, hop, hops: input.feed == Feed::Hop }
    }
}

/// What is known of what a decoder remembers: whether windows came one after the other, and since when.
#[derive(Clone, Debug)]
pub(super) struct Memory {
    /// Frames that its first window brings, and each after it.
    first: u64,
    hop: u64,
    /// Frames until what it yields means something.
    settle: u64,
    /// Frames that it has seen since it was reset.
    seen: u64,
    last: Option<Last>,
    /// Of the last windows handed in, which together are the decoder's own window: the first frame's time, and whether frames
    /// were interpolated.
    held: VecDeque<(HostNs, bool)>,
    windows: usize,
}

#[derive(Clone, Copy, Debug)]
struct Last {
    seq: Seq,
    epoch: u64,
    attachment: u32,
}

impl Memory {
    /// Of a decoder that is fed so and means nothing for `settle` frames after a reset.
    pub(super) fn new(fed: Fed, settle: usize) -> Self {
        let windows = if fed.hops { fed.window.div_ceil(fed.hop).max(1) } else { 1 };
        Self {
            first: if fed.hops { fed.hop } else { fed.window } as u64,
            hop: fed.hop as u64,
            settle: settle as u64,
            seen: 0,
            last: None,
            held: VecDeque::with_capacity(windows),
            windows,
        }
    }

    /// A window comes; what of the memory is worthless now.
    pub(super) fn meet(&mut self, slot: &Slot) -> Option<Reset> {
        let now = Last { seq: slot.seq, epoch: slot.epoch, attachment: slot.attachment };
        let how = match self.last.replace(now) {
            None => Some(Reset::Attachment),
            Some(last) if last.attachment != now.attachment => Some(Reset::Attachment),
            Some(last) if last.epoch != now.epoch || now.seq != last.seq + 1 => Some(Reset::Invalid),
            Some(_) => None,
        };
        if how.is_some() {
            self.forget();
        }
        if self.held.len() == self.windows {
            self.held.pop_front();
        }
        self.held.push_back((slot.oldest_sample, slot.validity.has(Validity::BRIDGED)));
        how
    }

    /// Nothing is remembered.
    pub(super) fn forget(&mut self) {
        self.seen = 0;
        self.held.clear();
    }

    /// The window was taken in; whether enough has been for the output to mean something.
    pub(super) fn took(&mut self) -> bool {
        let more = if self.seen == 0 { self.first } else { self.hop };
        self.seen = self.seen.saturating_add(more);
        self.seen >= self.settle
    }

    /// The time of the first frame that the decision rests on, as far as it is known.
    pub(super) fn oldest(&self, slot: &Slot) -> HostNs {
        self.held.front().map_or(slot.oldest_sample, |(oldest, _)| *oldest)
    }

    /// Whether the decision rests on interpolated frames, of those that are known.
    pub(super) fn is_bridged(&self) -> bool {
        self.held.iter().any(|(_, bridged)| *bridged)
    }
}
