//! Features computed from the signal.

mod bank;
mod block_sums;
mod covariance;
mod covariances;
mod envelope;
mod faults;
pub(super) mod frames;
mod hilbert;
pub(super) mod latest;
mod line_noise;
mod measures;
mod power;
mod products;
mod quality;
mod quality_blocks;
mod rolling;
mod shrinkage;
pub(super) mod triangle;
mod z_score;

pub use bank::FilterBank;
pub(crate) use bank::bank_labels;
pub use covariance::Covariance;
pub use covariances::{Covariances, CovariancesSpec};
pub use envelope::{Envelope, EnvelopeMethod, EnvelopeSpec};
pub use faults::{ChannelFaults, FaultSpec, Faults};
pub use hilbert::HILBERT_RIPPLE;
pub use measures::{Measures, QualitySpec};
pub use power::{POWER_FLOOR, Power, PowerSpec};
pub use quality::Quality;
pub use shrinkage::Shrinkage;
pub use z_score::{ZScore, ZScoreMemory};

/// Frames that go through one kernel before the next takes them: few enough to stay in the cache at hundreds of
/// channels, enough that starting one costs nothing.
const CHUNK: usize = 16;
