//! End-to-end tests: the daemon driven from outside.
