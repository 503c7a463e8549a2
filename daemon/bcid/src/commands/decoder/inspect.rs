use crate::cli::InspectArgs;
use crate::commands::print_lines;
use crate::exit::{Exit, Failure};
use bci_config::Mistakes;
use bci_models::bundle::{MOST_MODEL_BYTES, MOST_TOML_BYTES, read_file, read_text, sha256_hex};
use bci_models::onnx::{About, CONTRACT_KEY, about};
use bci_models::{Bundle, contract};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

pub(crate) fn inspect(args: &InspectArgs) -> Result<Exit, Failure> {
    let found = if args.path.is_dir() { folder(&args.path) } else { lone(&args.path) }?;
    if args.json {
        print_lines(&[format!("{found:#}")]);
    } else {
        let mut lines = Vec::new();
        // Who it is and what it takes before what it is made of.
        let first = [
            "name",
            "version",
            "description",
            "licence",
            "input",
            "preprocessing",
            "state",
            "output",
            "intent",
        ];
        if let Value::Object(fields) = &found {
            let listed = first.iter().filter_map(|key| fields.get_key_value(*key));
            let rest = fields.iter().filter(|(key, _)| !first.contains(&key.as_str()) && *key != "mistakes");
            for (key, value) in listed.chain(rest).chain(fields.get_key_value("mistakes")) {
                entry(key, value, 0, &mut lines);
            }
        }
        print_lines(&lines);
    }
    let wrong = found["mistakes"].as_array().is_some_and(|all| !all.is_empty());
    Ok(if wrong { Exit::Config } else { Exit::Clean })
}

/// A bundle: what its `decoder.toml` says, what follows from it, and its model.
fn folder(folder: &Path) -> Result<Value, Failure> {
    let toml = folder.join("decoder.toml");
    let shown = toml.display();
    let text = read_text(&toml, MOST_TOML_BYTES)
        .map_err(|why| Failure::new(Exit::Config, format!("{shown}: {why}")))?;
    let mut found =
        contract::contract(&text).map_err(|why| Failure::new(Exit::Config, format!("{shown}: {why}")))?;
    let mistakes = Mistakes::new();
    let draft = Bundle::draft(folder, &mistakes);
    if let Some(draft) = &draft {
        let bundle = draft.contract();
        found["derived"] = derived(bundle);
        if let Some(golden) = &bundle.golden {
            found["golden"] = json!({ "origin": golden.origin, "atol": golden.atol });
            if let Ok((segment, expected)) = golden.load() {
                found["golden"]["frames"] = segment.rows.into();
                found["golden"]["windows"] = expected.rows.into();
            }
        }
    }
    let model = match &found["model"]["file"] {
        Value::String(file) => folder.join(file),
        _ => PathBuf::new(),
    };
    // Why it cannot be read is among the mistakes.
    if let Ok((mut about, _)) = model_about(&model) {
        about["file"] = found["model"]["file"].take();
        found["model"] = about;
    }
    found["mistakes"] = mistakes.into_sorted().iter().map(ToString::to_string).collect();
    Ok(found)
}

/// A lone model: what it says of itself.
fn lone(file: &Path) -> Result<Value, Failure> {
    let (about, held) =
        model_about(file).map_err(|why| Failure::new(Exit::Config, format!("{}: {why}", file.display())))?;
    let mut found = match held.map(|held| serde_json::from_str(&held)) {
        Some(Ok(Value::Object(contract))) => Value::Object(contract),
        Some(_) => json!({ "mistakes": [format!("holds a {CONTRACT_KEY} that is no JSON")] }),
        None => json!({ "contract": format!("none: the model's metadata has no {CONTRACT_KEY}") }),
    };
    found["model"] = about;
    Ok(found)
}

/// What a model file is, and the contract that it holds.
fn model_about(file: &Path) -> Result<(Value, Option<String>), String> {
    let bytes = read_file(file, MOST_MODEL_BYTES)?;
    let of: About = about(&bytes).map_err(|e| e.to_string())?;
    let tensors = |all: &[(String, String)]| -> Value {
        all.iter()
            .map(|(name, shape)| (name.clone(), Value::from(shape.as_str())))
            .collect::<Map<_, _>>()
            .into()
    };
    let held = of.metadata.iter().find(|(key, _)| key == CONTRACT_KEY).map(|(_, value)| value.clone());
    let others: Map<String, Value> = of
        .metadata
        .iter()
        .filter(|(key, _)| key != CONTRACT_KEY)
        .map(|(key, value)| (key.clone(), Value::from(value.as_str())))
        .collect();
    let about = json!({
        "sha256": sha256_hex(&bytes),
        "bytes": bytes.len(),
        "producer": of.producer,
        "ir_version": of.ir_version,
        "operator_sets": of.opsets,
        "inputs": tensors(&of.inputs),
        "outputs": tensors(&of.outputs),
        "operators": of.operators,
        "parameters": of.parameters,
        "files_beside_it": of.external,
        "metadata": others,
        "holds_its_contract": held.is_some(),
    });
    Ok((about, held))
}

/// What follows from the contract.
fn derived(bundle: &Bundle) -> Value {
    let (input, rate_hz) = (&bundle.input, bundle.windowed.rate.get());
    let ms = |samples: usize| samples as f64 * 1e3 / rate_hz;
    json!({
        "chain": bundle.preprocessing.iter().map(|step| step.spec.to_string()).collect::<Vec<_>>(),
        "window_rate_hz": rate_hz,
        "window_channels": bundle.windowed.channels(),
        "window_ms": ms(input.window_samples.value),
        "hop_ms": ms(input.hop_samples.value),
        "settle_ms": ms(bundle.output.settle_samples),
        "state_numbers": bundle.states.iter().map(|s| s.shape.iter().product::<usize>()).sum::<usize>(),
        "numbers_a_run": bundle.output.numbers(),
    })
}

/// JSON as people read it: a key a line, what is below it indented.
fn entry(key: &str, value: &Value, depth: usize, lines: &mut Vec<String>) {
    let indent = "  ".repeat(depth);
    let mut below = |title: String, value: &Value| {
        lines.push(title);
        for (key, value) in value.as_object().into_iter().flatten() {
            entry(key, value, depth + 1, lines);
        }
    };
    match value {
        Value::Object(_) => below(format!("{indent}{key}"), value),
        Value::Array(items) if items.iter().any(Value::is_object) => {
            for (i, item) in items.iter().enumerate() {
                below(format!("{indent}{key} {}", i + 1), item);
            }
        }
        Value::Array(items) if items.is_empty() => lines.push(format!("{indent}{key}: none")),
        Value::Array(items) if key == "mistakes" => {
            lines.push(format!("{indent}{key}"));
            lines.extend(items.iter().map(|item| format!("{indent}  {}", plain(item))));
        }
        value => lines.push(format!("{indent}{key}: {}", plain(value))),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::Object(_) => String::new(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        other => other.to_string(),
    }
}
