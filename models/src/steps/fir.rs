//! Filters without recursion.

use super::Places;
use bci_config::Table;
use bci_dsp::FirSpec;
use bci_dsp::design::{Band, FirWindow};

/// The keys of its steps.
pub(super) const KINDS: &[&str] = &["fir", "fir_least_squares", "fir_taps"];

/// Reads a step of one of its kinds; mistakes are noted.
pub(super) fn read(kind: &str, table: &mut Table<'_>, places: &mut Places) -> Option<FirSpec> {
    match kind {
        "fir" => windowed(table, places),
        "fir_least_squares" => least_squares(table, places),
        _ => places.required(table, "taps").map(FirSpec::Taps),
    }
}

fn windowed(table: &mut Table<'_>, places: &mut Places) -> Option<FirSpec> {
    // Every key is asked for before any is found missing, so that all mistakes are noted.
    let band = band(table, places);
    let taps = places.required(table, "taps");
    let window = window(table, places);
    Some(FirSpec::Windowed { band: band?, taps: taps?, window: window? })
}

/// `low_hz` alone is a high-pass, `high_hz` alone a low-pass, both are a band.
fn band(table: &mut Table<'_>, places: &mut Places) -> Option<Band> {
    let (low, high) = (places.readable(table, "low_hz"), places.readable(table, "high_hz"));
    let stop = places.readable::<bool>(table, "stop");
    let (low, high, stop) = (low?, high?, stop?);
    if let Some(stop) = stop.filter(|s| s.value) {
        let both = low.zip(high);
        if both.is_none() {
            let must = "must come with both low_hz and high_hz, the edges of what is stopped";
            table.mistakes().add(stop.mistake(must));
        }
        return both.map(|(low, high)| Band::BandStop { low_hz: low.value, high_hz: high.value });
    }
    match (low, high) {
        (Some(low), Some(high)) => Some(Band::BandPass { low_hz: low.value, high_hz: high.value }),
        (Some(low), None) => Some(Band::HighPass { cutoff_hz: low.value }),
        (None, Some(high)) => Some(Band::LowPass { cutoff_hz: high.value }),
        (None, None) => {
            let mistake = table.place().mistake("needs low_hz, high_hz or both");
            table.mistakes().add(mistake);
            None
        }
    }
}

/// Hamming when none is named; `beta` belongs to Kaiser's.
fn window(table: &mut Table<'_>, places: &mut Places) -> Option<FirWindow> {
    let name = places.readable::<String>(table, "window");
    let beta = places.readable::<f64>(table, "beta");
    let (name, beta) = (name?, beta?);
    let window = match name.as_ref().map_or("hamming", |n| n.value.as_str()) {
        "hamming" => FirWindow::Hamming,
        "hann" => FirWindow::Hann,
        "blackman" => FirWindow::Blackman,
        "kaiser" => {
            if beta.is_none() {
                table.mistakes().add(name?.mistake("must come with beta, 0 to 100"));
            }
            return beta.map(|beta| FirWindow::Kaiser { beta: beta.value });
        }
        _ => {
            let must = "must be \"hamming\", \"hann\", \"blackman\" or \"kaiser\"";
            table.mistakes().add(name?.mistake(must));
            return None;
        }
    };
    if let Some(beta) = beta {
        table.mistakes().add(beta.mistake("must be left out: only window = \"kaiser\" has a beta"));
        return None;
    }
    Some(window)
}

fn least_squares(table: &mut Table<'_>, places: &mut Places) -> Option<FirSpec> {
    let taps = places.required(table, "taps");
    let (bands, gains) = (places.required(table, "bands_hz"), places.required(table, "gains"));
    let weights = places.optional(table, "weights");
    Some(FirSpec::LeastSquares { taps: taps?, bands_hz: bands?, gains: gains?, weights })
}

#[cfg(test)]
mod tests {
    use super::super::{Step, check_steps, read_steps};
    use super::*;
    use bci_config::{Mistake, Mistakes};
    use bci_dsp::{Signal, StepSpec};
    use bci_types::Hz;

    fn steps(text: &str) -> (Vec<Step>, Vec<String>) {
        let text: String = text.lines().map(|line| format!("[[steps]]\n{line}\n")).collect();
        let mistakes = Mistakes::new();
        let steps =
            bci_config::read("rig.toml", &text, &mistakes, |t| read_steps(t, "steps")).unwrap_or_default();
        (steps, mistakes.into_sorted().iter().map(Mistake::to_string).collect())
    }

    #[test]
    fn every_kind_is_read() {
        let (steps, mistakes) = steps(
            "fir = { low_hz = 8, high_hz = 30.0, taps = 101 }\n\
             fir = { low_hz = 0.5, taps = 301, window = \"hann\" }\n\
             fir = { high_hz = 40, taps = 64, window = \"blackman\" }\n\
             fir = { low_hz = 48, high_hz = 52, stop = true, taps = 201, window = \"kaiser\", beta = 5.5 }\n\
             fir_least_squares = { taps = 33, bands_hz = [0, 8, 12.5, 80], gains = [0, 0, 1, 1], weights = [10, 1] }\n\
             fir_taps = { taps = [0.25, 0.5, 0.25] }",
        );
        assert_eq!(mistakes, [""; 0]);
        let windowed = |band, taps, window| FirSpec::Windowed { band, taps, window };
        let wanted = [
            windowed(Band::BandPass { low_hz: 8.0, high_hz: 30.0 }, 101, FirWindow::Hamming),
            windowed(Band::HighPass { cutoff_hz: 0.5 }, 301, FirWindow::Hann),
            windowed(Band::LowPass { cutoff_hz: 40.0 }, 64, FirWindow::Blackman),
            windowed(Band::BandStop { low_hz: 48.0, high_hz: 52.0 }, 201, FirWindow::Kaiser { beta: 5.5 }),
            FirSpec::LeastSquares {
                taps: 33,
                bands_hz: vec![0.0, 8.0, 12.5, 80.0],
                gains: vec![0.0, 0.0, 1.0, 1.0],
                weights: Some(vec![10.0, 1.0]),
            },
            FirSpec::Taps(vec![0.25, 0.5, 0.25]),
        ];
        assert_eq!(steps.iter().map(|s| s.spec.clone()).collect::<Vec<_>>(), wanted.map(StepSpec::Fir));
    }

    #[test]
    fn mistakes_of_reading_are_told_with_their_line() {
        let (read, told) = steps(
            "fir = { stop = true, low_hz = 8, taps = 31 }\n\
             fir = { window = \"hamin\" }\n\
             fir = { low_hz = \"8\", taps = 1.5, window = \"hann\", beta = 3 }\n\
             fir = { high_hz = 8, taps = 5, window = \"kaiser\" }\n\
             fir_taps = {}\n\
             fir_least_squares = { taps = 33, weights = 3 }",
        );
        assert!(read.is_empty());
        for (line, wanted) in [
            (2, "stop = true at rig.toml:2: must come with both low_hz and high_hz"),
            (4, "needs low_hz, high_hz or both"),
            (4, "window = \"hamin\" at rig.toml:4: must be \"hamming\""),
            (4, "taps"),
            (6, "low_hz"),
            (6, "taps"),
            (6, "beta = 3 at rig.toml:6: must be left out"),
            (8, "window = \"kaiser\" at rig.toml:8: must come with beta"),
            (10, "taps"),
            (12, "bands_hz"),
            (12, "gains"),
            (12, "weights"),
        ] {
            let found = told.iter().any(|t| t.contains(wanted) && t.contains(&format!("rig.toml:{line}")));
            assert!(found, "{wanted} in line {line}: {told:#?}");
        }
        assert_eq!(told.len(), 12, "{told:#?}");
    }

    #[test]
    fn what_cannot_run_at_the_rate_is_told_with_its_line_and_range() {
        let (steps, mistakes) = steps(
            "fir = { low_hz = 130, taps = 100, window = \"kaiser\", beta = -1 }\n\
             fir_least_squares = { taps = 32, bands_hz = [0, 130], gains = [1] }\n\
             fir_taps = { taps = [] }",
        );
        assert_eq!(mistakes, [""; 0]);
        let rate = Hz::new(250.0).expect("rate");
        let found = check_steps(&steps, &Signal::unlabelled(rate, 3)).expect_err("all are wrong");
        let told: Vec<String> = found.iter().map(Mistake::to_string).collect();
        assert_eq!(
            told,
            [
                "steps[0].fir.low_hz = 130 at rig.toml:2: must be above 0 and below 125 Hz, half of the rate there, 250 Hz",
                "steps[0].fir.taps = 100 at rig.toml:2: must be odd: an even number of taps lets nothing through at half of the rate",
                "steps[0].fir.beta = -1 at rig.toml:2: must be 0 to 100",
                "steps[1].fir_least_squares.taps = 32 at rig.toml:4: must be odd",
                "steps[1].fir_least_squares.bands_hz = [0, 130] at rig.toml:4: must rise from edge to edge and lie between 0 and 125 Hz, half of the rate",
                "steps[1].fir_least_squares.gains = [1] at rig.toml:4: must have 2 numbers, one for each edge",
                "steps[2].fir_taps.taps = [] at rig.toml:6: must have 1 to 16384 numbers",
            ]
        );
    }
}
