//! Where the time goes: a histogram a step and pipeline, filled outside the real-time threads.

use bci_types::{HostNs, Intent};
use hdrhistogram::Histogram;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Steps of the path, in order, `total` last.
pub(crate) const STEPS: [&str; 6] = ["acquire", "queue", "filter", "decode", "publish", "total"];

/// Upper bounds of the exported buckets, ns.
pub(crate) const BUCKETS_NS: [u64; 14] = [
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    1_000_000_000,
];

/// Longest duration told apart, ns: one minute.
const LONGEST_NS: u64 = 60_000_000_000;

/// The distribution of one step.
#[derive(Clone, Debug, PartialEq)]
pub struct StepSummary {
    /// The step.
    pub step: &'static str,
    /// Windows measured.
    pub count: u64,
    /// Median, ms.
    pub p50_ms: f64,
    /// 99th percentile, ms.
    pub p99_ms: f64,
    /// Largest, ms.
    pub max_ms: f64,
    /// Sum, s.
    pub sum_s: f64,
    /// Cumulative counts at [`BUCKETS_NS`].
    pub(crate) buckets: [u64; BUCKETS_NS.len()],
}

/// The distribution of durations of one step. Nanosecond resolution to three digits, up to a minute.
#[derive(Clone, Debug)]
pub struct Distribution {
    histogram: Histogram<u64>,
    sum_ns: u64,
}

impl Default for Distribution {
    /// An empty one.
    fn default() -> Self {
        let histogram = Histogram::new_with_bounds(1, LONGEST_NS, 3)
            .unwrap_or_else(|e| unreachable!("the bounds are constants that the histogram accepts: {e}"));
        Self { histogram, sum_ns: 0 }
    }
}

impl Distribution {
    /// Adds a duration. The clock correction of a remote source is uncertain by some microseconds, so that a sample
    /// may seem to arrive before it was taken: what is below 0 counts as 0.
    pub fn record(&mut self, ns: i64) {
        let ns = u64::try_from(ns).unwrap_or(0);
        self.histogram.saturating_record(ns);
        self.sum_ns = self.sum_ns.saturating_add(ns);
    }

    /// What is known of it, under the name `step`.
    #[must_use]
    pub fn summary(&self, step: &'static str) -> StepSummary {
        let h = &self.histogram;
        let ms = |ns: u64| ns as f64 / 1e6;
        StepSummary {
            step,
            count: h.len(),
            p50_ms: ms(h.value_at_quantile(0.5)),
            p99_ms: ms(h.value_at_quantile(0.99)),
            max_ms: ms(h.max()),
            sum_s: self.sum_ns as f64 / 1e9,
            buckets: BUCKETS_NS.map(|bound| h.count_between(0, bound)),
        }
    }
}

/// Histograms by pipeline; clones share them. Taken from and filled by the server's tasks only.
#[derive(Clone, Debug, Default)]
pub struct Telemetry(Arc<Mutex<BTreeMap<Arc<str>, [Distribution; STEPS.len()]>>>);

impl Telemetry {
    /// Records the steps up to decoding, once a window.
    pub(crate) fn decoded(&self, intent: &Intent) {
        let l = &intent.ledger;
        let steps = [
            l.acquired - intent.newest_sample,
            l.dequeued - l.acquired,
            l.filtered - l.dequeued,
            l.decoded - l.filtered,
        ];
        self.record(&intent.pipeline, 0, &steps);
    }

    /// Records the hand-over to one subscriber's transport.
    pub(crate) fn published(&self, intent: &Intent, at: HostNs) {
        self.record(&intent.pipeline, 4, &[at - intent.ledger.decoded, at - intent.newest_sample]);
    }

    fn record(&self, pipeline: &Arc<str>, first: usize, durations: &[i64]) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let steps = all.entry(Arc::clone(pipeline)).or_default();
        for (step, ns) in steps.iter_mut().skip(first).zip(durations) {
            step.record(*ns);
        }
    }

    /// The distributions of a pipeline, in the order of [`STEPS`].
    #[must_use]
    pub fn summary(&self, pipeline: &str) -> Vec<StepSummary> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(steps) = all.get(pipeline) else { return Vec::new() };
        STEPS.iter().zip(steps).map(|(name, step)| step.summary(name)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_sums_and_buckets_agree_with_what_went_in() {
        let t = Telemetry::default();
        let name: Arc<str> = "p".into();
        for i in 1..=100i64 {
            t.record(&name, 0, &[i * 1_000_000]);
        }
        t.record(&name, 0, &[-5]);
        let s = &t.summary("p")[0];
        assert_eq!((s.step, s.count), ("acquire", 101));
        assert!((s.p50_ms - 50.0).abs() < 0.5 && (s.p99_ms - 99.0).abs() < 1.5, "{s:?}");
        assert!((s.sum_s - 5.05).abs() < 1e-9);
        assert_eq!(s.buckets[8], 11, "ten of up to 10 ms and the one before its time");
        assert!(t.summary("q").is_empty());
    }
}
