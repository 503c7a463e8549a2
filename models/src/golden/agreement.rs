use crate::bundle::Matrix;
use std::fmt;

/// How well a decoder agrees with what its bundle expects.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Agreement {
    /// Windows compared, from the first on.
    pub windows: usize,
    /// Windows of the segment: more than were compared where there was no time for all.
    pub expected: usize,
    /// The largest difference of any number.
    pub largest: f64,
    /// The largest permitted.
    pub atol: f64,
}

impl Agreement {
    /// Whether every window was compared.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.windows == self.expected
    }
}

impl fmt::Display for Agreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_whole() {
            write!(f, "{} golden windows", self.windows)?;
        } else {
            write!(f, "only the first {} of {} golden windows", self.windows, self.expected)?;
        }
        if self.largest == 0.0 {
            write!(f, " to the last bit, {:e} permitted", self.atol)
        } else {
            write!(f, " within {:.1e}, {:e} permitted", self.largest, self.atol)
        }
    }
}

/// Which windows were decoded.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    All,
    /// Only the first.
    First,
}

/// The largest difference, where it is permitted.
///
/// # Errors
/// In words.
pub(super) fn compare(
    found: &Matrix,
    expected: &Matrix,
    extent: Extent,
    atol: f64,
    labels: &[String],
) -> Result<Agreement, String> {
    let fits = match extent {
        Extent::All => found.rows == expected.rows,
        // A further window was there, and not decoded.
        Extent::First => found.rows < expected.rows,
    };
    if !fits || found.columns != expected.columns {
        return Err(format!(
            "has {} rows of {} numbers, but the segment yields {}{} of {}",
            expected.rows,
            expected.columns,
            if extent == Extent::All { "" } else { "more than " },
            found.rows,
            found.columns
        ));
    }
    if found.rows == 0 {
        return Err("the golden segment is shorter than a window, and proves nothing".to_owned());
    }
    let apart = |(f, e): (&f32, &f32)| {
        let apart = (f64::from(*f) - f64::from(*e)).abs();
        // What is expected may be no number, which nothing equals.
        if apart.is_nan() { f64::INFINITY } else { apart }
    };
    let pairs = found.values.iter().zip(&expected.values).map(apart);
    let (at, largest) = pairs.enumerate().fold((0, 0.0), |most, one| if one.1 > most.1 { one } else { most });
    if largest <= atol {
        return Ok(Agreement { windows: found.rows, expected: expected.rows, largest, atol });
    }
    let (row, column) = (at / found.columns, at % found.columns);
    let label = labels.get(column % labels.len().max(1)).map(|l| format!(" ({l})")).unwrap_or_default();
    Err(format!(
        "window {} of the golden segment, number {}{label}: this machine yields {}, expected is {}; {largest:.3e} apart, {atol:e} is permitted",
        row + 1,
        column + 1,
        found.values[at],
        expected.values[at]
    ))
}
