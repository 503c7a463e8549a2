//! Filters without recursion.
