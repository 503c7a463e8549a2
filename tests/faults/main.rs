//! What goes wrong between a source and the daemon, by a proxy that speaks LSL's wire protocol.

mod markers;
mod memory;
mod wire;
