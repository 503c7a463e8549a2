//! Features.

use super::shrinkage::shrinkage;
use super::{Places, choice, saturated};
use bci_config::{FromToml, Table};
use bci_dsp::FeatureSpec;
use bci_dsp::run::{CovariancesSpec, EnvelopeMethod, EnvelopeSpec, PowerSpec, QualitySpec, ZScoreMemory};

/// The keys of its steps.
pub(super) const KINDS: &[&str] =
    &["filter_bank", "band_power", "mean_square", "envelope", "covariance", "z_score", "quality"];

/// The order of band-passes when nothing is said.
const ORDER: u32 = 4;

/// Reads a step of one of its kinds; mistakes are noted.
pub(super) fn read(kind: &str, table: &mut Table<'_>, places: &mut Places) -> Option<FeatureSpec> {
    // Every key is asked for before any is found missing, so that all mistakes are noted.
    let mut reader = Reader { table, places, sound: true };
    let spec = match kind {
        "filter_bank" => filter_bank(&mut reader),
        "band_power" | "mean_square" => power(&mut reader, kind == "band_power"),
        "envelope" => envelope(&mut reader),
        "covariance" => covariance(&mut reader),
        "z_score" => z_score(&mut reader),
        _ => Some(quality(&mut reader)),
    };
    spec.filter(|_| reader.sound)
}

fn filter_bank(r: &mut Reader<'_, '_>) -> Option<FeatureSpec> {
    let (bands, order) = (r.bands(), r.order());
    Some(FeatureSpec::FilterBank { bands_hz: bands?, order })
}

fn power(r: &mut Reader<'_, '_>, banded: bool) -> Option<FeatureSpec> {
    let bands = banded.then(|| (r.bands(), r.order()));
    let (window_ms, hop_ms) = r.window();
    let (log, root) = (r.optional("log").unwrap_or(false), r.optional("root").unwrap_or(false));
    let bands = match bands {
        Some((bands, order)) => Some((bands?, order)),
        None => None,
    };
    Some(FeatureSpec::Power(PowerSpec { bands, window_ms: window_ms?, hop_ms: hop_ms?, log, root }))
}

fn envelope(r: &mut Reader<'_, '_>) -> Option<FeatureSpec> {
    let (low, high) = (r.number("low_hz"), r.number("high_hz"));
    let order = r.order();
    let methods = [("hilbert", EnvelopeMethod::Hilbert), ("rectified", EnvelopeMethod::Rectified)];
    let method = choice(r.table, r.places, "method", Some(EnvelopeMethod::default()), &methods);
    let (smooth_hz, rate_hz) = (r.optional("smooth_hz"), r.optional("rate_hz"));
    let ((low_hz, high_hz), method) = low.zip(high).zip(method)?;
    Some(FeatureSpec::Envelope(EnvelopeSpec { low_hz, high_hz, order, method, smooth_hz, rate_hz }))
}

fn covariance(r: &mut Reader<'_, '_>) -> Option<FeatureSpec> {
    let (window_ms, hop_ms) = r.window();
    let shrinkage = shrinkage(r.table, r.places);
    let centre = r.optional("centre").unwrap_or(true);
    let (groups, log) = (r.count("groups").unwrap_or(1), r.optional("log").unwrap_or(false));
    Some(FeatureSpec::Covariance(CovariancesSpec {
        window_ms: window_ms?,
        hop_ms: hop_ms?,
        shrinkage: shrinkage?,
        centre,
        groups: groups as usize,
        log,
    }))
}

fn z_score(r: &mut Reader<'_, '_>) -> Option<FeatureSpec> {
    let (time_constant, window) = (r.optional("time_constant_s"), r.optional("window_s"));
    let memory = match (time_constant, window) {
        (Some(time_constant_s), None) => ZScoreMemory::Exponential { time_constant_s },
        (None, Some(window_s)) => ZScoreMemory::Rolling { window_s },
        _ => {
            let at = r.table.place().clone();
            r.note(at.mistake("needs exactly one of time_constant_s and window_s"));
            return None;
        }
    };
    Some(FeatureSpec::ZScore(memory))
}

fn quality(r: &mut Reader<'_, '_>) -> FeatureSpec {
    let usual = QualitySpec::default();
    FeatureSpec::Quality(QualitySpec {
        window_ms: r.optional("window_ms"),
        hop_ms: r.optional("hop_ms"),
        line_hz: r.optional("line_hz"),
        line_harmonics: r.count("line_harmonics").unwrap_or(usual.line_harmonics),
        flat_eps_uv: r.optional("flat_eps_uv").unwrap_or(usual.flat_eps_uv),
        rail_uv: r.optional("rail_uv"),
    })
}

/// A step's table. What is optional falls back to what is usual only when it is absent: a mistake makes the whole step
/// unsound.
struct Reader<'r, 'd> {
    table: &'r mut Table<'d>,
    places: &'r mut Places,
    sound: bool,
}

impl Reader<'_, '_> {
    fn note(&mut self, mistake: bci_config::Mistake) {
        self.table.mistakes().add(mistake);
        self.sound = false;
    }

    fn number(&mut self, key: &str) -> Option<f64> {
        self.places.number(self.table, key)
    }

    fn window(&mut self) -> (Option<f64>, Option<f64>) {
        (self.number("window_ms"), self.number("hop_ms"))
    }

    fn optional<T: FromToml>(&mut self, key: &str) -> Option<T> {
        let value = self.places.readable(self.table, key);
        self.sound &= value.is_some();
        value.flatten().map(|located| located.value)
    }

    fn count(&mut self, key: &str) -> Option<u32> {
        self.optional(key).map(saturated)
    }

    fn order(&mut self) -> u32 {
        self.count("order").unwrap_or(ORDER)
    }

    fn bands(&mut self) -> Option<Vec<[f64; 2]>> {
        self.places.required::<Bands>(self.table, "bands_hz").map(|bands| bands.0)
    }
}

struct Bands(Vec<[f64; 2]>);

impl FromToml for Bands {
    fn from_toml(value: &bci_config::Value<'_>) -> Result<Self, &'static str> {
        let wanted = "pairs of a lower and an upper edge, such as [[8, 12], [12, 16]]";
        let lists = Vec::<Vec<f64>>::from_toml(value).map_err(|_| wanted)?;
        let pairs: Result<_, _> = lists.iter().map(|list| list.as_slice().try_into()).collect();
        pairs.map(Self).map_err(|_| wanted)
    }
}

#[cfg(test)]
mod tests;
