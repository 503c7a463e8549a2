use super::GdfError;
use bci_types::{Hz, civil_from_days};

/// Bytes of the fixed part, and for each signal.
const FIXED: u64 = 256;
const EACH: u64 = 256;

#[derive(Debug)]
pub(super) struct Header {
    pub(super) version: f64,
    pub(super) start: Option<String>,
    pub(super) signals: Vec<Signal>,
    /// Where the records begin, how long each is, and how many are whole.
    pub(super) data_at: u64,
    pub(super) record_bytes: u64,
    pub(super) records: u64,
    /// Of a record, s: numerator and denominator.
    duration: (f64, f64),
}

#[derive(Clone, Debug)]
pub(super) struct Signal {
    pub(super) label: String,
    pub(super) unit: String,
    pub(super) physical: [f64; 2],
    pub(super) digital: [f64; 2],
    /// Physical per digital.
    pub(super) gain: f64,
    /// In a record.
    pub(super) samples: u64,
    /// Where in a record.
    pub(super) offset: u64,
    pub(super) format: Format,
}

/// How a number is stored, little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Signed(u64),
    Unsigned(u64),
    Float32,
    Float64,
}

impl Format {
    fn of(code: u32) -> Option<Self> {
        Some(match code {
            1 => Self::Signed(1),
            2 => Self::Unsigned(1),
            3 => Self::Signed(2),
            4 => Self::Unsigned(2),
            5 => Self::Signed(4),
            6 => Self::Unsigned(4),
            7 => Self::Signed(8),
            8 => Self::Unsigned(8),
            16 => Self::Float32,
            17 => Self::Float64,
            279 => Self::Signed(3),
            535 => Self::Unsigned(3),
            _ => return None,
        })
    }

    pub(super) fn size(self) -> u64 {
        match self {
            Self::Signed(n) | Self::Unsigned(n) => n,
            Self::Float32 => 4,
            Self::Float64 => 8,
        }
    }

    /// The first in `bytes`.
    pub(super) fn number(self, bytes: &[u8]) -> Option<f64> {
        let size = self.size() as usize;
        let mut own = [0u8; 8];
        own[..size].copy_from_slice(bytes.get(..size)?);
        let unused = 64 - 8 * size as u32;
        Some(match self {
            // The sign is brought to the top and back.
            Self::Signed(_) => ((i64::from_le_bytes(own) << unused) >> unused) as f64,
            Self::Unsigned(_) => u64::from_le_bytes(own) as f64,
            Self::Float32 => f32::from_le_bytes([own[0], own[1], own[2], own[3]]).into(),
            Self::Float64 => f64::from_le_bytes(own),
        })
    }
}

impl Header {
    /// Samples a second of signals with so many a record.
    pub(super) fn rate(&self, samples: u64) -> Option<Hz> {
        Hz::new(samples as f64 * self.duration.1 / self.duration.0).ok()
    }
}

/// Fields at known places.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn array<const N: usize>(&self, at: u64) -> [u8; N] {
        let at = at as usize;
        self.0.get(at..at + N).and_then(|bytes| bytes.try_into().ok()).unwrap_or([0; N])
    }

    fn text(&self, at: u64, length: u64) -> String {
        let bytes = self.0.get(at as usize..(at + length) as usize).unwrap_or_default();
        let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
        String::from_utf8_lossy(&bytes[..end]).trim().to_owned()
    }

    fn u16(&self, at: u64) -> u16 {
        u16::from_le_bytes(self.array(at))
    }

    fn u32(&self, at: u64) -> u32 {
        u32::from_le_bytes(self.array(at))
    }

    fn f64(&self, at: u64) -> f64 {
        f64::from_le_bytes(self.array(at))
    }

    fn i64(&self, at: u64) -> i64 {
        i64::from_le_bytes(self.array(at))
    }
}

pub(super) fn parse(bytes: &[u8], warnings: &mut Vec<String>) -> Result<Header, GdfError> {
    let length = bytes.len() as u64;
    let cut = |needed| GdfError::HeaderCut { needed, bytes: length };
    if length < FIXED {
        return Err(cut(FIXED));
    }
    let fields = Fields(bytes);
    let written = fields.text(4, 4);
    let version = written.parse::<f64>().ok().filter(|v| (1.0..3.0).contains(v));
    let version = version.ok_or(GdfError::Version(written))?;
    let first = version < 1.9;
    let count = if first { u64::from(fields.u32(252)) } else { u64::from(fields.u16(252)) };
    if count == 0 {
        return Err(field("the number of signals", 252, count, "1 or above"));
    }
    let needed = FIXED + EACH * count;
    if length < needed {
        return Err(cut(needed));
    }
    // In blocks of 256 bytes from version 2 on; what follows the signals' headers is passed over.
    let stated = if first { fields.i64(184).max(0) as u64 } else { u64::from(fields.u16(184)) * 256 };
    let data_at = stated.max(needed);
    if length < data_at {
        return Err(cut(data_at));
    }
    let duration = (f64::from(fields.u32(244)), f64::from(fields.u32(248)));
    let mut offset = 0;
    let mut signals = Vec::new();
    for n in 0..count {
        let signal = if first { signal_1(&fields, n, count) } else { signal_2(&fields, n, count) }?;
        let taken = signal.samples * signal.format.size();
        signals.push(Signal { offset, ..signal });
        offset += taken;
    }
    let record_bytes = offset;
    let data_bytes = length - data_at;
    let whole = data_bytes / record_bytes;
    if whole == 0 {
        return Err(GdfError::NoRecord { record_bytes, data_bytes, offset: data_at });
    }
    let said = fields.i64(236);
    let records = match u64::try_from(said) {
        Ok(0) => return Err(field("the number of data records", 236, said, "1 or above, or -1")),
        Ok(said) if said <= whole => said,
        Ok(said) => {
            warnings
                .push(format!("the header says there are {said} records, {whole} are there: it was cut off"));
            whole
        }
        // Unknown while it was being recorded.
        Err(_) => whole,
    };
    let start = start(&fields, first);
    let header = Header { version, start, signals, data_at, record_bytes, records, duration };
    for (n, signal) in header.signals.iter().enumerate() {
        if header.rate(signal.samples).is_none() {
            let rate = format!("{} samples in {}/{} s", signal.samples, duration.0, duration.1);
            return Err(field(format!("the rate of signal {n}"), 244, rate, "a rate"));
        }
    }
    Ok(header)
}

fn field(
    field: impl Into<String>,
    offset: u64,
    value: impl std::fmt::Display,
    expected: &'static str,
) -> GdfError {
    GdfError::Field { field: field.into(), offset, value: value.to_string(), expected }
}

/// Where the `n`th entry of a column is, that starts `before` bytes into every signal's header and is `size` wide.
fn column(count: u64, n: u64, before: u64, size: u64) -> u64 {
    FIXED + before * count + size * n
}

fn signal_1(fields: &Fields<'_>, n: u64, count: u64) -> Result<Signal, GdfError> {
    let at = |before, size| column(count, n, before, size);
    let digital = [120, 128].map(|before| fields.i64(at(before, 8)) as f64);
    let physical = [104, 112].map(|before| fields.f64(at(before, 8)));
    let texts = (fields.text(at(0, 16), 16), fields.text(at(96, 8), 8));
    let places = (at(216, 4), at(220, 4));
    signal(fields, n, texts, physical, digital, places)
}

fn signal_2(fields: &Fields<'_>, n: u64, count: u64) -> Result<Signal, GdfError> {
    let at = |before, size| column(count, n, before, size);
    let physical = [104, 112].map(|before| fields.f64(at(before, 8)));
    let digital = [120, 128].map(|before| fields.f64(at(before, 8)));
    let mut unit = fields.text(at(96, 6), 6);
    // ISO/IEEE 11073-10101, with the decimal prefix in the last five bits; 4256 is a volt.
    let code = fields.u16(at(102, 2));
    if code & !31 == 4256 {
        unit = match code & 31 {
            0 => "V",
            18 => "mV",
            19 => "uV",
            20 => "nV",
            _ => &unit,
        }
        .to_owned();
    }
    let places = (at(216, 4), at(220, 4));
    signal(fields, n, (fields.text(at(0, 16), 16), unit), physical, digital, places)
}

fn signal(
    fields: &Fields<'_>,
    n: u64,
    (label, unit): (String, String),
    physical: [f64; 2],
    digital: [f64; 2],
    (samples_at, format_at): (u64, u64),
) -> Result<Signal, GdfError> {
    let samples = u64::from(fields.u32(samples_at));
    if samples == 0 {
        return Err(field(format!("the samples a record of signal {n}"), samples_at, samples, "1 or above"));
    }
    let code = fields.u32(format_at);
    let format = Format::of(code).ok_or_else(|| {
        field(format!("the type of signal {n}"), format_at, code, "an integer or a float type of GDF")
    })?;
    let gain = (physical[1] - physical[0]) / (digital[1] - digital[0]);
    if !gain.is_finite() || !physical[0].is_finite() || !digital[0].is_finite() {
        let value = format!("{physical:?} for {digital:?}");
        return Err(field(
            format!("the range of signal {n}"),
            samples_at,
            value,
            "finite, of two different numbers each",
        ));
    }
    Ok(Signal { label, unit, physical, digital, gain, samples, offset: 0, format })
}

/// When it was begun.
fn start(fields: &Fields<'_>, first: bool) -> Option<String> {
    if first {
        let text = fields.text(168, 16);
        let part = |from: usize, to: usize| text.get(from..to);
        let digits = text.len() >= 14 && text.bytes().all(|b| b.is_ascii_digit());
        let date = || Some(format!("{}-{}-{}", part(0, 4)?, part(4, 6)?, part(6, 8)?));
        let time = || Some(format!("{}:{}:{}", part(8, 10)?, part(10, 12)?, part(12, 14)?));
        return digits.then(|| Some(format!("{}T{}", date()?, time()?))).flatten();
    }
    // Days since the year 0 in units of 2^-32.
    let written = u64::from_le_bytes(fields.array(168));
    if written == 0 {
        return None;
    }
    let (day, part) = ((written >> 32) as i64, (written & 0xffff_ffff) as f64 / 4_294_967_296.0);
    // 1 January 1970 is day 719529.
    let (year, month, date) = civil_from_days(day - 719_529);
    let ms = (part * 86_400_000.0).round() as u64;
    let (s, ms) = (ms / 1000, ms % 1000);
    Some(format!("{year:04}-{month:02}-{date:02}T{:02}:{:02}:{:02}.{ms:03}", s / 3600, s / 60 % 60, s % 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_dates() {
        assert_eq!(civil_from_days(0), (1970, 1, 1));
        assert_eq!(civil_from_days(20_783), (2026, 11, 26));
        assert_eq!(civil_from_days(-1), (1969, 12, 31));
        assert_eq!(civil_from_days(11_016), (2000, 2, 29));
    }

    #[test]
    fn numbers_of_every_width_keep_their_sign() {
        assert_eq!(Format::Signed(3).number(&[0xff, 0xff, 0xff]), Some(-1.0));
        assert_eq!(Format::Unsigned(3).number(&[0xff, 0xff, 0xff]), Some(16_777_215.0));
        assert_eq!(Format::Signed(1).number(&[0x80]), Some(-128.0));
        assert_eq!(Format::Signed(8).number(&[0xfe, 255, 255, 255, 255, 255, 255, 255]), Some(-2.0));
        assert_eq!(Format::Float64.number(&1.5f64.to_le_bytes()), Some(1.5));
        assert_eq!(Format::Signed(4).number(&[1, 2, 3]), None);
    }
}
