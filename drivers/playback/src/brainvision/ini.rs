use super::BrainVisionError;

/// Sections of `key=value` lines.
pub(super) struct Ini {
    /// Names of the sections, in order.
    sections: Vec<String>,
    /// Section, key and value of each line, in order.
    lines: Vec<(usize, String, String)>,
}

impl Ini {
    pub(super) fn parse(bytes: &[u8]) -> Self {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        // Older files are in the code page of Western Europe, of which the first half and the letters are those of Unicode.
        let text = String::from_utf8(bytes.to_vec())
            .unwrap_or_else(|_| bytes.iter().map(|b| char::from(*b)).collect());
        // What stands before the first belongs to one without a name.
        let mut sections = vec![String::new()];
        let mut lines = Vec::new();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with(';')) {
            let section = sections.len() - 1;
            if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                sections.push(name.to_owned());
            } else if sections[section].eq_ignore_ascii_case("Comment") {
                // Free text.
            } else if let Some((key, value)) = line.split_once('=') {
                lines.push((section, key.trim().to_owned(), value.trim().to_owned()));
            }
        }
        Self { sections, lines }
    }

    pub(super) fn get(&self, section: &str, key: &str) -> Option<&str> {
        self.entries(section).find(|(k, _)| k.eq_ignore_ascii_case(key)).map(|(_, value)| value)
    }

    pub(super) fn required(&self, section: &str, key: &str) -> Result<&str, BrainVisionError> {
        let missing = || BrainVisionError::Missing { section: section.to_owned(), key: key.to_owned() };
        self.get(section, key).ok_or_else(missing)
    }

    /// Keys and values of a section.
    pub(super) fn entries(&self, section: &str) -> impl Iterator<Item = (&str, &str)> {
        let own = self.lines.iter().filter(move |(name, _, _)| {
            self.sections.get(*name).is_some_and(|name| name.eq_ignore_ascii_case(section))
        });
        own.map(|(_, key, value)| (key.as_str(), value.as_str()))
    }
}
