//! Filters between two sampling rates.
