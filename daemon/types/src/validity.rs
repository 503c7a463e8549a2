/// Why a window may not be trusted; empty when it may. Travels with the data from the ring to the intent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Validity(u32);

impl Validity {
    /// Nothing is wrong.
    pub const VALID: Validity = Validity(0);
    /// Samples are missing inside the window, or before it within the filters' memory.
    pub const GAP: Validity = Validity(1);
    /// The filters have not settled since they were started or reset.
    pub const SETTLING: Validity = Validity(1 << 1);
    /// NaN, infinity or a number beyond any voltage arrived.
    pub const NOT_FINITE: Validity = Validity(1 << 2);
    /// The decoder yielded something that is no probability.
    pub const DECODER_FAULT: Validity = Validity(1 << 3);
    /// The newest sample was too old when the window was decided on: data came late, or the source's clock is wrong.
    pub const STALE: Validity = Validity(1 << 4);

    /// A channel stood at the end of its range.
    pub const RAILED: Validity = Validity(1 << 5);
    /// A channel has not changed for longer than any voltage on a head stands still.
    pub const FLAT: Validity = Validity(1 << 6);
    /// The source's clock was set within the window: how far its frames lie apart is not known.
    pub const CLOCK_STEP: Validity = Validity(1 << 7);
    /// No cause of distrust: a few samples were missing or spoilt and were interpolated, as the configuration permits.
    pub const BRIDGED: Validity = Validity(1 << 16);

    /// Both causes.
    #[must_use]
    pub const fn with(self, other: Validity) -> Validity {
        Validity(self.0 | other.0)
    }

    /// Whether any cause in `other` is present.
    #[must_use]
    pub const fn has_any(self, other: Validity) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether every cause in `other` is present.
    #[must_use]
    pub const fn has(self, other: Validity) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether the window may be trusted: no cause of distrust is present.
    #[must_use]
    pub const fn is_valid(self) -> bool {
        self.0 & !Self::BRIDGED.0 == 0
    }

    /// The causes of distrust by name.
    pub fn causes(self) -> impl Iterator<Item = &'static str> {
        [
            (Self::GAP, "gap"),
            (Self::SETTLING, "settling"),
            (Self::NOT_FINITE, "not_finite"),
            (Self::DECODER_FAULT, "decoder_fault"),
            (Self::STALE, "stale"),
            (Self::RAILED, "railed"),
            (Self::FLAT, "flat"),
            (Self::CLOCK_STEP, "clock_step"),
        ]
        .into_iter()
        .filter(move |(bit, _)| self.has(*bit))
        .map(|(_, name)| name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_add_up() {
        let v = Validity::GAP.with(Validity::NOT_FINITE);
        assert!(!v.is_valid() && v.has(Validity::GAP) && !v.has(Validity::SETTLING));
        assert_eq!(v.causes().collect::<Vec<_>>(), ["gap", "not_finite"]);
        assert_eq!(Validity::VALID.causes().count(), 0);
        assert!(Validity::BRIDGED.is_valid() && !Validity::BRIDGED.with(Validity::FLAT).is_valid());
    }
}
