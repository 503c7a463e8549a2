//! Recursive filters.

use super::Places;
use bci_config::Table;
use bci_dsp::IirSpec;
use bci_dsp::design::{Band, BesselNorm, CombWidth, Family};

/// The keys of its steps.
pub(super) const KINDS: &[&str] =
    &["band_pass", "band_stop", "low_pass", "high_pass", "notch", "notch_comb", "dc_block"];

/// Reads a step of one of its kinds; mistakes are noted.
pub(super) fn read(kind: &str, table: &mut Table<'_>, places: &mut Places) -> Option<IirSpec> {
    // Every key is asked for before any is found missing, so that all mistakes are noted.
    match kind {
        "notch" => {
            let (freq, q) = (places.number(table, "freq_hz"), places.number(table, "q"));
            let (freq_hz, q) = freq.zip(q)?;
            Some(IirSpec::Notch { freq_hz, q })
        }
        "notch_comb" => notch_comb(table, places),
        "dc_block" => Some(IirSpec::DcBlock { cutoff_hz: places.number(table, "cutoff_hz")? }),
        _ => {
            let band = band(kind, table, places);
            let order = places.count(table, "order");
            let family = family(table, places);
            let ((band, order), family) = band.zip(order).zip(family)?;
            Some(IirSpec::Band { family, band, order })
        }
    }
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

/// Butterworth when none is named.
fn family(table: &mut Table<'_>, places: &mut Places) -> Option<Family> {
    let name = family_name(table);
    let name = name.as_deref();
    let ripple = setting(table, places, name, "ripple_db", &["chebyshev1", "elliptic"]);
    let attenuation = setting(table, places, name, "attenuation_db", &["chebyshev2", "elliptic"]);
    let norm = norm(table, name);
    match name? {
        "butterworth" => Some(Family::Butterworth),
        "chebyshev1" => Some(Family::Chebyshev1 { ripple_db: ripple? }),
        "chebyshev2" => Some(Family::Chebyshev2 { attenuation_db: attenuation? }),
        "elliptic" => Some(Family::Elliptic { ripple_db: ripple?, attenuation_db: attenuation? }),
        _ => Some(Family::Bessel { norm: norm? }),
    }
}

fn family_name(table: &mut Table<'_>) -> Option<String> {
    let named = table.keys().any(|(key, _)| key == "family");
    let found = table.optional::<String>("family");
    if !named {
        return Some("butterworth".to_owned());
    }
    let found = found?;
    if matches!(found.as_str(), "butterworth" | "chebyshev1" | "chebyshev2" | "elliptic" | "bessel") {
        return Some(found.value);
    }
    let must = "must be butterworth, chebyshev1, chebyshev2, elliptic or bessel";
    table.mistakes().add(found.mistake(must));
    None
}

/// A number that the families `owners` need and no other may have. Of a family that is not known nothing is said.
fn setting(
    table: &mut Table<'_>,
    places: &mut Places,
    family: Option<&str>,
    key: &str,
    owners: &[&str],
) -> Option<f64> {
    if family.is_some_and(|name| owners.contains(&name)) {
        return places.number(table, key);
    }
    let stray = table.optional::<f64>(key)?;
    if let Some(name) = family {
        table.mistakes().add(stray.mistake(left_out(name, &owners.join(" and "))));
    }
    None
}

/// What the edges of a Bessel filter are; may be left out.
fn norm(table: &mut Table<'_>, family: Option<&str>) -> Option<BesselNorm> {
    let given = table.keys().any(|(key, _)| key == "norm");
    let found = table.optional::<String>("norm");
    if !given {
        return Some(BesselNorm::default());
    }
    let found = found?;
    let problem = match (family, found.as_str()) {
        (Some("bessel"), "phase") => return Some(BesselNorm::Phase),
        (Some("bessel"), "mag") => return Some(BesselNorm::Mag),
        (Some("bessel"), "delay") => return Some(BesselNorm::Delay),
        (Some("bessel"), _) => "must be phase, mag or delay".to_owned(),
        (Some(name), _) => left_out(name, "bessel"),
        (None, _) => return None,
    };
    table.mistakes().add(found.mistake(problem));
    None
}

fn left_out(family: &str, owners: &str) -> String {
    format!("must be left out: it is a setting of {owners}, and this is {family}")
}

fn notch_comb(table: &mut Table<'_>, places: &mut Places) -> Option<IirSpec> {
    let freq_hz = places.number(table, "freq_hz");
    let given = |table: &Table<'_>, name: &str| table.keys().any(|(key, _)| key == name);
    let (by_q, by_width) = (given(table, "q"), given(table, "width_hz"));
    let q = places.optional::<f64>(table, "q");
    let width_hz = places.optional::<f64>(table, "width_hz");
    // What does not fit into a u32 is refused where the step is designed, as any other number that is too large.
    let count_given = given(table, "harmonics");
    let harmonics =
        places.optional::<usize>(table, "harmonics").map(|n| u32::try_from(n).unwrap_or(u32::MAX));
    if by_q == by_width {
        let problem =
            if by_q { "q and width_hz say the same: leave one out" } else { "`q` or `width_hz` is missing" };
        table.mistakes().add(table.place().mistake(problem));
        return None;
    }
    if count_given && harmonics.is_none() {
        return None;
    }
    let width = q.map(CombWidth::Q).or(width_hz.map(CombWidth::Hz))?;
    Some(IirSpec::NotchComb { freq_hz: freq_hz?, harmonics, width })
}

#[cfg(test)]
mod tests;
