//! Alignment of one day, or person, with another: covariances are recentred on their own mean, so that a decoder finds
//! the unit matrix where it found it when it was trained.

mod frames;
mod reference;
mod spec;
mod window;

pub use frames::AlignFrames;
pub use spec::{AlignMode, AlignShrinkage, AlignSpec, Metric};
pub use window::Alignment;
