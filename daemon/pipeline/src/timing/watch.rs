use super::dejitter::Dejitter;
use super::range::Range;
use super::rate::RateEstimator;
use bci_types::Hz;

/// A hole longer than this is no loss of samples but a source that was away, in seconds.
const LONGEST_LOSS_S: f64 = 60.0;
/// For how long it is remembered how far frames ran ahead of their stamps, in seconds: longer than any chunk.
const LEAD_S: f64 = 2.0;
/// For how long it is remembered how late frames came, in seconds: short enough for clocks that drift apart.
const LAG_S: f64 = 10.0;
/// For how long it is remembered how widely chunks are stamped, in seconds.
const WIDTH_S: f64 = 30.0;

/// How a stream's stamps are watched.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimingSpec {
    /// Jitter that is tolerated beyond half a period before frames count as missing.
    pub(crate) gap_ms: f64,
    /// Jumps below this are never taken for steps of the source's clock.
    pub(crate) step_ms: f64,
    /// In which the real rate forgets half.
    pub(crate) rate_half_time_s: f64,
    /// In which smoothed stamps forget half.
    pub(crate) smooth_half_time_s: f64,
}

impl TimingSpec {
    /// The usual, with this tolerance of jitter.
    pub(crate) fn new(gap_ms: f64) -> Self {
        Self { gap_ms, step_ms: 100.0, rate_half_time_s: 60.0, smooth_half_time_s: 30.0 }
    }
}

/// What came between a frame and the one before.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Event {
    /// Nothing.
    Even,
    /// So many frames are missing.
    Missing(u64),
    /// The source's clock stepped by so many seconds, forwards or (negative) backwards; the frames went on as if
    /// nothing had been. Frames that were dropped knowingly are not told beside it.
    ClockStep(f64),
}

/// Watches the stamps of a regularly sampled stream, frame by frame.
///
/// Frames may run ahead of their stamps for a while, as where a whole chunk is stamped alike, or chunks come late and
/// then catch up: only a stamp that leaves the frames further behind than any of the last [`LEAD_S`] tells of missing
/// frames. A stamp cannot jump back because of them; and where the frames' times of receipt are known, a jump ahead
/// that these did not make is a step of the clock, too. Half-way between the two the nearer one is told: what is lost
/// within a step is not seen, nor a step ahead within a backlog that is longer than half of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    rate: Hz,
    slack_s: f64,
    least_step_s: f64,
    last: Option<f64>,
    /// Frames since the beginning: the time base of what is remembered.
    frames: f64,
    /// By how much the last stamp is ahead of the frames, in periods.
    lead: f64,
    leads: Range,
    /// How far frames have run ahead of their stamps.
    widths: Range,
    /// Receipt less stamp, in seconds.
    lags: Range,
    dropped: u64,
    sampling: RateEstimator,
    delivered: RateEstimator,
    dejitter: Dejitter,
    smoothed_s: f64,
}

impl Timing {
    /// For a stream of `rate` that has not begun.
    pub(crate) fn new(rate: Hz, spec: TimingSpec) -> Self {
        let slack_s = spec.gap_ms / 1e3;
        let span = |seconds: f64| Range::new(seconds * rate.get());
        Self {
            rate,
            slack_s,
            least_step_s: (spec.step_ms / 1e3).max(slack_s),
            last: None,
            frames: 0.0,
            lead: 0.0,
            leads: span(LEAD_S),
            widths: span(WIDTH_S),
            lags: span(LAG_S),
            dropped: 0,
            sampling: RateEstimator::new(rate, spec.rate_half_time_s),
            delivered: RateEstimator::new(rate, spec.rate_half_time_s),
            dejitter: Dejitter::new(rate, spec.smooth_half_time_s),
            smoothed_s: f64::NAN,
        }
    }

    /// The source was attached anew: nothing is known of what lies between.
    pub(crate) fn restart(&mut self) {
        self.last = None;
        self.dropped = 0;
        self.forget();
    }

    /// So many frames were dropped on the way between the last frame and the next: known, and told with it.
    pub(crate) fn dropped(&mut self, frames: u64) {
        self.dropped = self.dropped.saturating_add(frames);
    }

    /// The next frame: its stamp in seconds, and when it reached this process, in nanoseconds on whatever clock, if
    /// that means anything (not where a recording is read as fast as may be). A stamp that is no number tells nothing.
    pub(crate) fn frame(&mut self, stamp_s: f64, acquired_ns: Option<i64>) -> Event {
        let dropped = std::mem::take(&mut self.dropped);
        self.frames += 1.0;
        let event = if stamp_s.is_finite() {
            let lag = acquired_ns.map(|ns| ns as f64 * 1e-9 - stamp_s);
            let event = match self.last.replace(stamp_s) {
                Some(last) => self.judge(stamp_s - last, lag, dropped),
                None => told(dropped),
            };
            if let Event::ClockStep(_) = event {
                self.forget();
            }
            self.remember(lag);
            event
        } else {
            // One more of the last stamp.
            self.lead -= if self.last.is_some() { 1.0 } else { 0.0 };
            told(dropped)
        };
        if let Event::Missing(n) = event {
            self.sampling.begin_piece();
            self.dejitter.begin_piece();
            if n as f64 > LONGEST_LOSS_S * self.rate.get() {
                self.delivered.begin_piece();
            }
        }
        self.sampling.frame(stamp_s);
        self.delivered.frame(stamp_s);
        self.smoothed_s = self.dejitter.frame(stamp_s);
        event
    }

    /// Whether `frames` frames from `oldest` to `newest` (seconds, as stamped) span more time than the rate explains:
    /// losses too small to be told from jitter one by one, or a rate that is not the stated one.
    pub(crate) fn is_stretched(&self, frames: usize, oldest: f64, newest: f64) -> bool {
        let span = newest - oldest;
        let periods = frames.saturating_sub(1) as f64;
        let width = self.widths.get().map_or(0.0, |(_, widest)| widest);
        // Half a period, the jitter, how widely chunks are stamped, and a thousandth for the clock of the source.
        let slack = 0.5 + width + self.slack_s * self.rate.get() + periods * 1e-3;
        span.is_finite() && span * self.rate.get() > periods + slack
    }

    /// The last stamp seen.
    pub(crate) fn last(&self) -> Option<f64> {
        self.last
    }

    /// When the last frame was taken, by the line through the stamps so far, in seconds. Never falls but at a clock
    /// step or a restart.
    pub(crate) fn smoothed_s(&self) -> f64 {
        self.smoothed_s
    }

    /// Root mean square of what smoothing changes, in seconds.
    pub(crate) fn corrected_rms_s(&self) -> f64 {
        self.dejitter.corrected_rms_s()
    }

    /// The rate between gaps: that of the source's sampling.
    pub(crate) fn sampling(&self) -> &RateEstimator {
        &self.sampling
    }

    /// The rate at which frames come, gaps included.
    pub(crate) fn delivered(&self) -> &RateEstimator {
        &self.delivered
    }

    fn judge(&mut self, step_s: f64, lag: Option<f64>, dropped: u64) -> Event {
        let rate = self.rate.get();
        self.lead += step_s * rate - 1.0 - dropped as f64;
        let (least, most) = self.leads.get().unwrap_or((self.lead, self.lead));
        let ahead = self.lead - most;
        let behind_s = (least - self.lead) / rate;
        if ahead > 0.5 + self.slack_s * rate {
            let jump_s = ahead / rate;
            if jump_s > self.least_step_s && self.lag_fell(lag) > jump_s / 2.0 {
                return Event::ClockStep(jump_s);
            }
            let missing = ahead.round().max(1.0);
            self.lead -= missing;
            return Event::Missing(dropped.saturating_add(missing as u64));
        }
        if step_s < 0.0 && behind_s > self.least_step_s && self.lag_rose(lag) > behind_s / 2.0 {
            // Detected against the furthest that frames ran ahead, told against where their stamps then begin again.
            return Event::ClockStep(ahead / rate);
        }
        told(dropped)
    }

    /// By how much less late this frame is than any was lately; 0 when unknown: a jump ahead is then a gap.
    fn lag_fell(&self, lag: Option<f64>) -> f64 {
        lag.zip(self.lags.get()).map_or(0.0, |(now, (least, _))| least - now)
    }

    /// By how much later; beyond all bounds when unknown: a jump back is then a step.
    fn lag_rose(&self, lag: Option<f64>) -> f64 {
        lag.zip(self.lags.get()).map_or(f64::INFINITY, |(now, (_, most))| now - most)
    }

    fn remember(&mut self, lag: Option<f64>) {
        self.leads.push(self.frames, self.lead);
        if let Some((_, most)) = self.leads.get() {
            self.widths.push(self.frames, most - self.lead);
        }
        if let Some(lag) = lag {
            self.lags.push(self.frames, lag);
        }
    }

    /// Stamps before stand in no relation to those to come.
    fn forget(&mut self) {
        self.lead = 0.0;
        self.leads.reset();
        self.lags.reset();
        self.sampling.begin_piece();
        self.delivered.begin_piece();
        self.dejitter.restart();
    }
}

fn told(dropped: u64) -> Event {
    if dropped > 0 { Event::Missing(dropped) } else { Event::Even }
}
