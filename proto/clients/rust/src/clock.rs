//! The daemon's clock, as read from here.

use rustix::time::{ClockId, clock_gettime};

/// This machine's monotonic clock, ns.
#[must_use]
pub fn now_ns() -> i64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec * 1_000_000_000 + now.tv_nsec
}

/// How far the daemon's clock is from this machine's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DaemonClock {
    /// What is added to [`now_ns`], ns.
    pub offset_ns: i64,
    /// The most that it may be off by, ns.
    pub uncertainty_ns: i64,
}

impl DaemonClock {
    /// Of one question: when it was asked and answered here, and when it came and was answered there.
    #[must_use]
    pub fn of(asked: i64, received: i64, answered: i64, heard: i64) -> Self {
        let away = (heard - asked) - (answered - received);
        Self { offset_ns: ((received - asked) + (answered - heard)) / 2, uncertainty_ns: away.max(0) / 2 }
    }

    /// The better known of two.
    #[must_use]
    pub fn better(self, other: Self) -> Self {
        if other.uncertainty_ns < self.uncertainty_ns { other } else { self }
    }

    /// What time it may be there by now, at the latest.
    #[must_use]
    pub fn latest(&self, here_ns: i64) -> i64 {
        here_ns.saturating_add(self.offset_ns).saturating_add(self.uncertainty_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_true_offset_is_within_the_uncertainty_however_uneven_the_way() {
        for offset in [-5_000_000_000, -7, 0, 12_345] {
            for (there, back) in [(10, 10), (0, 90), (90, 0), (1, 2)] {
                let (asked, took) = (1000, 5);
                let received = asked + there + offset;
                let heard = asked + there + took + back;
                let clock = DaemonClock::of(asked, received, received + took, heard);
                assert!(
                    (clock.offset_ns - offset).abs() <= clock.uncertainty_ns + 1,
                    "{offset} {there} {back}: {clock:?}"
                );
                assert!(clock.latest(heard) >= heard + offset, "never earlier than it is");
            }
        }
        let (good, bad) = (
            DaemonClock { offset_ns: 1, uncertainty_ns: 2 },
            DaemonClock { offset_ns: 5, uncertainty_ns: 9 },
        );
        assert_eq!((bad.better(good), good.better(bad)), (good, good));
    }
}
