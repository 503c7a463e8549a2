use crate::run::beat::pass_over;

/// The frames of the last window, in one piece, and when one is due: first when it is full, then every hop.
#[derive(Debug)]
pub(in crate::run) struct Latest {
    channels: usize,
    window: usize,
    hop: usize,
    /// `[2 window x channels]`: every frame stands twice, one window apart, so that the last window is always in one
    /// piece.
    ring: Box<[f64]>,
    /// The oldest frame, which the next replaces.
    at: usize,
    /// Frames until the next window is due; never 0.
    until_due: usize,
    /// A window has been due.
    begun: bool,
    /// `[window x channels of a group]`: a group's window, where there are several.
    own: Box<[f64]>,
}

impl Latest {
    /// Of `groups` groups, which divide the `channels`. Allocates.
    pub(in crate::run) fn design(channels: usize, window: usize, hop: usize, groups: usize) -> Self {
        let zeros = |n: usize| vec![0.0; n].into_boxed_slice();
        Self {
            channels,
            window,
            hop,
            ring: zeros(2 * window * channels),
            at: 0,
            until_due: window,
            begun: false,
            own: zeros(if groups > 1 { window * (channels / groups) } else { 0 }),
        }
    }

    pub(in crate::run) fn reset(&mut self) {
        self.ring.fill(0.0);
        self.at = 0;
        self.until_due = self.window;
        self.begun = false;
    }

    /// The next frame; whether a window is due with it.
    pub(in crate::run) fn push(&mut self, frame: &[f64]) -> bool {
        let channels = self.channels;
        for at in [self.at, self.at + self.window] {
            self.ring[at * channels..(at + 1) * channels].copy_from_slice(frame);
        }
        self.at = (self.at + 1) % self.window;
        self.until_due -= 1;
        if self.until_due > 0 {
            return false;
        }
        self.until_due = self.hop;
        self.begun = true;
        true
    }

    /// As if `frames` frames had come and gone unseen; how many windows went with them.
    pub(in crate::run) fn skip(&mut self, frames: u64) -> u64 {
        if self.begun { pass_over(&mut self.until_due, self.hop, frames) } else { 0 }
    }

    /// `[window x channels of a group]`: the last window of the `n`th group of so many channels.
    pub(in crate::run) fn group(&mut self, n: usize, width: usize) -> &[f64] {
        let window = &self.ring[self.at * self.channels..(self.at + self.window) * self.channels];
        if width == self.channels {
            return window;
        }
        for (own, frame) in self.own.chunks_exact_mut(width).zip(window.chunks_exact(self.channels)) {
            own.copy_from_slice(&frame[n * width..(n + 1) * width]);
        }
        &self.own
    }

    /// Every frame held.
    pub(in crate::run) fn frames(&self) -> &[f64] {
        &self.ring
    }

    pub(in crate::run) fn channels(&self) -> usize {
        self.channels
    }

    pub(in crate::run) fn window(&self) -> usize {
        self.window
    }

    pub(in crate::run) fn hop(&self) -> usize {
        self.hop
    }

    pub(in crate::run) fn until_due(&self) -> usize {
        self.until_due
    }
}
