//! gRPC services, health, reflection and metrics over an engine it knows only by a trait.
