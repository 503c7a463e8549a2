use super::read_steps;
use bci_config::{FromToml, Mistake, Mistakes, Value, read};
use bci_dsp::StepSpec;

/// The rig's own steps of the first pipeline in the text of a daemon's configuration, and nothing else of it: for
/// programs that measure what such a rig costs. `file` is for messages.
///
/// # Errors
/// Everything wrong with the steps, one mistake a line; that there are none.
pub fn rig_steps(file: &str, text: &str) -> Result<Vec<StepSpec>, String> {
    let mistakes = Mistakes::new();
    let steps = read(file, text, &mistakes, |top| {
        let others: Vec<String> = top.keys().map(|(name, _)| name).collect();
        others.iter().for_each(|name| _ = top.optional::<Anything>(name));
        let signal = top.tables("pipeline").into_iter().next().and_then(|mut p| p.optional_table("signal"));
        signal.map(|mut signal| read_steps(&mut signal, "steps")).unwrap_or_default()
    });
    let mistakes = mistakes.into_sorted();
    if !mistakes.is_empty() {
        return Err(mistakes.iter().map(Mistake::to_string).collect::<Vec<_>>().join("\n"));
    }
    let steps: Vec<StepSpec> = steps.unwrap_or_default().into_iter().map(|step| step.spec).collect();
    if steps.is_empty() { Err(format!("{file} has no [[pipeline.signal.steps]]")) } else { Ok(steps) }
}

/// What is not read here.
struct Anything;

impl FromToml for Anything {
    fn from_toml(_: &Value<'_>) -> Result<Self, &'static str> {
        Ok(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_steps_of_a_rig_are_read_and_nothing_else() {
        let rig = "[server]\nlisten = 3\n[[pipeline]]\nname = \"p\"\n[pipeline.signal]\nhop_ms = 50\n\
                   [[pipeline.signal.steps]]\ncommon_average = {}\n";
        let steps = rig_steps("rig.toml", rig).expect("sound steps");
        assert_eq!(steps.iter().map(StepSpec::to_string).collect::<Vec<_>>(), ["common average reference"]);
        for (text, told) in [
            ("[server]\n", "rig.toml has no [[pipeline.signal.steps]]"),
            ("[[pipeline]]\nsignal = { steps = [{ notch = { q = 3 } }] }\n", "freq_hz` is missing"),
            ("[[pipeline]\n", "not TOML"),
        ] {
            let got = rig_steps("rig.toml", text).expect_err(text);
            assert!(got.contains(told), "{got}");
        }
    }
}
