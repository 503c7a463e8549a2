/// What is done to the signal where it is at fault. Windows that the fault touches are marked in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Handling {
    /// What is missing or spoilt is replaced by the last good value, and the filters run on.
    #[default]
    Hold,
    /// The same, and once the fault has ended the filters begin anew, as if the first good frame had always been there.
    /// What adaptive steps have learned is kept.
    Reset,
}

/// How one cause of distrust is dealt with.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FaultPolicy {
    /// What is done.
    pub handling: Handling,
    /// Faults of up to this many ms are interpolated linearly between their good neighbours, and no window is marked for
    /// them; 0 for none. Decoding waits for the good neighbour, for as long as this at most.
    pub bridge_ms: f64,
}

/// How each cause of distrust is found and dealt with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FaultSpec {
    /// Missing frames.
    pub gap: FaultPolicy,
    /// NaN, infinity, or a number beyond any voltage.
    pub not_finite: FaultPolicy,
    /// A value at or beyond `rail_uv`, of either sign.
    pub railed: FaultPolicy,
    /// The end of the amplifier's range in uV; `None` where it is not known.
    pub rail_uv: Option<f64>,
    /// A channel that does not change.
    pub flat: Handling,
    /// For how long a channel has to stand still to be flat, in ms; `None` not to look.
    pub flat_ms: Option<f64>,
    /// The source's clock being set.
    pub clock_step: Handling,
}

/// How long a channel stands still before it is called flat, ms, where the configuration does not say: no electrode on a
/// head gives the same number for so long.
pub const FLAT_MS: f64 = 1000.0;

impl Default for FaultSpec {
    fn default() -> Self {
        Self {
            gap: FaultPolicy::default(),
            not_finite: FaultPolicy::default(),
            railed: FaultPolicy::default(),
            rail_uv: None,
            flat: Handling::Hold,
            flat_ms: Some(FLAT_MS),
            clock_step: Handling::Hold,
        }
    }
}
