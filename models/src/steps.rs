//! The preprocessing chain as it is written in TOML, in bundles and in the daemon's configuration alike: one table a
//! step, whose one key names the step.

use bci_config::{Located, Mistake, Place, Table};
use bci_dsp::StepSpec;
use bci_types::Hz;

/// A step and where each of its numbers stands.
#[derive(Clone, Debug)]
pub struct Step {
    /// What it does.
    pub spec: StepSpec,
    /// Where it stands.
    pub at: Place,
    numbers: Vec<Located<f64>>,
}

/// The orders a filter may have.
pub const ORDERS: std::ops::RangeInclusive<u32> = 1..=16;

const KINDS: [&str; 6] = ["band_pass", "band_stop", "low_pass", "high_pass", "notch", "common_average"];

/// Reads the steps of the array of tables at `key`; mistakes are noted, a step with a mistake is left out.
pub fn read_steps(parent: &mut Table<'_>, key: &str) -> Vec<Step> {
    let tables = parent.tables(key);
    tables.into_iter().filter_map(read_step).collect()
}

fn read_step(mut table: Table<'_>) -> Option<Step> {
    let named: Vec<String> = table.keys().map(|(name, _)| name).collect();
    let step = match named.as_slice() {
        [one] if KINDS.contains(&one.as_str()) => {
            table.optional_table(one).and_then(|inner| read_kind(one, inner))
        }
        [_] => {
            // Asked for, so that the unknown key is reported with what is permitted.
            for kind in KINDS {
                let _ = table.optional_table(kind);
            }
            None
        }
        _ => {
            let at = table.place().clone();
            table.mistakes().add(at.mistake("a step is a table with exactly one key, the step's name"));
            return None;
        }
    };
    table.finish();
    step
}

fn read_kind(kind: &str, mut table: Table<'_>) -> Option<Step> {
    let at = table.place().clone();
    let mut numbers = Vec::new();
    // Every key is asked for before any is found missing, so that all mistakes are noted.
    let spec =
        match kind {
            "band_pass" => band(&mut table, &mut numbers)
                .map(|(low_hz, high_hz, order)| StepSpec::BandPass { low_hz, high_hz, order }),
            "band_stop" => band(&mut table, &mut numbers)
                .map(|(low_hz, high_hz, order)| StepSpec::BandStop { low_hz, high_hz, order }),
            "low_pass" => edge(&mut table, &mut numbers)
                .map(|(cutoff_hz, order)| StepSpec::LowPass { cutoff_hz, order }),
            "high_pass" => edge(&mut table, &mut numbers)
                .map(|(cutoff_hz, order)| StepSpec::HighPass { cutoff_hz, order }),
            "notch" => {
                let (freq, q) =
                    (number(&mut table, "freq_hz", &mut numbers), number(&mut table, "q", &mut numbers));
                freq.zip(q).map(|(freq_hz, q)| StepSpec::Notch { freq_hz, q })
            }
            _ => Some(StepSpec::CommonAverage),
        };
    table.finish();
    spec.map(|spec| Step { spec, at, numbers })
}

fn band(table: &mut Table<'_>, numbers: &mut Vec<Located<f64>>) -> Option<(f64, f64, u32)> {
    let low = number(table, "low_hz", numbers);
    let high = number(table, "high_hz", numbers);
    let order = order(table, numbers);
    Some((low?, high?, order?))
}

fn edge(table: &mut Table<'_>, numbers: &mut Vec<Located<f64>>) -> Option<(f64, u32)> {
    let cutoff = number(table, "cutoff_hz", numbers);
    let order = order(table, numbers);
    Some((cutoff?, order?))
}

fn number(table: &mut Table<'_>, key: &str, numbers: &mut Vec<Located<f64>>) -> Option<f64> {
    let located = table.required::<f64>(key)?;
    let value = located.value;
    numbers.push(located);
    Some(value)
}

fn order(table: &mut Table<'_>, numbers: &mut Vec<Located<f64>>) -> Option<u32> {
    let located = table.required::<usize>("order")?;
    let value = u32::try_from(located.value).unwrap_or(u32::MAX);
    numbers.push(located.map(|_| f64::from(value)));
    Some(value)
}

impl Step {
    /// Everything that forbids this step on a stream of `rate`; `whose` names the rate in the message ("the
    /// stream's").
    #[must_use]
    pub fn check(&self, rate: Hz, whose: &str) -> Vec<Mistake> {
        let mut found = Vec::new();
        for n in &self.numbers {
            let key = n.at.key.rsplit('.').next().unwrap_or_default();
            // Written so that NaN fails.
            if key.ends_with("_hz") && !(n.value > 0.0 && n.value < rate.nyquist()) {
                found.push(n.mistake(format!(
                    "must be above 0 and below {} Hz, half of {whose} {rate}",
                    rate.nyquist()
                )));
            }
            if key == "order"
                && !(n.value >= f64::from(*ORDERS.start()) && n.value <= f64::from(*ORDERS.end()))
            {
                found.push(n.mistake(format!("must be between {} and {}", ORDERS.start(), ORDERS.end())));
            }
            if key == "q" && !(n.value > 0.0 && n.value.is_finite()) {
                found.push(n.mistake("must be above 0"));
            }
        }
        if let StepSpec::BandPass { low_hz, high_hz, .. } | StepSpec::BandStop { low_hz, high_hz, .. } =
            self.spec
            && (low_hz >= high_hz)
            && let Some(low) = self.numbers.first()
        {
            found.push(low.mistake(format!("must be below high_hz, which is {high_hz}")));
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bci_config::{Mistakes, read};

    fn steps(text: &str) -> (Vec<Step>, Vec<String>) {
        let mistakes = Mistakes::new();
        let steps = read("rig.toml", text, &mistakes, |t| read_steps(t, "steps")).unwrap_or_default();
        (steps, mistakes.into_sorted().iter().map(Mistake::to_string).collect())
    }

    #[test]
    fn every_kind_is_read() {
        let (steps, mistakes) = steps(
            "[[steps]]\nband_pass = { low_hz = 8, high_hz = 30.0, order = 4 }\n[[steps]]\nnotch = { freq_hz = 50, q = 30 }\n\
             [[steps]]\ncommon_average = {}\n[[steps]]\nhigh_pass = { cutoff_hz = 0.5, order = 2 }\n",
        );
        assert_eq!(mistakes, [""; 0]);
        assert_eq!(
            steps.iter().map(|s| s.spec.clone()).collect::<Vec<_>>(),
            [
                StepSpec::BandPass { low_hz: 8.0, high_hz: 30.0, order: 4 },
                StepSpec::Notch { freq_hz: 50.0, q: 30.0 },
                StepSpec::CommonAverage,
                StepSpec::HighPass { cutoff_hz: 0.5, order: 2 },
            ]
        );
    }

    #[test]
    fn what_cannot_run_at_the_rate_is_told_with_its_line_and_range() {
        let (steps, _) = steps(
            "[[steps]]\nband_pass = { low_hz = 50, high_hz = 30.0, order = 40 }\n[[steps]]\nnotch = { freq_hz = 125, q = nan }\n",
        );
        let rate = Hz::new(250.0).expect("rate");
        let told: Vec<String> =
            steps.iter().flat_map(|s| s.check(rate, "the stream's")).map(|m| m.to_string()).collect();
        assert_eq!(
            told,
            [
                "steps[0].band_pass.order = 40 at rig.toml:2: must be between 1 and 16",
                "steps[0].band_pass.low_hz = 50 at rig.toml:2: must be below high_hz, which is 30",
                "steps[1].notch.freq_hz = 125 at rig.toml:4: must be above 0 and below 125 Hz, half of the stream's 250 Hz",
                "steps[1].notch.q = nan at rig.toml:4: must be above 0",
            ]
        );
    }

    #[test]
    fn mistakes_inside_a_step_are_all_told() {
        let (read, told) = steps(
            "[[steps]]\nband_pas = {}\n[[steps]]\nband_pass = { low_hz = 8, hi = 3 }\n[[steps]]\nnotch = {}\ncommon_average = {}\n",
        );
        assert!(read.is_empty());
        assert_eq!(told.len(), 5, "{told:#?}");
        assert!(told[0].contains("did you mean `band_pass`?"));
        assert!(
            told[4].starts_with("steps[2] at rig.toml:5: a step is a table with exactly one key"),
            "{told:#?}"
        );
    }
}
