use super::beat::pass_over;
use crate::design::DesignError;

/// The last N frames, and when they are due: first when N frames are in, then every hop.
///
/// A hop may be longer than the window; the frames between two windows are then in neither.
#[derive(Clone, Debug)]
pub struct Window {
    channels: usize,
    frames: usize,
    hop: usize,
    /// `[channels x frames]`, channel-major, in single precision as it is handed out: a row a channel, each a ring.
    rows: Box<[f32]>,
    /// The rings' oldest place, which the next frame overwrites.
    oldest: usize,
    /// Frames held, up to all.
    held: usize,
    /// Frames until the next window is due; never 0.
    until_due: usize,
    /// `[channels x frames]`: what of the next window was known when it was prepared.
    next: Box<[f32]>,
    /// Frames that came since it was, and that were missing then; `None` where it was not.
    since: Option<(usize, usize)>,
}

/// What [`Window::push`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// Frames taken from the front of the block.
    pub frames: usize,
    /// Whether the last of them made a window due.
    pub due: bool,
}

impl Window {
    /// An empty window of `frames` frames, due every `hop` frames. Allocates.
    ///
    /// # Errors
    /// The first of: no channels, no frames, no hop.
    pub fn design(channels: usize, frames: usize, hop: usize) -> Result<Self, DesignError> {
        if channels == 0 {
            return Err(DesignError::NoChannels);
        }
        if frames == 0 {
            return Err(DesignError::NoFrames);
        }
        if hop == 0 {
            return Err(DesignError::NoHop);
        }
        let rows = vec![0.0; channels * frames].into_boxed_slice();
        let next = rows.clone();
        Ok(Self { channels, frames, hop, rows, oldest: 0, held: 0, until_due: frames, next, since: None })
    }

    /// Forgets every frame; the next window is due when the window is full again.
    pub fn reset(&mut self) {
        self.oldest = 0;
        self.held = 0;
        self.until_due = self.frames;
        self.since = None;
    }

    /// Takes frames from the front of `[frames x channels]` until a window is due or the block ends.
    ///
    /// When a window is due, use it, then push the rest of the block:
    /// ```
    /// # let mut window = bci_dsp::run::Window::design(1, 4, 2)?;
    /// # let block = [0.0; 9]; let mut windows = 0; let mut out = [0.0f32; 4];
    /// let mut rest = &block[..];
    /// while !rest.is_empty() {
    ///     let pushed = window.push(rest);
    ///     rest = &rest[pushed.frames * window.channels()..];
    ///     if pushed.due && window.copy_channel_major(&mut out) {
    ///         windows += 1;
    ///     }
    /// }
    /// # assert_eq!(windows, 3, "after 4, 6 and 8 frames");
    /// # Ok::<(), bci_dsp::DesignError>(())
    /// ```
    pub fn push(&mut self, block: &[f64]) -> Pushed {
        debug_assert_eq!(block.len() % self.channels, 0, "whole frames");
        let taken = (block.len() / self.channels).min(self.until_due);
        // With a hop longer than the window, the frames that would be overwritten at once are passed over.
        let kept = taken.min(self.frames);
        let block = &block[(taken - kept) * self.channels..taken * self.channels];
        let before_wrap = kept.min(self.frames - self.oldest) * self.channels;
        let (first, second) = block.split_at(before_wrap);
        self.put(self.oldest, first);
        self.put(0, second);
        self.oldest = (self.oldest + kept) % self.frames;
        self.held = (self.held + kept).min(self.frames);
        self.until_due -= taken;
        self.since = self.since.map(|(since, missing)| (since.saturating_add(taken), missing));
        let due = self.until_due == 0;
        if due {
            self.until_due = self.hop;
        }
        Pushed { frames: taken, due }
    }

    /// Writes frames to the rows from place `at` on.
    fn put(&mut self, at: usize, block: &[f64]) {
        // A few channels at a time: the lines read are used whole, and few rows are written side by side.
        const SIDE_BY_SIDE: usize = 8;
        for (group, rows) in self.rows.chunks_mut(SIDE_BY_SIDE * self.frames).enumerate() {
            let first = group * SIDE_BY_SIDE;
            for (n, frame) in block.chunks_exact(self.channels).enumerate() {
                for (row, &x) in rows.chunks_exact_mut(self.frames).zip(&frame[first..]) {
                    row[at + n] = x as f32;
                }
            }
        }
    }

    /// Goes on as if `frames` frames had come and gone unseen: windows that were due among them are passed over, and later
    /// ones are due when they would have been. Before the first window there is no such beat.
    pub fn skip(&mut self, frames: u64) {
        if self.is_full() {
            pass_over(&mut self.until_due, self.hop, frames);
        }
    }

    /// Puts the first window off, by less than a hop, so that windows are due together with those of `beside`, whose hop is
    /// the same.
    pub fn end_with(&mut self, beside: &Window) {
        let (own, other) = (self.until_due, beside.until_due);
        // Both are counted from the next frame on.
        self.until_due += (other + self.hop - own % self.hop) % self.hop;
    }

    /// Writes `[channels x frames]`, channel-major, oldest frame first, each sample rounded to f32. Returns false
    /// and writes nothing while the window is not full or when `out` has another length.
    #[must_use]
    pub fn copy_channel_major(&self, out: &mut [f32]) -> bool {
        if self.held < self.frames || out.len() != self.rows.len() {
            return false;
        }
        for (out, row) in out.chunks_exact_mut(self.frames).zip(self.rows.chunks_exact(self.frames)) {
            let (newer, older) = row.split_at(self.oldest);
            let (first, second) = out.split_at_mut(older.len());
            first.copy_from_slice(older);
            second.copy_from_slice(newer);
        }
        true
    }

    /// Lays out what is known of the next window already, so that [`Window::take_channel_major`] has only the newest frames
    /// to write. To be called at leisure, between two windows.
    pub fn prepare(&mut self) {
        let missing = self.until_due;
        if !self.is_full() || missing >= self.frames {
            return;
        }
        let rows = self.rows.chunks_exact(self.frames);
        for (next, row) in self.next.chunks_exact_mut(self.frames).zip(rows) {
            let (newer, older) = row.split_at(self.oldest);
            let passed = missing.min(older.len());
            let (older, newer) = (&older[passed..], &newer[missing - passed..]);
            let (first, rest) = next.split_at_mut(older.len());
            first.copy_from_slice(older);
            rest[..newer.len()].copy_from_slice(newer);
        }
        self.since = Some((0, missing));
    }

    /// As [`Window::copy_channel_major`], but where the window was prepared `out` is exchanged for it: quick when a window is
    /// due, which is when it matters.
    #[must_use]
    pub fn take_channel_major(&mut self, out: &mut Box<[f32]>) -> bool {
        let Some((came, missing)) = self.since.take() else { return self.copy_channel_major(out) };
        if came != missing || out.len() != self.next.len() {
            return self.copy_channel_major(out);
        }
        let rows = self.rows.chunks_exact(self.frames);
        for (next, row) in self.next.chunks_exact_mut(self.frames).zip(rows) {
            let newest = &mut next[self.frames - missing..];
            // The newest end where the oldest begin.
            let before_wrap = missing.saturating_sub(self.oldest);
            newest[..before_wrap].copy_from_slice(&row[self.frames - before_wrap..]);
            newest[before_wrap..].copy_from_slice(&row[self.oldest + before_wrap - missing..self.oldest]);
        }
        std::mem::swap(&mut self.next, out);
        true
    }

    /// Whether as many frames are held as it has room for.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.held == self.frames
    }

    /// Channels a frame.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Frames a window.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.frames
    }

    /// Frames from one window to the next.
    #[must_use]
    pub fn hop(&self) -> usize {
        self.hop
    }
}
