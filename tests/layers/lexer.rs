//! As much of Rust's lexical structure as it takes to tell code from comments and texts, and crates from other names.

/// An identifier or a mark of one character (`::` is one), and its line.
#[derive(Debug)]
pub(crate) struct Word {
    pub(crate) text: String,
    pub(crate) line: usize,
}

/// The code of a source file, without comments and literals.
pub(crate) fn words(source: &str) -> Vec<Word> {
    let chars: Vec<char> = source.chars().collect();
    let at = |i: usize| chars.get(i).copied().unwrap_or('\0');
    let (mut words, mut i, mut line) = (Vec::new(), 0, 1);
    while i < chars.len() {
        let begin = i;
        let c = chars[i];
        if c == '/' && at(i + 1) == '/' {
            while i < chars.len() && at(i) != '\n' {
                i += 1;
            }
        } else if c == '/' && at(i + 1) == '*' {
            i = after_comment(&chars, i);
        } else if c == '"' {
            i = after_text(&chars, i + 1);
        } else if c == '\'' {
            i = after_quote(&chars, i);
        } else if c == '_' || c.is_alphanumeric() {
            while at(i) == '_' || at(i).is_alphanumeric() {
                i += 1;
            }
            let text: String = chars[begin..i].iter().collect();
            let hashes = (i..).take_while(|&k| at(k) == '#').count();
            let raw = ["r", "br", "cr"].contains(&text.as_str()) && at(i + hashes) == '"';
            if raw {
                i = after_raw_text(&chars, i + hashes + 1, hashes);
            } else {
                words.push(Word { text, line });
            }
        } else {
            i += 1;
            if !c.is_whitespace() {
                let double = c == ':' && at(i) == ':';
                i += usize::from(double);
                words.push(Word { text: if double { "::".into() } else { c.into() }, line });
            }
        }
        line += chars[begin..i].iter().filter(|c| **c == '\n').count();
    }
    words
}

fn after_comment(chars: &[char], begin: usize) -> usize {
    let (mut depth, mut i) = (0, begin);
    while i < chars.len() {
        match chars[i..] {
            ['/', '*', ..] => (depth, i) = (depth + 1, i + 2),
            ['*', '/', ..] => (depth, i) = (depth - 1, i + 2),
            _ => i += 1,
        }
        if depth == 0 {
            break;
        }
    }
    i
}

fn after_text(chars: &[char], mut i: usize) -> usize {
    while i < chars.len() && chars[i] != '"' {
        i += if chars[i] == '\\' { 2 } else { 1 };
    }
    (i + 1).min(chars.len())
}

fn after_raw_text(chars: &[char], mut i: usize, hashes: usize) -> usize {
    let closes =
        |i: usize| chars[i] == '"' && chars[i + 1..].iter().take_while(|c| **c == '#').count() >= hashes;
    while i < chars.len() && !closes(i) {
        i += 1;
    }
    (i + 1 + hashes).min(chars.len())
}

/// A character (`'x'`, `'\''`, `'\u{1}'`), or the quote before a lifetime.
fn after_quote(chars: &[char], i: usize) -> usize {
    match chars[i..] {
        [_, '\\', _, ..] => {
            let close = chars[i + 3..].iter().position(|c| *c == '\'');
            close.map_or(chars.len(), |k| i + 3 + k + 1)
        }
        [_, _, '\'', ..] => i + 3,
        _ => i + 1,
    }
}

/// The names with which paths begin, and those that are imported whole: crates, modules, types.
pub(crate) fn roots(words: &[Word]) -> Vec<String> {
    let text = |i: Option<usize>| i.and_then(|i| words.get(i)).map_or("", |w| w.text.as_str());
    let is_name = |t: &str| t.starts_with(|c: char| c == '_' || c.is_alphabetic());
    let mut found = Vec::new();
    for (i, word) in words.iter().enumerate().filter(|(_, w)| is_name(&w.text)) {
        let (before, after) = (text(i.checked_sub(1)), text(Some(i + 1)));
        // `::name` begins a path too when nothing that could be a path stands before.
        let leading = before == "::" && {
            let earlier = text(i.checked_sub(2));
            earlier != ">" && (!is_name(earlier) || ["use", "return", "in", "let", "mut"].contains(&earlier))
        };
        let path = after == "::" && (before != "::" || leading);
        let whole = ["use", "crate"].contains(&before) && [";", "as"].contains(&after);
        if path || whole {
            found.push(word.text.clone());
        }
    }
    found
}

/// The modules of `std` that are named: `std::fs`, `use std::{fs, io::Write}`.
pub(crate) fn std_modules(words: &[Word]) -> Vec<String> {
    let text = |i: usize| words.get(i).map_or("", |w| w.text.as_str());
    let mut found = Vec::new();
    for i in (0..words.len()).filter(|&i| text(i) == "std" && text(i + 1) == "::") {
        if text(i + 2) != "{" {
            found.push(text(i + 2).to_owned());
            continue;
        }
        let mut depth = 0;
        for k in i + 2..words.len() {
            match text(k) {
                "{" => depth += 1,
                "}" => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                break;
            }
            if depth == 1 && ["{", ","].contains(&text(k)) && text(k + 1) != "}" {
                found.push(text(k + 1).to_owned());
            }
        }
    }
    found
}
