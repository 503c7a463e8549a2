use bci_types::{Intent, Latency, Numbers, Outcome, ShadowReport};
use hdrhistogram::Histogram;

/// The most recent comparisons that [`ShadowReport::recent_drift`] is a mean of.
const RECENT: usize = 100;

/// Durations are told up to this, ns: longer than any run may take.
const LONGEST_NS: u64 = 60_000_000_000;

/// How one decoder has done.
#[derive(Debug)]
pub(super) struct Figures {
    windows: u64,
    faults: u64,
    skipped: u64,
    durations: Histogram<u64>,
}

/// [`Figures`] as they are told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counted {
    pub(super) windows: u64,
    pub(super) faults: u64,
    pub(super) skipped: u64,
    pub(super) latency: Latency,
}

impl Figures {
    /// Of nothing so far. Allocates.
    pub(super) fn new() -> Self {
        // To three digits. One that grows by itself does not when what is recorded is cut off at its bounds.
        let durations = Histogram::new_with_bounds(1, LONGEST_NS, 3);
        let durations = durations.unwrap_or_else(|_| unreachable!("the bounds are permitted"));
        Self { windows: 0, faults: 0, skipped: 0, durations }
    }

    /// It took so long to decode a window, and skipped so many before it.
    pub(super) fn decoded(&mut self, took_ns: i64, fault: bool, skipped: u64) {
        self.windows += 1;
        self.faults += u64::from(fault);
        self.skipped += skipped;
        self.durations.saturating_record(u64::try_from(took_ns).unwrap_or(0).max(1));
    }

    /// With so many skipped since.
    pub(super) fn told(&self, skipped: u64) -> Counted {
        let h = &self.durations;
        let latency = Latency {
            count: h.len(),
            p50_us: h.value_at_quantile(0.5) as f64 / 1e3,
            p99_us: h.value_at_quantile(0.99) as f64 / 1e3,
            max_us: h.max() as f64 / 1e3,
        };
        Counted { windows: self.windows, faults: self.faults, skipped: self.skipped + skipped, latency }
    }
}

/// What is compared as it comes.
#[derive(Debug)]
pub(super) struct Comparison {
    compared: u64,
    agreed: u64,
    agreed_on_intent: u64,
    drift: f64,
    recent: [f64; RECENT],
}

impl Comparison {
    /// Of nothing so far.
    pub(super) fn new() -> Self {
        Self { compared: 0, agreed: 0, agreed_on_intent: 0, drift: 0.0, recent: [0.0; RECENT] }
    }

    /// Both decoded the same window.
    pub(super) fn pair(&mut self, active: &Intent, candidate: &Intent) {
        let alike = active.kind == candidate.kind && active.labels == candidate.labels;
        if !(active.validity.is_valid() && candidate.validity.is_valid() && alike) {
            return;
        }
        self.agreed += u64::from(largest(&active.numbers) == largest(&candidate.numbers));
        self.agreed_on_intent += u64::from(class(active) == class(candidate));
        let drift = match active.kind {
            Numbers::Posterior => divergence_bits(&active.numbers, &candidate.numbers),
            _ => square_difference(&active.numbers, &candidate.numbers),
        };
        self.drift += drift;
        self.recent[(self.compared % RECENT as u64) as usize] = drift;
        self.compared += 1;
    }

    /// What is known of both together.
    pub(super) fn report(&self, posteriors: bool) -> ShadowReport {
        let mean = |sum: f64, n: u64| {
            let mean = if n > 0 { sum / n as f64 } else { 0.0 };
            if posteriors { mean } else { mean.sqrt() }
        };
        let recent = self.compared.min(RECENT as u64);
        ShadowReport {
            compared: self.compared,
            agreed: if posteriors { self.agreed } else { 0 },
            agreed_on_intent: if posteriors { self.agreed_on_intent } else { 0 },
            drift: mean(self.drift, self.compared),
            recent_drift: mean(self.recent.iter().take(recent as usize).sum(), recent),
            ..ShadowReport::default()
        }
    }
}

fn class(intent: &Intent) -> Option<usize> {
    match intent.outcome {
        Outcome::Class(class) => Some(class),
        _ => None,
    }
}

fn largest(numbers: &[f32]) -> Option<usize> {
    (0..numbers.len()).max_by(|&a, &b| numbers[a].total_cmp(&numbers[b]))
}

/// Lin, Divergence measures based on the Shannon entropy, IEEE Trans. Information Theory 37(1), 1991.
fn divergence_bits(p: &[f32], q: &[f32]) -> f64 {
    let part = |x: f64, middle: f64| if x > 0.0 { 0.5 * x * (x / middle).log2() } else { 0.0 };
    let parts = p.iter().zip(q).map(|(&p, &q)| {
        let (p, q) = (f64::from(p), f64::from(q));
        let middle = 0.5 * (p + q);
        part(p, middle) + part(q, middle)
    });
    parts.sum::<f64>().max(0.0)
}

fn square_difference(p: &[f32], q: &[f32]) -> f64 {
    let sum: f64 = p.iter().zip(q).map(|(p, q)| f64::from(p - q).powi(2)).sum();
    sum / p.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::{divergence_bits, square_difference};

    #[test]
    fn drift_is_nothing_between_equals_and_a_bit_between_strangers() {
        assert_eq!(divergence_bits(&[0.25, 0.75], &[0.25, 0.75]), 0.0);
        assert_eq!(divergence_bits(&[1.0, 0.0], &[0.0, 1.0]), 1.0);
        let some = divergence_bits(&[0.5, 0.5], &[0.9, 0.1]);
        assert!(
            (some - divergence_bits(&[0.9, 0.1], &[0.5, 0.5])).abs() < 1e-15 && (0.1..0.2).contains(&some)
        );
        assert_eq!(square_difference(&[1.0, 2.0], &[1.0, 4.0]), 2.0);
    }
}
