//! The wire format `bci.v1`: messages, services and their descriptor.
//!
//! The `.proto` files beside this crate are the contract and its documentation; everything here is generated from
//! them.

/// Version 1 of the interface.
#[allow(missing_docs, unreachable_pub, clippy::all, reason = "generated code")]
pub mod v1 {
    tonic::include_proto!("bci.v1");
}

/// The encoded `FileDescriptorSet` of every file, for reflection.
pub const DESCRIPTOR: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/bci.bin"));
