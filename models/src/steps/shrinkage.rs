//! How far covariances are shrunk.

use super::Places;
use bci_config::{FromToml, Table, Value};
use bci_dsp::run::Shrinkage;

pub(crate) const PERMITTED: &str = "\"none\", \"ledoit_wolf\", \"oas\" or a number from 0 to 1";

/// The step's `shrinkage`; none when it is left out. A mistake is noted.
pub(super) fn shrinkage(table: &mut Table<'_>, places: &mut Places) -> Option<Shrinkage> {
    let Some(written) = places.readable::<Written>(table, "shrinkage")? else { return Some(Shrinkage::None) };
    if written.value.0.is_none() {
        table.mistakes().add(written.mistake(format!("must be {PERMITTED}")));
    }
    written.value.0
}

/// As it is written in TOML.
pub(crate) fn written(shrinkage: Shrinkage) -> String {
    match shrinkage {
        Shrinkage::None => "\"none\"".to_owned(),
        Shrinkage::LedoitWolf => "\"ledoit_wolf\"".to_owned(),
        Shrinkage::Oas => "\"oas\"".to_owned(),
        Shrinkage::Fixed(share) => format!("{share:?}"),
    }
}

/// A word or a share; `None` for an unknown word.
pub(crate) struct Written(pub(crate) Option<Shrinkage>);

impl FromToml for Written {
    fn from_toml(value: &Value<'_>) -> Result<Self, &'static str> {
        let shrinkage = match String::from_toml(value).as_deref() {
            Ok("none") => Some(Shrinkage::None),
            Ok("ledoit_wolf") => Some(Shrinkage::LedoitWolf),
            Ok("oas") => Some(Shrinkage::Oas),
            Ok(_) => None,
            Err(_) => Some(Shrinkage::Fixed(f64::from_toml(value).map_err(|_| PERMITTED)?)),
        };
        Ok(Self(shrinkage))
    }
}
