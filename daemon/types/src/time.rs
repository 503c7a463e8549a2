use std::fmt;
use std::ops::{Add, Sub};

/// Nanoseconds on the one clock of the host: the monotonic clock that LSL's `local_clock()` reads on the same
/// machine (there in seconds). Only differences mean anything across machines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostNs(pub i64);

impl HostNs {
    /// From seconds on the LSL clock.
    #[must_use]
    pub fn from_lsl_seconds(seconds: f64) -> Self {
        Self((seconds * 1e9).round() as i64)
    }

    /// Seconds on the LSL clock.
    #[must_use]
    pub fn as_lsl_seconds(self) -> f64 {
        self.0 as f64 * 1e-9
    }

    /// Nanoseconds from `earlier` to `self`; negative when `self` is the earlier one.
    #[must_use]
    pub fn ns_since(self, earlier: HostNs) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<std::time::Duration> for HostNs {
    type Output = HostNs;
    fn add(self, rhs: std::time::Duration) -> HostNs {
        HostNs(self.0.saturating_add(i64::try_from(rhs.as_nanos()).unwrap_or(i64::MAX)))
    }
}

impl Sub for HostNs {
    type Output = i64;
    fn sub(self, rhs: HostNs) -> i64 {
        self.ns_since(rhs)
    }
}

/// How far the clock of a source's machine is from this host's, as last measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClockOffset {
    /// What is added to the source's stamps to bring them to this host's clock, seconds.
    pub offset_s: f64,
    /// The bound of its error, seconds.
    pub uncertainty_s: f64,
}

/// Year, month and day so many days after 1 January 1970, in the Gregorian calendar: Hinnant, chrono-compatible low-level date
/// algorithms.
#[must_use]
pub fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let of_era = z.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

/// Days from 1 January 1970 to a day of the Gregorian calendar, as in [`civil_from_days`].
#[must_use]
pub fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let of_era = year - era * 400;
    let shifted = (month + 9) % 12;
    let of_year = (153 * shifted + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// A sampling rate or a frequency in hertz: finite and above zero.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Hz(f64);

/// A number that is no frequency.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HzError(
    /// The refused number.
    pub f64,
);

impl fmt::Display for HzError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} Hz is no frequency: it must be finite and above 0", self.0)
    }
}
impl std::error::Error for HzError {}

impl Hz {
    /// A frequency.
    ///
    /// # Errors
    /// [`HzError`] for zero, negative, infinite and NaN values.
    pub fn new(hz: f64) -> Result<Self, HzError> {
        if hz.is_finite() && hz > 0.0 { Ok(Self(hz)) } else { Err(HzError(hz)) }
    }

    /// The plain number.
    #[must_use]
    pub fn get(self) -> f64 {
        self.0
    }

    /// Half of the rate, above which no frequency can be told.
    #[must_use]
    pub fn nyquist(self) -> f64 {
        self.0 / 2.0
    }

    /// The time between two samples, in nanoseconds.
    #[must_use]
    pub fn period_ns(self) -> f64 {
        1e9 / self.0
    }
}

impl fmt::Display for Hz {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} Hz", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_frequency_is_refused() {
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(Hz::new(bad).is_err(), "{bad}");
        }
        assert_eq!(Hz::new(160.0).map(Hz::nyquist), Ok(80.0));
    }

    #[test]
    fn lsl_seconds_keep_a_microsecond_after_a_year_of_uptime() {
        let t = HostNs(31_536_000_123_456_789);
        assert!((HostNs::from_lsl_seconds(t.as_lsl_seconds()) - t).abs() < 1000);
    }
}
