//! Every sample format, exact to the value and to the stamp.

use crate::support::{LONG, PyOutlet, open, signal, unique};
use crate::support::{by_source, loopback};
use bci_driver_api::{Source, SourceError, conformance};
use bci_driver_lsl::{EegOutlet, OutletOptions};
use bci_types::{ChannelKind, Rate, SampleFormat, Unit};
use serde_json::{Value, json};

const INT64: f64 = 9_007_199_254_740_992.0;

const NUMERIC: [(SampleFormat, [f64; 5]); 6] = [
    (SampleFormat::Int8, [-128.0, 127.0, 0.0, -1.0, 1.0]),
    (SampleFormat::Int16, [-32_768.0, 32_767.0, 0.0, -1.0, 1.0]),
    (SampleFormat::Int32, [-2_147_483_648.0, 2_147_483_647.0, 0.0, -1.0, 1.0]),
    (SampleFormat::Int64, [-INT64, INT64, 0.0, -INT64 + 1.0, INT64 - 1.0]),
    (
        SampleFormat::Float32,
        [f32::MIN as f64, f32::MAX as f64, -0.0, f32::MIN_POSITIVE as f64, 1.401_298_464_324_817e-45],
    ),
    (SampleFormat::Double64, [f64::MIN, f64::MAX, -0.0, f64::MIN_POSITIVE, 5e-324]),
];

/// Two channels: each value beside its mirror in the list. 200 frames at 250 Hz from a time with many digits.
fn frames(values: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let n = values.len();
    let samples = (0..200).flat_map(|i| [values[i % n], values[(n - 1) - i % n]]).collect();
    let stamps = (0..200).map(|i| 98.765_432_109_876 + f64::from(i) / 250.0).collect();
    (samples, stamps)
}

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|v| v.to_bits()).collect()
}

#[test]
fn each_format_from_pylsl_arrives_exactly() {
    for (format, values) in NUMERIC {
        let id = unique("format");
        let mut peer = PyOutlet::start(&json!({
            "name": id, "type": "EEG", "source_id": id, "format": format.to_string(), "rate": 250,
            "channels": [
                { "label": "C3", "unit": "microvolts", "type": "EEG" },
                { "label": " Status ", "unit": "", "type": "TRIGGER" },
            ],
        }));
        let mut source = open(&id);
        let spec = source.spec().clone();
        assert_eq!((spec.format, spec.rate.to_string().as_str()), (format, "250 Hz"));
        assert_eq!(spec.channels[0].label.as_deref(), Some("C3"));
        assert_eq!((&spec.channels[0].unit, &spec.channels[0].kind), (&Unit::Microvolts, &ChannelKind::Eeg));
        assert_eq!(spec.channels[1].label.as_deref(), Some("Status"));
        assert_eq!(spec.channels[1].unit, Unit::Unstated);
        assert_eq!(source.notes(), [] as [String; 0]);

        let (samples, stamps) = frames(&values);
        let integers = !matches!(format, SampleFormat::Float32 | SampleFormat::Double64);
        let number = |v: f64| if integers { json!(v as i64) } else { json!(v) };
        let rows: Vec<Value> =
            samples.chunks(2).map(|f| f.iter().map(|&v| number(v)).collect::<Value>()).collect();
        peer.push(&Value::from(rows), &stamps);
        let seen = conformance::check(&mut source, 200, LONG);
        assert_eq!(bits(&seen.samples), bits(&samples), "{format}");
        assert_eq!(bits(&seen.stamps), bits(&stamps), "{format}");
    }
}

#[test]
fn each_format_from_our_own_outlet_arrives_exactly() {
    for (format, values) in NUMERIC {
        let id = unique("own");
        let spec = signal(&id, format, 250.0, 2);
        let mut outlet = EegOutlet::new(loopback(), &spec, &OutletOptions::default()).unwrap();
        let mut source = open(&id);
        assert!(source.spec().same_layout(&spec), "{:?}", source.spec());
        assert!(outlet.wait_for_consumers(LONG));
        let (samples, stamps) = frames(&values);
        for (some, times) in samples.chunks(2 * 32).zip(stamps.chunks(32)) {
            outlet.push(some, times).unwrap();
        }
        let seen = conformance::check(&mut source, 200, LONG);
        assert_eq!(bits(&seen.samples), bits(&samples), "{format}");
        assert_eq!(bits(&seen.stamps), bits(&stamps), "{format}");
    }
}

#[test]
fn what_is_no_number_arrives_as_such() {
    let id = unique("nan");
    let spec = signal(&id, SampleFormat::Float32, 0.0, 3);
    let mut outlet = EegOutlet::new(loopback(), &spec, &OutletOptions::default()).unwrap();
    let mut source = open(&id);
    assert_eq!(source.spec().rate, Rate::Irregular);
    assert!(outlet.wait_for_consumers(LONG));
    outlet.push(&[f64::NAN, f64::INFINITY, f64::NEG_INFINITY], &[5.0]).unwrap();
    let seen = conformance::check(&mut source, 1, LONG);
    assert!(seen.samples[0].is_nan());
    assert_eq!(seen.samples[1..], [f64::INFINITY, f64::NEG_INFINITY]);
}

#[test]
fn text_is_no_signal() {
    let id = unique("text");
    let _peer = PyOutlet::start(&json!({
        "name": id, "type": "EEG", "source_id": id, "format": "string", "rate": 0, "channels": 1,
    }));
    match by_source(&id).open_source(LONG).map(|_| ()) {
        Err(SourceError::Unusable { stream, reason }) => {
            assert_eq!(stream, id);
            assert!(reason.contains("marker stream"), "{reason}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_stream_of_more_channels_than_any_device_has_is_refused() {
    let id = unique("million");
    let _peer = PyOutlet::start(&json!({
        "name": id, "type": "EEG", "source_id": id, "format": "int8", "rate": 0, "channels": 1_000_001,
    }));
    match by_source(&id).open_source(LONG).map(|_| ()) {
        Err(SourceError::Unusable { reason, .. }) => {
            assert_eq!(reason, "it declares 1000001 channels, more than 1000000");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn labels_that_do_not_fit_are_not_used_and_said_so() {
    let id = unique("labels");
    let _peer = PyOutlet::start(&json!({
        "name": id, "type": "EEG", "source_id": id, "format": "float32", "rate": 100, "count": 3,
        "channels": [{ "label": "C3" }, { "label": "C4" }],
    }));
    let source = open(&id);
    assert_eq!(source.spec().channels.len(), 3);
    assert!(source.spec().channels.iter().all(|c| c.label.is_none() && c.unit == Unit::Unstated));
    assert!(source.notes()[0].contains("lists 2 channels but it carries 3"), "{:?}", source.notes());
}

#[test]
fn without_a_description_channels_have_no_labels() {
    let id = unique("bare");
    let _peer = PyOutlet::plain(&id, 100.0);
    let source = open(&id);
    assert_eq!(source.spec().channels.len(), 2);
    assert!(source.spec().channels.iter().all(|c| c.label.is_none()));
    assert_eq!(source.notes(), [] as [String; 0]);
}
