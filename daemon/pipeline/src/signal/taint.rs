use bci_types::Validity;

/// What the signal path marks windows for.
const CAUSES: [Validity; 6] = [
    Validity::GAP,
    Validity::SETTLING,
    Validity::NOT_FINITE,
    Validity::RAILED,
    Validity::FLAT,
    Validity::CLOCK_STEP,
];

/// Up to which frame each cause taints: what comes from an earlier frame is marked. Frames are counted as they are fed
/// to the filters.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taint {
    settle: u64,
    until: [u64; CAUSES.len()],
}

impl Taint {
    /// For filters that settle in `settle` frames and have just been started, and adaptive steps that need to learn from
    /// `warm_up` frames once those have.
    pub(super) fn new(settle: u64, warm_up: u64) -> Self {
        let mut taint = Self { settle, until: [0; CAUSES.len()] };
        taint.since(Validity::SETTLING, warm_up);
        taint
    }

    /// `causes` hold for frame `at`: the filters remember it.
    pub(super) fn meet(&mut self, causes: Validity, at: u64) {
        for (cause, until) in CAUSES.into_iter().zip(&mut self.until) {
            if causes.has(cause) {
                // A set clock spoils no sample: only what spans it is affected.
                let end = if cause == Validity::CLOCK_STEP { at } else { at + 1 + self.settle };
                *until = end.max(*until);
            }
        }
    }

    /// `cause` holds for what came right before frame `at`.
    pub(super) fn since(&mut self, cause: Validity, at: u64) {
        for (own, until) in CAUSES.into_iter().zip(&mut self.until) {
            if own == cause {
                *until = (at + self.settle).max(*until);
            }
        }
    }

    /// The causes that touch what begins with frame `oldest`.
    pub(super) fn of(&self, oldest: u64) -> Validity {
        CAUSES
            .into_iter()
            .zip(self.until)
            .filter(|(_, until)| oldest < *until)
            .fold(Validity::VALID, |all, (cause, _)| all.with(cause))
    }

    /// Whether nothing touches frame `at`, so that adaptive steps may learn from it.
    pub(super) fn is_clear(&self, at: u64) -> bool {
        self.until.iter().all(|until| *until <= at)
    }
}
