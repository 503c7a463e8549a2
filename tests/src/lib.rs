//! What the end-to-end tests stand on: the daemon as a real process, and the programs that drive it from outside.
//!
//! A test makes a [`World`] first. Everything it starts there is killed when it is dropped, hears no stream of another
//! test (an LSL session of its own), and takes free ports, so that tests run side by side. A part of the set-up that is
//! missing is a failure with the command that mends it, never a skipped test. When a test fails, the end of every
//! process's log is shown.
//!
//! The peers in `tests/peers` are Python programs on pylsl, mne-lsl, grpcio, SciPy and ONNX Runtime: they share no code
//! with the daemon but the `.proto` files.

mod child;
mod daemon;
mod event;
mod oracle;
mod peers;
pub mod proxy;
mod setup;
mod world;

pub use child::{Child, Signal};
pub use daemon::{Daemon, Ended, Pipeline, pipeline};
pub use event::{Event, Intent, Ledger, MarkerSeen, StateSeen};
pub use oracle::{Oracle, OracleTrial};
pub use peers::{
    Client, Cursor, Display, Inlet, Intruder, Outlet, Player, Playing, Reference, Section, Sent, Source,
    Subscriber, Xdf, XdfStream,
};
pub use setup::{bcid, bundle, recording, root};
pub use world::World;

/// The decoder's channels and three more, in an order that is not the decoder's.
pub const LABELS: [&str; 12] =
    ["Oz", "CP4", "Cz", "FC3", "C4", "CPz", "Fp1", "FC4", "C3", "FCz", "CP3", "T10"];

/// The recording's rate, Hz.
pub const RATE: f64 = 160.0;

/// The decoder's window, frames.
pub const WINDOW: u64 = 160;

/// The decoder's own hop, frames.
pub const HOP: u64 = 10;
