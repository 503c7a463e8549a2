use crate::bytes::Bytes;
use crate::info::Format;

/// The values of a stream, `[samples x channels]`, sample by sample, in the type they were written in.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// `int8`.
    Int8(Vec<i8>),
    /// `int16`.
    Int16(Vec<i16>),
    /// `int32`.
    Int32(Vec<i32>),
    /// `int64`.
    Int64(Vec<i64>),
    /// `float32`.
    Float32(Vec<f32>),
    /// `double64`.
    Double64(Vec<f64>),
    /// `string`; what is not UTF-8 in it is replaced by U+FFFD.
    Text(Vec<String>),
}

macro_rules! each {
    ($values:expr, $v:ident => $of_numbers:expr, $of_texts:expr) => {
        match $values {
            Values::Int8($v) => $of_numbers,
            Values::Int16($v) => $of_numbers,
            Values::Int32($v) => $of_numbers,
            Values::Int64($v) => $of_numbers,
            Values::Float32($v) => $of_numbers,
            Values::Double64($v) => $of_numbers,
            Values::Text($v) => $of_texts,
        }
    };
}

impl Values {
    pub(crate) fn of(format: Format) -> Self {
        match format {
            Format::Int8 => Self::Int8(Vec::new()),
            Format::Int16 => Self::Int16(Vec::new()),
            Format::Int32 => Self::Int32(Vec::new()),
            Format::Int64 => Self::Int64(Vec::new()),
            Format::Float32 => Self::Float32(Vec::new()),
            Format::Double64 => Self::Double64(Vec::new()),
            Format::Text => Self::Text(Vec::new()),
        }
    }

    /// How many there are, of all channels together.
    #[must_use]
    pub fn len(&self) -> usize {
        each!(self, v => v.len(), v.len())
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The `i`th as a number; `None` beyond the last, and of a text. An `int64` beyond 2^53 is rounded to the nearest.
    #[must_use]
    pub fn number(&self, i: usize) -> Option<f64> {
        match self {
            Self::Int8(v) => v.get(i).map(|&x| x.into()),
            Self::Int16(v) => v.get(i).map(|&x| x.into()),
            Self::Int32(v) => v.get(i).map(|&x| x.into()),
            Self::Int64(v) => v.get(i).map(|&x| x as f64),
            Self::Float32(v) => v.get(i).map(|&x| x.into()),
            Self::Double64(v) => v.get(i).copied(),
            Self::Text(_) => None,
        }
    }

    /// The texts, where it is of texts.
    #[must_use]
    pub fn texts(&self) -> Option<&[String]> {
        if let Self::Text(texts) = self { Some(texts) } else { None }
    }

    /// Keeps the first `n` alone.
    pub(crate) fn truncate(&mut self, n: usize) {
        each!(self, v => v.truncate(n), v.truncate(n));
    }

    /// Adds `n` from the front of `bytes`; `None` where they end before, with some of them perhaps added.
    pub(crate) fn extend(&mut self, n: usize, bytes: &mut Bytes<'_>) -> Option<()> {
        macro_rules! numbers {
            ($v:ident, $type:ty) => {{
                const SIZE: usize = size_of::<$type>();
                let (values, _) = bytes.take(n.checked_mul(SIZE)?)?.as_chunks::<SIZE>();
                $v.extend(values.iter().map(|bytes| <$type>::from_le_bytes(*bytes)));
            }};
        }
        match self {
            Self::Int8(v) => numbers!(v, i8),
            Self::Int16(v) => numbers!(v, i16),
            Self::Int32(v) => numbers!(v, i32),
            Self::Int64(v) => numbers!(v, i64),
            Self::Float32(v) => numbers!(v, f32),
            Self::Double64(v) => numbers!(v, f64),
            Self::Text(v) => {
                for _ in 0..n {
                    let length = usize::try_from(bytes.length()?).ok()?;
                    v.push(String::from_utf8_lossy(bytes.take(length)?).into_owned());
                }
            }
        }
        Some(())
    }
}
