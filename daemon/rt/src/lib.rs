//! What real-time threads stand on: clock, ring edges, doorbells, thread priority, the no-allocation guard, stamps.
