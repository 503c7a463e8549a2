use super::DesignError;
use std::fmt;

/// How a filter approximates the ideal band: what it gives up to be how steep. At an edge of the [`super::Band`] it
/// does what SciPy's function of that name does at `Wn`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Family {
    /// Flat as can be, monotone; -3.01 dB at the edges (Butterworth 1930; SciPy's `butter`).
    #[default]
    Butterworth,
    /// Ripples in the pass band, is monotone beyond; an edge is where the ripple ends: the gain falls below
    /// -`ripple_db` there (SciPy's `cheby1`). At even orders the gain at the centre of the pass band (0 Hz of a
    /// low-pass) is -`ripple_db`.
    Chebyshev1 {
        /// Depth of the ripple in the pass band, 0.001 to 10 dB.
        ripple_db: f64,
    },
    /// Monotone in the pass band, ripples in the stop band; an edge is where the stop band begins: the gain has just
    /// fallen to -`attenuation_db` there, the -3 dB frequency lies inside the pass band (SciPy's `cheby2`). At even
    /// orders an offset passes a high-pass or band-pass at -`attenuation_db`, and is not removed.
    Chebyshev2 {
        /// The least attenuation in the stop band, 3 to 200 dB.
        attenuation_db: f64,
    },
    /// Ripples in both bands, the steepest of its order (Cauer 1931; SciPy's `ellip`); an edge is where the pass band
    /// ends: the gain falls below -`ripple_db` there. At even orders as both Chebyshev families.
    Elliptic {
        /// Depth of the ripple in the pass band, 0.001 to 10 dB.
        ripple_db: f64,
        /// The least attenuation in the stop band, at least 10 dB above `ripple_db`, to 200 dB.
        attenuation_db: f64,
    },
    /// Keeps shapes: the group delay is as flat as can be in the pass band of a low-pass far below the sampling rate
    /// (Thomson 1949; SciPy's `bessel`). What an edge is depends on `norm`.
    Bessel {
        /// What the edges are.
        norm: BesselNorm,
    },
}

/// What happens at the edge of a Bessel filter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BesselNorm {
    /// The phase is about midway between its ends (to 1.5 degrees times the order), and far away the gain is that of a
    /// Butterworth filter with this edge.
    #[default]
    Phase,
    /// -3.01 dB.
    Mag,
    /// One over the edge, in radians a second, is the group delay in seconds in the middle of the pass band.
    Delay,
}

const RIPPLE_DB: std::ops::RangeInclusive<f64> = 0.001..=10.0;
const MOST_ATTENUATION_DB: f64 = 200.0;
/// Nearer than that the elliptic series of SciPy, which ends after eight terms, no longer gives the filter asked for.
const LEAST_ABOVE_RIPPLE_DB: f64 = 10.0;

impl Family {
    /// The gain at every edge; `None` where it has no closed form.
    pub(super) fn at_edge_db(self) -> Option<f64> {
        match self {
            Self::Butterworth | Self::Bessel { norm: BesselNorm::Mag } => Some(-10.0 * 2f64.log10()),
            Self::Chebyshev1 { ripple_db } | Self::Elliptic { ripple_db, .. } => Some(-ripple_db),
            Self::Chebyshev2 { attenuation_db } => Some(-attenuation_db),
            Self::Bessel { .. } => None,
        }
    }

    /// Every setting outside its range.
    pub(crate) fn mistakes(self) -> Vec<DesignError> {
        let mut found = Vec::new();
        let mut ripple = |db: f64| {
            let fits = RIPPLE_DB.contains(&db);
            if !fits {
                found.push(DesignError::setting("ripple_db", db, "must be 0.001 to 10 dB"));
            }
            fits
        };
        let (attenuation_db, least) = match self {
            Self::Butterworth | Self::Bessel { .. } => return found,
            Self::Chebyshev1 { ripple_db } => {
                ripple(ripple_db);
                return found;
            }
            Self::Chebyshev2 { attenuation_db } => (attenuation_db, 3.0),
            Self::Elliptic { ripple_db, attenuation_db } => {
                let above = if ripple(ripple_db) { ripple_db } else { 0.0 };
                (attenuation_db, above + LEAST_ABOVE_RIPPLE_DB)
            }
        };
        if !(attenuation_db >= least && attenuation_db <= MOST_ATTENUATION_DB) {
            let why = if matches!(self, Self::Elliptic { .. }) {
                format!(", {LEAST_ABOVE_RIPPLE_DB} dB or more above the ripple")
            } else {
                String::new()
            };
            let must = format!("must be {least} to {MOST_ATTENUATION_DB} dB{why}");
            found.push(DesignError::setting("attenuation_db", attenuation_db, must));
        }
        found
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Butterworth => f.write_str("Butterworth"),
            Self::Chebyshev1 { ripple_db } => write!(f, "Chebyshev I ({ripple_db} dB ripple)"),
            Self::Chebyshev2 { attenuation_db } => {
                write!(f, "Chebyshev II ({attenuation_db} dB attenuation)")
            }
            Self::Elliptic { ripple_db, attenuation_db } => {
                write!(f, "elliptic ({ripple_db} dB ripple, {attenuation_db} dB attenuation)")
            }
            Self::Bessel { norm } => write!(f, "Bessel ({norm})"),
        }
    }
}

impl fmt::Display for BesselNorm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Phase => "phase-matched",
            Self::Mag => "-3 dB",
            Self::Delay => "delay-matched",
        })
    }
}
