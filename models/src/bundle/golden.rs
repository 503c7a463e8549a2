use super::file::read_file;
use super::{sha256_hex, within};
use bci_config::{Located, Mistake, Place, Table};
use std::path::{Path, PathBuf};

/// What a decoder must yield for a known stretch of the stream.
#[derive(Clone, Debug)]
pub struct Golden {
    /// `float32 [frames, channels]` in the input's unit at its rate, a `.npy` file.
    pub segment: Located<PathBuf>,
    segment_sha256: Located<String>,
    /// `float32 [windows, numbers]`, a `.npy` file.
    pub expected: Located<PathBuf>,
    expected_sha256: Located<String>,
    /// Where the segment is from.
    pub origin: String,
    /// By how much each number may be off.
    pub atol: f64,
}

/// A matrix of a `.npy` file.
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix {
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub columns: usize,
    /// `[rows x columns]`.
    pub values: Vec<f32>,
}

/// The largest golden file (64 MiB).
pub(crate) const MOST_BYTES: u64 = 1 << 26;

impl Golden {
    /// Reads the segment and what is expected of it, and holds both against their hashes.
    ///
    /// # Errors
    /// Everything wrong with them.
    pub fn load(&self) -> Result<(Matrix, Matrix), Vec<Mistake>> {
        let segment = load(&self.segment, &self.segment_sha256);
        let expected = load(&self.expected, &self.expected_sha256);
        match (segment, expected) {
            (Ok(segment), Ok(expected)) => Ok((segment, expected)),
            (segment, expected) => Err([segment.err(), expected.err()].into_iter().flatten().collect()),
        }
    }

    /// Where it is named.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.expected.at
    }
}

fn load(file: &Located<PathBuf>, stated: &Located<String>) -> Result<Matrix, Mistake> {
    let shown = file.display();
    let bytes = read_file(file, MOST_BYTES).map_err(|why| file.mistake(format!("{shown} {why}")))?;
    let found = sha256_hex(&bytes);
    if !found.eq_ignore_ascii_case(stated) {
        return Err(stated.mistake(format!(
            "the file {shown} has SHA-256 {found}: it was changed since the bundle was made"
        )));
    }
    parse(&bytes).map_err(|why| file.mistake(format!("{shown}: {why}")))
}

/// A `float32` matrix in NumPy's format, version 1 or 2, row by row.
///
/// # Errors
/// In words: what is wrong with it.
pub fn parse(bytes: &[u8]) -> Result<Matrix, String> {
    let not = || "is no .npy file of NumPy".to_owned();
    let rest = bytes.strip_prefix(b"\x93NUMPY").ok_or_else(not)?;
    let (version, rest) = rest.split_at_checked(2).ok_or_else(not)?;
    let (length, rest) = match version[0] {
        1 => rest.split_at_checked(2).map(|(l, rest)| (usize::from(u16::from_le_bytes([l[0], l[1]])), rest)),
        2 | 3 => rest
            .split_at_checked(4)
            .map(|(l, rest)| (u32::from_le_bytes([l[0], l[1], l[2], l[3]]) as usize, rest)),
        _ => None,
    }
    .ok_or_else(not)?;
    let (header, data) = rest.split_at_checked(length).ok_or_else(not)?;
    let header = std::str::from_utf8(header).map_err(|_| not())?;
    let value = |key: &str| {
        let after = header.split_once(&format!("'{key}':"))?.1.trim_start();
        Some(if let Some(tuple) = after.strip_prefix('(') {
            tuple.split_once(')')?.0
        } else {
            after.split_once(',')?.0
        })
    };
    let (descr, order, shape) = (value("descr"), value("fortran_order"), value("shape"));
    if descr != Some("'<f4'") || order.map(str::trim) != Some("False") {
        return Err(format!(
            "must hold float32 row by row ('<f4', not in Fortran order), has {}",
            header.trim()
        ));
    }
    let shape: Option<Vec<usize>> = shape
        .map(|s| s.split(',').map(str::trim).filter(|n| !n.is_empty()).map(|n| n.parse().ok()).collect())
        .unwrap_or_default();
    let Some(&[rows, columns]) = shape.as_deref() else {
        return Err(format!("must have two axes, has {}", header.trim()));
    };
    if rows.checked_mul(columns).and_then(|n| n.checked_mul(4)) != Some(data.len()) {
        return Err(format!(
            "holds {} bytes of numbers, which are not {rows} x {columns} of float32",
            data.len()
        ));
    }
    let values = data.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
    Ok(Matrix { rows, columns, values })
}

/// The bytes of a `.npy` file of `matrix`.
#[must_use]
pub fn write(matrix: &Matrix) -> Vec<u8> {
    let mut header = format!(
        "{{'descr': '<f4', 'fortran_order': False, 'shape': ({}, {}), }}",
        matrix.rows, matrix.columns
    );
    // The numbers begin at a multiple of 64 bytes.
    while (10 + header.len() + 1) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(matrix.values.iter().flat_map(|x| x.to_le_bytes()));
    bytes
}

pub(super) fn read_golden(mut t: Table<'_>, folder: &Path) -> Option<Golden> {
    let segment = t.required::<String>("segment");
    let segment_sha256 = t.required::<String>("segment_sha256");
    let expected = t.required::<String>("expected");
    let expected_sha256 = t.required::<String>("expected_sha256");
    let origin = t.required::<String>("origin");
    let atol = t.optional_within("atol", 1e-7..=0.1, "").map_or(1e-4, |found| found.value);
    let mistakes = t.mistakes();
    t.finish();
    let inside = |file: Located<String>| {
        let path = within(folder, &file, mistakes)?;
        Some(file.map(|_| path))
    };
    let (segment, expected) = (segment.and_then(inside), expected.and_then(inside));
    Some(Golden {
        segment: segment?,
        segment_sha256: segment_sha256?,
        expected: expected?,
        expected_sha256: expected_sha256?,
        origin: origin?.value,
        atol,
    })
}

#[cfg(test)]
mod tests {
    use super::{Matrix, parse, write};

    #[test]
    fn what_is_written_is_read() {
        for (rows, columns) in [(0, 3), (1, 1), (7, 5)] {
            let matrix =
                Matrix { rows, columns, values: (0..rows * columns).map(|i| i as f32 / 7.0).collect() };
            let bytes = write(&matrix);
            assert_eq!(parse(&bytes), Ok(matrix));
            for cut in 0..bytes.len() {
                assert!(parse(&bytes[..cut]).is_err(), "{cut}");
            }
        }
    }

    #[test]
    fn what_numpy_writes_is_read_and_other_kinds_are_refused() {
        let file = |descr: &str, order: &str, shape: &str, data: &[u8]| {
            let header = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}\n");
            let mut bytes = b"\x93NUMPY\x02\x00".to_vec();
            bytes.extend((header.len() as u32).to_le_bytes());
            bytes.extend(header.as_bytes());
            bytes.extend(data);
            parse(&bytes)
        };
        let one = 1.5f32.to_le_bytes();
        assert_eq!(
            file("<f4", "False", "(1, 1)", &one),
            Ok(Matrix { rows: 1, columns: 1, values: vec![1.5] })
        );
        for (descr, order, shape, part) in [
            ("<f8", "False", "(1, 1)", "must hold float32"),
            ("<f4", "True", "(1, 1)", "must hold float32"),
            ("<f4", "False", "(1,)", "two axes"),
            ("<f4", "False", "(1, 1, 1)", "two axes"),
            ("<f4", "False", "(2, 1)", "not 2 x 1"),
            ("<f4", "False", "(99999999999999999999, 1)", "two axes"),
            ("<f4", "False", "(9223372036854775807, 4)", "not 9223372036854775807 x 4"),
        ] {
            let told = file(descr, order, shape, &one).expect_err(shape);
            assert!(told.contains(part), "{told}");
        }
    }
}
