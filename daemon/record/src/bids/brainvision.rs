//! BrainVision Core Data Format 1.0: 32-bit floats, frame after frame.

use super::channels::{Channel, plain};
use super::events::Event;
use bci_driver_playback::SignalGroup;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Write as _};

/// About how many numbers are written at a time.
const CHUNK: usize = 1 << 16;

/// The three files of a recording.
pub(super) struct Files<'a> {
    /// What they are called, without what the name ends in.
    pub(super) name: String,
    /// Hz.
    pub(super) rate: f64,
    pub(super) channels: &'a [Channel],
}

impl Files<'_> {
    /// Writes all frames, and says how many numbers are none.
    pub(super) fn samples(&self, signals: &SignalGroup, file: &mut File) -> io::Result<u64> {
        let count = self.channels.len();
        let mut frames = vec![0.0; CHUNK.div_ceil(count) * count];
        let mut bytes = Vec::with_capacity(4 * frames.len());
        let (mut at, mut odd) = (0, 0);
        loop {
            let got = signals.read_frames(at, &mut frames);
            if got == 0 {
                return Ok(odd);
            }
            at += got as u64;
            bytes.clear();
            for frame in frames[..got * count].chunks_exact(count) {
                for (x, channel) in frame.iter().zip(self.channels) {
                    let x = (x * channel.factor) as f32;
                    odd += u64::from(!x.is_finite());
                    bytes.extend_from_slice(&x.to_le_bytes());
                }
            }
            file.write_all(&bytes)?;
        }
    }

    /// `.vhdr`.
    pub(super) fn header(&self) -> String {
        let Self { name, rate, channels } = self;
        let mut text = format!(
            "BrainVision Data Exchange Header File Version 1.0\n\
             ; Written by bcid {version}\n\
             \n\
             [Common Infos]\n\
             Codepage=UTF-8\n\
             DataFile={name}.eeg\n\
             MarkerFile={name}.vmrk\n\
             DataFormat=BINARY\n\
             ; Frame after frame: ch1,pt1, ch2,pt1 ...\n\
             DataOrientation=MULTIPLEXED\n\
             NumberOfChannels={count}\n\
             ; In microseconds\n\
             SamplingInterval={interval}\n\
             \n\
             [Binary Infos]\n\
             BinaryFormat=IEEE_FLOAT_32\n\
             \n\
             [Channel Infos]\n\
             ; Ch<number>=<name>,<reference>,<resolution>,<unit>; a comma in a name is \\1\n",
            version = env!("CARGO_PKG_VERSION"),
            count = channels.len(),
            interval = 1e6 / rate,
        );
        for (channel, n) in channels.iter().zip(1..) {
            let _ = writeln!(text, "Ch{n}={},,1,{}", escaped(&channel.name), escaped(&channel.unit));
        }
        text
    }

    /// `.vmrk`: what has a frame.
    pub(super) fn markers(&self, events: &[Event], start: Option<&str>) -> String {
        let mut text = format!(
            "BrainVision Data Exchange Marker File Version 1.0\n\
             \n\
             [Common Infos]\n\
             Codepage=UTF-8\n\
             DataFile={}.eeg\n\
             \n\
             [Marker Infos]\n\
             ; Mk<number>=<type>,<description>,<position from 1>,<size>,<channel, 0 for all>,<date of a new segment>\n\
             Mk1=New Segment,,1,1,0{}\n",
            self.name,
            start.and_then(date).map(|date| format!(",{date}")).unwrap_or_default()
        );
        let placed = events.iter().filter_map(|event| Some((event, event.frame?)));
        for ((event, frame), n) in placed.zip(2..) {
            let size = (event.duration_s.unwrap_or(0.0) * self.rate).round().max(1.0) as u64;
            let (kind, description) = (escaped(&event.marker.0), escaped(&event.marker.1));
            let _ = writeln!(text, "Mk{n}={kind},{description},{},{size},0", frame + 1);
        }
        text
    }
}

/// Commas part fields.
fn escaped(text: &str) -> String {
    plain(text).replace(',', "\\1")
}

/// `2009-08-12T16:15:00.5` as `20090812161500500000`; `None` of what is no date.
fn date(start: &str) -> Option<String> {
    let (whole, rest) = (start.get(..19)?, start.get(19..)?);
    let form = whole.bytes().zip("0000-00-00T00:00:00".bytes());
    let fits = form.into_iter().all(|(b, f)| if f == b'0' { b.is_ascii_digit() } else { b == f });
    let digits: String = whole.chars().filter(char::is_ascii_digit).collect();
    let fraction = rest.strip_prefix('.').unwrap_or_default();
    let fraction: String = fraction.chars().take_while(char::is_ascii_digit).take(6).collect();
    fits.then(|| format!("{digits}{fraction:0<6}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_twenty_digits() {
        assert_eq!(date("2020-01-24T04:05:56.3945312").as_deref(), Some("20200124040556394531"));
        assert_eq!(date("2026-11-26T13:08:19.123+0000").as_deref(), Some("20261126130819123000"));
        assert_eq!(date("2009-08-12T16:15:00").as_deref(), Some("20090812161500000000"));
        for no in ["", "24.01.20", "2020-01-24 04:05:56", "\u{b5}\u{b5}20-01-24T04:05:56"] {
            assert_eq!(date(no), None, "{no}");
        }
    }
}
