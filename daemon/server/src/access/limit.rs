//! How often somebody may ask.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Different askers that are told apart at once; beyond, those that have not asked for longest are forgotten.
const MOST: usize = 4096;

/// A bucket of tokens for each `K`: it holds `burst` at most, and fills by `per_s`.
#[derive(Debug)]
pub(crate) struct Limit<K> {
    per_s: f64,
    burst: f64,
    buckets: Mutex<HashMap<K, (f64, Instant)>>,
}

impl<K: Eq + Hash + Clone> Limit<K> {
    pub(crate) fn new(per_s: f64, burst: f64) -> Self {
        Self { per_s, burst, buckets: Mutex::default() }
    }

    /// Whether `who` may, at `now`; if so, it is taken into account.
    pub(crate) fn permits(&self, who: &K, now: Instant) -> bool {
        self.take(who, now, 1.0)
    }

    /// Whether `who` has something left, without taking it.
    pub(crate) fn has_left(&self, who: &K, now: Instant) -> bool {
        self.take(who, now, 0.0)
    }

    fn take(&self, who: &K, now: Instant, cost: f64) -> bool {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= MOST && !buckets.contains_key(who) {
            let full = |since: &Instant| (now - *since).as_secs_f64() * self.per_s >= self.burst;
            buckets.retain(|_, (_, since)| !full(since));
            if buckets.len() >= MOST
                && let Some(oldest) =
                    buckets.iter().min_by_key(|(_, (_, since))| *since).map(|(k, _)| k.clone())
            {
                buckets.remove(&oldest);
            }
        }
        let (left, since) = buckets.entry(who.clone()).or_insert((self.burst, now));
        *left = (*left + now.saturating_duration_since(*since).as_secs_f64() * self.per_s).min(self.burst);
        *since = now;
        if *left < 1.0 {
            return false;
        }
        *left -= cost;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_burst_is_permitted_and_then_so_many_a_second_to_each_by_itself() {
        let limit = Limit::new(10.0, 3.0);
        let begun = Instant::now();
        let of = |who: &str, ms: u64| limit.permits(&who.to_owned(), begun + Duration::from_millis(ms));
        assert_eq!([0, 0, 0, 0].map(|ms| of("a", ms)), [true, true, true, false]);
        assert!(of("b", 0), "another");
        assert!(!of("a", 50));
        assert!(of("a", 160));
        assert!(!of("a", 161));
        assert_eq!(
            [10_000; 4].map(|ms| of("a", ms)),
            [true, true, true, false],
            "it holds no more than a burst"
        );
        assert!(!limit.has_left(&"a".to_owned(), begun + Duration::from_secs(10)));
        assert!(limit.has_left(&"c".to_owned(), begun));
        assert_eq!([0, 0, 0, 0].map(|ms| of("c", ms)), [true, true, true, false], "looking takes nothing");
    }

    #[test]
    fn it_remembers_no_more_than_it_must() {
        let limit = Limit::new(1.0, 1.0);
        let begun = Instant::now();
        for who in 0..3 * MOST {
            assert!(limit.permits(&who, begun + Duration::from_millis(who as u64)));
        }
        assert!(limit.buckets.lock().expect("sound").len() <= MOST);
    }
}
