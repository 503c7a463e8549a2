//! XDF files as recordings: streams as groups of channels, markers as annotations, on one clock.
#![allow(clippy::unwrap_used, reason = "a test")]

use bci_driver_playback::{Due, Options, Player, Recording, open};
use bci_types::{SampleFormat, Unit};
use std::path::Path;

fn recording(name: &str) -> Recording {
    open(Path::new(env!("CARGO_MANIFEST_DIR")).join("../xdf/tests/data").join(name)).unwrap()
}

#[test]
fn a_stream_of_numbers_is_a_group_and_one_of_texts_is_annotations() {
    let r = recording("minimal.xdf");
    assert_eq!(r.format(), "XDF");
    let [group] = r.groups() else { panic!("one stream of numbers") };
    let stream = group.stream().unwrap();
    assert_eq!(
        (stream.name.as_str(), stream.kind.as_str(), stream.format),
        ("SendDataC", "EEG", SampleFormat::Int16)
    );
    assert_eq!((group.channels().len(), group.frames(), group.rate().get()), (3, 9, 10.0));
    // It describes no channel.
    assert!(group.channels().iter().all(|c| c.label.is_none() && c.unit == Unit::Unstated));
    let mut frames = vec![0.0; 27];
    assert_eq!(group.read_frames(0, &mut frames), 9);
    assert_eq!(frames[..3], [192.0, 255.0, 238.0]);
    assert_eq!(r.marker_streams()[0].name, "SendDataString");
    assert_eq!(r.annotations().len(), 9);
    // The recording's time begins with its first frame.
    assert_eq!(group.frame_time_s(0), 0.0);
    assert!(group.frame_time_s(8) > 0.5 && group.frame_time_s(8) < 1.0);
}

#[test]
fn what_is_empty_or_was_set_is_told() {
    let told = |name: &str| recording(name).warnings().join("\n");
    assert!(told("empty_streams.xdf").contains("is empty"), "{}", told("empty_streams.xdf"));
    assert!(told("clock_resets.xdf").contains("was set"), "{}", told("clock_resets.xdf"));
}

/// Stamps that run backwards (the source's clock was set) are played as they are; nothing is due before what came before it.
#[test]
fn every_frame_of_a_stream_whose_clock_was_set_is_played_once_in_order() {
    let r = recording("clock_resets.xdf");
    let eeg = r.groups().iter().position(|g| g.stream().unwrap().name == "BioSemi").unwrap();
    let span = r.span(eeg, None, None).unwrap();
    let options = Options { chunk_frames: 7, ..Options::default() };
    let mut player = Player::new(&r, eeg, span, options).unwrap();
    let (mut next, mut due_s, mut markers) = (0, 0.0, 0);
    while let Some(due) = player.take_due(f64::INFINITY) {
        assert!(due.time_s() >= due_s);
        due_s = due.time_s();
        match due {
            Due::Frames { first_frame, frames, .. } => {
                assert_eq!(first_frame, next);
                next += frames as u64;
            }
            Due::Marker { .. } => markers += 1,
        }
    }
    assert_eq!(next, r.groups()[eeg].frames());
    assert_eq!(markers + player.markers_left_out(), r.annotations().len());
}
