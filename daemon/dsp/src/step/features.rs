use super::{Designed, Stage};
use crate::design::DesignError;
use crate::run::{
    Covariances, CovariancesSpec, Envelope, EnvelopeMethod, EnvelopeSpec, FilterBank, Power, PowerSpec,
    Quality, QualitySpec, Shrinkage, ZScore, ZScoreMemory, bank_labels,
};
use crate::signal::Signal;
use std::fmt;

/// A feature computed from every channel, or from all of them together.
#[derive(Clone, Debug, PartialEq)]
pub enum FeatureSpec {
    /// Every channel through every band: [`FilterBank`].
    FilterBank {
        /// Pairs of -3 dB edges.
        bands_hz: Vec<[f64; 2]>,
        /// Of each band-pass, as SciPy counts.
        order: u32,
    },
    /// Mean square over the last window, of bands or of the signal as it is: [`Power`].
    Power(PowerSpec),
    /// The amplitude of a band over time: [`Envelope`].
    Envelope(EnvelopeSpec),
    /// The covariance of the last window: [`Covariances`].
    Covariance(CovariancesSpec),
    /// Less the running mean, over the running standard deviation: [`ZScore`].
    ZScore(ZScoreMemory),
    /// Artefact measures: [`Quality`].
    Quality(QualitySpec),
}

impl FeatureSpec {
    pub(super) fn design(&self, input: &Signal, _max_frames: usize) -> Result<Designed, Vec<DesignError>> {
        let (stage, output) = match self {
            Self::FilterBank { bands_hz, order } => {
                let bank = FilterBank::design(input, bands_hz, *order)?;
                let output = Signal { rate: input.rate, labels: bank_labels(input, bands_hz) };
                (Stage::Reframe(Box::new(bank)), output)
            }
            Self::Power(spec) => {
                let (power, output) = Power::design(input, spec)?;
                (Stage::Reframe(Box::new(power)), output)
            }
            Self::Envelope(spec) => {
                let (envelope, output) = Envelope::design(input, spec)?;
                (Stage::Reframe(Box::new(envelope)), output)
            }
            Self::Covariance(spec) => {
                let (covariances, output) = Covariances::design(input, spec)?;
                (Stage::Reframe(Box::new(covariances)), output)
            }
            Self::ZScore(memory) => {
                (Stage::InPlace(Box::new(ZScore::design(input, *memory)?)), input.clone())
            }
            Self::Quality(spec) => {
                let quality = Quality::design(input, *spec)?;
                let output = quality.output(input);
                (Stage::Reframe(Box::new(quality)), output)
            }
        };
        Ok(Designed { stage, output })
    }

    /// Whether the channels and the rate stay the same whatever the settings.
    pub(super) fn keeps_signal(&self) -> bool {
        matches!(self, Self::ZScore(_))
    }
}

impl fmt::Display for FeatureSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FilterBank { bands_hz, order } => {
                write!(f, "filter bank {}, Butterworth order {order}", Bands(bands_hz))
            }
            Self::Power(spec) => {
                let log = if spec.log { "log " } else { "" };
                let what = match (&spec.bands, spec.root) {
                    (Some(_), false) => "band power",
                    (Some(_), true) => "band RMS",
                    (None, false) => "mean square",
                    (None, true) => "RMS",
                };
                write!(f, "{log}{what}")?;
                if let Some((bands, order)) = &spec.bands {
                    write!(f, " {}, Butterworth order {order}", Bands(bands))?;
                }
                write!(f, " over {} ms every {} ms", spec.window_ms, spec.hop_ms)
            }
            Self::Envelope(spec) => {
                let method = match spec.method {
                    EnvelopeMethod::Hilbert => "Hilbert",
                    EnvelopeMethod::Rectified => "rectified",
                };
                let band = [[spec.low_hz, spec.high_hz]];
                write!(f, "{method} envelope {}, Butterworth order {}", Bands(&band), spec.order)?;
                if let Some(hz) = spec.smooth_hz {
                    write!(f, ", smoothed below {hz} Hz")?;
                }
                spec.rate_hz.map_or(Ok(()), |hz| write!(f, ", at {hz} Hz"))
            }
            Self::Covariance(spec) => {
                let centred = if spec.centre { "" } else { ", not centred" };
                let how = match spec.shrinkage {
                    Shrinkage::None => String::new(),
                    some => format!(", {some}"),
                };
                let what = if spec.log { "logarithm of covariance" } else { "covariance" };
                write!(f, "{what} over {} ms every {} ms{how}{centred}", spec.window_ms, spec.hop_ms)?;
                if spec.groups > 1 { write!(f, ", {} groups of channels", spec.groups) } else { Ok(()) }
            }
            Self::ZScore(ZScoreMemory::Exponential { time_constant_s }) => {
                write!(f, "z-score, time constant {time_constant_s} s")
            }
            Self::ZScore(ZScoreMemory::Rolling { window_s }) => write!(f, "z-score over {window_s} s"),
            Self::Quality(spec) => {
                let (window_ms, hop_ms) = (spec.window_ms.unwrap_or(1000.0), spec.hop_ms.unwrap_or(500.0));
                write!(f, "artefact measures over {window_ms} ms every {hop_ms} ms")
            }
        }
    }
}

/// `8-12, 12-16 Hz`.
struct Bands<'a>(&'a [[f64; 2]]);

impl fmt::Display for Bands<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, [low, high]) in self.0.iter().enumerate() {
            write!(f, "{}{low}-{high}", if i == 0 { "" } else { ", " })?;
        }
        f.write_str(" Hz")
    }
}
