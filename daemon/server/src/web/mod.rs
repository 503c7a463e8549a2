//! What is served besides gRPC over HTTP/2: JSON over WebSocket, metrics.

pub(crate) mod intents;
