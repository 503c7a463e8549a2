//! When adaptive steps may learn: while the person does what is to be decoded, as markers tell.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// Spans that are known at once: a marker may come long before its span, and several before one ends.
const SPANS: usize = 16;

/// Adaptive steps learn only within spans that begin with certain markers. What they recentre on is then the mean of trials,
/// as it was when the decoder was made, and not of whatever happens in between.
///
/// Markers come from any thread; the signal thread looks, and never waits. What a chunk teaches depends on the markers that had
/// come when it came, and not on how soon it is worked on: so that a recording of both says what was learned.
#[derive(Debug)]
pub struct Teaching {
    markers: Vec<String>,
    from_s: f64,
    to_s: f64,
    spans: [Span; SPANS],
    /// The one that the next marker takes.
    next: Mutex<usize>,
    /// How many markers began a span.
    begun: AtomicU64,
}

/// Which spans count, by their numbers: those that came while filters were there to learn from them, as far as a chunk knows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    pub(crate) from: u64,
    pub(crate) to: u64,
}

impl Default for Known {
    /// All that come.
    fn default() -> Self {
        Self { from: 0, to: u64::MAX }
    }
}

/// From one time to another, s on the LSL clock, as bits.
#[derive(Debug)]
struct Span {
    from: AtomicU64,
    to: AtomicU64,
    /// Spans before it.
    number: AtomicU64,
}

impl Span {
    /// Where nothing is.
    const NOWHERE: (f64, f64) = (f64::INFINITY, f64::NEG_INFINITY);

    fn set(&self, number: u64, (from, to): (f64, f64)) {
        // In between it is nowhere, so that nobody sees a beginning with the end of another.
        self.from.store(Self::NOWHERE.0.to_bits(), Ordering::SeqCst);
        self.to.store(to.to_bits(), Ordering::SeqCst);
        self.number.store(number, Ordering::SeqCst);
        self.from.store(from.to_bits(), Ordering::SeqCst);
    }

    fn holds(&self, time_s: f64, known: Known) -> bool {
        let from = self.from.load(Ordering::SeqCst);
        let to = f64::from_bits(self.to.load(Ordering::SeqCst));
        let is_known = (known.from..known.to).contains(&self.number.load(Ordering::SeqCst));
        is_known && f64::from_bits(from) <= time_s && time_s <= to && self.from.load(Ordering::SeqCst) == from
    }
}

impl Teaching {
    /// From `from_s` to `to_s` after each of `markers`.
    #[must_use]
    pub fn new(markers: Vec<String>, from_s: f64, to_s: f64) -> Self {
        let nowhere = |_| {
            let (from, to) = Span::NOWHERE;
            Span {
                from: AtomicU64::new(from.to_bits()),
                to: AtomicU64::new(to.to_bits()),
                number: AtomicU64::new(0),
            }
        };
        let spans = std::array::from_fn(nowhere);
        Self { markers, from_s, to_s, spans, next: Mutex::new(0), begun: AtomicU64::new(0) }
    }

    /// The markers, and from when to when after each, s.
    #[must_use]
    pub fn spans(&self) -> (&[String], f64, f64) {
        (&self.markers, self.from_s, self.to_s)
    }

    /// A marker came, sent at `time_s` on the LSL clock. Which of those it is that teach, where it does.
    pub fn marker(&self, text: &str, time_s: f64) -> Option<u64> {
        if !self.markers.iter().any(|m| bci_types::is_same_marker(m, text)) {
            return None;
        }
        let mut next = self.next.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let number = self.begun.load(Ordering::Relaxed);
        self.spans[*next].set(number, (time_s + self.from_s, time_s + self.to_s));
        *next = (*next + 1) % SPANS;
        // Who sees the number sees the span.
        self.begun.store(number + 1, Ordering::Release);
        Some(number)
    }

    /// Markers so far that began a span.
    #[must_use]
    pub fn begun(&self) -> u64 {
        self.begun.load(Ordering::Acquire)
    }

    /// Whether a window lies within one span of the `known` ones.
    pub(crate) fn allows_whole(&self, (oldest_s, newest_s): (f64, f64), known: Known) -> bool {
        let holds = |span: &Span| span.holds(oldest_s, known) && span.holds(newest_s, known);
        self.spans.iter().any(holds)
    }

    /// Whether a frame of this time may be learned from, by the `known` spans.
    pub(crate) fn allows(&self, time_s: f64, known: Known) -> bool {
        self.spans.iter().any(|span| span.holds(time_s, known))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_within_a_span_teaches() {
        let teaching = Teaching::new(vec!["2".into(), "T1".into()], 0.5, 2.0);
        assert!(!teaching.allows(0.0, Known::default()));
        teaching.marker("9", 10.0);
        teaching.marker("2.000000000000000", 20.0);
        teaching.marker("T1", 30.0);
        let allowed: Vec<f64> = [10.5, 20.4, 20.5, 21.9, 22.0, 22.1, 30.5]
            .into_iter()
            .filter(|t| teaching.allows(*t, Known::default()))
            .collect();
        assert_eq!(allowed, [20.5, 21.9, 22.0, 30.5]);
        assert_eq!(teaching.begun(), 2);
        // Before the second had come, and where the first one is not known.
        let first = Known { from: 0, to: 1 };
        assert!(!teaching.allows(20.5, Known { from: 1, to: 2 }));
        assert!(teaching.allows(20.5, first) && !teaching.allows(30.5, first));
        let whole = |window| teaching.allows_whole(window, Known::default());
        assert!(whole((20.5, 22.0)) && !whole((20.4, 21.0)) && !whole((21.0, 31.0)));
        // The oldest gives way.
        for i in 0..SPANS {
            teaching.marker("2", 100.0 + i as f64 * 10.0);
        }
        assert!(!teaching.allows(21.0, Known::default()) && teaching.allows(101.0, Known::default()));
    }
}
