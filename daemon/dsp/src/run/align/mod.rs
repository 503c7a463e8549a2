//! Alignment of one day, or person, with another: covariances are recentred on their own mean, so that a decoder finds
//! the unit matrix where it found it when it was trained.

mod covariances;
mod frames;
mod reference;
mod spec;

pub use covariances::AlignCovariances;
pub use frames::AlignFrames;
pub use spec::{AlignMode, AlignSpec, AlignYields, Metric};
