//! Lab Streaming Layer: resolve, inlet, markers, outlet.
//!
//! A caller may rely on liblsl being found and loaded before anything else can be called: every entry point asks for
//! a [`Liblsl`], which only [`Liblsl::load`] gives. A source never recovers behind the caller's back: when its
//! connection breaks it is lost, and the caller opens another. Pulling samples allocates nothing in this crate.
//! Every time stamp is on this host's monotonic clock, the source's clock correction applied, and never runs
//! backwards.
//!
//! What it does not do: it does not guess between streams (two that fit are an error), it does not smooth stamps, and
//! it cannot return what liblsl still held when the connection broke (liblsl 1.18 discards it), nor notice that a
//! machine was unplugged: only silence tells, so ask [`bci_driver_api::Source::superseded`].
#![allow(
    unsafe_code,
    reason = "liblsl's clock and thread rules are stated to the compiler here; each use says why"
)]

mod clock;
mod description;
mod inlet;
mod library;
mod markers;
mod outlet;
mod query;
mod repeats;
mod resolve;

pub use clock::host_now;
pub use inlet::{InletOptions, LslSource, LslSourceFactory};
pub use library::{
    LIBRARY_VARIABLE, LOOPBACK_CONFIG, Liblsl, LibraryError, OLDEST_VERSION, configuration_file,
};
pub use markers::{LslMarkerFactory, LslMarkerSource};
pub use outlet::{EegOutlet, MarkerOutlet, OutletError, OutletOptions};
pub use query::{Query, QueryError};
pub use resolve::{Found, list};
