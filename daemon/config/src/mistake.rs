use std::cell::{Cell, RefCell};
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// Where a value stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file as it was named.
    pub file: Arc<str>,
    /// Line, from 1; 0 where the place has no lines (an option on the command line).
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// The key with its tables (`pipeline.window_ms`).
    pub key: String,
    /// The value as written; empty for a table.
    pub shown: String,
}

impl Place {
    /// An option on the command line.
    #[must_use]
    pub fn option(option: &str, key: &str, shown: &str) -> Self {
        Self { file: option.into(), line: 0, column: 0, key: key.to_owned(), shown: shown.to_owned() }
    }

    /// A mistake about the value at this place.
    #[must_use]
    pub fn mistake(&self, problem: impl Into<String>) -> Mistake {
        Mistake { place: Some(self.clone()), problem: problem.into() }
    }
}

/// A value and the place it was read from.
#[derive(Clone, Debug, PartialEq)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub at: Place,
}

impl<T> Located<T> {
    /// A mistake about this value.
    #[must_use]
    pub fn mistake(&self, problem: impl Into<String>) -> Mistake {
        self.at.mistake(problem)
    }

    /// Another value at the same place.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Located<U> {
        Located { value: f(self.value), at: self.at }
    }
}

impl<T> Deref for Located<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

/// One thing that is wrong, in words an operator can act on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Where; `None` when it is about no line of a file.
    pub place: Option<Place>,
    /// What, and what is permitted.
    pub problem: String,
}

impl Mistake {
    /// A mistake that stands in no file.
    #[must_use]
    pub fn elsewhere(problem: impl Into<String>) -> Self {
        Self { place: None, problem: problem.into() }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(p) = &self.place {
            if !p.key.is_empty() {
                f.write_str(&p.key)?;
                if !p.shown.is_empty() {
                    write!(f, " = {}", p.shown)?;
                }
                f.write_str(" at ")?;
            }
            if p.line == 0 {
                write!(f, "{}: ", p.file)?;
            } else {
                write!(f, "{}:{}: ", p.file, p.line)?;
            }
        }
        f.write_str(&self.problem)
    }
}

/// Collects mistakes while reading goes on. Of more than a thousand the rest is counted: nobody reads them, and a file may hold
/// millions.
#[derive(Debug, Default)]
pub struct Mistakes {
    kept: RefCell<Vec<Mistake>>,
    /// How many there were besides.
    more: Cell<usize>,
}

/// The most mistakes that are kept.
const MOST: usize = 1000;

impl Mistakes {
    /// An empty collection.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one; the same mistake is kept once.
    pub fn add(&self, mistake: Mistake) {
        let mut all = self.kept.borrow_mut();
        if all.contains(&mistake) {
            return;
        }
        if all.len() < MOST {
            all.push(mistake);
        } else {
            self.more.set(self.more.get() + 1);
        }
    }

    /// Adds several.
    pub fn extend(&self, mistakes: impl IntoIterator<Item = Mistake>) {
        mistakes.into_iter().for_each(|m| self.add(m));
    }

    /// Whether nothing is wrong so far.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.kept.borrow().is_empty()
    }

    /// All that are kept: by file in the order met, then by line; last, how many there were besides.
    #[must_use]
    pub fn into_sorted(self) -> Vec<Mistake> {
        let mut all = self.kept.into_inner();
        let mut files: Vec<Arc<str>> = Vec::new();
        for file in all.iter().filter_map(|m| m.place.as_ref().map(|p| &p.file)) {
            if !files.contains(file) {
                files.push(Arc::clone(file));
            }
        }
        all.sort_by_key(|m| {
            m.place.as_ref().map_or((usize::MAX, 0, 0), |p| {
                (files.iter().position(|f| *f == p.file).unwrap_or(usize::MAX), p.line, p.column)
            })
        });
        let more = self.more.get();
        all.extend((more > 0).then(|| Mistake::elsewhere(format!("and {more} more mistakes"))));
        all
    }
}
