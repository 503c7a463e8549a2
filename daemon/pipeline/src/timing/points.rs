/// Frames gathered to the points that their stamps really tell: of frames that share a stamp, the last, which is the
/// one that was taken then; frames without a stamp only count.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Points {
    /// The stamp of the last point given out.
    given: Option<f64>,
    /// The stamp that may still be shared by the next frame.
    open: Option<f64>,
    /// Frames from the last point given out to the last frame that had the open stamp.
    frames: u32,
    /// Frames since then, all without a stamp.
    unstamped: u32,
}

/// Frames and seconds from the last point; both 0 for the first.
pub(super) type Point = (u32, f64);

impl Points {
    /// Takes in a frame; gives the point that it completes, if any.
    pub(super) fn push(&mut self, stamp_s: f64) -> Option<Point> {
        if !stamp_s.is_finite() {
            self.unstamped = self.unstamped.saturating_add(1);
            return None;
        }
        let frames = std::mem::take(&mut self.unstamped).saturating_add(1);
        if self.open == Some(stamp_s) {
            self.frames = self.frames.saturating_add(frames);
            return None;
        }
        let point = self.close();
        self.open = Some(stamp_s);
        self.frames = frames;
        point
    }

    /// The point that is still open, if any, which no further frame will share.
    pub(super) fn close(&mut self) -> Option<Point> {
        let stamp = self.open.take()?;
        let point = self.given.map_or((0, 0.0), |given| (self.frames, stamp - given));
        self.given = Some(stamp);
        self.frames = 0;
        Some(point)
    }

    /// Frames since the last point given out.
    pub(super) fn since(&self) -> u32 {
        self.frames.saturating_add(self.unstamped)
    }

    /// The stamp of the last point given out.
    pub(super) fn given(&self) -> Option<f64> {
        self.given
    }

    /// Forgets everything.
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }
}
