//! Marker streams.

use crate::support::{LONG, PyOutlet, loopback, quick, unique};
use bci_driver_api::{MarkerSource, SourceError};
use bci_driver_lsl::{LslMarkerFactory, LslMarkerSource, MarkerOutlet, Query};
use bci_types::{HostNs, Marker};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

fn open(source_id: &str) -> Result<LslMarkerSource, SourceError> {
    LslMarkerFactory::new(loopback(), Query::source_id(source_id), quick()).open_source(LONG)
}

fn peer(source_id: &str, format: &str, rate: f64, channels: u32) -> PyOutlet {
    PyOutlet::start(&json!({
        "name": source_id, "type": "Markers", "source_id": source_id,
        "format": format, "rate": rate, "channels": channels,
    }))
}

fn next(source: &mut LslMarkerSource) -> Marker {
    source.pull(LONG).expect("not lost").expect("a marker in time")
}

#[test]
fn text_from_pylsl_arrives_with_its_time() {
    let id = unique("markers");
    let mut outlet = peer(&id, "string", 0.0, 1);
    let mut source = open(&id).unwrap();
    assert_eq!(source.pull(Duration::from_millis(50)).unwrap(), None);
    let texts = ["T1", "", "left \u{1f91a} fist", "a\tb\nc"];
    let samples: Value = texts.iter().map(|t| json!([t])).collect();
    outlet.push(&samples, &[100.25, 100.5, 100.125, 101.0]);
    for (text, time) in texts.iter().zip([100.25, 100.5, 100.125, 101.0]) {
        let marker = next(&mut source);
        assert_eq!(marker.text, *text);
        assert_eq!(marker.time, HostNs::from_lsl_seconds(time), "as sent, even out of order");
        assert_eq!(&*marker.stream, id);
        assert!(marker.received > HostNs(0));
    }
    outlet.signal("KILL");
    let killed = Instant::now();
    let lost = loop {
        match source.pull(Duration::from_millis(100)) {
            Ok(_) => assert!(killed.elapsed() < LONG),
            Err(e) => break e,
        }
    };
    assert!(matches!(lost, SourceError::Lost { .. }), "{lost:?}");
}

#[test]
fn our_own_markers_arrive() {
    let id = unique("own-markers");
    let mut outlet = MarkerOutlet::new(loopback(), "markers of our own", &id).unwrap();
    let mut source = open(&id).unwrap();
    assert_eq!(source.spec().kind, "Markers");
    assert!(outlet.wait_for_consumers(LONG));
    outlet.push("rest", 55.5).unwrap();
    let marker = next(&mut source);
    assert_eq!((marker.text.as_str(), marker.time), ("rest", HostNs(55_500_000_000)));
}

#[test]
fn several_text_channels_are_joined_by_tabs() {
    let id = unique("wide-markers");
    let mut outlet = peer(&id, "string", 0.0, 3);
    let mut source = open(&id).unwrap();
    outlet.push(&json!([["trial", "7", "left"]]), &[1.5]);
    assert_eq!(next(&mut source).text, "trial\t7\tleft");
}

#[test]
fn numbers_become_text() {
    for (format, sent, text) in [
        ("int32", json!([[-7]]), "-7"),
        ("int8", json!([[5]]), "5"),
        ("int64", json!([[i64::MAX]]), "9223372036854775807"),
        ("float32", json!([[2.5]]), "2.5"),
        ("double64", json!([[768.0]]), "768"),
    ] {
        let id = unique("codes");
        let mut outlet = peer(&id, format, 0.0, 1);
        let mut source = open(&id).unwrap();
        outlet.push(&sent, &[1.5]);
        assert_eq!(next(&mut source).text, text, "{format}");
    }
}

#[test]
fn a_signal_is_no_marker_stream() {
    for (rate, channels, why) in [(250.0, 1, "are a signal"), (0.0, 2, "2 channels of numbers")] {
        let id = unique("no-markers");
        let _outlet = peer(&id, "int32", rate, channels);
        match open(&id).map(|_| ()) {
            Err(SourceError::Unusable { reason, .. }) => assert!(reason.contains(why), "{reason}"),
            other => panic!("{other:?}"),
        }
    }
}

/// liblsl 1.17 allocates at each poll of a text stream and `lsl` 0.1.1 does not free it.
#[test]
fn polling_a_quiet_marker_stream_does_not_grow_the_process() {
    let id = unique("quiet");
    let _outlet = peer(&id, "string", 0.0, 64);
    let mut source = open(&id).unwrap();
    let mut poll = |times: u32| {
        for _ in 0..times {
            assert_eq!(source.pull(Duration::ZERO).unwrap(), None);
        }
    };
    poll(2_000);
    let before = resident_bytes();
    poll(40_000);
    let grown = resident_bytes().saturating_sub(before);
    // Leaking, 40000 polls of 64 channels hold 32 bytes each: 82 MB.
    assert!(grown < 30_000_000, "{grown} bytes");
}

fn resident_bytes() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    4096 * pages.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap()
}
