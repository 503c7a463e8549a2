//! The functions of the LSL C library, opened at run time instead of linked.
