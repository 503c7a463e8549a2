//! The elements of the hot path: state made beforehand, then nothing allocated, freed or locked.
//!
//! Each has the verbs `design` (may allocate), `reset` (as if no frame had ever come), `process` or `push`, and
//! `retune` where there is something to swap in.

mod align;
mod beat;
mod cascade;
mod clean;
mod features;
mod finite;
mod fir;
mod learned;
mod resample;
mod select;
pub(crate) mod simd;
mod sos_filter;
mod space;
mod spikes;
mod window;

pub use align::{AlignCovariances, AlignFrames, AlignMode, AlignSpec, AlignYields, Metric};
pub use clean::{Asr, AsrCalibration, AsrReport, AsrSpec, AsrState};
pub use features::{
    ChannelFaults, Covariance, Covariances, CovariancesSpec, Envelope, EnvelopeMethod, EnvelopeSpec,
    FaultSpec, Faults, FilterBank, HILBERT_RIPPLE, Measures, POWER_FLOOR, Power, PowerSpec, Quality,
    QualitySpec, Shrinkage, ZScore, ZScoreMemory,
};
pub use finite::{all_below, all_finite};
pub use fir::FirFilter;
pub use learned::{Learned, is_definite};
pub use resample::{MOST_CHANGE, PolyphaseResampler, SincResampler};
pub use select::Select;
pub use sos_filter::SosFilter;
pub use space::{CommonAverage, CommonMedian, Matrix, Reference, Row};
pub use spikes::{RmsSettings, SpikeFeatures, SpikeSettings, Threshold};
pub use window::{Pushed, Window};

pub(crate) use features::bank_labels;

use crate::element::Element;
use bci_types::Hz;

/// `ready` as the type that `retune` was called on.
fn same<T: Element>(ready: &dyn Element) -> Result<&T, RetuneError> {
    ready.as_any().downcast_ref().ok_or(RetuneError::Kind)
}

/// That an element has as many channels as the one whose settings it is to take.
fn same_channels(have: usize, got: usize) -> Result<(), RetuneError> {
    if have == got { Ok(()) } else { Err(RetuneError::Channels { have, got }) }
}

/// How many channels are computed side by side: enough independent work to hide the latency of a recursion, few
/// enough for its values to stay in registers. Chosen by measurement among 4, 8 and 16.
const LANES: usize = 8;

/// Why ready coefficients cannot be swapped in; nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum RetuneError {
    /// Another kind of element, or one whose settings need another amount of state.
    #[error("an element cannot take the settings of one of another kind or shape")]
    Kind,
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
