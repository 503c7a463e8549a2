//! The programs of `tests/peers`, one type each.

mod client;
mod cursor;
mod display;
mod inlet;
mod intruder;
mod outlet;
mod player;
mod recording;
mod reference;
mod subscriber;

pub use client::Client;
pub use cursor::Cursor;
pub use display::Display;
pub use inlet::Inlet;
pub use intruder::Intruder;
pub use outlet::{Outlet, Playing, Sent, Source};
pub use player::Player;
pub use recording::{Xdf, XdfStream};
pub use reference::{Reference, Section};
pub use subscriber::Subscriber;

use std::time::Duration;

/// For a peer to start: interpreter, libraries, a busy machine.
const START: Duration = Duration::from_secs(60);
/// For a peer to answer.
const ANSWER: Duration = Duration::from_secs(20);
