//! The host's clock, and bringing a source's stamps to it.

use bci_driver_api::ClockOffset;
use bci_types::HostNs;
use lsl::StreamInlet;

/// Now, on the host's monotonic clock, the one that LSL's `local_clock()` reads here. Callable from any thread; does
/// not allocate or block.
#[must_use]
pub fn host_now() -> HostNs {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is a valid place to write to. CLOCK_MONOTONIC exists on every Linux, so this cannot fail.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    HostNs(now.tv_sec * 1_000_000_000 + now.tv_nsec)
}

/// The name by which liblsl calls this machine.
pub(crate) fn hostname() -> String {
    let mut name = [0u8; 256];
    // SAFETY: the buffer is valid for its length less one, so a NUL remains at its end.
    unsafe { libc::gethostname(name.as_mut_ptr().cast(), name.len() - 1) };
    let end = name.iter().position(|&b| b == 0).unwrap_or(0);
    String::from_utf8_lossy(&name[..end]).into_owned()
}

const REFRESH_NS: i64 = 1_000_000_000;

/// Stamps that fall back further than this come from a clock that was set anew, not from a better estimate.
const CLOCK_STEP_S: f64 = 1.0;

/// The clock correction of one inlet: measured by liblsl (round trips as in NTP, every 2 s), looked up every second.
pub(crate) struct ClockTrack {
    same_host: bool,
    measured: Option<ClockOffset>,
    next_look: HostNs,
    last: f64,
}

/// Stamps that fall back further than this, though the source's own do, come from a clock that was set.
const JITTER_S: f64 = 0.1;

impl ClockTrack {
    /// Waits up to `timeout_s` for the first measurement; without one stamps stay as they are until a later look
    /// finds one. `source_host` is the machine that the source names.
    pub(crate) fn open(inlet: &StreamInlet, source_host: &str, timeout_s: f64) -> Self {
        let mut track = Self {
            same_host: source_host == hostname(),
            measured: None,
            next_look: HostNs::default(),
            last: f64::NEG_INFINITY,
        };
        track.look(inlet, host_now(), timeout_s);
        track
    }

    /// Looks for a newer measurement when one is due. Does not wait or allocate.
    pub(crate) fn refresh(&mut self, inlet: &StreamInlet, now: HostNs) {
        if now >= self.next_look {
            self.look(inlet, now, 0.0);
        }
    }

    /// The measurement in use.
    pub(crate) fn offset(&self) -> Option<ClockOffset> {
        self.measured
    }

    /// The stamp on this host's clock.
    pub(crate) fn to_host(&self, stamp: f64) -> f64 {
        stamp + self.measured.map_or(0.0, |m| m.offset_s)
    }

    /// The stamp on this host's clock, not before the one given out last: a new estimate may be a little smaller, and sources
    /// stamp chunks a little askew. One that falls back by more than [`JITTER_S`] is of a clock that was set, and stays as it
    /// is. A stamp that is no number takes the last one's time. `None` when the source's clock was set back by more than
    /// [`CLOCK_STEP_S`]: then its offset is to be measured anew.
    pub(crate) fn in_order(&mut self, stamp: f64) -> Option<f64> {
        let host = self.to_host(stamp);
        if host.is_finite() {
            if host < self.last - CLOCK_STEP_S {
                return None;
            }
            // Set back a little: whoever looks at stamps is to see it.
            self.last = if host < self.last - JITTER_S { host } else { self.last.max(host) };
        } else if !self.last.is_finite() {
            self.last = host_now().as_lsl_seconds();
        }
        Some(self.last)
    }

    fn look(&mut self, inlet: &StreamInlet, now: HostNs, timeout_s: f64) {
        self.next_look = HostNs(now.0 + REFRESH_NS);
        if let Ok((offset_s, _, uncertainty_s)) = inlet.time_correction_ex(timeout_s) {
            self.measured = Some(settled(offset_s, uncertainty_s, self.same_host));
        }
    }
}

/// On one machine there is one clock: what is measured there within the error of measuring is nothing, and stamps
/// stay exact.
fn settled(offset_s: f64, uncertainty_s: f64, same_host: bool) -> ClockOffset {
    if same_host && offset_s.abs() <= uncertainty_s {
        ClockOffset { offset_s: 0.0, uncertainty_s: 0.0 }
    } else {
        ClockOffset { offset_s, uncertainty_s }
    }
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test")]
mod tests {
    use super::*;

    fn track(offset_s: f64) -> ClockTrack {
        ClockTrack {
            same_host: false,
            measured: Some(ClockOffset { offset_s, uncertainty_s: 1e-4 }),
            next_look: HostNs::default(),
            last: f64::NEG_INFINITY,
        }
    }

    #[test]
    fn a_smaller_estimate_does_not_turn_time_back() {
        let mut t = track(5.0);
        assert_eq!(t.in_order(10.0), Some(15.0));
        t.measured = Some(ClockOffset { offset_s: 4.9, uncertainty_s: 1e-4 });
        assert_eq!(t.in_order(10.05), Some(15.0), "held");
        assert_eq!(t.in_order(10.25), Some(10.25 + 4.9), "and goes on");
    }

    #[test]
    fn a_clock_set_back_is_told_from_a_better_estimate() {
        let mut t = track(0.0);
        assert_eq!(t.in_order(100.0), Some(100.0));
        assert_eq!(t.in_order(99.95), Some(100.0), "jitter");
        assert_eq!(t.in_order(99.5), Some(99.5), "set back a little");
        assert_eq!(t.in_order(99.6), Some(99.6), "and goes on from there");
        assert_eq!(t.in_order(98.5), None);
    }

    #[test]
    fn a_stamp_that_is_no_number_takes_the_last_time() {
        let mut t = track(0.0);
        let first = t.in_order(f64::NAN).expect("a time");
        assert!(first.is_finite());
        let mut t = track(0.0);
        assert_eq!(t.in_order(7.0), Some(7.0));
        assert_eq!(t.in_order(f64::NAN), Some(7.0));
        assert_eq!(t.in_order(f64::INFINITY), Some(7.0));
        assert_eq!(t.in_order(f64::NEG_INFINITY), Some(7.0));
        assert_eq!(t.in_order(8.0), Some(8.0));
    }

    #[test]
    fn only_one_machine_has_one_clock() {
        assert_eq!(settled(2e-5, 8e-5, true).offset_s, 0.0);
        assert_eq!(settled(2e-5, 8e-5, false).offset_s, 2e-5);
        assert_eq!(settled(3.0, 8e-5, true).offset_s, 3.0, "a clock of its own behind the same name");
    }
}
