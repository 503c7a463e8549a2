//! Features computed from the signal.
