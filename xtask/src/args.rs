use crate::fail::{Fail, Result};
use std::path::PathBuf;

pub(crate) const USAGE: &str = "\
Usage: cargo xtask COMMAND

  setup [--demo-only]                 fetch and install what the project needs; the other commands do it themselves
  demo [--json FILE] [--rate X]       play a recording through the daemon and show the trials as they are decoded
  test [TEST ARGUMENTS]               set-up, build, Rust tests, doc tests, Python tests; with arguments for the test
                                      runner (a filter, -p PACKAGE): only the Rust tests that they choose
  bench lsl [--json FILE] [--quick]   from an LSL source to features, for a minute each: 1024 channels at 30 kHz, whose
                                      99th percentile of the latency must be below 2 ms; and the default sEEG chain on
                                      256 channels at 2 kHz, which must take less than 5 % of a core; fails when
                                      either does not hold or anything is lost
  bench dsp [--json FILE] [--quick]   how fast the signal engine is on one core, beside SciPy and BrainFlow; fails when
                                      it is slower than it must be
  bench decode [--json FILE] [--quick]  inference: bare ONNX Runtime in Python, this runtime, and streaming, by turns
  bench e2e [--json FILE] [--quick]   from an LSL source to a client in another process: streaming, window, and the Python
                                      script that people write
  bench many [--json FILE] [--quick]  one to sixteen decoders on one stream, and on a stream each
  bench clients [--json FILE] [--quick]
                                     one to a thousand subscribers, a tenth of whom read nothing
  bench soak [--json FILE] [--quick] [--minutes N] [--speed S] [--recordings FILE... --task TASK]
                                      the long run: real recordings, the shipped ones or those given, over and over until N
                                      minutes of them (60) have gone at S times their speed (10); fails when anything is lost,
                                      memory grows, latency rises, or what the daemon recorded of it does not replay
  check cuda [--json FILE]            do the shipped decoders run on this machine's NVIDIA GPU, proven, equal and how fast;
                                      exit code 75 where there is none
  fuzz [--seconds N] [TARGET...]      every reader of files, texts and streams, or those named, on bytes libFuzzer makes up, for
                                      N seconds each (60), one after the other; fails when something was found
  models test                         the networks against their ONNX forms, and a small training twice; fetches PyTorch (7 GB)
  models train|bench|audit|zoo|stream|ship|table [ARGUMENTS]
                                      train and judge decoders, offline and through the daemon: models/python/README.md
  lint                                rustfmt, clippy, cargo-deny
  ci                                  lint, then test
  bcid [ARGUMENTS]                    build the daemon and run it on the fetched libraries, e.g. `cargo xtask bcid doctor`

Environment: BCID_LIBLSL and BCID_ONNXRUNTIME name system copies of the libraries, BCID_PYTHON another Python.";

#[derive(Debug, PartialEq)]
pub(crate) enum Command {
    Help,
    Setup { demo_only: bool },
    Demo(DemoOptions),
    Test { filter: Vec<String> },
    Bench(BenchOptions),
    CheckCuda(CheckOptions),
    Fuzz(FuzzOptions),
    Models { words: Vec<String> },
    Lint,
    Ci,
    Bcid { args: Vec<String> },
}

#[derive(Debug, Default, PartialEq)]
pub(crate) struct DemoOptions {
    /// Where the client writes its summary.
    pub json: Option<PathBuf>,
    /// Speed of the recording's clock, 1 = real time.
    pub rate: Option<f64>,
}

#[derive(Debug, Default, PartialEq)]
pub(crate) struct BenchOptions {
    /// Which bench.
    pub what: Bench,
    /// Where its rows go.
    pub json: Option<PathBuf>,
    /// Shorter, and less exact.
    pub quick: bool,
    /// Of the long run: what is played, instead of the shipped recordings.
    pub recordings: Vec<PathBuf>,
    /// The task that they are of.
    pub task: Option<String>,
    /// How much of them is played, in minutes of recorded time.
    pub minutes: Option<f64>,
    /// As many times as fast as they were.
    pub speed: Option<f64>,
}

#[derive(Debug, Default, PartialEq)]
pub(crate) struct CheckOptions {
    /// Where the findings go.
    pub json: Option<PathBuf>,
}

#[derive(Debug, PartialEq)]
pub(crate) struct FuzzOptions {
    /// For how long each target runs.
    pub seconds: u32,
    /// Which; none means all.
    pub targets: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Bench {
    /// The signal engine.
    #[default]
    Dsp,
    /// From an LSL source to features.
    Lsl,
    /// Inference alone.
    Decode,
    /// From an LSL source to a client.
    E2e,
    /// Several decoders.
    Many,
    /// Many subscribers.
    Clients,
    /// What grows over time.
    Soak,
}

/// # Errors
/// A word that no command knows, with the usage.
pub(crate) fn parse(words: &[String]) -> Result<Command> {
    let Some((command, rest)) = words.split_first() else { return Ok(Command::Help) };
    let none = |found: Command| match rest.first() {
        None => Ok(found),
        Some(word) => Err(unknown(command, word)),
    };
    match command.as_str() {
        "help" | "-h" | "--help" => Ok(Command::Help),
        "setup" => match rest {
            [] => Ok(Command::Setup { demo_only: false }),
            [flag] if flag == "--demo-only" => Ok(Command::Setup { demo_only: true }),
            [.., last] => Err(unknown(command, last)),
        },
        "demo" => demo(rest).map(Command::Demo),
        "test" => {
            let filter = rest.strip_prefix(&["--".to_owned()]).unwrap_or(rest);
            Ok(Command::Test { filter: filter.to_vec() })
        }
        "bench" => bench(rest).map(Command::Bench),
        "check" => check(rest).map(Command::CheckCuda),
        "fuzz" => fuzz(rest).map(Command::Fuzz),
        "models" if rest.is_empty() => Err(Fail::usage(format!(
            "`models` needs to know what: test, train, bench, audit, zoo, stream, ship or table\n\n{USAGE}"
        ))),
        "models" => Ok(Command::Models { words: rest.to_vec() }),
        "lint" => none(Command::Lint),
        "ci" => none(Command::Ci),
        "bcid" => {
            let args = rest.strip_prefix(&["--".to_owned()]).unwrap_or(rest);
            Ok(Command::Bcid { args: args.to_vec() })
        }
        other => Err(Fail::usage(format!("no command `{other}`\n\n{USAGE}"))),
    }
}

fn demo(words: &[String]) -> Result<DemoOptions> {
    let mut options = DemoOptions::default();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let (flag, inline) = parted(word);
        let mut value = || valued(flag, inline, || words.next());
        match flag {
            "--json" => options.json = Some(PathBuf::from(value()?)),
            "--rate" => {
                options.rate = Some(above_0(flag, &value()?)?);
            }
            _ => return Err(unknown("demo", word)),
        }
    }
    Ok(options)
}

fn bench(words: &[String]) -> Result<BenchOptions> {
    let what = match words.first().map(String::as_str) {
        Some("dsp") => Bench::Dsp,
        Some("lsl") => Bench::Lsl,
        Some("decode") => Bench::Decode,
        Some("e2e") => Bench::E2e,
        Some("many") => Bench::Many,
        Some("soak") => Bench::Soak,
        Some("clients") => Bench::Clients,
        Some(word) => return Err(unknown("bench", word)),
        None => {
            return Err(Fail::usage(format!(
                "`bench` needs to know what: dsp, lsl, decode, e2e, many, soak or clients\n\n{USAGE}"
            )));
        }
    };
    let mut options = BenchOptions { what, ..BenchOptions::default() };
    let mut words = words[1..].iter().peekable();
    while let Some(word) = words.next() {
        let (flag, inline) = parted(word);
        let mut value = || valued(flag, inline, || words.next());
        match (flag, what) {
            ("--quick", _) if inline.is_none() => options.quick = true,
            ("--json", _) => options.json = Some(value()?.into()),
            ("--task", Bench::Soak) => options.task = Some(value()?),
            ("--minutes", Bench::Soak) => options.minutes = Some(above_0(flag, &value()?)?),
            ("--speed", Bench::Soak) => options.speed = Some(above_0(flag, &value()?)?),
            ("--recordings", Bench::Soak) => {
                options.recordings.push(value()?.into());
                while let Some(file) = words.next_if(|word| !word.starts_with("--")) {
                    options.recordings.push(file.into());
                }
            }
            _ => return Err(unknown("bench", word)),
        }
    }
    if options.recordings.is_empty() != options.task.is_none() {
        let problem =
            "--recordings and --task go together: a decoder is made of these recordings for this task";
        return Err(Fail::usage(format!("{problem}\n\n{USAGE}")));
    }
    Ok(options)
}

/// Of `--flag=value` both.
fn parted(word: &str) -> (&str, Option<&str>) {
    word.split_once('=').map_or((word, None), |(flag, value)| (flag, Some(value)))
}

/// What a flag is given: behind its sign, or as the next word.
fn valued<'a>(
    flag: &str,
    inline: Option<&'a str>,
    next: impl FnOnce() -> Option<&'a String>,
) -> Result<String> {
    let value = inline.map(str::to_owned).or_else(|| next().cloned());
    value.ok_or_else(|| Fail::usage(format!("{flag} needs a value\n\n{USAGE}")))
}

fn above_0(flag: &str, text: &str) -> Result<f64> {
    let number = text.parse().ok().filter(|n: &f64| *n > 0.0 && n.is_finite());
    number.ok_or_else(|| Fail::usage(format!("{flag} {text}: must be a number above 0")))
}

fn check(words: &[String]) -> Result<CheckOptions> {
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["cuda"] => Ok(CheckOptions::default()),
        ["cuda", "--json", file] => Ok(CheckOptions { json: Some(file.into()) }),
        ["cuda", word] if word.starts_with("--json=") => {
            Ok(CheckOptions { json: word.split_once('=').map(|(_, file)| file.into()) })
        }
        ["cuda", "--json"] => Err(Fail::usage(format!("--json needs a value\n\n{USAGE}"))),
        [] => Err(Fail::usage(format!("`check` needs to know what: cuda\n\n{USAGE}"))),
        [.., last] => Err(unknown("check", last)),
    }
}

fn fuzz(words: &[String]) -> Result<FuzzOptions> {
    let mut options = FuzzOptions { seconds: 60, targets: Vec::new() };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let value = match word.strip_prefix("--seconds") {
            Some("") => words.next().map(String::as_str),
            Some(value) if value.starts_with('=') => Some(&value[1..]),
            _ if word.starts_with('-') => return Err(unknown("fuzz", word)),
            _ => {
                options.targets.push(word.clone());
                continue;
            }
        };
        let seconds = value.and_then(|text| text.parse().ok()).filter(|n| *n > 0);
        options.seconds = seconds
            .ok_or_else(|| Fail::usage(format!("--seconds needs a whole number of 1 or above\n\n{USAGE}")))?;
    }
    Ok(options)
}

fn unknown(command: &str, word: &str) -> Fail {
    Fail::usage(format!("`{command}` knows no `{word}`\n\n{USAGE}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Option<Command> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        parse(&words).ok()
    }

    #[test]
    fn commands_and_their_options() {
        assert_eq!(parsed(""), Some(Command::Help));
        assert_eq!(parsed("setup"), Some(Command::Setup { demo_only: false }));
        assert_eq!(parsed("setup --demo-only"), Some(Command::Setup { demo_only: true }));
        let wanted = DemoOptions { json: Some("out.json".into()), rate: Some(2.0) };
        assert_eq!(parsed("demo --json out.json --rate=2"), Some(Command::Demo(wanted)));
        let bench = |json: Option<&str>, quick| {
            let json = json.map(PathBuf::from);
            Some(Command::Bench(BenchOptions { json, quick, ..BenchOptions::default() }))
        };
        assert_eq!(parsed("bench dsp"), bench(None, false));
        assert_eq!(parsed("bench dsp --quick --json=rows.json"), bench(Some("rows.json"), true));
        assert_eq!(parsed("bench dsp --json rows.json"), bench(Some("rows.json"), false));
        let soak = |options| Some(Command::Bench(BenchOptions { what: Bench::Soak, ..options }));
        assert_eq!(parsed("bench soak"), soak(BenchOptions::default()));
        let wanted = BenchOptions {
            recordings: vec!["a.xdf".into(), "b.xdf".into()],
            task: Some("t".to_owned()),
            minutes: Some(90.0),
            speed: Some(4.0),
            quick: true,
            ..BenchOptions::default()
        };
        let line = "bench soak --recordings a.xdf b.xdf --quick --task t --minutes=90 --speed 4";
        assert_eq!(parsed(line), soak(wanted));
        let check =
            |json: Option<&str>| Some(Command::CheckCuda(CheckOptions { json: json.map(PathBuf::from) }));
        assert_eq!(parsed("check cuda"), check(None));
        assert_eq!(parsed("check cuda --json found.json"), check(Some("found.json")));
        assert_eq!(parsed("check cuda --json=found.json"), check(Some("found.json")));
        let fuzz = |seconds, targets: &[&str]| {
            let targets = targets.iter().map(|target| (*target).to_owned()).collect();
            Some(Command::Fuzz(FuzzOptions { seconds, targets }))
        };
        assert_eq!(parsed("fuzz"), fuzz(60, &[]));
        assert_eq!(parsed("fuzz xdf --seconds 600 edf"), fuzz(600, &["xdf", "edf"]));
        assert_eq!(parsed("fuzz --seconds=5"), fuzz(5, &[]));
        let words = ["bench", "--models", "ts-lr"].map(str::to_owned).to_vec();
        assert_eq!(parsed("models bench --models ts-lr"), Some(Command::Models { words }));
        let filter = vec!["-p".to_owned(), "bci-dsp".to_owned()];
        assert_eq!(parsed("test -- -p bci-dsp"), Some(Command::Test { filter: filter.clone() }));
        assert_eq!(parsed("test -p bci-dsp"), Some(Command::Test { filter }));
    }

    #[test]
    fn wrong_words_are_refused() {
        for line in [
            "seutp",
            "setup --demo",
            "demo --json",
            "demo --rate 0",
            "demo --rate nan",
            "demo x",
            "lint x",
            "models",
            "bench",
            "bench x",
            "bench dsp x",
            "bench dsp --json",
            "bench dsp --quick=1",
            "bench dsp --minutes 5",
            "bench soak --minutes 0",
            "bench soak --speed fast",
            "bench soak --recordings",
            "bench soak --recordings a.xdf",
            "bench soak --task t",
            "bench soak a.xdf",
            "check",
            "check cpu",
            "check cuda --json",
            "check cuda x",
            "fuzz --seconds",
            "fuzz --seconds 0",
            "fuzz --seconds xdf",
            "fuzz --second=5",
        ] {
            assert_eq!(parsed(line), None, "{line}");
        }
    }
}
