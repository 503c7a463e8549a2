use super::{Designed, Stage};
use crate::design::{DesignError, Ratio};
use crate::run::{PolyphaseResampler, SincResampler};
use crate::signal::Signal;
use bci_types::Hz;
use std::fmt;

/// A change of the sampling rate.
#[derive(Clone, Debug, PartialEq)]
pub enum RateSpec {
    /// Another rate, with what would alias filtered away. Where the two rates are a fraction of small numbers the
    /// filter is a [`PolyphaseResampler`], else a [`SincResampler`].
    Resample {
        /// The rate of the output; 1/256 to 16 times that of the input.
        rate_hz: f64,
        /// The rate at which frames really come, where it was measured and is not the one that the stream states: 0.5
        /// to 2 times that. The [`SincResampler`] is then used in any case, and a chain designed for another
        /// measurement can be swapped in while running.
        input_hz: Option<f64>,
        /// Half of the filter's length and with it the delay, in frames of the lower rate: 4 to 32. When `None`, 10 for
        /// fractions, which is SciPy's, 14 otherwise.
        half_width: Option<u32>,
        /// The shape of the Kaiser window, 0 to 20: more is a steeper loss beyond a wider transition. When `None`, 5
        /// for fractions, which is SciPy's, 8.5 otherwise.
        beta: Option<f64>,
    },
}

const LOWEST: f64 = 1.0 / 256.0;
const HIGHEST: f64 = 16.0;

impl RateSpec {
    pub(super) fn design(&self, input: &Signal, _max_frames: usize) -> Result<Designed, Vec<DesignError>> {
        let Self::Resample { rate_hz, input_hz, half_width, beta } = *self;
        let mistakes = mistakes(rate_hz, input_hz, half_width, beta, input.rate.get());
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        let one = |e| vec![e];
        let rate = Hz::new(rate_hz).map_err(|_| one(refused("rate_hz", rate_hz, input.rate.get())))?;
        let channels = input.channels();
        let stage = match (input_hz, Ratio::between(input.rate, rate)) {
            (None, Some(ratio)) => {
                let (half_width, beta) = (half_width.unwrap_or(10), beta.unwrap_or(5.0));
                let element = PolyphaseResampler::design(input.rate, ratio, half_width, beta, channels);
                Stage::Reframe(Box::new(element.map_err(one)?))
            }
            _ => {
                let (half_width, beta) = (half_width.unwrap_or(14), beta.unwrap_or(8.5));
                let from_hz = input_hz.unwrap_or(input.rate.get());
                let element = SincResampler::design(from_hz, rate_hz / from_hz, half_width, beta, channels);
                Stage::Reframe(Box::new(element.map_err(one)?))
            }
        };
        Ok(Designed { stage, output: input.at(rate) })
    }

    /// Whether the channels and the rate stay the same whatever the settings.
    pub(super) fn keeps_signal(&self) -> bool {
        match self {
            Self::Resample { .. } => false,
        }
    }
}

/// Everything wrong at once; comparisons so that NaN is.
fn mistakes(
    rate_hz: f64,
    input_hz: Option<f64>,
    half_width: Option<u32>,
    beta: Option<f64>,
    stated_hz: f64,
) -> Vec<DesignError> {
    let mut found = Vec::new();
    if !(LOWEST * stated_hz..=HIGHEST * stated_hz).contains(&rate_hz) {
        found.push(refused("rate_hz", rate_hz, stated_hz));
    }
    if let Some(hz) = input_hz
        && !(0.5 * stated_hz..=2.0 * stated_hz).contains(&hz)
    {
        let must = format!("must be 0.5 to 2 times the {stated_hz} Hz that the signal states");
        found.push(DesignError::setting("input_hz", hz, must));
    }
    if let Some(frames) = half_width
        && !(4..=32).contains(&frames)
    {
        found.push(DesignError::setting("half_width", frames, "must be 4 to 32"));
    }
    if let Some(beta) = beta
        && !(0.0..=20.0).contains(&beta)
    {
        found.push(DesignError::setting("beta", beta, "must be 0 to 20"));
    }
    found
}

fn refused(key: &'static str, hz: f64, stated_hz: f64) -> DesignError {
    let (low, high) = (LOWEST * stated_hz, HIGHEST * stated_hz);
    DesignError::setting(
        key,
        hz,
        format!("must be {low} to {high}, 1/256 to 16 times the rate there, {stated_hz} Hz"),
    )
}

impl fmt::Display for RateSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Resample { rate_hz, input_hz, .. } = self;
        write!(f, "resample to {rate_hz} Hz")?;
        match input_hz {
            Some(hz) => write!(f, " from a measured {hz} Hz"),
            None => Ok(()),
        }
    }
}
