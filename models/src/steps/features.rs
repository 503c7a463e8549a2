//! Features.

use super::Places;
use bci_config::Table;
use bci_dsp::FeatureSpec;

/// The keys of its steps.
pub(super) const KINDS: &[&str] = &[];

/// Reads a step of one of its kinds; mistakes are noted.
pub(super) fn read(_kind: &str, _table: &mut Table<'_>, _places: &mut Places) -> Option<FeatureSpec> {
    None
}
