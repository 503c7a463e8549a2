//! Crafted files: what no recording at hand has.
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use bci_driver_playback::edf::{EdfError, read};
use bci_driver_playback::{Annotation, Recording, Segment};
use bci_types::{ChannelKind, Unit};
use common::{File, Signal, counting, i16s};

fn ok(file: &File) -> Recording {
    read(file.bytes(), "crafted").unwrap()
}

fn refused(file: &File) -> String {
    read(file.bytes(), "crafted").map(|r| format!("{r:?}")).unwrap_err().to_string()
}

fn note(onset_s: f64, duration_s: Option<f64>, text: &str) -> Annotation {
    Annotation { onset_s, duration_s, text: text.to_owned(), stream: 0 }
}

#[test]
fn mixed_rates_make_a_group_each_in_the_units_of_the_file() {
    let mut slow = Signal::volts("Resp chest", 1);
    slow.unit = "mV".into();
    // A falling scale: the physical minimum is above the maximum.
    slow.range = ["10", "-10", "-1000", "1000"].map(str::to_owned);
    let mut other = Signal::volts("EEG Cz", 4);
    other.range = ["-100.5", "99.25", "-2048", "2047"].map(str::to_owned);
    let file = File::new("", "0.5", &[Signal::volts("EEG C3-A2", 4), slow, other])
        .record(&[&i16s([1, 2, 3, 4]), &i16s([-1000]), &i16s([-2048, 0, 7, 2047])])
        .record(&[&i16s([5, 6, 7, -8]), &i16s([500]), &i16s([1, 2, 3, 4])]);
    let r = ok(&file);
    assert_eq!((r.format(), r.source(), r.start()), ("EDF", "crafted", Some("2020-01-24T04:05:56")));
    let [fast, slow] = r.groups() else { panic!("{r:?}") };
    assert_eq!((fast.rate().get(), fast.frames(), fast.duration_s()), (8.0, 8, 1.0));
    assert_eq!((slow.rate().get(), slow.frames(), slow.duration_s()), (2.0, 2, 1.0));
    assert_eq!(fast.original_labels(), ["EEG C3-A2", "EEG Cz"]);
    assert_eq!(fast.channels()[0].label.as_deref(), Some("C3-A2"));
    assert_eq!(fast.channels()[0].kind, ChannelKind::Eeg);
    assert_eq!(
        (&slow.channels()[0].unit, &slow.channels()[0].kind),
        (&Unit::Millivolts, &ChannelKind::Other("RESPIRATION".into()))
    );

    let scaled = |d: f64| (d + 2048.0) * (99.25 - -100.5) / (2047.0 + 2048.0) + -100.5;
    let mut frames = [0.0; 10];
    assert_eq!(fast.read_frames(2, &mut frames[..6]), 3, "across the record boundary");
    assert_eq!(frames[..6], [3.0, scaled(7.0), 4.0, 99.25, 5.0, scaled(1.0)]);
    assert_eq!(fast.read_frames(6, &mut frames), 2, "no more than there are");
    assert_eq!(frames[..4], [7.0, scaled(3.0), -8.0, scaled(4.0)]);
    assert_eq!(fast.read_frames(8, &mut frames), 0);
    assert_eq!(slow.read_frames(0, &mut frames[..2]), 2);
    assert_eq!(frames[..2], [10.0, -5.0]);
}

#[test]
fn a_discontinuous_file_keeps_its_gaps_and_times() {
    let file = counting(
        "EDF+D",
        "0.5",
        4,
        &[
            ("+0.25", "+0.5\x151.5\x14cue\x14\0+9\x14late\x14\0"),
            ("+0.75", ""),
            ("+10.125", "-3\x14before\x14\0+0.25\x14\u{4ef0}\x14again\x14\0"),
            ("+10.625", ""),
            ("+60", ""),
        ],
    );
    let r = ok(&file);
    assert_eq!((r.format(), r.start()), ("EDF+D", Some("2020-01-24T04:05:56.25")));
    let group = &r.groups()[0];
    let segment = |first_frame, start_s| Segment { first_frame, start_s };
    assert_eq!(group.segments(), [segment(0, 0.0), segment(8, 9.875), segment(16, 59.75)]);
    assert_eq!((group.frames(), group.duration_s()), (20, 60.25));
    let times = [7, 8, 11, 15, 16, 19].map(|n| group.frame_time_s(n));
    assert_eq!(times, [0.875, 9.875, 10.25, 10.75, 59.75, 60.125]);
    assert_eq!(
        [0.0, 0.875, 0.9, 9.875, 59.0, 99.0].map(|t| group.frame_at_or_after(t)),
        [0, 7, 8, 8, 16, 20]
    );
    assert_eq!(
        r.annotations(),
        [
            note(-3.25, None, "before"),
            note(0.0, None, "\u{4ef0}"),
            note(0.0, None, "again"),
            note(0.25, Some(1.5), "cue"),
            note(8.75, None, "late"),
        ]
    );
    assert_eq!(r.warnings(), [""; 0]);
}

#[test]
fn a_discontinuous_file_must_say_when_each_record_starts_in_order() {
    let records = [("+0", ""), ("+1", ""), ("+1.5", "")];
    let text = refused(&counting("EDF+D", "1", 4, &records));
    assert!(text.contains("data record 2") && text.contains("1.5 s") && text.contains("2 s"), "{text}");
    let mut untimed = counting("EDF+D", "1", 4, &records);
    untimed.records[1][1].fill(0);
    let text = refused(&untimed);
    assert!(text.contains("data record 1") && text.contains("byte 1168"), "{text}");
}

#[test]
fn several_annotation_signals_are_read_and_only_the_first_keeps_time() {
    let signals = [
        Signal::annotations("EDF Annotations", 20),
        Signal::volts("C3", 2),
        Signal::annotations("EDF Annotations", 20),
    ];
    let file = File::new("EDF+C", "1", &signals)
        .record(&[b"+0\x14\x14start\x14\0+0.5\x14a\x14\0", &i16s([1, 2]), b"+7\x14\x14\0+0.25\x14b\x14\0"])
        .record(&[b"+1\x14\x14\0", &i16s([3, 4]), b"+1.5\x14c\x14"]);
    let r = ok(&file);
    let texts: Vec<_> = r.annotations().iter().map(|a| (a.onset_s, a.text.as_str())).collect();
    assert_eq!(texts, [(0.0, "start"), (0.25, "b"), (0.5, "a"), (1.5, "c")]);
    assert_eq!(r.warnings(), [""; 0]);
}

#[test]
fn bdf_has_24_bits_with_sign() {
    let mut wide = Signal::volts("Fp1", 3);
    wide.range = ["-8388608", "8388607", "-8388608", "8388607"].map(str::to_owned);
    let notes = Signal::annotations("BDF Annotations", 10);
    let mut file = File::new("BDF+C", "1", &[wide, notes])
        .record(&[&[0xff, 0xff, 0xff, 0x00, 0x00, 0x80, 0x01, 0x02, 0x03], b"+0\x14\x14\0+0.5\x14a\x14\0"]);
    file.bdf = true;
    let r = ok(&file);
    let mut frames = [0.0; 3];
    assert_eq!(r.groups()[0].read_frames(0, &mut frames), 3);
    assert_eq!(frames, [-1.0, -8_388_608.0, f64::from(0x03_0201)]);
    assert_eq!((r.format(), r.annotations()), ("BDF+C", &[note(0.5, None, "a")][..]));
}

#[test]
fn what_is_merely_incomplete_is_read_with_a_warning() {
    let whole = counting("EDF+C", "1", 4, &[("+0", ""), ("+1", ""), ("+2", "")]);
    let frames = |bytes: Vec<u8>| {
        let r = read(bytes, "crafted").unwrap();
        (r.groups()[0].frames(), r.warnings().join("; "))
    };
    let mut cut = whole.bytes();
    cut.truncate(cut.len() - 5);
    let (n, warning) = frames(cut);
    assert_eq!(n, 8);
    assert!(
        warning.contains("announces 3 data records, the file has 2") && warning.contains("131 bytes"),
        "{warning}"
    );
    let unknown = File { declared_records: Some(-1), ..whole.clone() };
    assert_eq!(frames(unknown.bytes()), (12, String::new()));
    let forgotten = File { declared_records: Some(1), ..whole.clone() };
    let (n, warning) = frames(forgotten.bytes());
    assert!(n == 12 && warning.contains("announces 1"), "{warning}");

    let drifting = counting("EDF+C", "1", 4, &[("+0", "+0.5\x14a\0"), ("+1", ""), ("+2.5", "1\x14b\x14\0")]);
    let (n, warning) = frames(drifting.bytes());
    assert_eq!(n, 12);
    assert!(warning.contains("1 data records are off the even spacing, by up to 0.5 s"), "{warning}");
    assert!(
        warning.contains("2 malformed annotation lists are left out, the first at byte 1037"),
        "{warning}"
    );
}

#[test]
fn channels_without_a_scale_keep_their_digital_values_without_a_unit() {
    let mut flat = Signal::volts("C3", 2);
    flat.range = ["-1", "1", "5", "5"].map(str::to_owned);
    let mut constant = Signal::volts("C4", 2);
    constant.range = ["3", "3", "-5", "5"].map(str::to_owned);
    let empty = Signal::volts("Cz", 0);
    let file = File::new("", "1", &[flat, constant, empty]).record(&[&i16s([-7, 8]), &i16s([1, 2]), &[]]);
    let r = ok(&file);
    let group = &r.groups()[0];
    let mut frames = [0.0; 4];
    group.read_frames(0, &mut frames);
    assert_eq!(frames, [-7.0, 3.0, 8.0, 3.0]);
    assert_eq!((&group.channels()[0].unit, &group.channels()[1].unit), (&Unit::Unstated, &Unit::Microvolts));
    assert_eq!((group.channels().len(), r.warnings().len()), (2, 3));
}

#[test]
fn annotations_alone_make_a_recording_without_signals() {
    let file = File::new("EDF+C", "0", &[Signal::annotations("EDF Annotations", 20)])
        .record(&[b"+0\x14\x14\0+5\x14a\x14\0"])
        .record(&[b"+0\x14\x14\0+6\x14b\x14\0"]);
    let r = ok(&file);
    assert!(r.groups().is_empty());
    assert_eq!(r.annotations(), [note(5.0, None, "a"), note(6.0, None, "b")]);
}

#[test]
fn a_lie_in_the_header_is_refused_by_field_byte_and_value() {
    let good = counting("EDF+C", "1", 4, &[("+0", "")]);
    let bytes = good.bytes();
    assert_eq!(read(b"nothing".to_vec(), "").unwrap_err(), EdfError::Version);
    assert_eq!(read(bytes[..100].to_vec(), "").unwrap_err(), EdfError::HeaderCut { needed: 256, bytes: 100 });
    assert_eq!(
        read(bytes[..600].to_vec(), "").unwrap_err(),
        EdfError::HeaderCut { needed: 1024, bytes: 600 }
    );
    assert_eq!(
        read(bytes[..1100].to_vec(), "").unwrap_err(),
        EdfError::NoRecord { record_bytes: 136, data_bytes: 76, offset: 1024 }
    );
    // Field, byte, a value that must be refused, and what the refusal must say.
    for (at, value, says) in [
        (252, "0   ", "the number of signals at byte 252: \"0\""),
        (252, "nan ", "the number of signals at byte 252: \"nan\""),
        (252, "9999", "it takes 2560000 bytes"),
        (184, "768     ", "the header's length at byte 184: \"768\" is not 1024"),
        (236, "1.5     ", "the number of data records at byte 236: \"1.5\""),
        (236, "-2      ", "the number of data records"),
        (244, "0       ", "the duration of a data record at byte 244: \"0\""),
        (244, "1e-310  ", "the duration of a data record"),
        (244, "-1      ", "the duration of a data record"),
        (256 + 104 * 3, "abc     ", "the physical minimum of signal 0 (C3) at byte 568: \"abc\""),
        (256 + 128 * 3 + 16, "inf     ", "the digital maximum of signal 2 (C4) at byte 656: \"inf\""),
        (256 + 112 * 3, "1e308   ", "the physical range of signal 0 (C3)"),
        (256 + 216 * 3, "99999999", "one takes 200000126 bytes"),
        (256 + 216 * 3, "1e300   ", "the samples a record of signal 0 (C3) at byte 904"),
    ] {
        let mut lying = bytes.clone();
        lying[at..at + value.len()].copy_from_slice(value.as_bytes());
        let text = read(lying, "").map(|r| format!("{r:?}")).unwrap_err().to_string();
        assert!(text.contains(says), "{value}: {text}");
    }
}

#[test]
fn a_start_that_is_no_date_is_given_as_written() {
    let mut file = counting("", "1", 1, &[("+0", "")]);
    (file.date, file.time) = ("xx.yy.zz".into(), "1.2.3".into());
    assert_eq!(ok(&file).start(), Some("xx.yy.zz 1.2.3"));
    (file.date, file.time) = (String::new(), String::new());
    assert_eq!(ok(&file).start(), None);
    (file.date, file.time) = ("02.03.85".into(), "23:59:07".into());
    assert_eq!(ok(&file).start(), Some("1985-03-02T23:59:07"));
    file.recording_id = "Startdate 02-MAR-2085 X X X".into();
    assert_eq!(ok(&file).start(), Some("2085-03-02T23:59:07"));
}
