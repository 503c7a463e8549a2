//! gRPC services, health, reflection and metrics over an engine it knows only by a trait.
//!
//! A caller may rely on [`Publisher`] never blocking: it hands an event to a bounded broadcast, and a subscriber
//! that does not keep up loses events, is told how many, and delays nobody. A TCP port and, where one is given, a local
//! socket serve gRPC (HTTP/2) and `/metrics` (HTTP/1.1). What time means is documented in the `.proto` files.

mod convert;
mod decoders;
mod engine;
mod filter;
mod history;
mod intents;
mod metrics;
mod publisher;
mod recording;
mod serve;
mod telemetry;

pub use engine::{
    ArtefactsRemoved, Changed, DecoderChange, DecoderInfo, Engine, EngineStatus, PipelineDecoders,
    PipelineSettings, PipelineStatus, Recording, RecordingChange, RecordingName, RecordingRefusal,
    StreamState, StreamStatus,
};
pub use publisher::Publisher;
pub use serve::{Permissions, Server, ServerError, Sockets};
pub use telemetry::{Distribution, StepSummary, Telemetry};

#[cfg(test)]
mod tests;
