//! Inference: bare ONNX Runtime in Python, this runtime, and the streaming form, by turns in the same run.

use crate::Options;
use bci_config::Mistakes;
use bci_models::{Bundle, Decoder, Device, OrtDecoder};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// What a run may cost here beyond bare ONNX Runtime, us.
const MOST_OVERHEAD_US: f64 = 50.0;
/// What a streaming hop may cost, as a share of the window.
const MOST_STREAMING: f64 = 0.2;
/// The models whose streaming form is held to that: 64 channels x 500 samples, a hop of 20.
const HELD: [&str; 2] = ["eegnet", "basenet"];

/// A model in its forms.
struct Model {
    name: &'static str,
    window: PathBuf,
    streaming: Option<PathBuf>,
    synthetic: bool,
}

/// Median and 99th percentile, us.
#[derive(Clone, Copy)]
struct Times {
    p50: f64,
    p99: f64,
}

pub(crate) fn run(options: &Options) -> Result<bool, String> {
    let (rounds, runs) = if options.quick { (2, 300) } else { (5, 2000) };
    let models = models(options);
    println!(
        "{:<34} {:>17} {:>17} {:>17} {:>10} {:>9}",
        "us a run, median (99th percentile)",
        "ONNX Runtime",
        "this runtime",
        "streaming",
        "overhead",
        "streaming"
    );
    let mut rows = Vec::new();
    let mut failed = Vec::new();
    for model in &models {
        let (mut python, mut ours, mut streaming) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..rounds {
            python.push(in_python(options, &model.window)?);
            ours.extend(here(&model.window, runs)?);
            if let Some(folder) = &model.streaming {
                streaming.extend(here(folder, runs)?);
            }
        }
        // Of rounds in another process the median of their figures.
        let python = Times {
            p50: middle(python.iter().map(|t| t.p50).collect()),
            p99: middle(python.iter().map(|t| t.p99).collect()),
        };
        let ours = times(ours);
        let streaming = (!streaming.is_empty()).then(|| times(streaming));
        let overhead = ours.p50 - python.p50;
        let share = streaming.map(|s| s.p50 / ours.p50);
        let shown = |t: Times| format!("{:.1} ({:.1})", t.p50, t.p99);
        println!(
            "{:<34} {:>17} {:>17} {:>17} {overhead:>+10.1} {:>9}",
            model.name,
            shown(python),
            shown(ours),
            streaming.map_or_else(|| "-".to_owned(), shown),
            share.map_or_else(|| "-".to_owned(), |s| format!("{:.0} %", 100.0 * s)),
        );
        if overhead >= MOST_OVERHEAD_US {
            failed.push(format!(
                "{}: {overhead:.1} us over bare ONNX Runtime, not below {MOST_OVERHEAD_US}",
                model.name
            ));
        }
        if let Some(share) = share.filter(|s| HELD.contains(&model.name) && *s > MOST_STREAMING) {
            failed.push(format!(
                "{}: a streaming hop costs {share:.2} of the window, more than {MOST_STREAMING}",
                model.name
            ));
        }
        rows.push(json!({
            "model": model.name,
            "untrained": model.synthetic,
            "python_ort_us_p50": python.p50,
            "python_ort_us_p99": python.p99,
            "ours_us_p50": ours.p50,
            "ours_us_p99": ours.p99,
            "streaming_us_p50": streaming.map(|s| s.p50),
            "streaming_us_p99": streaming.map(|s| s.p99),
        }));
    }
    println!(
        "\neegnet and basenet: 64 channels x 500 samples at 1 kHz, a hop of 20, untrained (random weights); `-surgery`: the same\n\
         after graph surgery. One thread each, synthetic noise; {rounds} rounds of {runs} runs by turns."
    );
    crate::write_rows(options, &Value::from(rows))?;
    crate::verdict(&failed)
}

fn models(options: &Options) -> Vec<Model> {
    let made = |name: &str| options.bundles.join(format!("bench-{name}"));
    let shipped = |name: &str| options.zoo.join(name);
    let model = |name, window, streaming, synthetic| Model { name, window, streaming, synthetic };
    vec![
        model("eegnet", made("eegnet-window"), Some(made("eegnet-streaming")), true),
        model("eegnet-surgery", made("eegnet-surgery"), Some(made("eegnet-streaming")), true),
        model("basenet", made("basenet-window"), Some(made("basenet-streaming")), true),
        model("basenet-surgery", made("basenet-surgery"), Some(made("basenet-streaming")), true),
        model(
            "basenet-dreyer-v0",
            shipped("basenet-dreyer-v0"),
            Some(shipped("basenet-dreyer-v0-streaming")),
            false,
        ),
        model("basenet-lee-v0", shipped("basenet-lee-v0"), Some(shipped("basenet-lee-v0-streaming")), false),
        model("eegnet-physionet-4class", shipped("eegnet-physionet-4class"), None, false),
        model("atcnet-2a-s1", shipped("atcnet-2a-s1"), None, false),
        model("eegmmidb-s001-fists-feet", shipped("eegmmidb-s001-fists-feet"), None, false),
    ]
}

fn in_python(options: &Options, folder: &Path) -> Result<Times, String> {
    let mut command = Command::new(&options.python);
    command.args(["-m", "bcid_models.time_ort", "--json"]).arg(folder);
    let output = command.output().map_err(|e| format!("{}: {e}", options.python.display()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        return Err(format!("time_ort: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    let found: Value = serde_json::from_str(text.trim()).map_err(|e| format!("time_ort: {e} in {text}"))?;
    let row = &found["rows"][0];
    let of = |key: &str| row[key].as_f64().ok_or_else(|| format!("time_ort told no {key}: {row}"));
    Ok(Times { p50: of("us_p50")?, p99: of("us_p99")? })
}

/// Microseconds of each run, as the decoding thread calls it: copy in, run, check, copy out.
fn here(folder: &Path, runs: usize) -> Result<Vec<f64>, String> {
    let mistakes = Mistakes::new();
    let told = |found: Vec<bci_config::Mistake>| {
        found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    let bundle = Bundle::read(folder, &mistakes).ok_or_else(|| told(mistakes.into_sorted()))?;
    let mut decoder = OrtDecoder::load(&bundle, Device::Cpu).map_err(told)?;
    let length = bundle.windowed.channels() * bundle.input.fed_samples();
    // Synthetic noise, another stretch of it each run.
    let mut state = 1u32;
    let noise: Vec<f32> = (0..length * 2)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / 1.6e7 * 40.0 - 20.0
        })
        .collect();
    let mut numbers = vec![0.0; bundle.output.numbers()];
    let mut took = Vec::with_capacity(runs);
    for n in 0..runs + runs / 10 {
        let window = &noise[n * 7 % length..][..length];
        let begun = Instant::now();
        decoder.decode(window, &mut numbers).map_err(|e| format!("{}: {e}", folder.display()))?;
        if n >= runs / 10 {
            took.push(begun.elapsed().as_secs_f64() * 1e6);
        }
    }
    Ok(took)
}

fn times(mut all: Vec<f64>) -> Times {
    all.sort_by(f64::total_cmp);
    let at = |q: f64| all[((all.len() - 1) as f64 * q).round() as usize];
    Times { p50: at(0.5), p99: at(0.99) }
}

fn middle(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}
