//! A client of the daemon, for those who act on intents.
//!
//! ```no_run
//! use bcid_client::{Client, Event, Hold, Target};
//!
//! # async fn example() -> Result<(), bcid_client::Error> {
//! let client = Client::connect(&Target::at("127.0.0.1:50051")?).await?;
//! let mut hold = Hold::new(client.clock().await?);
//! let mut events = client.intents(Default::default());
//! while let Some(event) = events.next().await {
//!     let event: Event = event?;
//!     if let Some(class) = hold.take(&event) {
//!         println!("{class} begins");
//!     }
//! }
//! # Ok(()) }
//! ```
//!
//! A caller may rely on: [`Intents`] reconnecting by themselves, going on where they were, and saying when nothing can be heard;
//! [`Hold`] answering nothing any more as soon as an intent's validity has passed, whatever did or did not arrive, and beginning
//! each activation once. Times are in ns on the LSL clock of the daemon's machine; on that machine it is `CLOCK_MONOTONIC`.

mod clock;
mod hold;
mod intents;
mod target;

pub use bci_proto::v1;
pub use clock::{DaemonClock, now_ns};
pub use hold::Hold;
pub use intents::{Asked, Event, Intents};
pub use target::{Client, Error, Target, Wire};
