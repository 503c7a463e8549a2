//! Where the time goes: a histogram a step and pipeline, filled outside the real-time threads and off an intent's way.

use crate::publisher::{Event, Numbered, Publisher};
use bci_types::{HostNs, Intent};
use hdrhistogram::Histogram;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::TryRecvError;

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
    /// 99.9th percentile, ms.
    pub p999_ms: f64,
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
            p999_ms: ms(h.value_at_quantile(0.999)),
            max_ms: ms(h.max()),
            sum_s: self.sum_ns as f64 / 1e9,
            buckets: self.buckets(),
        }
    }

    /// What was added since `before`, an earlier state of it.
    fn since(&self, before: &Self) -> Self {
        let mut histogram = self.histogram.clone();
        // Of an earlier state it cannot fail; were it another's, all of it is told.
        let _ = histogram.subtract(&before.histogram);
        Self { histogram, sum_ns: self.sum_ns.saturating_sub(before.sum_ns) }
    }

    /// In one pass: the histogram is large, and whoever serves waits.
    fn buckets(&self) -> [u64; BUCKETS_NS.len()] {
        let mut buckets = [0; BUCKETS_NS.len()];
        for step in self.histogram.iter_recorded() {
            let value = self.histogram.lowest_equivalent(step.value_iterated_to());
            // What is above the last bound is in none.
            if let Some(bucket) = buckets.get_mut(BUCKETS_NS.partition_point(|&bound| bound < value)) {
                *bucket += step.count_at_value();
            }
        }
        let mut below = 0;
        buckets.map(|count| {
            below += count;
            below
        })
    }
}

/// Handings-over that are remembered until somebody looks, at most.
const REMEMBERED: usize = 1 << 16;

/// Histograms by pipeline; clones share them.
///
/// What happens is remembered when it happens, which is quick, and counted when somebody looks or [`Telemetry::catch_up`] is
/// called: histograms are large, and an intent would wait for memory that no cache holds.
#[derive(Clone, Debug)]
pub struct Telemetry(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    counted: Mutex<Counted>,
    /// What was handed to a subscriber's transport, and when; not counted yet.
    handed: Mutex<Vec<(Arc<Intent>, HostNs)>>,
}

#[derive(Debug)]
struct Counted {
    /// What was published; not counted yet.
    events: Option<Receiver<Numbered>>,
    steps: BTreeMap<Arc<str>, [Distribution; STEPS.len()]>,
    /// Trades places with what was handed over: whoever adds to it finds memory there.
    spare: Vec<(Arc<Intent>, HostNs)>,
}

impl Telemetry {
    /// Of what `publisher` publishes from now on.
    #[must_use]
    pub fn of(publisher: &Publisher) -> Self {
        let counted = Counted { events: publisher.receive(), steps: BTreeMap::new(), spare: Vec::new() };
        Self(Arc::new(Shared { counted: Mutex::new(counted), handed: Mutex::default() }))
    }

    /// Notes the hand-over to one subscriber's transport.
    pub(crate) fn handed(&self, intent: &Arc<Intent>, at: HostNs) {
        let full = {
            let mut handed = self.0.handed.lock().unwrap_or_else(PoisonError::into_inner);
            handed.push((Arc::clone(intent), at));
            handed.len() >= REMEMBERED
        };
        if full {
            self.catch_up();
        }
    }

    /// Counts what happened. To be called now and then, before the publisher's backlog is full.
    pub(crate) fn catch_up(&self) {
        drop(self.caught_up());
    }

    fn caught_up(&self) -> MutexGuard<'_, Counted> {
        let mut counted = self.0.counted.lock().unwrap_or_else(PoisonError::into_inner);
        counted.take_events();
        let mut taken = std::mem::take(&mut counted.spare);
        std::mem::swap(&mut *self.0.handed.lock().unwrap_or_else(PoisonError::into_inner), &mut taken);
        for (intent, at) in taken.drain(..) {
            counted.published(&intent, at);
        }
        counted.spare = taken;
        counted
    }

    /// All that is known of a pipeline's steps now. Large: not for a thread that serves.
    pub(crate) fn snapshot(&self, pipeline: &str) -> Snapshot {
        Snapshot(self.caught_up().steps.get(pipeline).cloned().unwrap_or_default())
    }

    /// The distributions of a pipeline up to now, in the order of [`STEPS`].
    #[must_use]
    pub fn summary(&self, pipeline: &str) -> Vec<StepSummary> {
        let counted = self.caught_up();
        let Some(steps) = counted.steps.get(pipeline) else { return Vec::new() };
        STEPS.iter().zip(steps).map(|(name, step)| step.summary(name)).collect()
    }
}

/// The distributions of a pipeline's steps at some time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Snapshot([Distribution; STEPS.len()]);

impl Snapshot {
    /// In the order of [`STEPS`].
    pub(crate) fn summary(&self) -> Vec<StepSummary> {
        STEPS.iter().zip(&self.0).map(|(name, step)| step.summary(name)).collect()
    }

    /// What came to it since `before`, in the order of [`STEPS`].
    pub(crate) fn since(&self, before: &Self) -> Vec<StepSummary> {
        let steps = STEPS.iter().zip(self.0.iter().zip(&before.0));
        steps.map(|(name, (now, before))| now.since(before).summary(name)).collect()
    }
}

impl Counted {
    fn take_events(&mut self) {
        let Some(mut events) = self.events.take() else { return };
        loop {
            match events.try_recv().map(|numbered| numbered.event) {
                Ok(Event::Intent(intent)) => self.decoded(&intent),
                Ok(Event::Marker(_) | Event::Stream(_)) => {}
                Err(TryRecvError::Lagged(n)) => {
                    tracing::warn!(events = n, "telemetry fell behind and missed events");
                }
                Err(TryRecvError::Empty) => {
                    self.events = Some(events);
                    return;
                }
                Ok(Event::Closing) | Err(TryRecvError::Closed) => return,
            }
        }
    }

    /// Records the steps up to decoding, once a window.
    fn decoded(&mut self, intent: &Intent) {
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
    fn published(&mut self, intent: &Intent, at: HostNs) {
        self.record(&intent.pipeline, 4, &[at - intent.ledger.decoded, at - intent.newest_sample]);
    }

    fn record(&mut self, pipeline: &Arc<str>, first: usize, durations: &[i64]) {
        let steps = self.steps.entry(Arc::clone(pipeline)).or_default();
        for (step, ns) in steps.iter_mut().skip(first).zip(durations) {
            step.record(*ns);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_sums_and_buckets_agree_with_what_went_in() {
        let t = Telemetry::of(&Publisher::new());
        let name: Arc<str> = "p".into();
        let mut counted = t.caught_up();
        for i in 1..=100i64 {
            counted.record(&name, 0, &[i * 1_000_000]);
        }
        counted.record(&name, 0, &[-5]);
        drop(counted);
        let s = &t.summary("p")[0];
        assert_eq!((s.step, s.count), ("acquire", 101));
        assert!((s.p50_ms - 50.0).abs() < 0.5 && (s.p99_ms - 99.0).abs() < 1.5, "{s:?}");
        assert!((s.sum_s - 5.05).abs() < 1e-9);
        assert_eq!(s.buckets[8], 11, "ten of up to 10 ms and the one before its time");
        assert!(t.summary("q").is_empty());
    }
}
