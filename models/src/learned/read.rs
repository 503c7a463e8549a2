use super::{Entry, METRICS, Recorded, What};
use crate::bundle::read_text;
use crate::steps::{SHRINKAGES, Written};
use bci_config::{Located, Mistake, Mistakes, Table};
use bci_dsp::run::{AsrState, is_definite};
use bci_types::Hz;
use std::path::Path;

/// The largest file (256 MiB): two matrices of 1024 channels, in digits, are a third of it.
const MOST_BYTES: u64 = 1 << 28;

/// Reads the file; every mistake in it is noted, and a step with a mistake is left out. `None` when it cannot be read or
/// is no TOML.
#[must_use]
pub fn read(file: &Path, mistakes: &Mistakes) -> Option<Vec<Entry>> {
    let shown = file.display().to_string();
    let text = match read_text(file, MOST_BYTES) {
        Ok(text) => text,
        Err(why) => {
            mistakes.add(Mistake::elsewhere(format!("{shown}: {why}")));
            return None;
        }
    };
    parse(&shown, &text, mistakes)
}

/// As [`read`], of a text that is in memory; `shown` is what mistakes call its file.
#[must_use]
pub fn parse(shown: &str, text: &str, mistakes: &Mistakes) -> Option<Vec<Entry>> {
    bci_config::read(shown, text, mistakes, |t| {
        if let Some(schema) = t.required::<usize>("schema")
            && schema.value != 1
        {
            t.mistakes().add(schema.mistake("this daemon reads schema 1"));
        }
        let mut names = Vec::new();
        t.tables("step").into_iter().filter_map(|step| read_entry(step, &mut names)).collect()
    })
}

fn read_entry(mut t: Table<'_>, names: &mut Vec<String>) -> Option<Entry> {
    let mistakes = t.mistakes();
    let name = t.required::<String>("name");
    if let Some(name) = &name {
        if names.contains(&name.value) {
            mistakes.add(name.mistake("is the name of another step in the file"));
        }
        names.push(name.value.clone());
    }
    let kind = t.required::<String>("kind");
    let channels = t.required::<Vec<String>>("channels");
    if let Some(channels) = channels.as_ref().filter(|c| c.is_empty()) {
        mistakes.add(channels.mistake("must not be empty"));
    }
    let rate = t.required::<f64>("rate_hz").and_then(|rate| match Hz::new(rate.value) {
        Ok(hz) => Some(hz),
        Err(e) => {
            mistakes.add(rate.mistake(e.to_string()));
            None
        }
    });
    let learned_s = above_zero(&mut t, "learned_s");
    let recordings = recordings(&mut t);
    let window_ms = above_zero(&mut t, "window_ms");
    // Without channels nothing says how many numbers there must be.
    let channels = channels.filter(|c| !c.is_empty());
    let n = channels.as_ref().map(|c| c.len());
    let groups = groups(&mut t, kind.as_ref().map(|k| k.as_str()), n);
    if let (Some(shape), Some(n)) = (t.required::<Vec<usize>>("shape"), n)
        && shape.value != [n / groups, n / groups]
    {
        let of = if groups > 1 { format!(" in {groups} groups") } else { String::new() };
        mistakes.add(shape.mistake(format!("must be [{0}, {0}]: there are {n} channels{of}", n / groups)));
    }
    let what = match kind.as_ref().map(|k| k.as_str()) {
        Some("align") => align(&mut t, n, groups),
        Some("asr") => asr(&mut t, n, rate),
        Some(_) => {
            let at = kind.as_ref().map(|k| k.mistake("must be \"align\" or \"asr\""));
            mistakes.extend(at);
            // What else there is cannot be judged.
            return None;
        }
        None => return None,
    };
    t.finish();
    Some(Entry {
        name: name?.value,
        channels: channels?.value,
        rate: rate?,
        learned_s: learned_s?,
        recordings: recordings?,
        window_ms: window_ms?,
        what: what?,
    })
}

/// Groups of channels; 1 where none are stated.
fn groups(t: &mut Table<'_>, kind: Option<&str>, channels: Option<usize>) -> usize {
    let Some(groups) = (kind == Some("align")).then(|| t.optional::<usize>("groups")).flatten() else {
        return 1;
    };
    if channels.is_some_and(|n| groups.value == 0 || !n.is_multiple_of(groups.value)) {
        t.mistakes().add(groups.mistake("must divide the channels"));
        return 1;
    }
    groups.value.max(1)
}

fn align(t: &mut Table<'_>, n: Option<usize>, groups: usize) -> Option<What> {
    let metric = choice(t, "metric", &METRICS);
    let shrinkage = t.required::<Written>("shrinkage").and_then(|written| {
        if written.value.0.is_none() {
            t.mistakes().add(written.mistake(format!("must be {SHRINKAGES}")));
        }
        written.value.0
    });
    let windows = t.required::<usize>("windows");
    let own = n.map(|n| n / groups);
    let reference = matrix(t, "reference", n, own);
    if let (Some(reference), Some(own)) = (&reference, own)
        && !reference.chunks_exact((own * own).max(1)).all(|part| is_definite(part, own, f64::MIN_POSITIVE))
    {
        t.mistakes().add(reference.mistake("must be symmetric and positive definite"));
        return None;
    }
    Some(What::Align {
        metric: metric?,
        shrinkage: shrinkage?,
        windows: windows?.value,
        groups,
        reference: reference?.value,
    })
}

fn asr(t: &mut Table<'_>, n: Option<usize>, rate: Option<Hz>) -> Option<What> {
    let mixing = matrix(t, "mixing", n, n);
    let components = matrix(t, "components", n, n);
    let amplitudes = matrix(t, "amplitudes", n, Some(2));
    let (mixing, components, amplitudes) = (mixing?, components?, amplitudes?);
    let pairs: Vec<(f64, f64)> = amplitudes.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect();
    match AsrState::from_parts(n?, rate?, &mixing, &components, &pairs) {
        Ok(state) => Some(What::Asr(state)),
        Err(found) => {
            for e in found {
                let of = [("mixing", &mixing), ("components", &components), ("amplitudes", &amplitudes)];
                let place = of.iter().find(|(key, _)| e.key() == Some(key)).map_or(t.place(), |(_, m)| &m.at);
                t.mistakes().add(place.mistake(e.must()));
            }
            None
        }
    }
}

/// Rows of finite numbers, one row after the other; how many of either is not checked where it is not known.
fn matrix(
    t: &mut Table<'_>,
    key: &str,
    rows: Option<usize>,
    columns: Option<usize>,
) -> Option<Located<Vec<f64>>> {
    let found = t.required::<Vec<Vec<f64>>>(key)?;
    let (rows, columns) = rows.zip(columns)?;
    let fits = found.len() == rows && found.iter().all(|row| row.len() == columns);
    if !fits || !found.iter().flatten().all(|x| x.is_finite()) {
        t.mistakes().add(found.mistake(format!("must be {rows} rows of {columns} finite numbers")));
        return None;
    }
    Some(found.map(|found| found.concat()))
}

fn above_zero(t: &mut Table<'_>, key: &str) -> Option<f64> {
    let number = t.required::<f64>(key)?;
    if number.value > 0.0 && number.value.is_finite() {
        return Some(number.value);
    }
    t.mistakes().add(number.mistake("must be finite and above 0"));
    None
}

fn recordings(t: &mut Table<'_>) -> Option<Vec<Recorded>> {
    let files = t.required::<Vec<String>>("recordings");
    let hashes = t.required::<Vec<String>>("sha256");
    let (files, hashes) = (files?, hashes?);
    let is_hash = |text: &String| text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
    if hashes.len() != files.len() || !hashes.iter().all(is_hash) {
        let must = format!("must be {} SHA-256 in hex, one for each of `recordings`", files.len());
        t.mistakes().add(hashes.mistake(must));
        return None;
    }
    let pairs = files.value.into_iter().zip(hashes.value);
    Some(pairs.map(|(file, sha256)| Recorded { file, sha256 }).collect())
}

fn choice<T: Copy>(t: &mut Table<'_>, key: &str, words: &[(&str, T)]) -> Option<T> {
    let located = t.required::<String>(key)?;
    let found = words.iter().find(|(word, _)| *word == located.value).map(|(_, value)| *value);
    if found.is_none() {
        let words: Vec<String> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
        t.mistakes().add(located.mistake(format!("must be {}", words.join(" or "))));
    }
    found
}
