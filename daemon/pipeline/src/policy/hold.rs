//! When a class becomes an intent, for how long it stays one, and when the next may begin.

use bci_types::NoIntentReason;

/// The rules, beside the threshold. None by default: what reaches the threshold is an intent, for as long as it does.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HoldSpec {
    /// An intent lasts until its class falls below this probability (hysteresis); absent: the threshold.
    pub release: Option<f64>,
    /// For how long a class must stay at the threshold until it is an intent, ms.
    pub dwell_ms: f64,
    /// After the end of an intent none begins for so long, ms.
    pub refractory_ms: f64,
    /// Classes that mean that nothing is wanted, by their index: they are never intents, and end one.
    pub rest: Vec<usize>,
}

/// What is the case.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    /// Nothing.
    Idle,
    /// This class has stayed at the threshold for so long, ms.
    Dwelling(usize, f64),
    /// This class is the intent, for so long, ms.
    Held(usize, f64),
    /// One ended; none begins for so long yet, ms.
    Refractory(f64),
}

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Held {
    /// This class is an intent, for so long by now, ms; from this window on where that is 0.
    Class(usize, f64),
    /// Nothing is.
    None(NoIntentReason),
}

/// The state of it.
#[derive(Clone, Debug)]
pub(super) struct Hold {
    spec: HoldSpec,
    threshold: f32,
    release: f32,
    phase: Phase,
}

/// Sums of hops and a bound that is a multiple of the hop are equal but for rounding, ms.
const ROUNDING_MS: f64 = 1e-6;

impl Hold {
    pub(super) fn new(spec: HoldSpec, threshold: f64) -> Self {
        let release = spec.release.unwrap_or(threshold).min(threshold) as f32;
        Self { spec, threshold: threshold as f32, release, phase: Phase::Idle }
    }

    /// Nothing can be trusted: what was an intent is none any more, and what was on its way to be one begins anew. That none may
    /// begin so soon after another still holds.
    pub(super) fn reset(&mut self) {
        self.end();
        if let Phase::Dwelling(..) = self.phase {
            self.phase = Phase::Idle;
        }
    }

    /// What had been an intent until now is none any more.
    pub(super) fn end(&mut self) {
        if let Phase::Held(..) = self.phase {
            let refractory = self.spec.refractory_ms;
            self.phase = if refractory > 0.0 { Phase::Refractory(refractory) } else { Phase::Idle };
        }
    }

    /// Whether none may begin yet, `elapsed_ms` from now.
    pub(super) fn is_refractory(&self, elapsed_ms: f64) -> bool {
        matches!(self.phase, Phase::Refractory(left) if left - elapsed_ms > ROUNDING_MS)
    }

    /// Time goes by in which nothing was decided.
    pub(super) fn pass(&mut self, elapsed_ms: f64) {
        if let Phase::Refractory(left) = self.phase {
            let left = left - elapsed_ms;
            self.phase = if left > ROUNDING_MS { Phase::Refractory(left) } else { Phase::Idle };
        }
    }

    /// Decides by what is believed `elapsed_ms` after the last decision; where that is too little for any class, `doubt` is why.
    pub(super) fn decide(&mut self, belief: &[f32], elapsed_ms: f64, doubt: NoIntentReason) -> Held {
        let reached = first_largest(belief).filter(|class| belief[*class] >= self.threshold);
        if let Phase::Held(class, since) = self.phase {
            let overtaken = reached.is_some_and(|other| other != class);
            if !overtaken && belief[class] >= self.release {
                let held = since + elapsed_ms;
                self.phase = Phase::Held(class, held);
                return Held::Class(class, held);
            }
            self.end();
        } else {
            self.pass(elapsed_ms);
        }
        if let Phase::Refractory(_) = self.phase {
            return Held::None(NoIntentReason::Refractory);
        }
        let Some(class) = reached else {
            self.phase = Phase::Idle;
            return Held::None(doubt);
        };
        if self.spec.rest.contains(&class) {
            self.phase = Phase::Idle;
            return Held::None(NoIntentReason::Rest);
        }
        let waited = match self.phase {
            Phase::Dwelling(same, waited) if same == class => waited + elapsed_ms,
            _ => 0.0,
        };
        if waited + ROUNDING_MS < self.spec.dwell_ms {
            self.phase = Phase::Dwelling(class, waited);
            return Held::None(NoIntentReason::Dwelling);
        }
        self.phase = Phase::Held(class, 0.0);
        Held::Class(class, 0.0)
    }
}

/// The index of the largest value; the first of equal ones, as NumPy's `argmax` has it.
pub(super) fn first_largest(values: &[f32]) -> Option<usize> {
    let mut best: Option<usize> = None;
    for (i, v) in values.iter().enumerate() {
        if best.is_none_or(|b| *v > values[b]) {
            best = Some(i);
        }
    }
    best
}
