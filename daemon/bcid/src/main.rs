//! The brain-computer-interface daemon and its command line.
fn main() {}
