//! Changes to the text of a `decoder.toml`: what a person wrote stays as it is.

use toml::de::{DeTable, DeValue};

/// What `[golden]` says, as far as it says it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct GoldenText {
    pub(super) segment: Option<String>,
    pub(super) expected: Option<String>,
    pub(super) origin: Option<String>,
    /// As written.
    pub(super) atol: Option<String>,
}

/// The model's file name and what `[golden]` says.
///
/// # Errors
/// In words: why the text is no TOML, or names no model.
pub(super) fn known(text: &str) -> Result<(String, GoldenText), String> {
    let root = DeTable::parse(text).map_err(|e| format!("is not TOML: {}", e.message()))?;
    let inner = |table: &str, key: &str| {
        let value = root.get_ref().get(table)?.get_ref().as_table()?.get(key)?;
        Some((value.get_ref().as_str().map(str::to_owned), value.span()))
    };
    let word = |key: &str| inner("golden", key).and_then(|(word, _)| word);
    let file = inner("model", "file").and_then(|(file, _)| file).ok_or("`model.file` is missing")?;
    let golden = GoldenText {
        segment: word("segment"),
        expected: word("expected"),
        origin: word("origin"),
        atol: inner("golden", "atol").and_then(|(_, span)| text.get(span).map(str::to_owned)),
    };
    Ok((file, golden))
}

/// The text with this `model.sha256`, in place of what stands there or after `model.file`.
pub(super) fn with_hash(text: &str, sha256: &str) -> Option<String> {
    let root = DeTable::parse(text).ok()?;
    let model = root.get_ref().get("model")?.get_ref().as_table()?;
    let (at, new) = match model.get("sha256") {
        Some(stated) if matches!(stated.get_ref(), DeValue::String(_)) => {
            (stated.span(), format!("\"{sha256}\""))
        }
        Some(_) => return None,
        None => {
            let end = model.get("file")?.span().end;
            (end..end, format!("\nsha256 = \"{sha256}\""))
        }
    };
    Some([text.get(..at.start)?, &new, text.get(at.end..)?].concat())
}

/// The text without its `[golden]` table.
pub(super) fn without_golden(text: &str) -> String {
    let mut inside = false;
    let mut kept: Vec<&str> = Vec::new();
    for line in text.lines() {
        let trimmed = line.trim_start();
        if trimmed.starts_with('[') {
            inside = trimmed.starts_with("[golden]");
        }
        if !inside {
            kept.push(line);
        }
    }
    format!("{}\n", kept.join("\n").trim_end())
}

/// The `[golden]` table.
pub(super) fn golden(
    segment: (&str, &str),
    expected: (&str, &str),
    origin: &str,
    atol: Option<&str>,
) -> String {
    // A JSON string is one of TOML too.
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let mut table = format!(
        "\n[golden]\nsegment = {}\nsegment_sha256 = \"{}\"\nexpected = {}\nexpected_sha256 = \"{}\"\norigin = {}\n",
        quoted(segment.0),
        segment.1,
        quoted(expected.0),
        expected.1,
        quoted(origin)
    );
    if let Some(atol) = atol {
        table.push_str(&format!("atol = {atol}\n"));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# mine\n[model]\nfile = \"m.onnx\" # the model\n\n[golden]\norigin = \"x\"\natol = 1e-3\n\n[output]\nkind = 1\n";

    #[test]
    fn only_what_is_changed_changes() {
        let hashed = with_hash(TEXT, "ab").expect("it has a model");
        assert_eq!(hashed, TEXT.replace("\"m.onnx\" # the model", "\"m.onnx\"\nsha256 = \"ab\" # the model"));
        assert_eq!(with_hash(&hashed, "cd").expect("again"), hashed.replace("\"ab\"", "\"cd\""));
        assert_eq!(
            without_golden(TEXT),
            "# mine\n[model]\nfile = \"m.onnx\" # the model\n\n[output]\nkind = 1\n"
        );
        let (file, golden) = known(TEXT).expect("known");
        assert_eq!((file.as_str(), golden.atol.as_deref()), ("m.onnx", Some("1e-3")));
        assert_eq!((golden.origin.as_deref(), golden.segment), (Some("x"), None));
    }

    #[test]
    fn what_is_written_is_read() {
        let table = golden(("s.npy", "0"), ("e.npy", "1"), "a \"quoted\"\nline", Some("1e-3"));
        let (_, read) = known(&format!("[model]\nfile = \"m\"\n{table}")).expect("TOML");
        assert_eq!(read.origin.as_deref(), Some("a \"quoted\"\nline"));
        assert_eq!((read.expected.as_deref(), read.atol.as_deref()), (Some("e.npy"), Some("1e-3")));
    }
}
