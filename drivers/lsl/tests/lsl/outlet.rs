//! Our outlets, seen from outside.

use crate::support::{LONG, loopback, open, peer, signal, unique};
use bci_driver_api::Source;
use bci_driver_lsl::{EegOutlet, MarkerOutlet, OutletError, OutletOptions};
use bci_types::{ChannelKind, Chunk, SampleFormat, Unit};
use serde_json::{Value, json};
use std::time::Duration;

/// Starts pylsl to read `samples` from `source_id`; `feed` pushes them once it listens.
fn seen_by_pylsl(source_id: &str, samples: usize, feed: impl FnOnce()) -> Value {
    let child = peer("inlet.py").args([source_id, &samples.to_string()]).spawn().expect("Python starts");
    feed();
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "pylsl failed: run `cargo xtask setup` if it is not installed");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[test]
fn pylsl_reads_the_metadata_and_every_format() {
    for format in [
        SampleFormat::Int8,
        SampleFormat::Int16,
        SampleFormat::Int32,
        SampleFormat::Int64,
        SampleFormat::Float32,
        SampleFormat::Double64,
    ] {
        let id = unique("published");
        let mut spec = signal(&id, format, 160.0, 3);
        spec.channels[1].unit = Unit::Millivolts;
        spec.channels[2].label = Some("EOG <l&r>".into());
        spec.channels[2].kind = ChannelKind::Other("EOG".into());
        spec.channels[2].unit = Unit::Unstated;
        let options = OutletOptions {
            acquisition: vec![("manufacturer".into(), "Müller & Söhne".into())],
            ..OutletOptions::default()
        };
        let mut outlet = EegOutlet::new(loopback(), &spec, &options).unwrap();
        let first = 87.654_321_098_765;
        let seen = seen_by_pylsl(&id, 4, || {
            assert!(outlet.wait_for_consumers(3 * LONG));
            outlet.push_from(&[1.0, -2.0, 3.0, 4.0, 5.0, 6.0], first).unwrap();
            outlet.push(&[7.0, 8.0, 9.0, 10.0, 11.0, -12.0], &[first + 1.0, first + 2.0]).unwrap();
        });
        assert_eq!(
            seen["channels"],
            json!([
                { "label": "E0", "unit": "microvolts", "type": "EEG" },
                { "label": "E1", "unit": "millivolts", "type": "EEG" },
                { "label": "EOG <l&r>", "unit": "", "type": "EOG" },
            ])
        );
        assert_eq!(
            (&seen["name"], &seen["type"], &seen["rate"], &seen["manufacturer"]),
            (&json!(id), &json!("EEG"), &json!(160.0), &json!("Müller & Söhne"))
        );
        let numbers: Vec<f64> = seen["samples"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|s| s.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()))
            .collect();
        assert_eq!(numbers, [1.0, -2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, -12.0], "{format}");
        assert_eq!(seen["stamps"], json!([first, first + 1.0 / 160.0, first + 1.0, first + 2.0]));
    }
}

#[test]
fn pylsl_reads_our_markers() {
    let id = unique("published-markers");
    let mut outlet = MarkerOutlet::new(loopback(), &id, &id).unwrap();
    let seen = seen_by_pylsl(&id, 2, || {
        assert!(outlet.wait_for_consumers(3 * LONG));
        outlet.push("T0", 10.5).unwrap();
        outlet.push("Füße", 11.25).unwrap();
    });
    assert_eq!((&seen["type"], &seen["rate"]), (&json!("Markers"), &json!(0.0)));
    assert_eq!(seen["samples"], json!([["T0"], ["Füße"]]));
    assert_eq!(seen["stamps"], json!([10.5, 11.25]));
}

#[test]
fn integers_are_rounded_and_what_does_not_fit_is_refused() {
    let id = unique("rounded");
    let spec = signal(&id, SampleFormat::Int16, 100.0, 2);
    let mut outlet = EegOutlet::new(loopback(), &spec, &OutletOptions::default()).unwrap();
    let mut source = crate::support::open(&id);
    assert!(outlet.wait_for_consumers(LONG));
    for bad in [32_767.5, -32_769.0, f64::NAN, f64::INFINITY] {
        let error = outlet.push(&[0.0, 0.0, 1.0, bad], &[1.0, 2.0]);
        assert!(matches!(error, Err(OutletError::Value { channel: 1, .. })), "{bad}: {error:?}");
    }
    outlet.push(&[32_767.4, -1.6], &[3.0]).unwrap();
    let seen = bci_driver_api::conformance::check(&mut source, 1, LONG);
    assert_eq!(seen.samples, [32_767.0, -2.0], "and nothing of the refused pushes was sent");
}

#[test]
fn what_lsl_cannot_carry_is_refused_in_words() {
    let id = unique("refused");
    let spec = signal(&id, SampleFormat::Float32, 100.0, 2);
    let mut outlet = EegOutlet::new(loopback(), &spec, &OutletOptions::default()).unwrap();
    assert!(matches!(outlet.push(&[1.0], &[1.0]), Err(OutletError::Shape { .. })));
    for stamp in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(matches!(outlet.push(&[1.0, 2.0], &[stamp]), Err(OutletError::Stamp(_))), "{stamp}");
    }
    let mut broken = spec.clone();
    broken.channels[0].label = Some("a\0b".into());
    let mut nameless = spec.clone();
    nameless.name.clear();
    let mut empty = spec.clone();
    empty.channels.clear();
    let mut text = spec;
    text.format = SampleFormat::Text;
    for (spec, field) in [(broken, "label"), (nameless, "name"), (empty, "channels"), (text, "format")] {
        let error = EegOutlet::new(loopback(), &spec, &OutletOptions::default()).map(|_| ()).unwrap_err();
        assert!(error.to_string().contains(field), "{error}");
    }
}

#[test]
fn closing_with_patience_delivers_the_tail() {
    let id = unique("tail");
    let spec = signal(&id, SampleFormat::Float32, 1000.0, 8);
    let mut outlet = EegOutlet::new(loopback(), &spec, &OutletOptions::default()).unwrap();
    let mut source = crate::support::open(&id);
    assert!(outlet.wait_for_consumers(LONG));
    let reader = std::thread::scope(|s| {
        s.spawn(move || {
            outlet.push_from(&vec![1.5; 8 * 5000], 1.0).unwrap();
            outlet.close(Duration::from_secs(1));
        });
        bci_driver_api::conformance::check(&mut source, usize::MAX, LONG)
    });
    assert_eq!((reader.stamps.len(), reader.lost), (5000, true));
}

#[test]
fn frames_of_float32_arrive_as_they_were_pushed() {
    let id = unique("unconverted");
    let spec = signal(&id, SampleFormat::Float32, 1000.0, 3);
    let mut outlet = EegOutlet::new(loopback(), &spec, &OutletOptions::default()).unwrap();
    let mut source = open(&id);
    assert!(outlet.wait_for_consumers(LONG));
    // Numbers that float32 cannot hold exactly in decimals, NaN's neighbours, and the extremes.
    let values = [0.1f32, -f32::MAX, f32::MIN_POSITIVE, 1.0 / 3.0, f32::INFINITY, -0.0];
    let first = loopback().local_clock();
    outlet.push_f32_from(&values, first).unwrap();
    let mut chunk = Chunk::with_capacity(3, 2);
    let (mut got, mut stamps) = (Vec::new(), Vec::new());
    while stamps.len() < 2 {
        assert!(source.pull(&mut chunk, LONG).unwrap() > 0, "nothing came");
        got.extend_from_slice(chunk.samples());
        stamps.extend_from_slice(chunk.stamps());
    }
    let bits = |x: f64| x.to_bits();
    let sent = values.map(f64::from);
    assert_eq!(got.into_iter().map(bits).collect::<Vec<_>>(), sent.map(bits));
    assert_eq!(stamps, [first, first + 1.0 / 1000.0]);
}

#[test]
fn frames_of_float32_fit_only_their_format_and_shape() {
    let mut doubles = {
        let id = unique("doubles");
        let spec = signal(&id, SampleFormat::Double64, 1000.0, 3);
        EegOutlet::new(loopback(), &spec, &OutletOptions::default()).unwrap()
    };
    let refused = doubles.push_f32_from(&[0.0; 3], 1.0);
    assert!(matches!(refused, Err(OutletError::Format(SampleFormat::Double64))), "{refused:?}");
    let id = unique("floats");
    let spec = signal(&id, SampleFormat::Float32, 1000.0, 3);
    let mut floats = EegOutlet::new(loopback(), &spec, &OutletOptions::default()).unwrap();
    let refused = floats.push_f32_from(&[0.0; 4], 1.0);
    assert!(matches!(refused, Err(OutletError::Shape { values: 4, frames: 1, channels: 3 })), "{refused:?}");
    let refused = floats.push_f32_from(&[0.0; 6], -1.0);
    assert!(matches!(refused, Err(OutletError::Stamp(_))), "{refused:?}");
}
