//! The contract as JSON: `decoder.toml` without what is known only once the model is written (`model.sha256`) and without
//! `[golden]`. A model holds it in its metadata, so that a lone file can be told what it is.

use serde_json::{Map, Value};
use toml::de::{DeTable, DeValue};

/// The contract of a `decoder.toml`.
///
/// # Errors
/// In words: why the text is no TOML.
pub fn contract(text: &str) -> Result<Value, String> {
    let root = DeTable::parse(text).map_err(|e| format!("is not TOML: {}", e.message()))?;
    let Value::Object(mut contract) = table(root.get_ref()) else { return Ok(Value::Null) };
    contract.remove("golden");
    if let Some(Value::Object(model)) = contract.get_mut("model") {
        model.remove("sha256");
    }
    Ok(Value::Object(contract))
}

fn table(table: &DeTable<'_>) -> Value {
    let pairs = table.iter().map(|(key, value)| (key.get_ref().to_string(), json(value.get_ref())));
    Value::Object(pairs.collect::<Map<_, _>>())
}

fn json(value: &DeValue<'_>) -> Value {
    let plain = |digits: &str| digits.replace('_', "");
    match value {
        DeValue::String(text) => Value::from(text.as_ref()),
        DeValue::Boolean(is) => Value::from(*is),
        DeValue::Integer(n) => {
            i64::from_str_radix(&plain(n.as_str()), n.radix()).map_or(Value::Null, Value::from)
        }
        // What is no number JSON does not have.
        DeValue::Float(x) => plain(x.as_str()).parse::<f64>().map_or(Value::Null, Value::from),
        DeValue::Datetime(date) => Value::from(date.to_string()),
        DeValue::Array(items) => items.iter().map(|item| json(item.get_ref())).collect(),
        DeValue::Table(inner) => table(inner),
    }
}

/// Where the contract that a model holds differs from that of its `decoder.toml`, each difference in words.
#[must_use]
pub fn differences(model: &Value, file: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare("", model, file, &mut found);
    found
}

fn compare(path: &str, model: &Value, file: &Value, found: &mut Vec<String>) {
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match (model, file) {
        (Value::Object(m), Value::Object(f)) => {
            for (key, value) in m {
                match f.get(key) {
                    Some(other) => compare(&below(key), value, other, found),
                    None => found.push(format!(
                        "the model says {} = {}, decoder.toml says nothing of it",
                        below(key),
                        shown(value)
                    )),
                }
            }
            for (key, value) in f.iter().filter(|(key, _)| !m.contains_key(*key)) {
                found.push(format!(
                    "the model says nothing of {}, decoder.toml says {}",
                    below(key),
                    shown(value)
                ));
            }
        }
        (Value::Array(m), Value::Array(f)) if m.len() == f.len() => {
            for (i, (m, f)) in m.iter().zip(f).enumerate() {
                compare(&format!("{path}[{i}]"), m, f, found);
            }
        }
        // 160 and 160.0 are one number.
        (Value::Number(m), Value::Number(f)) if m.as_f64() == f.as_f64() => {}
        (m, f) if m == f => {}
        (m, f) => {
            found.push(format!("the model says {path} = {}, decoder.toml says {}", shown(m), shown(f)));
        }
    }
}

/// A value as JSON, cut where it is long.
fn shown(value: &Value) -> String {
    const MOST: usize = 60;
    let text = value.to_string();
    if text.chars().count() <= MOST {
        return text;
    }
    text.chars().take(MOST).chain("...".chars()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "schema = 2\n[model]\nfile = \"m\"\nsha256 = \"0\"\n[input]\nrate_hz = 1_60.0\nchannels = [\"a\", \"b\"]\n\
                        [[preprocessing]]\ncommon_average = {}\n[golden]\norigin = \"x\"\n";

    #[test]
    fn the_contract_is_the_file_without_hash_and_golden() {
        let wanted = r#"{"input":{"channels":["a","b"],"rate_hz":160.0},"model":{"file":"m"},"preprocessing":[{"common_average":{}}],"schema":2}"#;
        assert_eq!(contract(TEXT).map(|v| v.to_string()), Ok(wanted.to_owned()));
        assert!(contract("a = = 1").is_err());
    }

    #[test]
    fn every_difference_is_told() {
        let file = contract(TEXT).expect("TOML");
        let model: Value = serde_json::from_str(
            r#"{"input":{"channels":["a","c"],"rate_hz":250},"model":{"file":"m"},"schema":2,"licence":"MIT"}"#,
        )
        .expect("JSON");
        assert_eq!(
            differences(&model, &file),
            [
                "the model says input.channels[1] = \"c\", decoder.toml says \"b\"",
                "the model says input.rate_hz = 250, decoder.toml says 160.0",
                "the model says licence = \"MIT\", decoder.toml says nothing of it",
                "the model says nothing of preprocessing, decoder.toml says [{\"common_average\":{}}]",
            ]
        );
        let same = file.to_string().replace("160.0", "160");
        assert_eq!(differences(&serde_json::from_str(&same).expect("JSON"), &file), [""; 0]);
    }
}
