//! Features.

use super::Places;
use bci_config::{FromToml, Table};
use bci_dsp::FeatureSpec;
use bci_dsp::run::{
    CovariancesSpec, EnvelopeMethod, EnvelopeSpec, PowerSpec, QualitySpec, Shrinkage, ZScoreMemory,
};

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
    let method = r
        .named("method", &[("hilbert", EnvelopeMethod::Hilbert), ("rectified", EnvelopeMethod::Rectified)])
        .unwrap_or_default();
    let (smooth_hz, rate_hz) = (r.optional("smooth_hz"), r.optional("rate_hz"));
    let (low_hz, high_hz) = low.zip(high)?;
    Some(FeatureSpec::Envelope(EnvelopeSpec { low_hz, high_hz, order, method, smooth_hz, rate_hz }))
}

fn covariance(r: &mut Reader<'_, '_>) -> Option<FeatureSpec> {
    let (window_ms, hop_ms) = r.window();
    let shrinkage = r.shrinkage();
    let centre = r.optional("centre").unwrap_or(true);
    Some(FeatureSpec::Covariance(CovariancesSpec {
        window_ms: window_ms?,
        hop_ms: hop_ms?,
        shrinkage,
        centre,
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
        let value = self.places.optional(self.table, key);
        self.sound &= value.is_some() || !self.has(key);
        value
    }

    fn count(&mut self, key: &str) -> Option<u32> {
        // What is too large for any purpose is refused where the step is designed.
        self.optional::<usize>(key).map(|n| u32::try_from(n).unwrap_or(u32::MAX))
    }

    fn order(&mut self) -> u32 {
        self.count("order").unwrap_or(ORDER)
    }

    fn has(&self, key: &str) -> bool {
        self.table.keys().any(|(name, _)| name == key)
    }

    fn bands(&mut self) -> Option<Vec<[f64; 2]>> {
        self.places.required::<Bands>(self.table, "bands_hz").map(|bands| bands.0)
    }

    /// One of some names; another one is noted.
    fn named<T: Copy>(&mut self, key: &str, names: &[(&str, T)]) -> Option<T> {
        let Some(name) = self.table.optional::<String>(key) else {
            self.sound &= !self.has(key);
            return None;
        };
        let found = names.iter().find(|(known, _)| *known == name.value).map(|(_, value)| *value);
        if found.is_none() {
            let all: Vec<String> = names.iter().map(|(known, _)| format!("\"{known}\"")).collect();
            self.note(name.mistake(format!("must be {}", all.join(" or "))));
        }
        found
    }

    /// A name or a share.
    fn shrinkage(&mut self) -> Shrinkage {
        let Some(written) = self.table.optional::<Share>("shrinkage") else {
            self.sound &= !self.has("shrinkage");
            return Shrinkage::None;
        };
        self.places.0.push(written.at.clone());
        let Some(shrinkage) = written.value.0 else {
            self.note(written.mistake(format!("must be {SHARES}")));
            return Shrinkage::None;
        };
        shrinkage
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

const SHARES: &str = "\"none\", \"ledoit_wolf\", \"oas\" or a number from 0 to 1";

/// A shrinkage; `None` for an unknown name.
struct Share(Option<Shrinkage>);

impl FromToml for Share {
    fn from_toml(value: &bci_config::Value<'_>) -> Result<Self, &'static str> {
        let share = match String::from_toml(value).as_deref() {
            Ok("none") => Some(Shrinkage::None),
            Ok("ledoit_wolf") => Some(Shrinkage::LedoitWolf),
            Ok("oas") => Some(Shrinkage::Oas),
            Ok(_) => None,
            Err(_) => Some(Shrinkage::Fixed(f64::from_toml(value).map_err(|_| SHARES)?)),
        };
        Ok(Self(share))
    }
}

#[cfg(test)]
mod tests {
    use crate::steps::{Step, check_steps, read_steps};
    use bci_config::{Mistake, Mistakes, read};
    use bci_dsp::run::{
        CovariancesSpec, EnvelopeMethod, EnvelopeSpec, PowerSpec, QualitySpec, Shrinkage, ZScoreMemory,
    };
    use bci_dsp::{FeatureSpec, Signal, StepSpec};
    use bci_types::Hz;

    fn steps(lines: &[&str]) -> (Vec<Step>, Vec<String>) {
        let text: String = lines.iter().map(|line| format!("[[steps]]\n{line}\n")).collect();
        let mistakes = Mistakes::new();
        let steps = read("rig.toml", &text, &mistakes, |t| read_steps(t, "steps")).unwrap_or_default();
        (steps, mistakes.into_sorted().iter().map(Mistake::to_string).collect())
    }

    fn told(lines: &[&str]) -> Vec<String> {
        let (read, told) = steps(lines);
        assert!(read.is_empty(), "what has a mistake is left out");
        told
    }

    #[test]
    fn every_feature_is_read_with_what_is_usual_where_nothing_is_said() {
        let (read, mistakes) = steps(&[
            "filter_bank = { bands_hz = [[8, 12], [12.5, 16]], order = 3 }",
            "band_power = { bands_hz = [[8, 12]], window_ms = 1000, hop_ms = 50 }",
            "mean_square = { window_ms = 500, hop_ms = 50, log = true, root = true }",
            "envelope = { low_hz = 70, high_hz = 170 }",
            "envelope = { low_hz = 70, high_hz = 170, method = \"rectified\", order = 2, smooth_hz = 5, rate_hz = 50 }",
            "covariance = { window_ms = 1000, hop_ms = 100 }",
            "covariance = { window_ms = 1000, hop_ms = 100, shrinkage = 0.1, centre = false }",
            "covariance = { window_ms = 1000, hop_ms = 100, shrinkage = \"oas\" }",
            "z_score = { time_constant_s = 30 }",
            "z_score = { window_s = 10.5 }",
            "quality = {}",
            "quality = { window_ms = 2000, hop_ms = 100, line_hz = 50, line_harmonics = 2, flat_eps_uv = 0.1, rail_uv = 187500 }",
        ]);
        assert_eq!(mistakes, [""; 0]);
        let mean_square = PowerSpec { bands: None, window_ms: 500.0, hop_ms: 50.0, log: true, root: true };
        let band_power = PowerSpec {
            bands: Some((vec![[8.0, 12.0]], 4)),
            window_ms: 1000.0,
            hop_ms: 50.0,
            log: false,
            root: false,
        };
        let hilbert = EnvelopeSpec {
            low_hz: 70.0,
            high_hz: 170.0,
            order: 4,
            method: EnvelopeMethod::Hilbert,
            smooth_hz: None,
            rate_hz: None,
        };
        let rectified = EnvelopeSpec {
            order: 2,
            method: EnvelopeMethod::Rectified,
            smooth_hz: Some(5.0),
            rate_hz: Some(50.0),
            ..hilbert
        };
        let scm =
            CovariancesSpec { window_ms: 1000.0, hop_ms: 100.0, shrinkage: Shrinkage::None, centre: true };
        let fixed = CovariancesSpec { shrinkage: Shrinkage::Fixed(0.1), centre: false, ..scm };
        let oas = CovariancesSpec { shrinkage: Shrinkage::Oas, ..scm };
        let all = QualitySpec {
            window_ms: Some(2000.0),
            hop_ms: Some(100.0),
            line_hz: Some(50.0),
            line_harmonics: 2,
            flat_eps_uv: 0.1,
            rail_uv: Some(187_500.0),
        };
        assert_eq!(
            read.iter().map(|s| s.spec.clone()).collect::<Vec<_>>(),
            [
                FeatureSpec::FilterBank { bands_hz: vec![[8.0, 12.0], [12.5, 16.0]], order: 3 },
                FeatureSpec::Power(band_power),
                FeatureSpec::Power(mean_square),
                FeatureSpec::Envelope(hilbert),
                FeatureSpec::Envelope(rectified),
                FeatureSpec::Covariance(scm),
                FeatureSpec::Covariance(fixed),
                FeatureSpec::Covariance(oas),
                FeatureSpec::ZScore(ZScoreMemory::Exponential { time_constant_s: 30.0 }),
                FeatureSpec::ZScore(ZScoreMemory::Rolling { window_s: 10.5 }),
                FeatureSpec::Quality(QualitySpec::default()),
                FeatureSpec::Quality(all),
            ]
            .map(StepSpec::Feature)
        );
    }

    #[test]
    fn what_is_written_wrongly_is_told_with_its_line() {
        assert_eq!(
            told(&[
                "filter_bank = { bands_hz = [[8, 12, 13]] }",
                "band_power = { bands_hz = [8, 12], hop_ms = \"x\", order = \"y\" }",
                "envelope = { low_hz = 70, high_hz = 170, method = \"wavelet\" }",
                "covariance = { window_ms = 10, hop_ms = 10, shrinkage = \"lw\" }",
                "covariance = { window_ms = 10, hop_ms = 10, shrinkage = [1], centre = 1 }",
                "z_score = { time_constant_s = 1, window_s = 1 }",
                "z_score = {}",
                "quality = { line_harmonics = -1 }",
            ])
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>(),
            [
                "steps[0].filter_bank.bands_hz = [[8, 12, 13]] at rig.toml:2: must be pairs of a lower and an upper \
                 edge, such as [[8, 12], [12, 16]], is a list",
                "rig.toml:4: `steps[1].band_power.window_ms` is missing",
                "steps[1].band_power.bands_hz = [8, 12] at rig.toml:4: must be pairs of a lower and an upper \
                 edge, such as [[8, 12], [12, 16]], is a list",
                "steps[1].band_power.hop_ms = \"x\" at rig.toml:4: must be a number, is a string",
                "steps[1].band_power.order = \"y\" at rig.toml:4: must be a whole number, 0 or above, is a string",
                "steps[2].envelope.method = \"wavelet\" at rig.toml:6: must be \"hilbert\" or \"rectified\"",
                "steps[3].covariance.shrinkage = \"lw\" at rig.toml:8: must be \"none\", \"ledoit_wolf\", \"oas\" or a \
                 number from 0 to 1",
                "steps[4].covariance.shrinkage = [1] at rig.toml:10: must be \"none\", \"ledoit_wolf\", \"oas\" or a \
                 number from 0 to 1, is a list",
                "steps[4].covariance.centre = 1 at rig.toml:10: must be true or false, is a whole number",
                "steps[5].z_score at rig.toml:12: needs exactly one of time_constant_s and window_s",
                "steps[6].z_score at rig.toml:14: needs exactly one of time_constant_s and window_s",
                "steps[7].quality.line_harmonics = -1 at rig.toml:16: must be a whole number, 0 or above, is a whole number",
            ]
        );
    }

    #[test]
    fn what_does_not_fit_the_signal_is_told_with_its_line_and_range() {
        let (read, mistakes) = steps(&[
            "z_score = { window_s = 1e9 }",
            "band_power = { bands_hz = [[8, 12], [30, 12]], window_ms = 500, hop_ms = 33 }",
        ]);
        assert_eq!(mistakes, [""; 0]);
        let rate = Hz::new(160.0).expect("a rate");
        let found = check_steps(&read, &Signal::new(rate, &["C3", "C4"])).expect_err("both are wrong");
        assert_eq!(
            found.iter().map(Mistake::to_string).collect::<Vec<_>>(),
            [
                "steps[0].z_score.window_s = 1e9 at rig.toml:2: must be 0.0125 to 86400 s at 160 Hz",
                "steps[1].band_power.bands_hz = [[8, 12], [30, 12]] at rig.toml:4: must have edges in order, above 0 and \
                 below 80 Hz, half of the rate there; band 2 is [30, 12]",
                "steps[1].band_power.hop_ms = 33 at rig.toml:4: must be a whole number of samples at 160 Hz, such as \
                 31.25 or 37.5 ms",
            ]
        );
        let (sound, _) = steps(&[
            "band_power = { bands_hz = [[8, 12], [12, 30]], window_ms = 500, hop_ms = 62.5 }",
            "z_score = { time_constant_s = 30 }",
        ]);
        let out = check_steps(&sound, &Signal::new(rate, &["C3", "C4"])).expect("sound");
        assert_eq!(
            out,
            Signal::new(
                Hz::new(16.0).expect("a rate"),
                &["C3 8-12 Hz", "C4 8-12 Hz", "C3 12-30 Hz", "C4 12-30 Hz"]
            )
        );
    }
}
