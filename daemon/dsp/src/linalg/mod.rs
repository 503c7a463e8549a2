//! Small dense linear algebra: what the hot path needs, without allocating.
