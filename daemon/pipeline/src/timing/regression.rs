/// A line through points that come one by one, the older ones forgotten exponentially: least squares of time against
/// frame index, in pieces.
///
/// After a break the line goes on with the same slope at another height: what was learned of the slope is kept, and
/// only differences within a piece count. Everything is kept relative to the last point, so that no number grows with
/// time: sound for any length of stream.
#[derive(Clone, Copy, Debug)]
pub(super) struct Regression {
    /// By how much the weight of a point falls in one frame.
    decay: f64,
    /// Of the current piece: the sum of weights, and the means relative to the last point.
    weight: f64,
    mean_frames: f64,
    mean_s: f64,
    /// Weighted squares and products about the means, over all pieces.
    frames_frames: f64,
    frames_s: f64,
    s_s: f64,
    /// Sum of weights over all pieces and how many parameters were fitted to them.
    total: f64,
    pieces: f64,
}

impl Regression {
    /// Points lose half of their weight in `half_frames` frames. Knows nothing yet but, as if from `prior_frames`
    /// evenly spaced points, that a frame takes `period_s`.
    pub(super) fn new(half_frames: f64, period_s: f64, prior_frames: f64) -> Self {
        let frames_frames = prior_frames.powi(3) / 12.0;
        Self {
            decay: (-std::f64::consts::LN_2 / half_frames).exp(),
            weight: 0.0,
            mean_frames: 0.0,
            mean_s: 0.0,
            frames_frames,
            frames_s: frames_frames * period_s,
            s_s: frames_frames * period_s * period_s,
            total: 0.0,
            pieces: 0.0,
        }
    }

    /// Takes in a point `frames` frames and `seconds` after the last one; of a piece's first, they do not matter.
    pub(super) fn push(&mut self, frames: u32, seconds: f64) {
        // `powi` takes whole steps only: the same for one step of many frames as for many steps.
        let keep = self.decay.powi(i32::try_from(frames).unwrap_or(i32::MAX));
        for sum in [
            &mut self.weight,
            &mut self.frames_frames,
            &mut self.frames_s,
            &mut self.s_s,
            &mut self.total,
            &mut self.pieces,
        ] {
            *sum *= keep;
        }
        if self.weight == 0.0 {
            (self.mean_frames, self.mean_s, self.weight) = (0.0, 0.0, 1.0);
            self.total += 1.0;
            self.pieces += 1.0;
            return;
        }
        // The new point is the origin; this is where it stands from the mean.
        let (dx, dy) = (f64::from(frames) - self.mean_frames, seconds - self.mean_s);
        let share = 1.0 / (self.weight + 1.0);
        let old = self.weight * share;
        (self.mean_frames, self.mean_s) = (-dx * old, -dy * old);
        self.frames_frames += old * dx * dx;
        self.frames_s += old * dx * dy;
        self.s_s += old * dy * dy;
        self.weight += 1.0;
        self.total += 1.0;
    }

    /// The next point begins a new piece.
    pub(super) fn begin_piece(&mut self) {
        self.weight = 0.0;
    }

    /// Seconds a frame; `None` when two points of one piece have never been there, nor a prior.
    pub(super) fn period_s(&self) -> Option<f64> {
        (self.frames_frames > 0.0).then(|| self.frames_s / self.frames_frames)
    }

    /// Where the line is `frames` frames after the last point, in seconds from it; `None` before a piece's first point.
    pub(super) fn ahead_s(&self, frames: u32) -> Option<f64> {
        let period = self.period_s()?;
        (self.weight > 0.0).then(|| self.mean_s + period * (f64::from(frames) - self.mean_frames))
    }

    /// Root mean square distance of the points from the line, in seconds.
    pub(super) fn rms_s(&self) -> Option<f64> {
        let freedom = self.total - self.pieces - 1.0;
        let period = self.period_s()?;
        (freedom > 0.0).then(|| ((self.s_s - period * self.frames_s).max(0.0) / freedom).sqrt())
    }

    /// The standard error of the period, were the distances independent of each other, in seconds. Exact as long as
    /// little is forgotten; then it grows to twice the true one, never below it.
    pub(super) fn period_error_s(&self) -> Option<f64> {
        Some(self.rms_s()? / self.frames_frames.sqrt())
    }
}
