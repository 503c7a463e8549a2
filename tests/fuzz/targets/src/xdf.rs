use crate::in_proportion;
use bci_xdf::{Batch, Chunks, Encoder, File, Format, Stream, Values, clock, dejitter};

/// Whole numbers beyond this are not all doubles.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// An XDF file: what was read holds together, is no more than there are bytes for, and comes back equal when it is written.
pub fn xdf(bytes: &[u8]) {
    let chunks = Chunks::of(bytes).filter_map(Result::ok);
    assert!(chunks.map(|chunk| chunk.body.len()).sum::<usize>() <= bytes.len(), "chunks overlap");
    crate::playback::whole(bytes, "f.xdf");
    let Ok(file) = bci_xdf::read(bytes) else { return };
    in_proportion(file.warnings.iter().map(String::as_str), bytes.len());
    // A sample takes two bytes at least: one says whether it has a stamp.
    let samples: usize = file.streams.iter().map(|stream| stream.stamps.len()).sum();
    assert!(samples <= bytes.len() / 2, "{samples} samples of {} bytes", bytes.len());
    for stream in &file.streams {
        holds_together(stream);
    }
    comes_back(&file);
}

fn holds_together(stream: &Stream) {
    let (info, stamps) = (&stream.info, &stream.stamps);
    assert!(info.channel_count > 0 && info.nominal_srate >= 0.0 && info.nominal_srate.is_finite());
    assert!(info.channels.is_empty() || info.channels.len() == info.channel_count);
    assert_eq!(stream.values.len(), stamps.len() * info.channel_count, "a value a channel and stamp");
    let mut next = 0;
    for stretch in clock::stretches(stream) {
        assert_eq!(stretch.samples.start, next, "stretches follow each other");
        next = stretch.samples.end;
    }
    assert!(next == stamps.len() || stream.clock_offsets.is_empty(), "every sample is in a stretch");
    assert_eq!(clock::corrected(stream).len(), stamps.len());
    if info.is_regular() {
        assert_eq!(dejitter::lines(stamps, info.nominal_srate).len(), stamps.len());
        let rate = dejitter::effective_rate(stamps, info.nominal_srate);
        assert!(rate.is_none_or(|hz| hz >= 0.0), "{rate:?}");
    }
}

/// Writes what was read, and reads that.
fn comes_back(file: &File) {
    let mut encoder = Encoder::default();
    encoder.begin("2026-11-26T10:00:00+0000");
    for stream in &file.streams {
        encoder.stream_header(stream.id, &stream.info.xml);
        write_samples(&mut encoder, stream);
        for (time, offset) in &stream.clock_offsets {
            encoder.clock_offset(stream.id, *time, *offset);
        }
        encoder.boundary();
        encoder.footer(stream.id, None, stream.stamps.len() as u64, &stream.clock_offsets);
    }
    let again = bci_xdf::read(encoder.bytes());
    let again = again.unwrap_or_else(|e| panic!("what was written is no XDF: {e}"));
    assert_eq!(again.warnings, [""; 0], "what was written is whole");
    assert_eq!(again.streams.len(), file.streams.len());
    let bits = |of: &[f64]| -> Vec<u64> { of.iter().map(|x| x.to_bits()).collect() };
    let pairs = |of: &[(f64, f64)]| -> Vec<u64> { of.iter().flat_map(|(t, v)| bits(&[*t, *v])).collect() };
    for (a, b) in file.streams.iter().zip(&again.streams) {
        assert_eq!((a.id, &a.info), (b.id, &b.info));
        assert_eq!(bits(&a.stamps), bits(&b.stamps));
        assert_eq!(pairs(&a.clock_offsets), pairs(&b.clock_offsets));
        assert!(same(&a.values, &b.values), "{:?} became {:?}", a.values, b.values);
    }
}

fn write_samples(encoder: &mut Encoder, stream: &Stream) {
    let (id, format, channels) = (stream.id, stream.info.format, stream.info.channel_count);
    if let Some(texts) = stream.values.texts() {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        encoder.samples(id, format, channels, &stream.stamps, Batch::Texts(&texts));
    } else {
        let numbers: Vec<f64> = (0..stream.values.len()).filter_map(|i| stream.values.number(i)).collect();
        encoder.samples(id, format, channels, &stream.stamps, Batch::Numbers(&numbers));
    }
    assert_eq!(format == Format::Text, stream.values.texts().is_some());
}

/// Whether values are the same: to the bit, but that one NaN is as good as another in single precision, and whole numbers
/// that no double holds are rounded on the way.
fn same(a: &Values, b: &Values) -> bool {
    match (a, b) {
        (Values::Float32(a), Values::Float32(b)) => {
            let alike = |(a, b): (&f32, &f32)| a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan();
            a.len() == b.len() && a.iter().zip(b).all(alike)
        }
        (Values::Double64(a), Values::Double64(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
        }
        (Values::Int64(a), Values::Int64(b)) => {
            let alike = |(a, b): (&i64, &i64)| a == b || (*a as f64).abs() > EXACT;
            a.len() == b.len() && a.iter().zip(b).all(alike)
        }
        (a, b) => a == b,
    }
}
