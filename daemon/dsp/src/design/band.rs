use super::pairing;
use super::zpk::prewarp;
use super::{DesignError, Family, Sos, prototype};
use bci_types::Hz;
use std::fmt;

/// The highest order designed. Beyond it double precision loses the poles of narrow bands.
pub const MAX_ORDER: u32 = 16;

/// By how much the gain at an edge may be off for rounding.
const EDGE_TOLERANCE_DB: f64 = 0.01;

/// What a filter lets through. What happens at an edge depends on the [`Family`]: half power, the end of the ripple,
/// the beginning of the stop band.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Band {
    /// Everything below `cutoff_hz`.
    LowPass {
        /// The edge.
        cutoff_hz: f64,
    },
    /// Everything above `cutoff_hz`.
    HighPass {
        /// The edge.
        cutoff_hz: f64,
    },
    /// Everything from `low_hz` to `high_hz`.
    BandPass {
        /// The lower edge.
        low_hz: f64,
        /// The upper edge.
        high_hz: f64,
    },
    /// Everything but `low_hz` to `high_hz`.
    BandStop {
        /// The lower edge.
        low_hz: f64,
        /// The upper edge.
        high_hz: f64,
    },
}

impl Band {
    /// Both edges; of a low-pass or high-pass the same twice.
    fn edges_hz(self) -> [f64; 2] {
        match self {
            Self::LowPass { cutoff_hz } | Self::HighPass { cutoff_hz } => [cutoff_hz, cutoff_hz],
            Self::BandPass { low_hz, high_hz } | Self::BandStop { low_hz, high_hz } => [low_hz, high_hz],
        }
    }

    /// What is wrong with the edges. A lone one goes by the name `lone_low` where it is the lower end of what passes, by
    /// `lone_high` where it is the upper.
    pub(super) fn edge_mistakes(
        self,
        lone_low: &'static str,
        lone_high: &'static str,
        rate: Hz,
    ) -> Vec<DesignError> {
        let nyquist_hz = rate.nyquist();
        let mut found = Vec::new();
        let mut inside = |name, hz: f64| {
            if !(hz > 0.0 && hz < nyquist_hz) {
                found.push(DesignError::Frequency { name, hz, nyquist_hz });
            }
        };
        match self {
            Self::LowPass { cutoff_hz } => inside(lone_high, cutoff_hz),
            Self::HighPass { cutoff_hz } => inside(lone_low, cutoff_hz),
            Self::BandPass { low_hz, high_hz } | Self::BandStop { low_hz, high_hz } => {
                inside("low_hz", low_hz);
                inside("high_hz", high_hz);
                // With NaN the edge itself has been reported.
                if low_hz >= high_hz {
                    found.push(DesignError::BandEdges { low_hz, high_hz });
                }
            }
        }
        found
    }
}

impl fmt::Display for Band {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LowPass { cutoff_hz } => write!(f, "low-pass {cutoff_hz} Hz"),
            Self::HighPass { cutoff_hz } => write!(f, "high-pass {cutoff_hz} Hz"),
            Self::BandPass { low_hz, high_hz } => write!(f, "band-pass {low_hz}-{high_hz} Hz"),
            Self::BandStop { low_hz, high_hz } => write!(f, "band-stop {low_hz}-{high_hz} Hz"),
        }
    }
}

/// A digital filter of one of the classical families: SciPy's `butter`, `cheby1`, `cheby2`, `ellip` or `bessel`, called
/// with `(order, ..., edges, btype, fs=rate, output="sos")`, with the same sections in the same order and the whole
/// gain in the first.
///
/// `order` counts as SciPy counts: a band-pass or band-stop of order N has 2N poles, N on each edge. Method:
/// analogue prototype, frequency transform, bilinear transform with the edges prewarped (Parks and Burrus, *Digital
/// Filter Design*, 1987). When two pole pairs are equally far from the unit circle, as in a band centred on a
/// quarter of the sampling rate, rounding decides which section comes first; the filter is the same.
///
/// # Errors
/// The first of: an edge outside (0, half of `rate`), edges out of order, `order` outside 1 to [`MAX_ORDER`], a
/// setting of the family outside its range, and [`DesignError::Unstable`] or [`DesignError::Imprecise`] for bands too
/// narrow or too low for double precision.
pub fn band_filter(family: Family, band: Band, order: u32, rate: Hz) -> Result<Sos, DesignError> {
    if let Some(first) = mistakes(family, band, order, rate).into_iter().next() {
        return Err(first);
    }
    let warp = |hz| prewarp(hz, rate.nyquist());
    let prototype = prototype::prototype(family, order);
    // 1 rad/s goes to every edge.
    let at_edge_db = family.at_edge_db().unwrap_or_else(|| 20.0 * prototype.gain_at(1.0).log10());
    let analogue = match band {
        Band::LowPass { cutoff_hz } => prototype.to_low_pass(warp(cutoff_hz)),
        Band::HighPass { cutoff_hz } => prototype.to_high_pass(warp(cutoff_hz)),
        Band::BandPass { low_hz, high_hz } => {
            let (low, high) = (warp(low_hz), warp(high_hz));
            prototype.to_band_pass((low * high).sqrt(), high - low)
        }
        Band::BandStop { low_hz, high_hz } => {
            let (low, high) = (warp(low_hz), warp(high_hz));
            prototype.to_band_stop((low * high).sqrt(), high - low)
        }
    };
    let sos = Sos::new(pairing::sections(&analogue.bilinear()), rate)?;
    // Where coefficients can no longer tell the poles apart the filter may be stable and yet another one. The steepest
    // slopes, and the poles that suffer first, are at the edges.
    for edge_hz in band.edges_hz() {
        let off_db = (sos.gain_db(edge_hz) - at_edge_db).abs();
        let holds = off_db <= EDGE_TOLERANCE_DB;
        if !holds {
            return Err(DesignError::Imprecise { edge_hz, off_db });
        }
    }
    Ok(sos)
}

/// A digital Butterworth filter, half power at its edges: [`band_filter`] of [`Family::Butterworth`].
///
/// # Errors
/// As [`band_filter`].
pub fn butterworth(band: Band, order: u32, rate: Hz) -> Result<Sos, DesignError> {
    band_filter(Family::Butterworth, band, order, rate)
}

/// Everything wrong with a specification that can be seen without designing it.
pub(crate) fn mistakes(family: Family, band: Band, order: u32, rate: Hz) -> Vec<DesignError> {
    let mut found = band.edge_mistakes("cutoff_hz", "cutoff_hz", rate);
    if !(1..=MAX_ORDER).contains(&order) {
        found.push(DesignError::Order { order });
    }
    found.extend(family.mistakes());
    found
}
