//! Other sampling rates.
