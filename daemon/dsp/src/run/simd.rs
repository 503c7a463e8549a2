//! One build for every processor: the widest vector instructions that are there are found at run time.

/// Runs `work`, a closure marked `#[inline(always)]`, with the vector instructions of this processor: what is inlined
/// into it is compiled for each kind. The results have the same bits everywhere: no product and sum are fused.
///
/// Without the mark the closure stays a function of its own, compiled for the oldest processor: right, and three times
/// as slow.
#[inline]
pub(crate) fn vectorised<R>(work: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(work)
}
