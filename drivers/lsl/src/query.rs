//! Which stream is meant.

use std::fmt;

/// What a stream must be to be meant; what is `None` may be anything. With nothing set, any stream fits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// Its name, exactly.
    pub name: Option<String>,
    /// Its content type (`EEG`, `Markers`), exactly.
    pub kind: Option<String>,
    /// Its source's identity, exactly.
    pub source_id: Option<String>,
    /// A condition on its description, in XPath 1.0 over LSL's `<info>` (`channel_count=8 and starts-with(name,'g')`).
    pub predicate: Option<String>,
}

/// A query that cannot be asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stream's {field} {value:?} holds a control character, which LSL cannot look for")]
pub struct QueryError {
    /// Which part.
    pub field: &'static str,
    /// What it says.
    pub value: String,
}

impl Query {
    /// By name.
    #[must_use]
    pub fn name(name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..Self::default() }
    }

    /// By content type.
    #[must_use]
    pub fn kind(kind: impl Into<String>) -> Self {
        Self { kind: Some(kind.into()), ..Self::default() }
    }

    /// By its source's identity.
    #[must_use]
    pub fn source_id(source_id: impl Into<String>) -> Self {
        Self { source_id: Some(source_id.into()), ..Self::default() }
    }

    /// The query as one XPath 1.0 condition.
    ///
    /// # Errors
    /// [`QueryError`] for control characters: LSL asks in lines of text.
    pub fn xpath(&self) -> Result<String, QueryError> {
        let mut parts = Vec::new();
        for (field, value) in self.parts() {
            if value.chars().any(char::is_control) {
                return Err(QueryError { field, value: value.to_owned() });
            }
            parts.push(match field {
                "predicate" => format!("({value})"),
                _ => format!("{field}={}", literal(value)),
            });
        }
        Ok(if parts.is_empty() { "true()".to_owned() } else { parts.join(" and ") })
    }

    /// What is set, under LSL's names.
    fn parts(&self) -> impl Iterator<Item = (&'static str, &str)> {
        [
            ("name", &self.name),
            ("type", &self.kind),
            ("source_id", &self.source_id),
            ("predicate", &self.predicate),
        ]
        .into_iter()
        .filter_map(|(field, value)| value.as_deref().map(|v| (field, v)))
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = self
            .parts()
            .map(|(field, value)| match field {
                "predicate" => format!("({value})"),
                _ => format!("{field} '{value}'"),
            })
            .collect();
        if parts.is_empty() {
            f.write_str("any LSL stream")
        } else {
            write!(f, "LSL stream with {}", parts.join(" and "))
        }
    }
}

/// `text` as an XPath 1.0 string. The language has no escapes: a text with both quotes is put together.
pub(crate) fn literal(text: &str) -> String {
    if !text.contains('\'') {
        format!("'{text}'")
    } else if !text.contains('"') {
        format!("\"{text}\"")
    } else {
        let parts: Vec<String> = text.split('\'').map(|p| format!("'{p}'")).collect();
        format!("concat({})", parts.join(",\"'\","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_kept_apart() {
        assert_eq!(literal("g.tec"), "'g.tec'");
        assert_eq!(literal("Anna's"), "\"Anna's\"");
        assert_eq!(literal("say \"hi\""), "'say \"hi\"'");
        assert_eq!(literal("a'b\"c"), "concat('a',\"'\",'b\"c')");
    }

    #[test]
    fn conditions_add_up_and_read_well() {
        let query = Query {
            name: Some("obci".into()),
            kind: Some("EEG".into()),
            source_id: None,
            predicate: Some("channel_count=8 or channel_count=16".into()),
        };
        assert_eq!(
            query.xpath().as_deref(),
            Ok("name='obci' and type='EEG' and (channel_count=8 or channel_count=16)")
        );
        assert_eq!(
            query.to_string(),
            "LSL stream with name 'obci' and type 'EEG' and (channel_count=8 or channel_count=16)"
        );
        assert_eq!(Query::default().xpath().as_deref(), Ok("true()"));
        assert_eq!(Query::default().to_string(), "any LSL stream");
    }

    #[test]
    fn a_line_break_cannot_be_asked_for() {
        let error = Query::name("a\r\nb").xpath();
        assert_eq!(error, Err(QueryError { field: "name", value: "a\r\nb".into() }));
    }
}
