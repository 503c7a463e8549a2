//! The driver against itself and against pylsl, on this machine only.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "tests")]

mod allocation;
mod clock;
mod formats;
mod loss;
mod markers;
mod outlet;
mod query;
mod support;
