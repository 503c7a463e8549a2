//! What the posteriors of windows, taken together, say.

/// How windows add up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum EvidenceSpec {
    /// The exponentially weighted mean of the windows' posteriors, of this time constant, ms; 0 for none: each window speaks for itself.
    Smoothing(f64),
    /// A sequential test of which class it is, after Wald's of the probability ratio (Sequential Analysis, 1947): log-posteriors
    /// add up until one class has reached the threshold, which decides for one window, and evidence begins anew.
    Accumulation(Accumulation),
}

/// How log-posteriors add up. Windows that overlap share what they saw: each counts as much as it brings that is new.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Accumulation {
    /// The share of a window that is new, one hop after the one before: hop over window, 1 at most.
    pub fresh: f64,
    /// Time constant with which evidence is forgotten, ms; absent: never.
    pub leak_ms: Option<f64>,
    /// Evidence that has not decided for so long is given up, ms; absent: never.
    pub give_up_ms: Option<f64>,
}

/// The least that a window's posterior counts as: one that is sure does not rule a class out for ever.
const LEAST: f32 = 1e-6;

/// The evidence so far. Begins from ignorance, all classes alike.
#[derive(Clone, Debug)]
pub(super) struct Evidence {
    spec: EvidenceSpec,
    hop_ms: f64,
    /// Which probability each class has by now.
    belief: Vec<f32>,
    /// Summed log-posteriors; as far as they are summed.
    sums: Vec<f32>,
    /// Since accumulation began, ms.
    waited_ms: f64,
}

impl Evidence {
    pub(super) fn new(spec: EvidenceSpec, classes: usize, hop_ms: f64) -> Self {
        let (belief, sums) = (vec![0.0; classes], vec![0.0; classes]);
        let mut evidence = Self { spec, hop_ms, belief, sums, waited_ms: 0.0 };
        evidence.reset();
        evidence
    }

    /// Falls back to ignorance.
    pub(super) fn reset(&mut self) {
        let alike = 1.0 / self.belief.len().max(1) as f32;
        self.belief.fill(alike);
        self.sums.fill(0.0);
        self.waited_ms = 0.0;
    }

    /// Which probability each class has.
    pub(super) fn belief(&self) -> &[f32] {
        &self.belief
    }

    /// Whether it adds up to single decisions, after each of which it is to be reset.
    pub(super) fn accumulates(&self) -> bool {
        matches!(self.spec, EvidenceSpec::Accumulation(_))
    }

    /// Takes in the posterior of the window `hops` after the last one, or that it tells nothing. Whether it was given up before that.
    pub(super) fn take(&mut self, posterior: Option<&[f32]>, hops: u64) -> bool {
        let elapsed_ms = self.hop_ms * hops as f64;
        match self.spec {
            EvidenceSpec::Smoothing(time_ms) => {
                self.smooth(posterior, time_ms, hops);
                false
            }
            EvidenceSpec::Accumulation(spec) => {
                self.waited_ms += elapsed_ms;
                // A tick's worth of rounding does not make it a window later.
                let given_up = spec.give_up_ms.is_some_and(|limit| self.waited_ms > limit * (1.0 + 1e-9));
                if given_up {
                    self.reset();
                }
                self.accumulate(posterior, spec, hops);
                given_up
            }
        }
    }

    fn smooth(&mut self, posterior: Option<&[f32]>, time_ms: f64, hops: u64) {
        let weight = if time_ms > 0.0 { 1.0 - (-self.hop_ms / time_ms).exp() } else { 1.0 };
        let weight = weight as f32;
        let alike = 1.0 / self.belief.len().max(1) as f32;
        let kept = (1.0 - weight).powf(hops as f32);
        for (class, s) in self.belief.iter_mut().enumerate() {
            let told = posterior.map_or(alike, |posterior| posterior[class]);
            *s = kept * *s + (1.0 - kept) * told;
        }
    }

    fn accumulate(&mut self, posterior: Option<&[f32]>, spec: Accumulation, hops: u64) {
        let elapsed_ms = self.hop_ms * hops as f64;
        let kept = spec.leak_ms.map_or(1.0, |leak| (-elapsed_ms / leak).exp()) as f32;
        let fresh = (spec.fresh * hops as f64).min(1.0) as f32;
        for (class, sum) in self.sums.iter_mut().enumerate() {
            let told = posterior.map_or(0.0, |posterior| posterior[class].max(LEAST).ln());
            *sum = kept * *sum + fresh * told;
        }
        let most = self.sums.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let mut total = 0.0;
        for (belief, sum) in self.belief.iter_mut().zip(&self.sums) {
            *belief = (sum - most).exp();
            total += *belief;
        }
        self.belief.iter_mut().for_each(|belief| *belief /= total);
    }
}
