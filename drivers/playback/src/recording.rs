use bci_types::{ChannelSpec, Hz, SampleFormat};
use std::fmt;
use std::sync::Arc;

/// Times of samples are compared with this fraction of a sample period to spare, far above the rounding of a
/// double and far below what a recording can mean.
const GRID_SLACK: f64 = 1e-6;

/// The farthest that a time may lie from 0, s: thirty thousand years. Of such times sums and differences are times too.
pub(crate) const FARTHEST_S: f64 = 1e12;

/// A recording, whatever format it came from.
///
/// Its time runs in seconds from the first frame (0 s). It is read-only and may be shared between threads.
#[derive(Debug)]
pub struct Recording {
    pub(crate) source: String,
    pub(crate) format: &'static str,
    pub(crate) start: Option<String>,
    pub(crate) groups: Vec<SignalGroup>,
    pub(crate) annotations: Vec<Annotation>,
    pub(crate) marker_streams: Vec<RecordedStream>,
    pub(crate) warnings: Vec<String>,
}

/// What a stream was when it was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedStream {
    /// Its name.
    pub name: String,
    /// LSL's type: `EEG`, `Markers` and the like.
    pub kind: String,
    /// What names its device; empty where nothing does.
    pub source_id: String,
    /// The type of its values.
    pub format: SampleFormat,
}

impl Recording {
    /// Where it came from: usually the path.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The format's name (`EDF+C`).
    #[must_use]
    pub fn format(&self) -> &str {
        self.format
    }

    /// When the recording was begun, as ISO 8601 text (`2020-01-24T04:05:56.3945312`): in the recorder's local time, without
    /// a zone where the format knows none; as the file writes it where that is no date; `None` where it says nothing.
    #[must_use]
    pub fn start(&self) -> Option<&str> {
        self.start.as_deref()
    }

    /// The signals, one group for each sampling rate, or for each stream of a format that records streams; empty when the file
    /// has annotations alone.
    #[must_use]
    pub fn groups(&self) -> &[SignalGroup] {
        &self.groups
    }

    /// In the order of their onset; those of one onset in the order of the file.
    #[must_use]
    pub fn annotations(&self) -> &[Annotation] {
        &self.annotations
    }

    /// The streams that annotations were recorded from; none where the format knows no streams.
    #[must_use]
    pub fn marker_streams(&self) -> &[RecordedStream] {
        &self.marker_streams
    }

    /// What is wrong with the file and was lived with, in words for an operator.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The stretch from `start_s` to `stop_s` (absent: the recording's ends), snapped to the frames of group
    /// `group`: the first frame at or after `start_s` to one sample period after the last frame before `stop_s`.
    /// A loop over it is seamless to the sample in that group, and in every other whose samples fall on the same
    /// grid.
    ///
    /// # Errors
    /// [`SpanError`] when there is no such group, a bound is not finite, or no frame lies between them.
    pub fn span(&self, group: usize, start_s: Option<f64>, stop_s: Option<f64>) -> Result<Span, SpanError> {
        let signals =
            self.groups.get(group).ok_or(SpanError::NoGroup { group, groups: self.groups.len() })?;
        for bound in [start_s, stop_s].into_iter().flatten() {
            if !bound.is_finite() {
                return Err(SpanError::NotFinite { bound });
            }
        }
        let first = start_s.map_or(0, |s| signals.frame_at_or_after(s));
        let end = stop_s.map_or(signals.frames, |s| signals.frame_at_or_after(s));
        if first >= end {
            return Err(SpanError::Empty { start_s, stop_s, duration_s: signals.duration_s() });
        }
        Ok(Span { start_s: signals.times.due_s(first), end_s: signals.times.end_time_s(end) })
    }
}

/// A text at a time.
#[derive(Clone, Debug, PartialEq)]
pub struct Annotation {
    /// Seconds from the recording's first frame; may be negative or beyond the last.
    pub onset_s: f64,
    /// Seconds; `None` where the file gives none.
    pub duration_s: Option<f64>,
    /// As the file writes it.
    pub text: String,
    /// The stream it was recorded from, of [`Recording::marker_streams`]; 0 where there are none.
    pub stream: usize,
}

/// A stretch of frames without a gap.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Segment {
    /// The index of its first frame in the group.
    pub first_frame: u64,
    /// The time of that frame, seconds from the recording's first frame.
    pub start_s: f64,
}

/// A stretch of a recording, from `start_s` up to but not including `end_s`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span {
    /// Seconds from the recording's first frame.
    pub start_s: f64,
    /// Seconds from the recording's first frame; above `start_s`.
    pub end_s: f64,
}

/// Why a stretch of a recording cannot be cut out.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum SpanError {
    /// The recording has fewer groups.
    #[error("cannot select signal group {group}: the recording has {groups}")]
    NoGroup {
        /// The group asked for.
        group: usize,
        /// How many there are.
        groups: usize,
    },
    /// A bound is NaN or infinite.
    #[error("cannot select a span bounded by {bound} s")]
    NotFinite {
        /// That bound.
        bound: f64,
    },
    /// No frame lies in it.
    #[error(
        "cannot select a span from {} to {}: no frame of the {duration_s} s recording lies in it",
        bound_text(*.start_s, "the start"),
        bound_text(*.stop_s, "the end")
    )]
    Empty {
        /// As asked, seconds.
        start_s: Option<f64>,
        /// As asked, seconds.
        stop_s: Option<f64>,
        /// How long the recording is, gaps included.
        duration_s: f64,
    },
}

fn bound_text(bound: Option<f64>, absent: &str) -> String {
    bound.map_or_else(|| absent.to_owned(), |s| format!("{s} s"))
}

/// How a format keeps its frames.
pub(crate) trait Samples: fmt::Debug + Send + Sync {
    /// Fills `out`, `[frames x channels]`, frame-major, with the frames from `start` on. The caller has made sure
    /// that all of them exist and that `out` holds whole frames.
    fn read(&self, start: u64, out: &mut [f64]);
}

/// When each frame of a group is.
#[derive(Clone, Debug)]
pub(crate) struct FrameTimes {
    pub(crate) rate: Hz,
    /// Not empty; the first starts at frame 0; both fields ascend.
    pub(crate) segments: Arc<[Segment]>,
    /// Where every frame has a stamp of its own.
    stamps: Option<Arc<[Stamp]>>,
}

/// The time of a frame, and the latest of those up to it: stamps may run backwards, what is played may not.
#[derive(Clone, Copy, Debug)]
struct Stamp {
    at_s: f64,
    latest_s: f64,
}

impl FrameTimes {
    /// Frames that come evenly within segments.
    pub(crate) fn even(rate: Hz, segments: Arc<[Segment]>) -> Self {
        Self { rate, segments, stamps: None }
    }

    /// Frames with a stamp each (not empty, all finite), nominally at `rate`. One that comes more than `gap_s` after all
    /// before begins a segment.
    pub(crate) fn stamped(rate: Hz, stamps: &[f64], gap_s: f64) -> Self {
        let mut latest_s = stamps.first().copied().unwrap_or(0.0);
        let mut segments = vec![Segment { first_frame: 0, start_s: latest_s }];
        let stamps = stamps.iter().zip(0u64..).map(|(&at_s, n)| {
            if at_s - latest_s > gap_s {
                segments.push(Segment { first_frame: n, start_s: at_s });
            }
            latest_s = latest_s.max(at_s);
            Stamp { at_s, latest_s }
        });
        let stamps = Some(stamps.collect());
        Self { rate, segments: segments.into(), stamps }
    }

    pub(crate) fn time_s(&self, n: u64) -> f64 {
        self.stamped_s(n, |stamp| stamp.at_s).unwrap_or_else(|| self.time_in(self.segment_of(n), n))
    }

    /// When frame `n` and all before are there.
    pub(crate) fn due_s(&self, n: u64) -> f64 {
        self.stamped_s(n, |stamp| stamp.latest_s).unwrap_or_else(|| self.time_in(self.segment_of(n), n))
    }

    /// Beyond the last it goes on at the nominal rate.
    fn stamped_s(&self, n: u64, of: fn(&Stamp) -> f64) -> Option<f64> {
        let stamps = self.stamps.as_ref()?;
        let last = stamps.len().checked_sub(1)?;
        let at = usize::try_from(n).unwrap_or(usize::MAX).min(last);
        let beyond = n.saturating_sub(last as u64) as f64 / self.rate.get();
        Some(if beyond > 0.0 { stamps[last].latest_s + beyond } else { of(&stamps[at]) })
    }

    pub(crate) fn segment_of(&self, n: u64) -> usize {
        self.segments.partition_point(|s| s.first_frame <= n).saturating_sub(1)
    }

    /// One sample period after the frame before `end`.
    fn end_time_s(&self, end: u64) -> f64 {
        match self.stamped_s(end.saturating_sub(1), |stamp| stamp.latest_s) {
            Some(last_s) => last_s + 1.0 / self.rate.get(),
            None => self.time_in(self.segment_of(end.saturating_sub(1)), end),
        }
    }

    /// The slack with which times are matched to samples, seconds.
    pub(crate) fn slack_s(&self) -> f64 {
        GRID_SLACK / self.rate.get()
    }

    fn time_in(&self, segment: usize, n: u64) -> f64 {
        let Segment { first_frame, start_s } = self.segments[segment];
        start_s + (n - first_frame) as f64 / self.rate.get()
    }
}

/// Signals that share one sampling rate.
#[derive(Debug)]
pub struct SignalGroup {
    pub(crate) times: FrameTimes,
    channels: Vec<ChannelSpec>,
    original_labels: Vec<String>,
    frames: u64,
    samples: Box<dyn Samples>,
    pub(crate) stream: Option<RecordedStream>,
}

impl SignalGroup {
    /// `channels` is not empty and has one of `original_labels` each.
    pub(crate) fn new(
        times: FrameTimes,
        channels: Vec<ChannelSpec>,
        original_labels: Vec<String>,
        frames: u64,
        samples: Box<dyn Samples>,
    ) -> Self {
        debug_assert!(times.segments.first().is_some_and(|s| s.first_frame == 0));
        debug_assert_eq!(channels.len(), original_labels.len());
        Self { times, channels, original_labels, frames, samples, stream: None }
    }

    /// The stream that it was recorded from; `None` where the format knows no streams.
    #[must_use]
    pub fn stream(&self) -> Option<&RecordedStream> {
        self.stream.as_ref()
    }

    /// Frames a second within a segment; nominally, where each frame has a stamp of its own.
    #[must_use]
    pub fn rate(&self) -> Hz {
        self.times.rate
    }

    /// In the order of the samples; labels cleaned of what the format adds (`EEG Fpz` and `Fpz.` are `Fpz`).
    #[must_use]
    pub fn channels(&self) -> &[ChannelSpec] {
        &self.channels
    }

    /// The labels as the file writes them, without the space around them; one a channel.
    #[must_use]
    pub fn original_labels(&self) -> &[String] {
        &self.original_labels
    }

    /// Frames in all.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// The stretches without a gap, in order; one for a continuous recording.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.times.segments
    }

    /// From the first frame to one sample period after the last, gaps included, seconds.
    #[must_use]
    pub fn duration_s(&self) -> f64 {
        self.times.end_time_s(self.frames)
    }

    /// The time of frame `n`, seconds from the recording's first frame: its stamp, where each frame has one (they may run
    /// backwards), else computed from `n` without accumulation. Beyond the last frame it goes on at the same rate.
    #[must_use]
    pub fn frame_time_s(&self, n: u64) -> f64 {
        self.times.time_s(n)
    }

    /// The first frame at or after `time_s`; [`SignalGroup::frames`] where there is none. Where stamps run backwards: that
    /// counts as at the latest before it.
    #[must_use]
    pub fn frame_at_or_after(&self, time_s: f64) -> u64 {
        let wanted = time_s - self.times.slack_s();
        let (mut low, mut high) = (0, self.frames);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.times.due_s(middle) < wanted {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// Fills `out`, `[frames x channels]`, frame-major, in each channel's own unit, with frames from `start` on,
    /// and returns how many there were: fewer than asked for at the end. Gaps are not filled. Allocates nothing.
    ///
    /// # Panics
    /// When `out` does not hold whole frames.
    pub fn read_frames(&self, start: u64, out: &mut [f64]) -> usize {
        let channels = self.channels.len();
        assert!(
            out.len().is_multiple_of(channels),
            "{} values are not whole frames of {channels}",
            out.len()
        );
        let left = usize::try_from(self.frames.saturating_sub(start)).unwrap_or(usize::MAX);
        let frames = (out.len() / channels).min(left);
        if frames > 0 {
            self.samples.read(start, &mut out[..frames * channels]);
        }
        frames
    }
}
