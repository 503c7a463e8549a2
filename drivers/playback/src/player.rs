use crate::recording::{FrameTimes, Recording, Span};
use bci_types::Hz;

/// How a recording is played.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// How many times as fast as recorded; finite and above 0. The published nominal rate is the recording's times
    /// this, and all time stamps are as far apart as the rate says.
    pub rate_factor: f64,
    /// Start again at the end, for ever.
    pub looping: bool,
    /// Frames handed out at a time, at most; at least 1.
    pub chunk_frames: usize,
    /// Hand out the annotations too. Where a recording's groups are played side by side, one player does.
    pub markers: bool,
}

impl Default for Options {
    /// As recorded, once, a frame at a time, with markers.
    fn default() -> Self {
        Self { rate_factor: 1.0, looping: false, chunk_frames: 1, markers: true }
    }
}

/// Why a recording cannot be played so.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum PlayError {
    /// The recording has fewer groups.
    #[error("cannot play signal group {group}: the recording has {groups}")]
    NoGroup {
        /// The group asked for.
        group: usize,
        /// How many there are.
        groups: usize,
    },
    /// The factor is not above 0, or the rate it makes is none.
    #[error("cannot play {rate} at {rate_factor} times the speed: that is no rate")]
    RateFactor {
        /// The recording's.
        rate: Hz,
        /// As asked.
        rate_factor: f64,
    },
    /// Chunks of no frames.
    #[error("cannot play in chunks of 0 frames")]
    ChunkFrames,
    /// None of the group's frames lie in the span.
    #[error("cannot play from {start_s} s to {end_s} s: no frame of signal group {group} lies there")]
    EmptySpan {
        /// The group asked for.
        group: usize,
        /// As asked, seconds.
        start_s: f64,
        /// As asked, seconds.
        end_s: f64,
    },
}

/// Something that is due.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Due {
    /// Frames `first_frame..first_frame + frames` of the group, evenly spaced at [`Player::published_rate`] but where each has
    /// a stamp of its own ([`Player::frame_stamp_s`]): a chunk never spans a gap or the loop's seam.
    Frames {
        /// The first of them, as [`crate::SignalGroup::read_frames`] takes it.
        first_frame: u64,
        /// How many; 1 to [`Options::chunk_frames`].
        frames: usize,
        /// Which time round, from 0.
        lap: u64,
        /// The time stamp of the last of them, or the latest before it, seconds since the play's start.
        time_s: f64,
    },
    /// An annotation.
    Marker {
        /// Its index in [`Recording::annotations`].
        annotation: usize,
        /// Which time round, from 0.
        lap: u64,
        /// Its time stamp, seconds since the play's start.
        time_s: f64,
    },
}

impl Due {
    /// When it is due, which is its time stamp, seconds since the play's start.
    #[must_use]
    pub fn time_s(&self) -> f64 {
        match *self {
            Due::Frames { time_s, .. } | Due::Marker { time_s, .. } => time_s,
        }
    }
}

/// Says which frames and markers of a recording are due, on a clock of the caller's that is 0 at the play's start.
///
/// A chunk is due when its last frame is; a marker at its onset, before frames of the same time. Every frame and
/// marker of the span comes out once each time round, in order of time. The time stamp of the frame or marker at
/// recording time `t` on lap `k` is `(k * (end - start) + (t - start)) / rate_factor` after the play's start, with
/// the span's start and end: computed anew for each, so nothing accumulates. Gaps of a discontinuous recording
/// take their time.
///
/// After [`Player::new`] nothing is allocated. It holds no borrow of the recording.
#[derive(Clone, Debug)]
pub struct Player {
    times: FrameTimes,
    published_rate: Hz,
    span: Span,
    options: Options,
    first_frame: u64,
    end_frame: u64,
    /// Onset, clamped into the span, and index of each annotation played.
    markers: Vec<(f64, usize)>,
    markers_left_out: usize,
    lap: u64,
    next_frame: u64,
    next_marker: usize,
}

impl Player {
    /// Plays `span` (see [`Recording::span`]) of group `group`. Players of several groups stay in step, also over
    /// loops, when they are given one span.
    ///
    /// # Errors
    /// [`PlayError`] for a group that is not there, a span without frames, and impossible options.
    pub fn new(recording: &Recording, group: usize, span: Span, options: Options) -> Result<Self, PlayError> {
        let groups = recording.groups().len();
        let signals = recording.groups().get(group).ok_or(PlayError::NoGroup { group, groups })?;
        let (rate, rate_factor) = (signals.rate(), options.rate_factor);
        let published_rate = Hz::new(rate.get() * rate_factor)
            .ok()
            .filter(|_| rate_factor.is_finite() && rate_factor > 0.0)
            .ok_or(PlayError::RateFactor { rate, rate_factor })?;
        if options.chunk_frames == 0 {
            return Err(PlayError::ChunkFrames);
        }
        let Span { start_s, end_s } = span;
        let first_frame = signals.frame_at_or_after(start_s);
        let end_frame = signals.frame_at_or_after(end_s);
        let bounded = start_s.is_finite() && end_s.is_finite();
        if !bounded || first_frame >= end_frame {
            return Err(PlayError::EmptySpan { group, start_s, end_s });
        }
        let times = signals.times.clone();
        let reaches_end = end_frame == signals.frames();
        let markers = if options.markers {
            markers_in(recording, span, times.slack_s(), reaches_end)
        } else {
            Vec::new()
        };
        let markers_left_out =
            if options.markers { recording.annotations().len() - markers.len() } else { 0 };
        Ok(Self {
            times,
            published_rate,
            span,
            options,
            first_frame,
            end_frame,
            markers,
            markers_left_out,
            lap: 0,
            next_frame: first_frame,
            next_marker: 0,
        })
    }

    /// The nominal rate to publish: the recording's times the rate factor.
    #[must_use]
    pub fn published_rate(&self) -> Hz {
        self.published_rate
    }

    /// How long one time round takes, seconds of the play's clock.
    #[must_use]
    pub fn lap_s(&self) -> f64 {
        (self.span.end_s - self.span.start_s) / self.options.rate_factor
    }

    /// Frames one time round.
    #[must_use]
    pub fn lap_frames(&self) -> u64 {
        self.end_frame - self.first_frame
    }

    /// Annotations that will never come because they lie outside the span. One at the very end of the recording
    /// lies inside a span that reaches there.
    #[must_use]
    pub fn markers_left_out(&self) -> usize {
        self.markers_left_out
    }

    /// The time stamp of a frame of the group, seconds since the play's start.
    #[must_use]
    pub fn frame_stamp_s(&self, lap: u64, frame: u64) -> f64 {
        self.stamp_s(lap, self.times.time_s(frame))
    }

    /// When the next thing is due, seconds since the play's start; `None` once all is played.
    #[must_use]
    pub fn next_due(&self) -> Option<f64> {
        self.next().map(|due| due.time_s())
    }

    /// The next thing that is due at `now_s`, seconds since the play's start; `None` when nothing (more) is. A
    /// caller that is late calls again until then.
    pub fn take_due(&mut self, now_s: f64) -> Option<Due> {
        let due = self.next().filter(|due| due.time_s() <= now_s)?;
        match due {
            Due::Frames { frames, .. } => self.next_frame += frames as u64,
            Due::Marker { .. } => self.next_marker += 1,
        }
        let lap_done = self.next_frame == self.end_frame && self.next_marker == self.markers.len();
        if lap_done && self.options.looping {
            self.lap += 1;
            self.next_frame = self.first_frame;
            self.next_marker = 0;
        }
        Some(due)
    }

    fn next(&self) -> Option<Due> {
        match (self.marker(), self.chunk()) {
            (Some(marker), Some(chunk)) if marker.time_s() <= chunk.time_s() => Some(marker),
            (marker, chunk) => chunk.or(marker),
        }
    }

    fn marker(&self) -> Option<Due> {
        let &(onset_s, annotation) = self.markers.get(self.next_marker)?;
        Some(Due::Marker { annotation, lap: self.lap, time_s: self.stamp_s(self.lap, onset_s) })
    }

    fn chunk(&self) -> Option<Due> {
        let first_frame = self.next_frame;
        let after = self.times.segment_of(first_frame) + 1;
        let segment_end = self.times.segments.get(after).map_or(u64::MAX, |s| s.first_frame);
        let left = segment_end.min(self.end_frame).checked_sub(first_frame).filter(|&n| n > 0)?;
        let frames = self.options.chunk_frames.min(usize::try_from(left).unwrap_or(usize::MAX));
        let last = first_frame + frames as u64 - 1;
        let time_s = self.stamp_s(self.lap, self.times.due_s(last));
        Some(Due::Frames { first_frame, frames, lap: self.lap, time_s })
    }

    fn stamp_s(&self, lap: u64, time_s: f64) -> f64 {
        let Span { start_s, end_s } = self.span;
        (lap as f64 * (end_s - start_s) + (time_s - start_s)) / self.options.rate_factor
    }
}

fn markers_in(recording: &Recording, span: Span, slack_s: f64, reaches_end: bool) -> Vec<(f64, usize)> {
    let Span { start_s, end_s } = span;
    // Recorders close with a mark at the end of the last record, one sample after the last frame.
    let last_s = if reaches_end { end_s + slack_s } else { end_s - slack_s };
    recording
        .annotations()
        .iter()
        .enumerate()
        .filter(|(_, a)| a.onset_s >= start_s - slack_s && a.onset_s < last_s)
        .map(|(i, a)| (a.onset_s.clamp(start_s, end_s), i))
        .collect()
}
