//! Alignment of one day, or person, with another.
