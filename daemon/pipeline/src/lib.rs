//! From raw chunks to intents: acquisition, alignment, filters, windows, decoding, policy.
//!
//! Three threads a pipeline, joined by lock-free queues, each named after its work:
//!
//! ```text
//! src-NAME  source -> chunk -> ring            real-time, allocates nothing while streaming
//! dsp-NAME  ring -> align -> filter -> window  real-time, allocates nothing
//! dec-NAME  window -> decoder -> policy -> sink
//! ```
//!
//! A candidate that is loaded beside the decoder runs on a fourth, shd-NAME, unheard until it is swapped in.
//!
//! A caller may rely on: everything being validated against the stream before the first sample is filtered, all
//! mistakes at once; no thread waiting for a slower one; every late window, every untrusted window and every hole wider than jitter being
//! counted and told in the intent. Decoding never queues up: late windows are skipped in favour of the newest.

pub mod acquire;
mod activations;
mod bind;
mod decode;
mod faults;
mod lanes;
mod markers;
mod offline;
mod policy;
mod run;
mod signal;
mod slots;
mod spec;
mod status;
mod swap;
mod teaching;
mod timing;

pub use bci_dsp::SETTLED;
pub use bind::{Binding, bind, check, check_stream, check_unseen, cost, feature_path, own_steps};
pub use decode::{DecodeStage, Decoded, Fed, decode_loop};
pub use faults::{FLAT_MS, FaultPolicy, FaultSpec, Handling};
pub use markers::read_markers;
pub use offline::{Lived, Offline};
pub use policy::{Accumulation, Drive, EvidenceSpec, HoldSpec, MotionSpec, Policy, PolicySpec};
pub use run::{RealTime, Running, RunningMarkers, start, start_markers};
pub use signal::{Continuity, Cost, SignalPath, Surroundings};
pub use slots::{Slot, WindowQueue};
pub use spec::{AxisSpec, Gathering, IntentSpec, PipelineSpec, VelocitySpec};
pub use status::{Artefacts, Counters, MeasuredRate, Sink, State, Status, StatusChange};
pub use swap::{Desk, LoadError, SwapError};
pub use teaching::Teaching;
