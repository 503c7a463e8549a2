//! The golden check: a raw stretch of signal goes the whole way through a bundle, and what comes out is held against what
//! its maker computed.

use crate::bundle::{Bundle, Golden, Matrix, Reset};
use crate::decoder::{DecodeError, Decoder};
use bci_config::Mistake;
use bci_dsp::run::Window;
use bci_dsp::{Chain, Signal, StepSpec};
use std::time::{Duration, Instant};

/// How well a decoder agrees with what its bundle expects.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Agreement {
    /// Windows compared.
    pub windows: usize,
    /// The largest difference of any number.
    pub largest: f64,
    /// The largest permitted.
    pub atol: f64,
}

/// Why a segment did not go through.
#[derive(Debug, thiserror::Error)]
pub enum GoldenError {
    /// It is of other channels.
    #[error("has {found} columns, but there are {channels} channels")]
    Columns {
        /// Its columns.
        found: usize,
        /// The bundle's channels.
        channels: usize,
    },
    /// The preprocessing cannot be built, which reading the bundle has told.
    #[error("cannot be preprocessed: {0}")]
    Design(String),
    /// The preprocessing yields NaN or infinity.
    #[error("becomes NaN or infinity in the preprocessing")]
    NotFinite,
    /// It would keep a start waiting.
    #[error("yields more than {MOST_WINDOWS} windows")]
    TooLong,
    /// A window was not decoded.
    #[error("is not decoded at its window {window}: {}", with_causes(source))]
    Decode {
        /// Which, from 1.
        window: usize,
        /// Why.
        source: DecodeError,
    },
}

fn with_causes(error: &DecodeError) -> String {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}"));
    format!("{error}{}", cause.unwrap_or_default())
}

/// The most windows of a golden segment: they are all decoded at every start.
const MOST_WINDOWS: usize = 10_000;

/// Frames that go through the preprocessing at once.
const BLOCK: usize = 1024;

/// What `decoder` yields for every window of `segment` (`[frames x channels]`, in the bundle's unit, at its rate), one row
/// each: the preprocessing begun with its first frame, in double precision; a window every hop from when the first is full,
/// or, fed by the hop, one from the first hop on. The decoder begins, and is left, as freshly attached.
///
/// # Errors
/// [`GoldenError`].
pub fn rows(bundle: &Bundle, segment: &Matrix, decoder: &mut dyn Decoder) -> Result<Matrix, GoldenError> {
    decoder.reset(Reset::Attachment);
    let found = pass(bundle, segment, decoder);
    decoder.reset(Reset::Attachment);
    found
}

fn pass(bundle: &Bundle, segment: &Matrix, decoder: &mut dyn Decoder) -> Result<Matrix, GoldenError> {
    let mut numbers = vec![0.0f32; decoder.output().numbers()];
    let mut found = Matrix { rows: 0, columns: numbers.len(), values: Vec::new() };
    each_window(bundle, segment, |window| {
        decoder
            .decode(window, &mut numbers)
            .map_err(|source| GoldenError::Decode { window: found.rows + 1, source })?;
        found.rows += 1;
        found.values.extend(&numbers);
        Ok(())
    })?;
    Ok(found)
}

/// Gives every window of `segment` to `take`, as a decoder takes it.
fn each_window(
    bundle: &Bundle,
    segment: &Matrix,
    mut take: impl FnMut(&[f32]) -> Result<(), GoldenError>,
) -> Result<(), GoldenError> {
    let input = &bundle.input;
    let channels = input.channels.len();
    if segment.columns != channels {
        return Err(GoldenError::Columns { found: segment.columns, channels });
    }
    let steps: Vec<StepSpec> = bundle.preprocessing.iter().map(|step| step.spec.clone()).collect();
    let signal = Signal::new(input.rate.value, &input.channels.value);
    let mut chain = Chain::design(&steps, &signal, BLOCK).map_err(|all| {
        GoldenError::Design(all.iter().map(|(_, e)| e.to_string()).collect::<Vec<_>>().join("; "))
    })?;
    let mut window = Window::design(bundle.windowed.channels(), input.fed_samples(), input.hop_samples.value)
        .map_err(|e| GoldenError::Design(e.to_string()))?;
    let mut fed = vec![0.0f32; window.channels() * window.frames()];
    let mut windows = 0;
    for block in segment.values.chunks(BLOCK * channels) {
        let mut frames: Vec<f64> = block.iter().map(|x| f64::from(*x)).collect();
        let filtered = chain.process(&mut frames, true);
        if !filtered.finite {
            return Err(GoldenError::NotFinite);
        }
        let mut rest = filtered.samples;
        while !rest.is_empty() {
            let pushed = window.push(rest);
            rest = &rest[pushed.frames * window.channels()..];
            if pushed.due && window.copy_channel_major(&mut fed) {
                windows += 1;
                if windows > MOST_WINDOWS {
                    return Err(GoldenError::TooLong);
                }
                take(&fed)?;
            }
        }
    }
    Ok(())
}

/// What each of `runs` runs of `decoder` took, on the windows of the golden segment over and over.
///
/// # Errors
/// What is wrong with the segment, or a window that was not decoded.
pub fn times(
    bundle: &Bundle,
    golden: &Golden,
    decoder: &mut dyn Decoder,
    runs: usize,
) -> Result<Vec<Duration>, Vec<Mistake>> {
    let (segment, _) = golden.load()?;
    let mut windows: Vec<Vec<f32>> = Vec::new();
    let told = |e: GoldenError| vec![golden.segment.mistake(format!("the golden segment {e}"))];
    each_window(bundle, &segment, |window| {
        windows.push(window.to_vec());
        Ok(())
    })
    .map_err(told)?;
    let mut numbers = vec![0.0f32; decoder.output().numbers()];
    let mut times = Vec::with_capacity(runs);
    decoder.reset(Reset::Attachment);
    for (i, window) in windows.iter().enumerate().cycle().take(runs) {
        let begun = Instant::now();
        decoder
            .decode(window, &mut numbers)
            .map_err(|source| told(GoldenError::Decode { window: i + 1, source }))?;
        times.push(begun.elapsed());
    }
    decoder.reset(Reset::Attachment);
    Ok(times)
}

/// Compares `decoder` with what the bundle expects: the segment of `golden` and its rows, as read.
///
/// # Errors
/// The first window that is not decoded, or the largest difference where it is beyond what is permitted.
pub fn check(
    bundle: &Bundle,
    golden: &Golden,
    (segment, expected): (&Matrix, &Matrix),
    decoder: &mut dyn Decoder,
) -> Result<Agreement, Vec<Mistake>> {
    let found = rows(bundle, segment, decoder)
        .map_err(|e| vec![golden.segment.mistake(format!("the golden segment {e}"))])?;
    compare(&found, expected, golden.atol, decoder.output().labels())
        .map_err(|problem| vec![golden.place().mistake(problem)])
}

fn compare(found: &Matrix, expected: &Matrix, atol: f64, labels: &[String]) -> Result<Agreement, String> {
    if (found.rows, found.columns) != (expected.rows, expected.columns) {
        return Err(format!(
            "has {} rows of {} numbers, but the segment yields {} of {}",
            expected.rows, expected.columns, found.rows, found.columns
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
        return Ok(Agreement { windows: found.rows, largest, atol });
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

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(columns: usize, values: &[f32]) -> Matrix {
        Matrix { rows: values.len() / columns, columns, values: values.to_vec() }
    }

    #[test]
    fn the_largest_difference_is_told_with_its_window() {
        let labels = ["a".to_owned(), "b".to_owned()];
        let expected = matrix(2, &[0.5, 0.5, 0.25, 0.75]);
        let good = compare(&matrix(2, &[0.5, 0.50005, 0.25, 0.75]), &expected, 1e-4, &labels);
        assert!(good.is_ok_and(|a| a.windows == 2 && (4e-5..6e-5).contains(&a.largest)));
        let bad = compare(&matrix(2, &[0.5, 0.501, 0.25, 0.5]), &expected, 1e-4, &labels);
        assert_eq!(
            bad.expect_err("apart"),
            "window 2 of the golden segment, number 2 (b): this machine yields 0.5, expected is 0.75; 2.500e-1 apart, 1e-4 is permitted"
        );
        let nan = compare(&expected, &matrix(2, &[0.5, 0.5, f32::NAN, 0.75]), 1e-4, &labels);
        assert!(nan.expect_err("NaN").starts_with("window 2 of the golden segment, number 1 (a)"));
        let short = compare(&matrix(2, &[0.5, 0.5]), &expected, 1e-4, &labels);
        assert_eq!(short.expect_err("rows"), "has 2 rows of 2 numbers, but the segment yields 1 of 2");
        assert!(compare(&matrix(2, &[]), &matrix(2, &[]), 1e-4, &labels).is_err());
    }
}
