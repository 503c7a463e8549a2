//! How long each step took, over a session.

use bci_types::Intent;
use hdrhistogram::Histogram;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

const STEPS: [&str; 5] = ["acquire", "queue", "filter", "decode", "total"];
/// Up to a minute, in ns.
const LONGEST: u64 = 60_000_000_000;

/// Histograms of each pipeline's steps.
#[derive(Debug, Default)]
pub(crate) struct Latencies(BTreeMap<Arc<str>, Vec<Histogram<u64>>>);

impl Latencies {
    pub(crate) fn took(&mut self, intent: &Intent) {
        let l = &intent.ledger;
        let took = [
            l.acquired - intent.newest_sample,
            l.dequeued - l.acquired,
            l.filtered - l.dequeued,
            l.decoded - l.filtered,
            l.decoded - intent.newest_sample,
        ];
        let of = self.0.entry(Arc::clone(&intent.pipeline)).or_insert_with(|| {
            STEPS.iter().filter_map(|_| Histogram::new_with_bounds(1, LONGEST, 3).ok()).collect()
        });
        for (histogram, ns) in of.iter_mut().zip(took) {
            // A stamp ahead of its arrival counts as none.
            histogram.saturating_record(u64::try_from(ns).unwrap_or(0).max(1));
        }
    }

    /// Percentiles in ms, and every bucket that holds something: its upper end in ms, and how many.
    pub(crate) fn told(&self) -> Value {
        let ms = |ns: u64| ns as f64 / 1e6;
        let step = |histogram: &Histogram<u64>| {
            let at = |p: f64| ms(histogram.value_at_quantile(p));
            let buckets: Vec<Value> = histogram
                .iter_recorded()
                .map(|b| json!([ms(b.value_iterated_to()), b.count_at_value()]))
                .collect();
            json!({ "count": histogram.len(), "p50_ms": at(0.5), "p99_ms": at(0.99), "p999_ms": at(0.999),
                "max_ms": ms(histogram.max()), "buckets": buckets })
        };
        let pipelines = self.0.iter().map(|(pipeline, of)| {
            let steps = STEPS.iter().zip(of).map(|(name, histogram)| ((*name).to_owned(), step(histogram)));
            (pipeline.to_string(), Value::Object(steps.collect()))
        });
        Value::Object(pipelines.collect())
    }
}
