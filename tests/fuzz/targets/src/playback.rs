use crate::in_proportion;
use bci_driver_playback::{ReadError, Recording, SignalGroup, parse};
use std::io::{Error, ErrorKind};
use std::path::Path;

/// Between the header, the markers and the samples of a BrainVision recording in one input.
const BETWEEN: &[u8] = b"\n---\n";

/// An EDF, EDF+, BDF or BDF+ file: what was read holds together, and all samples are numbers.
pub fn edf(bytes: &[u8]) {
    let Some(recording) = whole(bytes, "f.edf") else { return };
    if recording.format().contains("DF") && !recording.format().starts_with(['G', 'X']) {
        for group in recording.groups() {
            let all = frames(group, 0, 4096);
            assert!(all.iter().all(|x| x.is_finite()), "a sample that is no number");
        }
    }
}

/// A GDF file: what was read holds together.
pub fn gdf(bytes: &[u8]) {
    whole(bytes, "f.gdf");
}

/// A BrainVision recording, header, markers and samples one after the other: what was read holds together, and no file is
/// asked for but those beside the header.
pub fn brainvision(bytes: &[u8]) {
    let at = |bytes: &[u8]| bytes.windows(BETWEEN.len()).position(|window| window == BETWEEN);
    let split = |bytes: &[u8]| -> (Vec<u8>, Vec<u8>) {
        match at(bytes) {
            Some(at) => (bytes[..at].to_vec(), bytes[at + BETWEEN.len()..].to_vec()),
            None => (bytes.to_vec(), Vec::new()),
        }
    };
    let (header, rest) = split(bytes);
    let (markers, samples) = split(&rest);
    let folder = Path::new("/study");
    let open = |path: &Path| {
        assert_eq!(path.parent(), Some(folder), "{} is not beside the header", path.display());
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("eeg") => Ok(samples.clone()),
            Some("vmrk") => Ok(markers.clone()),
            _ => Err(absent(path)),
        }
    };
    if let Ok(recording) = parse(header, &folder.join("f.vhdr"), open) {
        holds_together(&recording, bytes.len());
    }
}

/// Reads a file that names no others; what it holds must hold together.
pub(crate) fn whole(bytes: &[u8], name: &str) -> Option<Recording> {
    let recording = parse(bytes.to_vec(), Path::new(name), |path| Err(absent(path))).ok()?;
    holds_together(&recording, bytes.len());
    Some(recording)
}

fn absent(path: &Path) -> ReadError {
    ReadError::ReadFile { path: path.to_owned(), source: Error::from(ErrorKind::NotFound) }
}

fn holds_together(recording: &Recording, bytes: usize) {
    let annotations = recording.annotations();
    in_proportion(recording.warnings().iter().map(String::as_str), bytes);
    in_proportion(annotations.iter().map(|a| a.text.as_str()), bytes);
    assert!(annotations.windows(2).all(|two| two[0].onset_s <= two[1].onset_s), "onsets are not in order");
    let streams = recording.marker_streams().len().max(1);
    for annotation in annotations {
        assert!(annotation.onset_s.is_finite(), "an onset of {}", annotation.onset_s);
        assert!(annotation.duration_s.is_none_or(|s| s.is_finite() && s >= 0.0), "{annotation:?}");
        assert!(annotation.stream < streams, "of a stream that is none");
    }
    let mut numbers = 0;
    for group in recording.groups() {
        group_holds_together(group);
        numbers += group.frames() as usize * group.channels().len();
    }
    assert!(numbers <= bytes, "{numbers} numbers of {bytes} bytes");
    let duration = recording.groups().first().map(SignalGroup::duration_s);
    if let Some(duration) = duration.filter(|s| s.is_finite() && *s > 0.0) {
        let span = recording.span(0, None, None).unwrap_or_else(|e| panic!("all of {duration} s: {e}"));
        assert!(span.start_s <= span.end_s, "{span:?}");
    }
}

fn group_holds_together(group: &SignalGroup) {
    let (channels, frames_there) = (group.channels().len(), group.frames());
    assert!(channels > 0 && frames_there > 0, "a group of nothing");
    assert_eq!(group.original_labels().len(), channels);
    let segments = group.segments();
    assert_eq!(segments.first().map(|s| s.first_frame), Some(0));
    let ascend = segments
        .windows(2)
        .all(|two| two[0].first_frame < two[1].first_frame && two[0].start_s < two[1].start_s);
    assert!(ascend, "segments are not in order");
    assert!(segments.iter().all(|s| s.first_frame < frames_there && s.start_s.is_finite()), "{segments:?}");
    // The first, the last, and none beyond.
    assert_eq!(frames(group, 0, 16).len(), channels * frames_there.min(16) as usize);
    assert_eq!(frames(group, frames_there - 1, 16).len(), channels);
    assert_eq!(frames(group, frames_there, 16).len(), 0);
    assert_eq!(frames(group, u64::MAX, 16).len(), 0);
    let found = group.frame_at_or_after(group.frame_time_s(0));
    assert!(found < frames_there, "the first frame is found as {found}");
    assert!(group.frame_at_or_after(f64::NAN) <= frames_there);
}

/// Up to `most` frames from `start` on.
fn frames(group: &SignalGroup, start: u64, most: u64) -> Vec<f64> {
    let channels = group.channels().len();
    let wanted = most.min(group.frames()) as usize;
    let mut out = vec![f64::NAN; wanted * channels];
    let read = group.read_frames(start, &mut out);
    assert!(read <= wanted, "more frames than there was room for");
    out.truncate(read * channels);
    out
}
