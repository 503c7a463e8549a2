use super::EdfError;
use bci_types::{Hz, Unit};

/// Bytes of the part of the header that describes the file, and of the part that describes one signal.
const BLOCK: u64 = 256;

/// How wide a sample is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Width {
    /// EDF.
    Bits16,
    /// BDF.
    Bits24,
}

impl Width {
    /// Told by the first 8 bytes.
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        match bytes.get(..8)? {
            b"0       " => Some(Self::Bits16),
            b"\xffBIOSEMI" => Some(Self::Bits24),
            _ => None,
        }
    }

    pub(super) fn bytes(self) -> u64 {
        match self {
            Self::Bits16 => 2,
            Self::Bits24 => 3,
        }
    }

    /// The smallest and largest digital value.
    fn limits(self) -> (f64, f64) {
        match self {
            Self::Bits16 => (-32_768.0, 32_767.0),
            Self::Bits24 => (-8_388_608.0, 8_388_607.0),
        }
    }
}

/// The straight line from digital to physical values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scale {
    pub(super) dmin: f64,
    pub(super) dmax: f64,
    pub(super) pmin: f64,
    pub(super) pmax: f64,
}

impl Scale {
    /// Passes digital values through.
    const NONE: Scale = Scale { dmin: 0.0, dmax: 1.0, pmin: 0.0, pmax: 1.0 };

    #[inline]
    pub(super) fn physical(&self, digital: f64) -> f64 {
        (digital - self.dmin) * (self.pmax - self.pmin) / (self.dmax - self.dmin) + self.pmin
    }
}

/// One signal, annotation signals included.
#[derive(Clone, Debug)]
pub(super) struct Signal {
    /// Without the space around it.
    pub(super) label: String,
    pub(super) is_annotation: bool,
    pub(super) unit: Unit,
    pub(super) scale: Scale,
    /// Samples in a data record, at least 1.
    pub(super) samples: u64,
    /// Where its samples start in a data record.
    pub(super) offset: u64,
}

/// What a file says about itself, checked against its length.
#[derive(Clone, Debug)]
pub(super) struct Header {
    pub(super) format: &'static str,
    pub(super) width: Width,
    pub(super) discontinuous: bool,
    pub(super) recording_id: String,
    pub(super) start_date: String,
    pub(super) start_time: String,
    /// Bytes of the header.
    pub(super) bytes: u64,
    /// Complete data records in the file, at least 1.
    pub(super) records: u64,
    /// Bytes of a data record.
    pub(super) record_bytes: u64,
    /// Seconds; 0 only where there are no signals but annotations.
    pub(super) record_s: f64,
    /// Those without samples left out.
    pub(super) signals: Vec<Signal>,
}

impl Header {
    /// The sampling rate of `samples` a record.
    pub(super) fn rate(&self, samples: u64) -> Option<Hz> {
        Hz::new(samples as f64 / self.record_s).ok()
    }
}

/// Reads and checks the header; the data records are only counted.
pub(super) fn parse(bytes: &[u8], warnings: &mut Vec<String>) -> Result<Header, EdfError> {
    let width = Width::of(bytes).ok_or(EdfError::Version)?;
    let length = bytes.len() as u64;
    if length < BLOCK {
        return Err(EdfError::HeaderCut { needed: BLOCK, bytes: length });
    }
    let file = Fields { bytes };
    let count = file.number("the number of signals", 252, 4, "a number from 1 to 9999", |n| {
        n.fract() == 0.0 && (1.0..=9999.0).contains(&n)
    })? as u64;
    let header_bytes = BLOCK * (count + 1);
    if length < header_bytes {
        return Err(EdfError::HeaderCut { needed: header_bytes, bytes: length });
    }
    let agrees = format!("{header_bytes}, which {count} signals take");
    file.number("the header's length", 184, 8, &agrees, |n| n == header_bytes as f64)?;
    let declared = file.number("the number of data records", 236, 8, "a whole number, at least -1", |n| {
        n.fract() == 0.0 && n >= -1.0
    })?;
    let record_s =
        file.number("the duration of a data record", 244, 8, "a number of seconds", |n| n >= 0.0)?;

    let mut signals = Vec::with_capacity(count as usize);
    let mut record_bytes = 0;
    for i in 0..count {
        let signal = parse_signal(&file, width, count, i, record_bytes, warnings)?;
        record_bytes += signal.samples * width.bytes();
        if signal.samples > 0 {
            signals.push(signal);
        } else {
            warnings.push(format!("signal {i} ({}) has no samples and is left out", signal.label));
        }
    }
    let data_bytes = length - header_bytes;
    let records = data_bytes.checked_div(record_bytes).unwrap_or(0);
    if records == 0 {
        return Err(EdfError::NoRecord { record_bytes, data_bytes, offset: header_bytes });
    }
    count_warnings(declared, records, data_bytes % record_bytes, warnings);

    let reserved = file.text(192, 44);
    let (format, discontinuous) = match (width, reserved.get(..5).unwrap_or("")) {
        (Width::Bits16, "EDF+C") => ("EDF+C", false),
        (Width::Bits16, "EDF+D") => ("EDF+D", true),
        (Width::Bits24, "BDF+C") => ("BDF+C", false),
        (Width::Bits24, "BDF+D") => ("BDF+D", true),
        (Width::Bits16, _) => ("EDF", false),
        (Width::Bits24, _) => ("BDF", false),
    };
    let header = Header {
        format,
        width,
        discontinuous,
        recording_id: file.text(88, 80),
        start_date: file.text(168, 8),
        start_time: file.text(176, 8),
        bytes: header_bytes,
        records,
        record_bytes,
        record_s,
        signals,
    };
    check_time(&header, &file)?;
    Ok(header)
}

/// Rates must be rates and all times finite, or the signals could not be placed.
fn check_time(header: &Header, file: &Fields<'_>) -> Result<(), EdfError> {
    let total_s = header.records as f64 * header.record_s;
    for signal in header.signals.iter().filter(|s| !s.is_annotation) {
        let usable = header.rate(signal.samples).is_some_and(|hz| (1.0 / hz.get()).is_finite());
        if !usable || !total_s.is_finite() {
            return Err(EdfError::Field {
                field: "the duration of a data record".to_owned(),
                offset: 244,
                value: file.text(244, 8),
                expected: format!("a duration in which {} samples of {} fit", signal.samples, signal.label),
            });
        }
    }
    Ok(())
}

/// The header's count of records against the file's.
fn count_warnings(declared: f64, records: u64, rest: u64, warnings: &mut Vec<String>) {
    if declared >= 0.0 && declared != records as f64 {
        warnings.push(format!(
            "the header announces {declared} data records, the file has {records} complete ones: those are read"
        ));
    }
    if rest > 0 {
        warnings.push(format!("the last {rest} bytes are no complete data record and are left out"));
    }
}

fn parse_signal(
    file: &Fields<'_>,
    width: Width,
    count: u64,
    i: u64,
    offset: u64,
    warnings: &mut Vec<String>,
) -> Result<Signal, EdfError> {
    // Each field is stored for all signals before the next field.
    let at = |before: u64, wide: u64| BLOCK + count * before + i * wide;
    let label = file.text(at(0, 16), 16);
    let named = |field: &str| format!("the {field} of signal {i} ({label})");
    let samples =
        file.number(&named("samples a record"), at(216, 8), 8, "a number from 0 to 99999999", |n| {
            n.fract() == 0.0 && (0.0..=99_999_999.0).contains(&n)
        })? as u64;
    let is_annotation = label == "EDF Annotations" || label == "BDF Annotations";
    let mut unit = Unit::parse(&file.text(at(96, 8), 8));
    let mut scale = Scale::NONE;
    if !is_annotation && samples > 0 {
        let number = |field: &str, before| file.number(&named(field), at(before, 8), 8, "a number", |_| true);
        scale = Scale {
            pmin: number("physical minimum", 104)?,
            pmax: number("physical maximum", 112)?,
            dmin: number("digital minimum", 120)?,
            dmax: number("digital maximum", 128)?,
        };
        if scale.dmin == scale.dmax {
            warnings.push(format!(
                "signal {i} ({label}) has no digital range (both ends are {}): its values are digital, without \
                 a unit",
                scale.dmin
            ));
            (scale, unit) = (Scale::NONE, Unit::Unstated);
        } else if scale.pmin == scale.pmax {
            warnings.push(format!(
                "signal {i} ({label}) has no physical range: all its values are {}",
                scale.pmin
            ));
        }
        let (low, high) = width.limits();
        if !scale.physical(low).is_finite() || !scale.physical(high).is_finite() {
            return Err(EdfError::Field {
                field: named("physical range"),
                offset: at(104, 8),
                value: format!("{} to {}", scale.pmin, scale.pmax),
                expected: "a range whose values are finite".to_owned(),
            });
        }
    }
    Ok(Signal { label, is_annotation, unit, scale, samples, offset })
}

/// The fixed-width fields of a header.
struct Fields<'a> {
    bytes: &'a [u8],
}

impl Fields<'_> {
    /// A text without the padding around it; empty beyond the file's end.
    fn text(&self, offset: u64, wide: u64) -> String {
        let raw = usize::try_from(offset)
            .ok()
            .and_then(|at| self.bytes.get(at..)?.get(..wide as usize))
            .unwrap_or_default();
        decode(raw).trim_matches(|c: char| c.is_whitespace() || c == '\0').to_owned()
    }

    /// A finite number for which `fits` holds.
    fn number(
        &self,
        field: &str,
        offset: u64,
        wide: u64,
        expected: &str,
        fits: impl Fn(f64) -> bool,
    ) -> Result<f64, EdfError> {
        let value = self.text(offset, wide);
        match value.parse::<f64>() {
            Ok(n) if n.is_finite() && fits(n) => Ok(n),
            _ => {
                Err(EdfError::Field { field: field.to_owned(), offset, value, expected: expected.to_owned() })
            }
        }
    }
}

/// UTF-8, which EDF+ prescribes for annotations and some recorders use in the header; else Latin-1, which others
/// use for the micro sign.
pub(super) fn decode(raw: &[u8]) -> String {
    match std::str::from_utf8(raw) {
        Ok(text) => text.to_owned(),
        Err(_) => raw.iter().map(|&b| char::from(b)).collect(),
    }
}
