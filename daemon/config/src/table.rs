use crate::{Located, Mistake, Mistakes, Place};
use std::iter;
use std::ops::Range;
use std::sync::Arc;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Parses `text` and lets `walk` read it. Syntax errors (all that a recovering parser finds) and everything that
/// `walk` notes go to `mistakes`; unknown keys of the top table are noted when `walk` is done. `None` when the text
/// is no TOML.
pub fn read<T>(
    file: &str,
    text: &str,
    mistakes: &Mistakes,
    walk: impl FnOnce(&mut Table<'_>) -> T,
) -> Option<T> {
    let document = Document::new(file, text);
    let (root, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        for e in errors {
            let mut place = document.place(&e.span().unwrap_or(0..0), String::new());
            place.shown.clear();
            mistakes.add(Mistake { place: Some(place), problem: format!("not TOML: {}", e.message()) });
        }
        return None;
    }
    let place = document.place(&(0..0), String::new());
    let mut table = Table::new(&document, root.get_ref(), String::new(), place, mistakes);
    let result = walk(&mut table);
    table.finish();
    Some(result)
}

struct Document<'d> {
    file: Arc<str>,
    text: &'d str,
    /// Where each line begins.
    lines: Vec<usize>,
    /// Characters before each block of bytes: a place is asked for at every key, and lines may be as long as the file.
    characters: Vec<usize>,
}

/// Bytes of which the characters are counted together.
const BLOCK: usize = 1024;

/// Those that begin among `bytes` of UTF-8.
fn characters(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte & 0xc0 != 0x80).count()
}

impl<'d> Document<'d> {
    fn new(file: &str, text: &'d str) -> Self {
        let lines = iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        let mut before = 0;
        let mut characters_before = vec![0];
        for block in text.as_bytes().chunks(BLOCK) {
            before += characters(block);
            characters_before.push(before);
        }
        Self { file: file.into(), text, lines, characters: characters_before }
    }

    /// Characters before byte `at`, or of the whole text.
    fn characters_before(&self, at: usize) -> usize {
        let at = at.min(self.text.len());
        let block = at / BLOCK;
        self.characters[block] + characters(&self.text.as_bytes()[block * BLOCK..at])
    }

    fn place(&self, span: &Range<usize>, key: String) -> Place {
        let line = self.lines.partition_point(|begin| *begin <= span.start).max(1);
        let column = 1 + self.characters_before(span.start) - self.characters_before(self.lines[line - 1]);
        let shown = self.text.get(span.clone()).unwrap_or("").trim();
        let shown = if shown.contains('\n') || shown.len() > 80 { "[…]" } else { shown };
        Place { file: Arc::clone(&self.file), line, column, key, shown: shown.to_owned() }
    }
}

/// A TOML table being read. Every key that is asked for counts as known; call [`Table::finish`] to have the rest
/// reported.
pub struct Table<'d> {
    document: &'d Document<'d>,
    table: &'d DeTable<'d>,
    path: String,
    at: Place,
    known: Vec<String>,
    mistakes: &'d Mistakes,
}

impl<'d> Table<'d> {
    fn new(
        document: &'d Document<'d>,
        table: &'d DeTable<'d>,
        path: String,
        at: Place,
        mistakes: &'d Mistakes,
    ) -> Self {
        Self { document, table, path, at, known: Vec::new(), mistakes }
    }

    /// Where the table begins.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.at
    }

    /// Where its mistakes go.
    #[must_use]
    pub fn mistakes(&self) -> &'d Mistakes {
        self.mistakes
    }

    /// The value of `key`; `None` when it is absent, or mistyped (which is noted).
    pub fn optional<T: FromToml>(&mut self, key: &str) -> Option<Located<T>> {
        let spanned = self.lookup(key)?;
        let at = self.document.place(&spanned.span(), self.full(key));
        match T::from_toml(spanned.get_ref()) {
            Ok(value) => Some(Located { value, at }),
            Err(wanted) => {
                let found = kind_of(spanned.get_ref());
                self.mistakes.add(at.mistake(format!("must be {wanted}, is {found}")));
                None
            }
        }
    }

    /// The value of `key`; absence is noted.
    pub fn required<T: FromToml>(&mut self, key: &str) -> Option<Located<T>> {
        if self.table.contains_key(key) {
            return self.optional(key);
        }
        self.note_missing(key);
        None
    }

    /// A number within `range`, absent allowed; outside (or NaN) is noted, with what is permitted, in `unit`.
    pub fn optional_within(
        &mut self,
        key: &str,
        range: std::ops::RangeInclusive<f64>,
        unit: &str,
    ) -> Option<Located<f64>> {
        let number = self.optional::<f64>(key)?;
        if range.contains(&number.value) {
            return Some(number);
        }
        let unit = if unit.is_empty() { String::new() } else { format!(" {unit}") };
        self.mistakes.add(number.mistake(format!(
            "must be between {} and {}{unit}",
            range.start(),
            range.end()
        )));
        None
    }

    /// The same, whose absence is noted.
    pub fn required_within(
        &mut self,
        key: &str,
        range: std::ops::RangeInclusive<f64>,
        unit: &str,
    ) -> Option<Located<f64>> {
        if !self.table.contains_key(key) {
            self.note_missing(key);
        }
        self.optional_within(key, range, unit)
    }

    /// The table at `key`, absent allowed.
    pub fn optional_table(&mut self, key: &str) -> Option<Table<'d>> {
        let spanned = self.lookup(key)?;
        let table = self.as_table(spanned, self.full(key));
        if table.is_none() {
            let at = self.document.place(&spanned.span(), self.full(key));
            let found = kind_of(spanned.get_ref());
            self.mistakes.add(at.mistake(format!("must be a table, is {found}")));
        }
        table
    }

    /// The table at `key`; absence is noted.
    pub fn required_table(&mut self, key: &str) -> Option<Table<'d>> {
        if self.table.contains_key(key) {
            return self.optional_table(key);
        }
        self.known.push(key.to_owned());
        let problem = format!("the table [{}] is missing", self.full(key));
        self.mistakes.add(Mistake { place: Some(self.bare_place()), problem });
        None
    }

    /// The tables of the array of tables at `key` (`[[key]]`); none when absent.
    pub fn tables(&mut self, key: &str) -> Vec<Table<'d>> {
        let Some(spanned) = self.lookup(key) else { return Vec::new() };
        let Some(array) = spanned.get_ref().as_array() else {
            let at = self.document.place(&spanned.span(), self.full(key));
            let found = kind_of(spanned.get_ref());
            self.mistakes.add(at.mistake(format!("must be a list of tables, is {found}")));
            return Vec::new();
        };
        let mut tables = Vec::new();
        for (i, item) in array.iter().enumerate() {
            let path = format!("{}[{i}]", self.full(key));
            match self.as_table(item, path.clone()) {
                Some(table) => tables.push(table),
                None => {
                    let at = self.document.place(&item.span(), path);
                    self.mistakes.add(at.mistake(format!("must be a table, is {}", kind_of(item.get_ref()))));
                }
            }
        }
        tables
    }

    /// The keys that are there, with their places.
    pub fn keys(&self) -> impl Iterator<Item = (String, Place)> {
        self.table.keys().map(|k| {
            let name = k.get_ref().to_string();
            let at = self.document.place(&k.span(), self.full(&name));
            (name, at)
        })
    }

    /// Notes every key that was never asked for.
    pub fn finish(self) {
        for (name, mut at) in self.keys() {
            if self.known.contains(&name) {
                continue;
            }
            at.shown.clear();
            let mut known = self.known.clone();
            known.sort();
            let near = known.iter().min_by_key(|k| distance(k, &name)).filter(|k| distance(k, &name) <= 2);
            let hint = match near {
                Some(near) => format!("did you mean `{near}`?"),
                None if known.is_empty() => "nothing is permitted here".to_owned(),
                None => format!("permitted here: {}", known.join(", ")),
            };
            self.mistakes.add(at.mistake(format!("unknown key; {hint}")));
        }
    }

    fn lookup(&mut self, key: &str) -> Option<&'d Spanned<DeValue<'d>>> {
        if !self.known.iter().any(|k| k == key) {
            self.known.push(key.to_owned());
        }
        self.table.get(key)
    }

    fn as_table(&self, spanned: &'d Spanned<DeValue<'d>>, path: String) -> Option<Table<'d>> {
        let table = spanned.get_ref().as_table()?;
        let mut at = self.document.place(&spanned.span(), path.clone());
        at.shown.clear();
        Some(Table::new(self.document, table, path, at, self.mistakes))
    }

    fn full(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    fn note_missing(&mut self, key: &str) {
        self.known.push(key.to_owned());
        let problem = format!("`{}` is missing", self.full(key));
        self.mistakes.add(Mistake { place: Some(self.bare_place()), problem });
    }

    /// The table's line without a key: the message names the key itself.
    fn bare_place(&self) -> Place {
        Place { key: String::new(), shown: String::new(), ..self.at.clone() }
    }
}

/// A type that a TOML value can be read as.
pub trait FromToml: Sized {
    /// The value, or what it must be, in words.
    ///
    /// # Errors
    /// What the value must be, when it is something else.
    fn from_toml(value: &DeValue<'_>) -> Result<Self, &'static str>;
}

impl FromToml for String {
    fn from_toml(value: &DeValue<'_>) -> Result<Self, &'static str> {
        value.as_str().map(str::to_owned).ok_or("a string")
    }
}

impl FromToml for bool {
    fn from_toml(value: &DeValue<'_>) -> Result<Self, &'static str> {
        value.as_bool().ok_or("true or false")
    }
}

impl FromToml for f64 {
    fn from_toml(value: &DeValue<'_>) -> Result<Self, &'static str> {
        let parsed = match value {
            DeValue::Float(f) => f.as_str().replace('_', "").parse().ok(),
            DeValue::Integer(_) => i64::from_toml(value).ok().map(|i| i as f64),
            _ => None,
        };
        parsed.ok_or("a number")
    }
}

impl FromToml for i64 {
    fn from_toml(value: &DeValue<'_>) -> Result<Self, &'static str> {
        let DeValue::Integer(i) = value else { return Err("a whole number") };
        i64::from_str_radix(&i.as_str().replace('_', ""), i.radix()).map_err(|_| "a whole number")
    }
}

impl FromToml for usize {
    fn from_toml(value: &DeValue<'_>) -> Result<Self, &'static str> {
        let wanted = "a whole number, 0 or above";
        i64::from_toml(value).map_err(|_| wanted).and_then(|i| usize::try_from(i).map_err(|_| wanted))
    }
}

impl<T: FromToml> FromToml for Vec<T> {
    fn from_toml(value: &DeValue<'_>) -> Result<Self, &'static str> {
        let wanted = "a list, each item of the right type";
        let array = value.as_array().ok_or(wanted)?;
        array.iter().map(|item| T::from_toml(item.get_ref()).map_err(|_| wanted)).collect()
    }
}

fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// Edit distance, for "did you mean".
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, cb) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_mistakes_come_at_once_each_with_its_line() {
        let text = "name = 3\nextra = 1\n\n[filter]\nlow_hz = \"8\"\nhihg_hz = 30.0\nq = nan\n";
        let mistakes = Mistakes::new();
        read("rig.toml", text, &mistakes, |t| {
            assert!(t.required::<String>("name").is_none());
            let mut f = t.required_table("filter").expect("it is there");
            assert!(f.required::<f64>("low_hz").is_none());
            assert!(f.required::<f64>("high_hz").is_none());
            assert!(f.optional_within("q", 0.5..=100.0, "").is_none());
            f.finish();
            assert!(t.required_table("decoder").is_none());
        })
        .expect("TOML");
        let lines: Vec<String> = mistakes.into_sorted().iter().map(Mistake::to_string).collect();
        assert_eq!(
            lines,
            [
                "rig.toml:1: the table [decoder] is missing",
                "name = 3 at rig.toml:1: must be a string, is a whole number",
                "extra at rig.toml:2: unknown key; permitted here: decoder, filter, name",
                "rig.toml:4: `filter.high_hz` is missing",
                "filter.low_hz = \"8\" at rig.toml:5: must be a number, is a string",
                "filter.hihg_hz at rig.toml:6: unknown key; did you mean `high_hz`?",
                "filter.q = nan at rig.toml:7: must be between 0.5 and 100",
            ]
        );
    }

    #[test]
    fn a_column_counts_characters_however_long_its_line() {
        let mistakes = Mistakes::new();
        let text = format!("a = 1\nb = {{ c = \"{}\", d = 1 }}", "\u{e9}".repeat(3000));
        read("f", &text, &mistakes, |t| {
            let mut b = t.required_table("b").expect("it is there");
            let at = b.required::<f64>("d").expect("it is there").at;
            assert_eq!((at.line, at.column), (2, "b = { c = \"\", d = ".len() + 3000 + 1));
            assert_eq!(b.required::<String>("c").map(|c| (c.at.line, c.at.column)), Some((2, 11)));
        });
    }

    #[test]
    fn more_mistakes_than_anybody_reads_are_counted() {
        let mistakes = Mistakes::new();
        let text: String = (0..20_000).map(|i| format!("k{i} = 1\n")).collect();
        read("f", &text, &mistakes, |_| ());
        let all = mistakes.into_sorted();
        assert_eq!(all.len(), 1001);
        assert_eq!(all[1000].to_string(), "and 19000 more mistakes");
    }

    #[test]
    fn syntax_errors_have_their_line() {
        let mistakes = Mistakes::new();
        assert!(read("rig.toml", "a = 1\nb = = 2\n", &mistakes, |_| ()).is_none());
        let all = mistakes.into_sorted();
        assert!(!all.is_empty() && all[0].to_string().starts_with("rig.toml:2: not TOML: "), "{all:?}");
    }

    #[test]
    fn values_are_read_as_what_they_are() {
        let mistakes = Mistakes::new();
        let text = "a = 1_000\nb = 1.5e2\nc = [\"x\", \"y\"]\nd = true\ne = 0x10\n[[step]]\nz = 1\n[[step]]\nz = 2\n";
        read("f", text, &mistakes, |t| {
            assert_eq!(t.required::<usize>("a").map(|l| l.value), Some(1000));
            assert_eq!(t.required::<f64>("b").map(|l| l.value), Some(150.0));
            assert_eq!(t.required::<Vec<String>>("c").map(|l| l.value), Some(vec!["x".into(), "y".into()]));
            assert_eq!(t.required::<bool>("d").map(|l| l.value), Some(true));
            assert_eq!(t.required::<i64>("e").map(|l| (l.value, l.at.line)), Some((16, 5)));
            let z: Vec<_> = t.tables("step").iter_mut().filter_map(|s| s.required::<f64>("z")).collect();
            assert_eq!(z.iter().map(|l| (l.value, l.at.line)).collect::<Vec<_>>(), [(1.0, 7), (2.0, 9)]);
        });
        assert!(mistakes.is_empty());
    }
}
