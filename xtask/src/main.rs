//! Project chores: set-up, demo, tests, CI.
fn main() {}
