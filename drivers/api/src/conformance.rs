//! The suite that each driver must pass: call it from the driver's tests with a source that is being fed.

use crate::{Source, SourceError};
use bci_types::Chunk;
use std::time::{Duration, Instant};

/// What [`check`] saw of a source that was fed until it was closed.
#[derive(Debug, Default)]
pub struct Seen {
    /// `[frames x channels]`, frame-major.
    pub samples: Vec<f64>,
    /// One LSL time a frame, seconds.
    pub stamps: Vec<f64>,
    /// Whether the source ended with [`SourceError::Lost`].
    pub lost: bool,
}

/// Reads `source` for `at_most`, or until `frames` came or it is lost, and holds it to the contract.
///
/// # Panics
/// When the contract is broken: a frame count that belies the chunk, stamps that run backwards, a pull that
/// outstays its timeout by more than a second, an `acquired` time that runs backwards.
pub fn check(source: &mut dyn Source, frames: usize, at_most: Duration) -> Seen {
    let channels = source.spec().channels.len();
    assert!(channels > 0, "a source has channels");
    let mut chunk = Chunk::with_capacity(channels, 64);
    let mut seen = Seen::default();
    let mut acquired = None;
    let begun = Instant::now();
    while seen.stamps.len() < frames && begun.elapsed() < at_most {
        let asked = Instant::now();
        let timeout = Duration::from_millis(100);
        let got = match source.pull(&mut chunk, timeout) {
            Ok(n) => n,
            Err(SourceError::Lost { .. }) => {
                seen.lost = true;
                break;
            }
            Err(other) => panic!("pull may only fail as lost: {other}"),
        };
        assert!(asked.elapsed() < timeout + Duration::from_secs(1), "pull outstayed its timeout");
        assert_eq!(got, chunk.frames(), "the count returned is the count held");
        assert_eq!(chunk.samples().len(), got * channels);
        for &stamp in chunk.stamps() {
            let before = seen.stamps.last().copied().unwrap_or(f64::NEG_INFINITY);
            assert!(stamp >= before, "stamps run backwards: {before} then {stamp}");
            seen.stamps.push(stamp);
        }
        seen.samples.extend_from_slice(chunk.samples());
        if got > 0 {
            assert!(acquired.is_none_or(|t| t <= chunk.acquired), "acquired runs backwards");
            acquired = Some(chunk.acquired);
        }
    }
    seen
}
