//! Reading TOML so that every mistake is reported at once, with file, line, value and permitted range.
