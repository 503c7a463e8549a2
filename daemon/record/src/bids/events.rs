//! Markers as events.

use super::channels::plain;
use super::grid::{Grid, Placed, counted};
use crate::session::{EVENTS, INTENTS};
use bci_driver_playback::{Annotation, Recording, SignalGroup};
use serde_json::json;
use std::fmt::Write as _;

/// What the row of a new segment is called.
const BOUNDARY: &str = "boundary";
/// BrainVision's word for one.
const NEW_SEGMENT: &str = "New Segment";

/// A row of `_events.tsv`, and a marker.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Event {
    /// Seconds of the file's time.
    pub(super) onset_s: f64,
    pub(super) duration_s: Option<f64>,
    /// The nearest frame, where there is one.
    pub(super) frame: Option<u64>,
    /// What is marked; a new segment where there is nothing.
    pub(super) text: Option<String>,
    /// The stream that it came from.
    stream: Option<String>,
    /// BrainVision's type and description of it.
    pub(super) marker: (String, String),
}

/// Frames that a BrainVision file says begin a segment.
pub(super) fn breaks(recording: &Recording, signals: &SignalGroup) -> Vec<u64> {
    let begins = recording.annotations().iter().filter(|a| is_segment(recording, a));
    begins.map(|a| signals.frame_at_or_after(a.onset_s)).collect()
}

/// Markers on the grid, and where segments begin, in order.
pub(super) fn of(recording: &Recording, grid: &Grid, notes: &mut Vec<String>) -> Vec<Event> {
    let streams = recording.marker_streams();
    let name = |a: &Annotation| streams.get(a.stream).map(|stream| stream.name.clone());
    let is_own = |name: &str| name.starts_with(INTENTS) || name == EVENTS;
    let begin = |frame: u64| Event {
        onset_s: frame as f64 / grid.rate,
        duration_s: Some(0.0),
        frame: Some(frame),
        text: None,
        stream: None,
        marker: (NEW_SEGMENT.to_owned(), String::new()),
    };
    let mut events: Vec<Event> = grid.runs.iter().skip(1).map(|run| begin(run.first)).collect();
    let (mut in_gaps, mut beside) = (0, 0);
    let marks = recording.annotations().iter().filter(|a| !is_segment(recording, a));
    for annotation in marks.filter(|a| !name(a).is_some_and(|name| is_own(&name))) {
        let Placed { onset_s, frame, in_gap } = grid.place(annotation.onset_s);
        in_gaps += usize::from(in_gap);
        beside += usize::from(frame.is_none());
        let text = plain(&annotation.text);
        let marker = match text.split_once('/').filter(|_| recording.format() == "BrainVision") {
            Some((kind, description)) => (kind.to_owned(), description.to_owned()),
            None => ("Comment".to_owned(), text.clone()),
        };
        let (duration_s, stream) = (annotation.duration_s, name(annotation));
        events.push(Event { onset_s, duration_s, frame, text: Some(text), stream, marker });
    }
    events.sort_by(|a, b| a.onset_s.total_cmp(&b.onset_s));
    if in_gaps > 0 {
        notes.push(format!(
            "{} where frames are missing: put at the nearest frame",
            counted(in_gaps, "marker")
        ));
    }
    if beside > 0 {
        notes.push(format!(
            "{} before the first frame or after the last: in _events.tsv without a sample, and not in the .vmrk",
            counted(beside, "marker")
        ));
    }
    let own: Vec<&str> = streams.iter().map(|s| s.name.as_str()).filter(|name| is_own(name)).collect();
    if !own.is_empty() {
        notes.push(format!("{} are the daemon's own, and stay in the XDF alone", own.join(", ")));
    }
    events
}

/// `_events.tsv`.
pub(super) fn table(events: &[Event]) -> String {
    let streams = events.iter().any(|event| event.stream.is_some());
    let mut text = "onset\tduration\ttrial_type\tsample".to_owned();
    text += if streams { "\tstream\n" } else { "\n" };
    for event in events {
        let duration = event.duration_s.map_or("n/a".to_owned(), seconds);
        let sample = event.frame.map_or("n/a".to_owned(), |frame| frame.to_string());
        let kind = event.text.as_deref().unwrap_or(BOUNDARY);
        let kind = if kind.is_empty() { "n/a" } else { kind };
        let _ = write!(text, "{}\t{duration}\t{kind}\t{sample}", seconds(event.onset_s));
        if streams {
            let _ = write!(text, "\t{}", event.stream.as_deref().map_or("n/a".to_owned(), plain));
        }
        text.push('\n');
    }
    text
}

/// `_events.json`.
pub(super) fn described(events: &[Event]) -> String {
    let mut columns = json!({
        "onset": { "Description": "From the file's first sample, in the file's time, which leaves out missing frames.", "Units": "s" },
        "duration": { "Description": "As recorded; n/a where the recording says nothing.", "Units": "s" },
        "trial_type": { "Description": "The marker as it was recorded." },
        "sample": { "Description": "The nearest sample, from 0; n/a before the first and after the last." },
    });
    if events.iter().any(|event| event.text.is_none()) {
        columns["trial_type"]["Description"] =
            format!("The marker as it was recorded; {BOUNDARY} where frames are missing before the sample.")
                .into();
    }
    if events.iter().any(|event| event.stream.is_some()) {
        columns["stream"] = json!({ "Description": "The stream that the marker was recorded from." });
    }
    format!("{columns:#}\n")
}

fn is_segment(recording: &Recording, annotation: &Annotation) -> bool {
    let kind = annotation.text.split_once('/').map_or("", |(kind, _)| kind);
    recording.format() == "BrainVision" && kind.eq_ignore_ascii_case(NEW_SEGMENT)
}

/// To the microsecond.
fn seconds(s: f64) -> String {
    let rounded = (s * 1e6).round() / 1e6;
    // Not -0.
    format!("{}", rounded + 0.0)
}
