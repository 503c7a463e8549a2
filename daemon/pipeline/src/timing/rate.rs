use super::points::{Point, Points};
use super::regression::Regression;
use bci_types::Hz;

/// Below this part of the rate, the standard error lets an estimate be believed.
const BELIEVED: f64 = 1e-3;
/// And not before it rests on so many seconds.
const LEAST_S: f64 = 2.0;
/// Neighbouring errors count as no more alike than this; beyond, the standard error is a guess anyway.
const MOST_ALIKE: f64 = 0.9999;

/// The real rate of a stream, from the stamps of its frames.
///
/// Least squares of stamp against frame index, older frames forgotten exponentially: a drifting rate is followed over
/// minutes. Frames that share a stamp count as one point. Breaks, as gaps and clock steps are, tell nothing of the
/// rate: only differences between them count. Stamps are rarely independent (chunks are late as a whole), which widens
/// the standard error by what their errors have in common: after Bartlett, M.S. Some aspects of the time-correlation
/// problem in regard to tests of significance. J. R. Stat. Soc. 98:536-543, 1935, for errors of first order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RateEstimator {
    nominal: Hz,
    line: Regression,
    points: Points,
    /// Seconds between the points so far.
    learned_s: f64,
    decay: f64,
    last_error_s: f64,
    /// Of the errors of prediction, forgotten as the points are: squares, and products of neighbours.
    squares: f64,
    products: f64,
}

/// What a [`RateEstimator`] found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct RateEstimate {
    /// The real rate.
    pub(crate) hz: f64,
    /// Its standard error; rather too large than too small.
    pub(crate) standard_error_hz: f64,
    /// The rate that the stream states.
    pub(crate) nominal_hz: f64,
    /// Root mean square distance of the stamps from an even stream of this rate, in seconds. Evenly slow streams have
    /// as little as any; where frames are lost or late in bursts, there is much.
    pub(crate) jitter_s: f64,
    /// Whether it can be believed to a thousandth.
    pub(crate) converged: bool,
}

impl RateEstimate {
    /// How far the real rate is from the stated one, in parts per million of it.
    #[cfg(test)]
    pub(crate) fn deviation_ppm(&self) -> f64 {
        (self.hz / self.nominal_hz - 1.0) * 1e6
    }

    /// The same in per cent.
    #[cfg(test)]
    pub(crate) fn deviation_percent(&self) -> f64 {
        self.deviation_ppm() * 1e-4
    }

    /// Whether the real rate is more than `percent` from the stated one, and by more than chance: four standard errors.
    pub(crate) fn is_off(&self, percent: f64) -> bool {
        let off = (self.hz - self.nominal_hz).abs();
        self.converged && off > percent * 1e-2 * self.nominal_hz && off > 4.0 * self.standard_error_hz
    }
}

impl RateEstimator {
    /// For a stream that states `nominal`; frames lose half of their weight in `half_time_s`.
    pub(crate) fn new(nominal: Hz, half_time_s: f64) -> Self {
        let half_frames = half_time_s * nominal.get();
        Self {
            nominal,
            line: Regression::new(half_frames, nominal.get().recip(), 0.0),
            points: Points::default(),
            learned_s: 0.0,
            decay: (-std::f64::consts::LN_2 / half_frames).exp(),
            last_error_s: 0.0,
            squares: 0.0,
            products: 0.0,
        }
    }

    /// The next frame, in order.
    pub(crate) fn frame(&mut self, stamp_s: f64) {
        if let Some(point) = self.points.push(stamp_s) {
            self.point(point);
        }
    }

    /// A break: what came before stands in no relation to what comes next but by the rate.
    pub(crate) fn begin_piece(&mut self) {
        if let Some(point) = self.points.close() {
            self.point(point);
        }
        self.points.reset();
        self.line.begin_piece();
        self.last_error_s = 0.0;
    }

    /// What is known by now; `None` before there is any spread to tell an error by.
    pub(crate) fn estimate(&self) -> Option<RateEstimate> {
        let period = self.line.period_s().filter(|p| *p > 0.0)?;
        let (jitter_s, error_s) = (self.line.rms_s()?, self.line.period_error_s()?);
        let alike =
            if self.squares > 0.0 { (self.products / self.squares).clamp(0.0, MOST_ALIKE) } else { 0.0 };
        let relative = error_s / period * ((1.0 + alike) / (1.0 - alike)).sqrt();
        let hz = period.recip();
        Some(RateEstimate {
            hz,
            standard_error_hz: hz * relative,
            nominal_hz: self.nominal.get(),
            jitter_s,
            converged: relative < BELIEVED && self.learned_s >= LEAST_S,
        })
    }

    fn point(&mut self, (frames, seconds): Point) {
        if let Some(predicted) = self.line.ahead_s(frames) {
            let error = seconds - predicted;
            let keep = self.decay.powi(i32::try_from(frames).unwrap_or(i32::MAX));
            self.squares = keep * self.squares + error * error;
            self.products = keep * self.products + error * self.last_error_s;
            self.last_error_s = error;
            self.learned_s += seconds.max(0.0);
        }
        self.line.push(frames, seconds);
    }
}
