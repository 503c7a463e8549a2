//! The signal engine: filter design in f64 and allocation-free filtering.
