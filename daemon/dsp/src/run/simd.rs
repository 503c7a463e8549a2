//! One build for every processor: the widest vector instructions that are there are found at run time.

/// Runs `work` with the vector instructions of this processor. The results have the same bits everywhere: no product and
/// sum are fused.
///
/// Only what is inlined into `work`, and `work` itself, is compiled for each kind of processor. So write the closure as
/// `#[inline(always)] || ...`, and what it calls `#[inline(always)]` too: what the compiler leaves outside runs, but with
/// the instructions of the oldest processor.
#[inline(always)]
pub(crate) fn vectorised<R>(work: impl FnMut() -> R) -> R {
    // Asking which processor it is costs one load: the answer is kept.
    pulp::Arch::new().dispatch(Inlined(work))
}

/// Calls a closure by its own body. A call by value, as of any `FnOnce`, goes through a function that the compiler adds,
/// and which no attribute can have inlined.
struct Inlined<F>(F);

impl<R, F: FnMut() -> R> pulp::NullaryFnOnce for Inlined<F> {
    type Output = R;

    #[inline(always)]
    fn call(mut self) -> R {
        (self.0)()
    }
}
