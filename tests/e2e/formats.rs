//! Every sample format of LSL.

use crate::support::{assert_no_holes, assert_path_in_order, assert_same_posterior};
use bci_tests::{
    Client, Daemon, HOP, Intent, LABELS, Outlet, Pipeline, Section, Signal, Source, Subscriber, WINDOW, World,
};
use std::time::Duration;

const FORMATS: [&str; 6] = ["int8", "int16", "int32", "int64", "float32", "double64"];
const SECONDS: u64 = 6;

/// One signal of whole numbers in six formats at once, a pipeline each.
#[test]
fn every_sample_format_is_decoded_alike_with_exact_stamps_and_markers() {
    let world = World::new("formats");
    let names: Vec<String> = FORMATS.iter().map(|f| world.name(f)).collect();
    let markers = world.name("markers");
    let section = Section::between(4.0, 4.0 + SECONDS as f64).of_channels(&LABELS).fitting_int8(0.5);
    let (signal, reference) = section.signal_and_reference(&world);
    let source = Source {
        streams: names.iter().map(String::as_str).zip(FORMATS).collect(),
        markers: Some(&markers),
        labels: &LABELS,
    };
    let mut outlet = Outlet::announce(&world, &source, &signal);
    let pipelines: Vec<_> =
        names.iter().zip(FORMATS).map(|(stream, format)| Pipeline { name: format, stream }).collect();
    let daemon = Daemon::start(&world, &pipelines, Some(&markers));
    let mut subscriber = Subscriber::to(&world, &daemon);
    let cues = [(0, "start"), (80, "T1"), (81, "T2 in \u{b5}V"), (930, "end")];
    let playing = outlet.play(&cues);
    let sent = outlet.sent();
    assert_eq!(sent.frames, SECONDS * 160);

    let windows = ((sent.frames - WINDOW) / HOP + 1) as usize;
    subscriber.until_intents(windows * FORMATS.len(), Duration::from_secs(20));
    for format in FORMATS {
        let own: Vec<&Intent> = subscriber.intents().into_iter().filter(|i| i.pipeline == format).collect();
        assert_eq!((own.len(), own[0].sequence), (windows, 0), "{format}");
        assert_no_holes(&own);
        let settling = own.iter().take_while(|i| i.causes == ["SETTLING"]).count();
        assert!((1..40).contains(&settling), "{format}: {settling} windows until the filters have settled");
        assert!(own[settling..].iter().all(|i| i.valid), "{format}: and then all are valid");
        for (i, intent) in own.iter().enumerate() {
            let newest = WINDOW - 1 + i as u64 * HOP;
            assert_eq!(intent.newest_frame, newest, "{format}");
            assert_eq!(intent.newest_ns, playing.stamp_ns(newest), "{format}: to the nanosecond");
            assert_eq!(
                intent.oldest_ns,
                playing.stamp_ns(newest + 1 - WINDOW),
                "{format}: to the nanosecond"
            );
            assert_path_in_order(intent);
            assert_same_posterior(intent, reference.at(newest).expect("a window"), 1e-5);
            assert_eq!(intent.labels, ["fists", "feet"]);
            let first = &subscriber.intents();
            let same = first.iter().find(|o| o.pipeline == FORMATS[0] && o.sequence == intent.sequence);
            assert_eq!(intent.window, same.expect("every format has it").window, "{format}: to the last bit");
        }
    }

    subscriber.have_markers(cues.len(), Duration::from_secs(10));
    let seen: Vec<_> = subscriber.markers().iter().map(|m| (m.time_ns, m.marker.clone())).collect();
    let expected: Vec<_> = cues.iter().map(|(f, text)| (playing.stamp_ns(*f), (*text).to_owned())).collect();
    assert_eq!(seen, expected);
    for marker in subscriber.markers() {
        assert_eq!(marker.stream, markers);
        // The last one comes after more than five seconds without a marker, when the daemon looks whether the sender was
        // started anew: that must not keep it from reading.
        let late_ms = (marker.marker_received_ns - marker.time_ns) as f64 / 1e6;
        assert!((0.0..400.0).contains(&late_ms), "{} came {late_ms} ms late", marker.marker);
    }

    let status = Client::of(&world, &daemon).status();
    for pipeline in status["pipelines"].as_array().expect("pipelines") {
        let counts = ["samples_in", "samples_lost", "gaps", "windows", "windows_skipped", "decoder_faults"];
        let counts = counts.map(|key| Client::count(pipeline, key));
        assert_eq!(counts, [sent.frames, 0, 0, windows as u64, 0, 0], "{pipeline}");
    }
    assert_eq!(daemon.stop(Signal::Int).code, 0);
}
