mod intent;

pub use self::intent::{AxisSpec, Gathering, IntentSpec, VelocitySpec};

use crate::faults::FaultSpec;
use crate::policy::PolicySpec;
use crate::teaching::Teaching;
use bci_config::Located;
use bci_models::steps::Step;
use bci_types::{Hz, Unit};
use std::sync::Arc;

/// A pipeline as it is configured, before it meets a stream.
#[derive(Clone, Debug)]
pub struct PipelineSpec {
    /// Its name.
    pub name: Arc<str>,
    /// Labels in the order of the stream's channels, for a stream that gives none or wrong ones: these win. Whoever
    /// states them vouches for the order, also after the stream was attached anew.
    pub labels: Option<Located<Vec<String>>>,
    /// The unit of a stream that states none.
    pub unit: Option<Located<Unit>>,
    /// A step between two stamps longer than this, beyond what the rate explains, is a gap, in ms.
    pub gap_ms: f64,
    /// Whether times are told as smoothed over the stamps rather than as stamped.
    pub dejitter: bool,
    /// The real rate of a stream that states a wrong one.
    pub rate: Option<Located<Hz>>,
    /// How faults of the signal are found and dealt with.
    pub faults: FaultSpec,
    /// Channels that the rig's own conditioning works on; absent: every channel that is EEG or of no stated kind.
    pub channels: Option<Located<Vec<String>>>,
    /// The rig's own steps, run before the decoder's.
    pub conditioning: Vec<Step>,
    /// The window in ms, when the configuration states it: it must be the decoder's.
    pub window_ms: Option<Located<f64>>,
    /// The hop in ms, when it is to differ from the decoder's own.
    pub hop_ms: Option<Located<f64>>,
    /// Whether the decoder is warmed up shortly before each window.
    pub anticipate: bool,
    /// How long a window may wait for the decoder, in ms, until a newer one is decoded in its stead; absent: a hop.
    pub deadline_ms: Option<f64>,
    /// When adaptive steps may learn; always, where it is not said.
    pub teaching: Option<Arc<Teaching>>,
    /// Whether the decoder's alignments begin from nothing, in the place of the references in its bundle.
    pub anew: bool,
    /// From posteriors to intents.
    pub intent: IntentSpec,
}

impl PipelineSpec {
    /// One of which nothing is configured but its name and the policy.
    #[must_use]
    pub fn plain(name: &str, policy: PolicySpec) -> Self {
        Self {
            name: name.into(),
            labels: None,
            unit: None,
            gap_ms: 20.0,
            dejitter: false,
            rate: None,
            faults: FaultSpec::default(),
            channels: None,
            conditioning: Vec::new(),
            window_ms: None,
            hop_ms: None,
            anticipate: false,
            deadline_ms: None,
            teaching: None,
            anew: false,
            intent: policy.into(),
        }
    }
}
