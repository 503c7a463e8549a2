//! What real-time threads stand on: clock, ring edges, doorbells, thread priority, wakeful processors, the no-allocation guard.
//!
//! A caller may rely on [`edge`] and [`doorbell`] never blocking or allocating after they are made, on [`guard`]
//! counting every Rust heap operation inside a guarded call, and on [`thread`] saying loudly when the system
//! refused a priority. Memory that C libraries allocate on their own is not seen by the guard.

pub mod clock;
pub mod doorbell;
pub mod edge;
pub mod guard;
pub mod thread;
pub mod wakeful;

mod ftz;
