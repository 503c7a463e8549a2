//! The elements of the hot path: state made beforehand, then nothing allocated, freed or locked.
//!
//! Each has the verbs `design` (may allocate), `reset` (as if no frame had ever come), `process` or `push`, and
//! `retune` where there is something to swap in.

mod common_average;
mod finite;
mod select;
mod sos_filter;
mod window;

pub use common_average::CommonAverage;
pub use finite::all_finite;
pub use select::Select;
pub use sos_filter::SosFilter;
pub use window::{Pushed, Window};

use bci_types::Hz;

/// How many channels are computed side by side: enough independent work to hide the latency of a recursion, few
/// enough for its values to stay in registers. Chosen by measurement among 4, 8 and 16.
const LANES: usize = 8;

/// Why ready coefficients cannot be swapped in; nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum RetuneError {
    /// Another number of sections would need another amount of state.
    #[error("a filter of {have} sections cannot take {got}")]
    Sections {
        /// Sections the filter has.
        have: usize,
        /// Sections offered.
        got: usize,
    },
    /// Coefficients made for another sampling rate.
    #[error("a filter at {have} cannot take coefficients made for {got}")]
    Rate {
        /// The filter's rate.
        have: Hz,
        /// The rate offered.
        got: Hz,
    },
    /// An element for another number of channels.
    #[error("an element of {have} channels cannot take the settings of one of {got}")]
    Channels {
        /// Channels the element has.
        have: usize,
        /// Channels offered.
        got: usize,
    },
}
