//! What the stamps of a stream tell: its real rate, where frames are missing, where a clock stepped, and when each
//! frame was really taken.
//!
//! Everything here is owned by the signal thread, allocates nothing after `new`, and depends on nothing but the frames'
//! stamps and times of receipt, in order: not on how they were cut into chunks, and not on any clock.

mod dejitter;
mod points;
mod range;
mod rate;
mod regression;
mod watch;

pub(crate) use watch::{Event, Timing, TimingSpec};

#[cfg(test)]
mod tests;
