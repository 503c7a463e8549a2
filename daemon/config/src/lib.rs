//! Reading TOML so that every mistake is reported at once, with file, line, value and permitted range.
//!
//! A deserialiser stops at its first error; an operator with a participant in the chair wants all of them. So a
//! document is walked with a [`Table`], which notes what is missing, mistyped or unknown and goes on, and every
//! value comes out [`Located`], so that a later check against something else (a stream, a decoder) can still
//! point at its line.

mod mistake;
mod table;

pub use mistake::{Located, Mistake, Mistakes, Place};
pub use table::{FromToml, Table, read};
pub use toml::de::DeValue as Value;
