use super::points::Points;
use super::regression::Regression;
use bci_types::Hz;

/// The stated rate counts as so many frames' worth of knowledge: enough to bridge the first few, soon outweighed.
const PRIOR_FRAMES: f64 = 30.0;

/// When each frame was taken, from stamps that jitter: the line through the stamps so far.
///
/// As liblsl's `post_dejitter`, but within seconds of the true line, and beginning anew where there is a break. Causal:
/// nothing waits for later frames. Never falls within a piece.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dejitter {
    line: Regression,
    points: Points,
    /// The last that was given out; NaN before.
    last_s: f64,
    decay: f64,
    weight: f64,
    squares: f64,
}

impl Dejitter {
    /// For a stream of about `rate`; stamps lose half of their weight in `half_time_s`.
    pub(crate) fn new(rate: Hz, half_time_s: f64) -> Self {
        let half_frames = half_time_s * rate.get();
        Self {
            line: Regression::new(half_frames, rate.get().recip(), PRIOR_FRAMES),
            points: Points::default(),
            last_s: f64::NAN,
            decay: (-std::f64::consts::LN_2 / half_frames).exp(),
            weight: 0.0,
            squares: 0.0,
        }
    }

    /// The next frame: when it was taken, in seconds. A frame without a stamp stands where the line goes on; NaN before
    /// there was any stamp.
    pub(crate) fn frame(&mut self, stamp_s: f64) -> f64 {
        if let Some((frames, seconds)) = self.points.push(stamp_s) {
            self.line.push(frames, seconds);
        }
        let line = self.points.given().zip(self.line.ahead_s(self.points.since()));
        let own = if stamp_s.is_finite() { stamp_s } else { f64::NAN };
        let smooth = line.map_or(own, |(given, ahead)| given + ahead);
        // What is no number gives way to any.
        if self.last_s.is_nan() || smooth >= self.last_s {
            self.last_s = smooth;
        }
        if stamp_s.is_finite() {
            let off = self.last_s - stamp_s;
            self.weight = self.decay * self.weight + 1.0;
            self.squares = self.decay * self.squares + off * off;
        }
        self.last_s
    }

    /// Frames are missing here: the line goes on at another height.
    pub(crate) fn begin_piece(&mut self) {
        if let Some((frames, seconds)) = self.points.close() {
            self.line.push(frames, seconds);
        }
        self.points.reset();
        self.line.begin_piece();
    }

    /// The clock stepped here: the same, and the next stamp may be before the last.
    pub(crate) fn restart(&mut self) {
        self.begin_piece();
        self.last_s = f64::NAN;
    }

    /// Root mean square of what was corrected, in seconds, older frames forgotten.
    pub(crate) fn corrected_rms_s(&self) -> f64 {
        if self.weight > 0.0 { (self.squares / self.weight).sqrt() } else { 0.0 }
    }
}
