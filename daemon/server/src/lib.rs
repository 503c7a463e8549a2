//! gRPC services, health, reflection and metrics over an engine it knows only by a trait.
//!
//! A caller may rely on [`Publisher`] never blocking: it hands an event to a bounded broadcast, and a subscriber
//! that does not keep up loses events, is told how many, and delays nobody. A TCP port and, where one is given, a local
//! socket serve gRPC (HTTP/2), gRPC-web, intents as JSON over WebSocket, and `/metrics`. Every request passes one door
//! (`access/door.rs`), which knows what each call asks for: a method that is not listed there is not served. What time means is documented in the `.proto` files.

mod access;
mod engine;
mod grpc;
mod history;
mod metrics;
mod publisher;
mod roll;
mod serve;
mod telemetry;
mod transport;
mod web;

pub use access::{Access, Audit, Peer, Scope, Scopes, TlsError, TlsFiles, Token, check_tls, token_hash};
pub use engine::{
    ArtefactsRemoved, Changed, DecoderChange, DecoderInfo, Engine, EngineStatus, Pause, PipelineDecoders,
    PipelineRules, PipelineSettings, PipelineStatus, Recording, RecordingChange, RecordingName,
    RecordingRefusal, StreamState, StreamStatus,
};
pub use publisher::Publisher;
pub use serve::{Server, ServerError, Sockets};
pub use telemetry::{Distribution, StepSummary, Telemetry};

#[cfg(test)]
mod tests;
