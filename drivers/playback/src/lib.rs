//! Recorded files as timed samples and markers.
