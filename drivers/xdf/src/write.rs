//! Chunks as they are written.
//!
//! A chunk is appended to a buffer whole: what a recorder hands to the system in one piece is either in the file or not, and a
//! file that was cut anywhere opens up to its last whole chunk.

use crate::chunk::{BOUNDARY, MAGIC};
use crate::info::Format;

/// Appends chunks to a buffer.
#[derive(Debug, Default)]
pub struct Encoder {
    out: Vec<u8>,
}

/// Numbers or texts of a chunk of samples, `[samples x channels]`, sample by sample.
#[derive(Clone, Copy, Debug)]
pub enum Batch<'a> {
    /// Numbers, to be written in the stream's format. One that an integer format does not hold is written as the nearest that
    /// it holds; NaN as 0.
    Numbers(&'a [f64]),
    /// Texts.
    Texts(&'a [&'a str]),
}

impl Encoder {
    /// What was appended since the last [`Encoder::clear`].
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.out
    }

    /// Forgets what was appended; its memory is kept.
    pub fn clear(&mut self) {
        self.out.clear();
    }

    /// What a file begins with, and its header. `datetime` is ISO 8601 with a zone.
    pub fn begin(&mut self, datetime: &str) {
        self.out.extend(MAGIC);
        let xml = format!(
            "<?xml version=\"1.0\"?>\n<info>\n\t<version>1.0</version>\n\t<datetime>{}</datetime>\n</info>\n",
            escaped(datetime)
        );
        self.chunk(1, |out| out.extend(xml.as_bytes()));
    }

    /// The header of stream `id`: the XML under which it was declared.
    pub fn stream_header(&mut self, id: u32, xml: &str) {
        self.chunk(2, |out| {
            out.extend(id.to_le_bytes());
            out.extend(xml.as_bytes());
        });
    }

    /// Samples of stream `id` of `channels` channels in `format`, with a stamp each, s.
    ///
    /// # Panics
    /// When values are not as many as stamps and channels say, or of the other kind than the format.
    pub fn samples(&mut self, id: u32, format: Format, channels: usize, stamps: &[f64], batch: Batch<'_>) {
        let values = match batch {
            Batch::Numbers(numbers) => numbers.len(),
            Batch::Texts(texts) => texts.len(),
        };
        assert_eq!(values, stamps.len() * channels, "a value a channel and stamp");
        assert_eq!(format == Format::Text, matches!(batch, Batch::Texts(_)), "values of the stream's format");
        self.chunk(3, |out| {
            out.extend(id.to_le_bytes());
            length(out, stamps.len() as u64);
            for (i, stamp) in stamps.iter().enumerate() {
                out.push(8);
                out.extend(stamp.to_le_bytes());
                let own = i * channels..(i + 1) * channels;
                match batch {
                    Batch::Numbers(numbers) => numbers[own].iter().for_each(|x| number(out, format, *x)),
                    Batch::Texts(texts) => texts[own].iter().for_each(|text| {
                        length(out, text.len() as u64);
                        out.extend(text.as_bytes());
                    }),
                }
            }
        });
    }

    /// That stream `id`'s clock was looked at, when it showed `time_s`, and `offset_s` is to be added to it for the recorder's.
    pub fn clock_offset(&mut self, id: u32, time_s: f64, offset_s: f64) {
        self.chunk(4, |out| {
            out.extend(id.to_le_bytes());
            out.extend(time_s.to_le_bytes());
            out.extend(offset_s.to_le_bytes());
        });
    }

    /// A mark to find one's way by after damage.
    pub fn boundary(&mut self) {
        self.chunk(5, |out| out.extend(BOUNDARY));
    }

    /// What stream `id` came to; its first and last stamp where it has samples.
    pub fn footer(&mut self, id: u32, ends: Option<(f64, f64)>, samples: u64, offsets: &[(f64, f64)]) {
        let mut xml = String::from("<?xml version=\"1.0\"?>\n<info>");
        if let Some((first, last)) = ends {
            xml += &format!(
                "<first_timestamp>{first:?}</first_timestamp><last_timestamp>{last:?}</last_timestamp>"
            );
        }
        xml += &format!("<sample_count>{samples}</sample_count><clock_offsets>");
        for (time, value) in offsets {
            xml += &format!("<offset><time>{time:?}</time><value>{value:?}</value></offset>");
        }
        xml += "</clock_offsets></info>\n";
        self.chunk(6, |out| {
            out.extend(id.to_le_bytes());
            out.extend(xml.as_bytes());
        });
    }

    fn chunk(&mut self, tag: u16, body: impl FnOnce(&mut Vec<u8>)) {
        let out = &mut self.out;
        // Its length is known once it is there: room for one of 4 bytes.
        let at = out.len();
        out.push(4);
        out.extend([0; 4]);
        out.extend(tag.to_le_bytes());
        body(out);
        let content = out.len() - at - 5;
        match u32::try_from(content) {
            Ok(content) => out[at + 1..at + 5].copy_from_slice(&content.to_le_bytes()),
            Err(_) => {
                let wide = [&[8][..], &(content as u64).to_le_bytes()].concat();
                out.splice(at..at + 5, wide);
            }
        }
    }
}

fn length(out: &mut Vec<u8>, n: u64) {
    match (u8::try_from(n), u32::try_from(n)) {
        (Ok(n), _) => out.extend([1, n]),
        (_, Ok(n)) => {
            out.push(4);
            out.extend(n.to_le_bytes());
        }
        _ => {
            out.push(8);
            out.extend(n.to_le_bytes());
        }
    }
}

/// As the format holds it. A number is rounded to the nearest integer, and beyond the format's range is its end.
fn number(out: &mut Vec<u8>, format: Format, x: f64) {
    match format {
        Format::Int8 => out.extend((x.round() as i8).to_le_bytes()),
        Format::Int16 => out.extend((x.round() as i16).to_le_bytes()),
        Format::Int32 => out.extend((x.round() as i32).to_le_bytes()),
        Format::Int64 => out.extend((x.round() as i64).to_le_bytes()),
        Format::Float32 => out.extend((x as f32).to_le_bytes()),
        Format::Double64 => out.extend(x.to_le_bytes()),
        Format::Text => {}
    }
}

/// Text that XML takes for text.
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\'' => out += "&apos;",
            // XML 1.0 has no other characters of control.
            '\t' | '\n' | '\r' => out.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Values, read};
    use proptest::prelude::*;

    fn header(format: Format, channels: usize) -> String {
        format!(
            "<info><name>{}</name><type>EEG</type><channel_count>{channels}</channel_count>\
             <nominal_srate>100</nominal_srate><channel_format>{}</channel_format></info>",
            escaped("a <b> & \u{1}c"),
            format.word()
        )
    }

    proptest! {
        /// What is written is read; cut anywhere, up to the cut.
        #[test]
        fn what_is_written_is_read(
            format in prop::sample::select(vec![Format::Int8, Format::Int16, Format::Int32, Format::Int64, Format::Float32, Format::Double64]),
            channels in 1usize..5,
            chunks in prop::collection::vec(0usize..40, 0..6),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut e = Encoder::default();
            e.begin("2026-11-26T10:00:00+0000");
            e.stream_header(7, &header(format, channels));
            let (mut stamps, mut values) = (Vec::new(), Vec::new());
            let mut whole = vec![(e.bytes().len(), 0)];
            for n in chunks {
                let from = stamps.len();
                stamps.extend((from..from + n).map(|i| 1e5 + i as f64 * 0.01));
                values.extend((from * channels..(from + n) * channels).map(|i| (i * 37 % 251) as f64 - 125.0));
                e.samples(7, format, channels, &stamps[from..], Batch::Numbers(&values[from * channels..]));
                whole.push((e.bytes().len(), stamps.len()));
                e.clock_offset(7, 1e5, -0.5);
                e.boundary();
            }
            e.footer(7, stamps.first().copied().zip(stamps.last().copied()), stamps.len() as u64, &[]);
            let file = read(e.bytes()).expect("a file");
            prop_assert_eq!(&file.warnings, &[""; 0]);
            let stream = &file.streams[0];
            prop_assert_eq!(&stream.info.name, "a <b> & \u{fffd}c");
            prop_assert_eq!(&stream.stamps, &stamps);
            let read_back: Vec<f64> = (0..stream.values.len()).filter_map(|i| stream.values.number(i)).collect();
            prop_assert_eq!(&read_back, &values);
            let cut = cut.index(e.bytes().len());
            let expected = whole.iter().rev().find(|(end, _)| *end <= cut).map(|(_, n)| *n);
            if let (Some(least), Ok(part)) = (expected, read(&e.bytes()[..cut])) {
                prop_assert!(part.streams[0].stamps.len() >= least);
                prop_assert_eq!(&part.streams[0].stamps[..], &stamps[..part.streams[0].stamps.len()]);
            }
        }
    }

    #[test]
    fn texts_come_back_and_numbers_beyond_a_format_are_its_ends() {
        let mut e = Encoder::default();
        e.begin("x");
        e.stream_header(1, &header(Format::Text, 1));
        let long = "y".repeat(300);
        e.samples(1, Format::Text, 1, &[1.0, 2.0], Batch::Texts(&["\u{e9}", &long]));
        e.stream_header(2, &header(Format::Int8, 1));
        e.samples(2, Format::Int8, 1, &[1.0, 2.0, 3.0], Batch::Numbers(&[1e9, f64::NAN, -1e9]));
        let file = read(e.bytes()).expect("a file");
        assert_eq!(file.streams[0].values, Values::Text(vec!["\u{e9}".into(), long]));
        assert_eq!(file.streams[1].values, Values::Int8(vec![127, 0, -128]));
    }
}
