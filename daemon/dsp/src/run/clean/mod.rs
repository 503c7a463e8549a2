//! Removal of artefacts.
