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
    /// For filters that settle in `settle` frames and have just been started.
    pub(super) fn new(settle: u64) -> Self {
        let mut taint = Self { settle, until: [0; CAUSES.len()] };
        taint.since(Validity::SETTLING, 0);
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
        self.extend(cause, at + self.settle);
    }

    /// Steps had not learned enough before frame `at`, and what comes after them remembers it for `settle_after` frames.
    pub(super) fn not_learned_before(&mut self, at: u64, settle_after: u64) {
        self.extend(Validity::SETTLING, at + settle_after);
    }

    fn extend(&mut self, cause: Validity, end: u64) {
        for (own, until) in CAUSES.into_iter().zip(&mut self.until) {
            if own == cause {
                *until = end.max(*until);
            }
        }
    }

    /// Up to which frame `cause` taints.
    pub(super) fn until(&self, cause: Validity) -> u64 {
        let own = CAUSES.into_iter().zip(self.until).find(|(own, _)| *own == cause);
        own.map_or(0, |(_, until)| until)
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
