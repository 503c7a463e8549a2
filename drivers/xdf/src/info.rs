use roxmltree::{Document, Node};

/// The type of a stream's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// 8-bit signed integers.
    Int8,
    /// 16-bit signed integers.
    Int16,
    /// 32-bit signed integers.
    Int32,
    /// 64-bit signed integers.
    Int64,
    /// IEEE single.
    Float32,
    /// IEEE double.
    Double64,
    /// Texts.
    Text,
}

impl Format {
    const WORDS: [(&'static str, Self); 7] = [
        ("int8", Self::Int8),
        ("int16", Self::Int16),
        ("int32", Self::Int32),
        ("int64", Self::Int64),
        ("float32", Self::Float32),
        ("double64", Self::Double64),
        ("string", Self::Text),
    ];

    /// The format that a header calls so.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(known, _)| *known == word).map(|(_, format)| *format)
    }

    /// What a header calls it.
    #[must_use]
    pub fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, format)| *format == self).map_or("", |(word, _)| word)
    }
}

/// What the file's header says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileInfo {
    /// The version of the format, `1.0`; empty where none is stated.
    pub version: String,
    /// When it was begun, as the recorder wrote it (ISO 8601 with a zone, from LabRecorder).
    pub datetime: Option<String>,
}

/// A channel as a stream describes it. What is not said is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Channel {
    /// `C3`.
    pub label: String,
    /// `microvolts`.
    pub unit: String,
    /// `EEG`.
    pub kind: String,
    /// The type as FIFF's code, which mne-lsl writes beside a power of ten in place of a unit.
    pub fiff_kind: String,
}

/// What a stream's header says. Texts that are missing are empty.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamInfo {
    /// Its name.
    pub name: String,
    /// `EEG`, `Markers` and the like.
    pub kind: String,
    /// At least 1.
    pub channel_count: usize,
    /// Samples a second; 0 where it has no regular rate.
    pub nominal_srate: f64,
    /// The type of its values.
    pub format: Format,
    /// Names the device, also after it was started again.
    pub source_id: String,
    /// Names this run of it.
    pub uid: String,
    /// Of the machine that it was sent from.
    pub hostname: String,
    /// As described under `desc/channels`; as many as [`StreamInfo::channel_count`], or none.
    pub channels: Vec<Channel>,
    /// Whether it says that samples may be missing from it without a trace.
    pub can_drop_samples: bool,
    /// The whole header, XML.
    pub xml: String,
}

/// Why a stream's header is of no use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InfoError {
    /// It is no XML.
    #[error("its header is no XML: {0}")]
    Xml(String),
    /// A number is none, or not one that can be.
    #[error("its header says {field} = {value:?}, must be {permitted}")]
    Field {
        /// Which.
        field: &'static str,
        /// As written.
        value: String,
        /// What could stand there.
        permitted: &'static str,
    },
}

impl FileInfo {
    /// As far as it can be read.
    pub(crate) fn read(body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(body);
        let Ok(document) = Document::parse(&text) else { return Self::default() };
        let root = document.root_element();
        let datetime = Some(text_of(root, "datetime")).filter(|text| !text.is_empty());
        Self { version: text_of(root, "version"), datetime }
    }
}

impl StreamInfo {
    /// Reads a stream's header, or its description as LSL sends it.
    ///
    /// # Errors
    /// Why it will not do as a header: one that readers cannot parse makes whole files unreadable.
    pub fn parse(xml: &str) -> Result<Self, InfoError> {
        Self::read(xml.as_bytes())
    }

    pub(crate) fn read(body: &[u8]) -> Result<Self, InfoError> {
        let xml = String::from_utf8_lossy(body).into_owned();
        let document = Document::parse(&xml).map_err(|e| InfoError::Xml(e.to_string()))?;
        let root = document.root_element();
        let text = |field| text_of(root, field);
        let field = |field, permitted| InfoError::Field { field, value: text_of(root, field), permitted };
        let channel_count =
            text("channel_count").parse().ok().filter(|count| (1..=MOST_CHANNELS).contains(count));
        let channel_count = channel_count.ok_or_else(|| field("channel_count", "1 to 1000000"))?;
        let rate = text("nominal_srate").parse().ok().filter(|hz: &f64| hz.is_finite() && *hz >= 0.0);
        let nominal_srate = rate.ok_or_else(|| field("nominal_srate", "a number of 0 or above"))?;
        let format = Format::parse(&text("channel_format")).ok_or_else(|| {
            field("channel_format", "int8, int16, int32, int64, float32, double64 or string")
        })?;
        let desc = child(root, "desc");
        let mut channels: Vec<Channel> = desc
            .and_then(|desc| child(desc, "channels"))
            .into_iter()
            .flat_map(|all| all.children().filter(|node| node.has_tag_name("channel")))
            .map(|node| Channel {
                label: text_of(node, "label"),
                unit: text_of(node, "unit"),
                kind: text_of(node, "type"),
                fiff_kind: text_of(node, "kind"),
            })
            .collect();
        if channels.len() != channel_count {
            channels.clear();
        }
        let synchronization = desc.and_then(|desc| child(desc, "synchronization"));
        let can_drop_samples = synchronization
            .is_some_and(|node| text_of(node, "can_drop_samples").eq_ignore_ascii_case("true"));
        Ok(Self {
            name: text("name"),
            kind: text("type"),
            channel_count,
            nominal_srate,
            format,
            source_id: text("source_id"),
            uid: text("uid"),
            hostname: text("hostname"),
            channels,
            can_drop_samples,
            xml: xml.clone(),
        })
    }

    /// Whether samples come at a rate.
    #[must_use]
    pub fn is_regular(&self) -> bool {
        self.nominal_srate > 0.0
    }
}

/// More than any device has, and few enough that nothing overflows.
const MOST_CHANNELS: usize = 1_000_000;

pub(crate) fn child<'a, 'd>(node: Node<'a, 'd>, name: &str) -> Option<Node<'a, 'd>> {
    node.children().find(|child| child.has_tag_name(name))
}

/// The text of a child, without the space around it; empty where there is none.
pub(crate) fn text_of(node: Node<'_, '_>, name: &str) -> String {
    child(node, name).and_then(|child| child.text()).unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "<?xml version=\"1.0\"?><info><name> a </name><type>EEG</type><channel_count>2</channel_count>\
        <nominal_srate>250</nominal_srate><channel_format>float32</channel_format>";

    #[test]
    fn a_header_is_read_with_its_channels_where_they_are_as_many() {
        let channel = "<channel><label>C3</label><unit>microvolts</unit><type>EEG</type></channel>";
        let header = |channels: &str| format!("{HEAD}<desc><channels>{channels}</channels></desc></info>");
        let two = StreamInfo::read(header(&channel.repeat(2)).as_bytes()).expect("read");
        assert_eq!((two.name.as_str(), two.channel_count, two.nominal_srate), ("a", 2, 250.0));
        assert!(two.is_regular() && !two.can_drop_samples && two.format == Format::Float32);
        assert_eq!(two.channels[1].unit, "microvolts");
        let one = StreamInfo::read(header(channel).as_bytes()).expect("read");
        assert!(one.channels.is_empty());
    }

    #[test]
    fn what_is_no_header_says_why() {
        let told = |xml: &str| StreamInfo::read(xml.as_bytes()).expect_err("refused").to_string();
        assert!(told("<info>").contains("no XML"));
        assert!(told(&format!("{HEAD}</info>").replace(">2<", ">0<")).contains("channel_count = \"0\""));
        assert!(told(&format!("{HEAD}</info>").replace("250", "-1")).contains("nominal_srate = \"-1\""));
        assert!(told(&format!("{HEAD}</info>").replace("float32", "x")).contains("channel_format = \"x\""));
    }
}
