use super::{Designed, Stage};
use crate::design::DesignError;
use crate::run::{AlignCovariances, AlignFrames, AlignSpec, AlignYields, Asr, AsrSpec};
use crate::signal::Signal;
use std::fmt;

/// A step that adapts to the signal, to clean or to align it.
#[derive(Clone, Debug, PartialEq)]
pub enum CleanSpec {
    /// Recentres the covariance of the last `window_ms` on a reference, which it updates every `hop_ms`.
    Align {
        /// Two frames to 60 s.
        window_ms: f64,
        /// One frame to 60 s.
        hop_ms: f64,
        /// How the reference comes about.
        align: AlignSpec,
        /// The signal that goes on, or the covariances of the windows, which have to be whole numbers of samples then.
        yields: AlignYields,
    },
    /// Takes out what is far larger than it was in a clean recording.
    Asr(AsrSpec),
}

/// The longest window and hop.
const LONGEST_MS: f64 = 60_000.0;

impl CleanSpec {
    pub(super) fn design(&self, input: &Signal, _max_frames: usize) -> Result<Designed, Vec<DesignError>> {
        let stage = match self {
            Self::Align { window_ms, hop_ms, align, yields } if *yields != AlignYields::Signal => {
                let log = *yields == AlignYields::LogCovariance;
                let long = [("window_ms", *window_ms), ("hop_ms", *hop_ms)]
                    .into_iter()
                    .filter(|(_, ms)| *ms > LONGEST_MS);
                let long: Vec<_> = long
                    .map(|(key, ms)| DesignError::setting(key, ms, format!("must be up to {LONGEST_MS} ms")))
                    .collect();
                if !long.is_empty() {
                    return Err(long);
                }
                let (covariances, output) =
                    AlignCovariances::design(input, (*window_ms, *hop_ms), align, log)?;
                return Ok(Designed { stage: Stage::Reframe(Box::new(covariances)), output });
            }
            Self::Align { window_ms, hop_ms, align, .. } => {
                let mut mistakes = Vec::new();
                let window = whole_frames("window_ms", *window_ms, 2, input, &mut mistakes);
                let hop = whole_frames("hop_ms", *hop_ms, 1, input, &mut mistakes);
                // With frames enough, whatever else is wrong can be told.
                mistakes.extend(align.mistakes(input.channels(), window.unwrap_or(usize::MAX)));
                match (window, hop) {
                    (Some(window), Some(hop)) if mistakes.is_empty() => {
                        Stage::InPlace(Box::new(AlignFrames::design(input.channels(), window, hop, align)?))
                    }
                    _ => return Err(mistakes),
                }
            }
            Self::Asr(spec) => Stage::InPlace(Box::new(Asr::design(spec, input)?)),
        };
        Ok(Designed { stage, output: input.clone() })
    }

    /// Whether the channels and the rate stay the same whatever the settings.
    pub(super) fn keeps_signal(&self) -> bool {
        match self {
            Self::Align { yields, .. } => *yields == AlignYields::Signal,
            Self::Asr(_) => true,
        }
    }
}

/// A duration as the nearest number of frames, at least `least`.
fn whole_frames(
    key: &'static str,
    ms: f64,
    least: usize,
    input: &Signal,
    mistakes: &mut Vec<DesignError>,
) -> Option<usize> {
    let frames = (ms * 1e-3 * input.rate.get()).round();
    if frames >= least as f64 && ms <= LONGEST_MS {
        return Some(frames as usize);
    }
    let frame_ms = 1e3 / input.rate.get();
    let shortest = frame_ms * least as f64;
    mistakes.push(DesignError::setting(key, ms, format!("must be {shortest} to {LONGEST_MS} ms")));
    None
}

impl fmt::Display for CleanSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Align { window_ms, hop_ms, align, yields } => {
                let what = match yields {
                    AlignYields::Signal => "",
                    AlignYields::Covariance => "covariances by ",
                    AlignYields::LogCovariance => "logarithms of covariances by ",
                };
                write!(f, "{what}{align}, windows of {window_ms} ms every {hop_ms} ms")
            }
            Self::Asr(spec) => spec.fmt(f),
        }
    }
}
