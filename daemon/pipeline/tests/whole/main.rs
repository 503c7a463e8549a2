//! Whole pipelines, three threads each, between a scripted source and a scripted decoder.

#![allow(clippy::unwrap_used, reason = "tests")]

mod rig;

mod late;
mod states;
mod stream;
mod swap;

/// Counts what the real-time threads may not do, as in the daemon.
#[global_allocator]
static ALLOCATOR: bci_rt::guard::GuardedAllocator = bci_rt::guard::GuardedAllocator;
