//! The signal engine: filters designed in f64 exactly as SciPy designs them, and run without allocating.
//!
//! A caller may rely on three things. Designs equal SciPy's `butter`, `cheby1`, `cheby2`, `ellip` and `bessel` (with
//! `output="sos"`) and `iirnotch`, section by section, so an offline pipeline can be reproduced online. Every element
//! is causal and carries its state across blocks: how a signal is cut into blocks changes no bit of the output, nor
//! does the number of channels beside one. And what is named `process`, `push`, `copy_…`, `reset` or `retune` neither
//! allocates nor frees, locks, nor panics on data. The crate does no I/O, starts no thread and reads no clock.
//!
//! Two rooms: [`design`] turns a specification into coefficients and may allocate; [`run`] applies them on the hot
//! path and may not. [`Chain`] joins them: a list of [`StepSpec`]s, validated against the stream's rate and run in
//! order.
//!
//! Blocks are `[frames x channels]`, frame-major (the channels of one instant side by side), in place, in the
//! stream's own unit unless an element says otherwise. A trailing partial frame is a caller's error: debug builds
//! stop on it, release builds leave it untouched.

mod chain;
pub mod design;
mod element;
pub mod linalg;
pub mod montage;
pub mod run;
mod signal;
mod step;

pub use chain::{Chain, Output, SETTLED};
pub use design::DesignError;
pub use element::{Element, Emit, InPlace, Reframe};
pub use signal::Signal;
pub use step::{
    CleanSpec, Designed, FeatureSpec, FirSpec, IirSpec, Over, RateSpec, SpaceSpec, SpikeOutput, SpikeSpec,
    Stage, StepSpec,
};
