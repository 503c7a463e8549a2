use std::sync::atomic::{AtomicBool, Ordering};

/// How far off a window may come to have been foreseen, ns.
const FORESEEN_NS: i64 = 500_000;
/// How long a thread is ready before a window comes at the earliest, besides what it takes to warm up, ns.
const MARGIN_NS: i64 = 60_000;
/// How long it stays ready after, ns.
const PATIENCE_NS: i64 = 250_000;
/// The longest warming up that is worth it, as a share of the time between windows.
const MOST_SHARE: f64 = 0.1;
/// Of the last so many windows,
const LAST: u32 = 16;
/// so many must have been foreseen.
const ENOUGH: u32 = 11;

/// Foresees when windows come, so that a decoder can be warm by then.
///
/// Between two windows a processor sleeps and its caches fill with other things: a run that takes 16 us in a loop was seen
/// to take 240 us every 20 ms. Windows come as regularly as the source sends, so that shortly before one is due the thread
/// can run the model on silence and then wait for the window awake, for a fraction of a millisecond. Where windows come
/// otherwise (in bursts, on a jittery network) that is noticed and left.
#[derive(Clone, Debug)]
pub(super) struct Anticipation {
    /// From one window to the next as measured, ns.
    interval_ns: f64,
    /// When the last one came, and when the next is to come at the earliest, ns.
    last_ns: Option<i64>,
    expected_ns: Option<i64>,
    /// Which of the last windows were foreseen, the newest in the lowest bit.
    foreseen: u32,
    /// What warming up takes, ns.
    warm_ns: f64,
}

impl Anticipation {
    /// Of windows that are to come every `interval_ns`.
    pub(super) fn new(interval_ns: f64) -> Self {
        Self { interval_ns, last_ns: None, expected_ns: None, foreseen: 0, warm_ns: 0.0 }
    }

    /// A window has come.
    pub(super) fn came(&mut self, at_ns: i64) {
        if let Some(expected) = self.expected_ns {
            let off = at_ns - expected;
            self.foreseen = self.foreseen << 1 | u32::from(off.abs() <= FORESEEN_NS);
        }
        if let Some(last) = self.last_ns.replace(at_ns) {
            let interval = (at_ns - last) as f64;
            // What is missing or comes at once says nothing of the rhythm.
            if (0.5..1.5).contains(&(interval / self.interval_ns)) {
                self.interval_ns += 0.05 * (interval - self.interval_ns);
            }
        }
        // The early edge: what comes early moves it at once, what comes late hardly.
        let edge = match self.expected_ns {
            Some(expected) if (at_ns - expected).abs() <= FORESEEN_NS && at_ns > expected => {
                expected + (at_ns - expected) / 32
            }
            _ => at_ns,
        };
        self.expected_ns = Some(edge + self.interval_ns.round() as i64);
    }

    /// Warming up took so long.
    pub(super) fn warmed(&mut self, took_ns: i64) {
        let took = took_ns as f64;
        self.warm_ns = if self.warm_ns == 0.0 { took } else { self.warm_ns + 0.1 * (took - self.warm_ns) };
    }

    /// A window was decoded, which took so long: where warming up was found not worth it, this is how it comes to be again.
    pub(super) fn decoded(&mut self, took_ns: i64) {
        if self.takes_too_long() {
            self.warmed(took_ns);
        }
    }

    fn takes_too_long(&self) -> bool {
        self.warm_ns > MOST_SHARE * self.interval_ns
    }

    /// When to begin to get ready for the next window, and until when to stay so, ns; `None` where it cannot be foreseen or
    /// is not worth it.
    pub(super) fn next(&self) -> Option<(i64, i64)> {
        let expected = self.expected_ns?;
        let often = (self.foreseen & ((1 << LAST) - 1)).count_ones() >= ENOUGH;
        if !often || self.takes_too_long() {
            return None;
        }
        let ready = expected - MARGIN_NS - self.warm_ns as i64;
        Some((ready, expected + PATIENCE_NS))
    }
}

/// One thread of the process at a time waits awake: several would take the processors from what they wait for.
static AWAKE: AtomicBool = AtomicBool::new(false);

/// The turn to wait awake; given back when dropped.
pub(super) struct Turn(());

impl Turn {
    pub(super) fn take() -> Option<Self> {
        let free = AWAKE.compare_exchange(false, true, Ordering::AcqRel, Ordering::Relaxed);
        free.is_ok().then_some(Self(()))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        AWAKE.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOP: i64 = 20_000_000;

    /// When it would be ready, and until when, after windows that came at these times.
    fn after(times: impl Iterator<Item = i64>, warm_ns: i64) -> Option<(i64, i64)> {
        let mut own = Anticipation::new(HOP as f64);
        own.warmed(warm_ns);
        times.for_each(|at| own.came(at));
        own.next()
    }

    #[test]
    fn regular_windows_are_foreseen_at_their_early_edge() {
        // Up to 0.2 ms late, in no order.
        let jitter = |n: i64| n * 7919 % 200_000;
        let (ready, until) = after((0..100).map(|n| n * HOP + jitter(n)), 200_000).expect("foreseen");
        let early = 100 * HOP;
        assert!((early - 400_000..early - 150_000).contains(&ready), "{}", ready - early);
        assert!(until > early + 200_000 && until < early + 500_000, "{}", until - early);
        // A source whose clock runs a thousandth slow, and one that delivers 96 of 125.
        for step in [HOP + HOP / 1000, HOP * 125 / 96] {
            let (ready, until) = after((0..300).map(|n| n * step), 0).expect("foreseen");
            assert!(ready < 300 * step && until > 300 * step, "{step}");
        }
    }

    #[test]
    fn what_cannot_be_foreseen_or_is_not_worth_it_is_left() {
        assert_eq!(after((0..5).map(|n| n * HOP), 0), None, "too few");
        assert_eq!(after((0..100).map(|n| n / 2 * 2 * HOP), 0), None, "two at a time");
        assert_eq!(after((0..100).map(|n| n * HOP + n * 7919 % 8 * 1_000_000), 0), None, "8 ms of jitter");
        assert_eq!(after((0..100).map(|n| n * HOP), 5_000_000), None, "a quarter of the time");
    }

    #[test]
    fn a_slow_first_run_is_not_held_against_it_for_ever() {
        let mut own = Anticipation::new(HOP as f64);
        own.warmed(HOP / 5);
        for n in 0..100 {
            own.came(n * HOP);
            own.decoded(HOP / 50);
        }
        assert!(own.next().is_some());
        // Slow for good: left.
        own.warmed(HOP * 10);
        (0..100).for_each(|_| own.decoded(HOP / 5));
        assert_eq!(own.next(), None);
    }

    #[test]
    fn one_at_a_time_waits_awake() {
        let first = Turn::take().expect("free");
        assert!(Turn::take().is_none());
        drop(first);
        assert!(Turn::take().is_some());
    }
}
