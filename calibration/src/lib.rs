//! What is known of a decoder's worth before a person relies on it: trial scores with their interval and chance.
//!
//! A caller may rely on every accuracy coming with its number of trials, an interval and what guessing yields; none
//! of them knows a clock or a network.

mod interval;
mod score;
mod task;
pub mod train;
mod trials;

pub use interval::{Proportion, wilson95};
pub use score::{Agreement, Asynchronous, Bin, Cue, Reliability, SeenWindow, Session, Trial, agreement};
pub use task::{Said, Task};
pub use trials::{Decided, TrialScorer, WindowSeen};
