//! Recursive filters.

use super::Places;
use bci_config::Table;
use bci_dsp::IirSpec;
use bci_dsp::design::Band;

/// The keys of its steps.
pub(super) const KINDS: &[&str] = &["band_pass", "band_stop", "low_pass", "high_pass", "notch"];

/// Reads a step of one of its kinds; mistakes are noted.
pub(super) fn read(kind: &str, table: &mut Table<'_>, places: &mut Places) -> Option<IirSpec> {
    // Every key is asked for before any is found missing, so that all mistakes are noted.
    if kind == "notch" {
        let (freq, q) = (places.number(table, "freq_hz"), places.number(table, "q"));
        let (freq_hz, q) = freq.zip(q)?;
        return Some(IirSpec::Notch { freq_hz, q });
    }
    let band = band(kind, table, places);
    let order = places.count(table, "order");
    let (band, order) = band.zip(order)?;
    Some(IirSpec::Butterworth { band, order })
}

fn band(kind: &str, table: &mut Table<'_>, places: &mut Places) -> Option<Band> {
    if matches!(kind, "low_pass" | "high_pass") {
        let cutoff_hz = places.number(table, "cutoff_hz")?;
        return Some(if kind == "low_pass" {
            Band::LowPass { cutoff_hz }
        } else {
            Band::HighPass { cutoff_hz }
        });
    }
    let (low, high) = (places.number(table, "low_hz"), places.number(table, "high_hz"));
    let (low_hz, high_hz) = low.zip(high)?;
    Some(if kind == "band_pass" {
        Band::BandPass { low_hz, high_hz }
    } else {
        Band::BandStop { low_hz, high_hz }
    })
}
