//! The golden check: a raw stretch of signal goes the whole way through a bundle, and what comes out is held against what
//! its maker computed.
//!
//! The check is made at every start and before every swap, so it must end: after 20 s no further window is decoded, and
//! what has been compared by then counts. The first window is always compared. How many of how many were is told, and
//! logged as a warning where it is not all: a slow or busy machine starts late, and does not fail to start. Whoever packs a
//! bundle is refused instead: a golden segment should take a second, not 20.

mod agreement;

pub use agreement::Agreement;

use crate::bundle::{Bundle, Golden, Matrix, Reset};
use crate::decoder::{DecodeError, Decoder};
use agreement::{Extent, compare};
use bci_config::Mistake;
use bci_dsp::run::Window;
use bci_dsp::{Chain, Signal, StepSpec};
use std::time::{Duration, Instant};

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
    /// It takes too long to decode.
    #[error(
        "is too long: within {} s {decoded} of its windows were decoded; make it no longer than {seconds:.1} s",
        MOST_TIME.as_secs()
    )]
    TooSlow {
        /// Windows decoded in time.
        decoded: usize,
        /// What they rest on, of the stream.
        seconds: f64,
    },
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

/// The most windows of a golden segment.
const MOST_WINDOWS: usize = 10_000;

/// How long windows of a golden segment are decoded; one that is being decoded then is still compared.
pub const MOST_TIME: Duration = Duration::from_secs(20);

/// Frames that go through the preprocessing at once.
const BLOCK: usize = 1024;

/// What `decoder` yields for every window of `segment` (`[frames x channels]`, in the bundle's unit, at its rate), one row
/// each: the preprocessing begun with its first frame, in double precision; a window every hop from when the first is full,
/// or, fed by the hop, one from the first hop on. The decoder begins, and is left, as freshly attached.
///
/// # Errors
/// [`GoldenError`], also where it takes longer than [`MOST_TIME`].
pub fn rows(bundle: &Bundle, segment: &Matrix, decoder: &mut dyn Decoder) -> Result<Matrix, GoldenError> {
    let (found, extent) = rows_within(bundle, segment, decoder, MOST_TIME)?;
    if extent == Extent::All {
        return Ok(found);
    }
    let input = &bundle.input;
    let frames = input.fed_samples() + found.rows.saturating_sub(1) * input.hop_samples.value;
    let seconds = frames as f64 / bundle.windowed.rate.get();
    Err(GoldenError::TooSlow { decoded: found.rows, seconds })
}

/// As [`rows`], but only those of the windows that there is time for.
fn rows_within(
    bundle: &Bundle,
    segment: &Matrix,
    decoder: &mut dyn Decoder,
    limit: Duration,
) -> Result<(Matrix, Extent), GoldenError> {
    decoder.reset(Reset::Attachment);
    let found = pass(bundle, segment, decoder, limit);
    decoder.reset(Reset::Attachment);
    found
}

fn pass(
    bundle: &Bundle,
    segment: &Matrix,
    decoder: &mut dyn Decoder,
    limit: Duration,
) -> Result<(Matrix, Extent), GoldenError> {
    let mut numbers = vec![0.0f32; decoder.output().numbers()];
    let mut found = Matrix { rows: 0, columns: numbers.len(), values: Vec::new() };
    let begun = Instant::now();
    let extent = each_window(bundle, segment, |window| {
        if found.rows > 0 && begun.elapsed() >= limit {
            return Ok(Go::Stop);
        }
        decoder
            .decode(window, &mut numbers)
            .map_err(|source| GoldenError::Decode { window: found.rows + 1, source })?;
        found.rows += 1;
        found.values.extend(&numbers);
        Ok(Go::On)
    })?;
    Ok((found, extent))
}

/// Whether further windows are wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Go {
    On,
    Stop,
}

/// Gives every window of `segment` to `take`, as a decoder takes it, until it wants no more; whether that were all.
fn each_window(
    bundle: &Bundle,
    segment: &Matrix,
    mut take: impl FnMut(&[f32]) -> Result<Go, GoldenError>,
) -> Result<Extent, GoldenError> {
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
                if take(&fed)? == Go::Stop {
                    return Ok(Extent::First);
                }
            }
        }
    }
    Ok(Extent::All)
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
        // More of them would be held, and not run.
        Ok(if windows.len() < runs { Go::On } else { Go::Stop })
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

/// Compares `decoder` with what the bundle expects: the segment of `golden` and its rows, as read, for as long as
/// [`MOST_TIME`].
///
/// # Errors
/// The first window that is not decoded, or the largest difference where it is beyond what is permitted.
pub fn check(
    bundle: &Bundle,
    golden: &Golden,
    pair: (&Matrix, &Matrix),
    decoder: &mut dyn Decoder,
) -> Result<Agreement, Vec<Mistake>> {
    check_within(bundle, golden, pair, decoder, MOST_TIME)
}

fn check_within(
    bundle: &Bundle,
    golden: &Golden,
    (segment, expected): (&Matrix, &Matrix),
    decoder: &mut dyn Decoder,
    limit: Duration,
) -> Result<Agreement, Vec<Mistake>> {
    let (found, extent) = rows_within(bundle, segment, decoder, limit)
        .map_err(|e| vec![golden.segment.mistake(format!("the golden segment {e}"))])?;
    let agreement = compare(&found, expected, extent, golden.atol, decoder.output().labels())
        .map_err(|problem| vec![golden.place().mistake(problem)])?;
    if !agreement.is_whole() {
        tracing::warn!(
            decoder = %bundle.identity.name, windows = agreement.windows, of = agreement.expected,
            "only the first windows of the golden segment were compared: there was no time for all"
        );
    }
    Ok(agreement)
}

#[cfg(test)]
mod tests;
