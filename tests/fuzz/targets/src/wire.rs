use crate::in_proportion;
use bci_driver_lsl::Query;
use bci_driver_playback::{xdf_channels, xdf_format};
use bci_record::stream_header;
use bci_tests::proxy::{
    Announced, Frames, Layout, Question, is_for_samples, is_headers, is_request, restamp, until,
};
use bci_types::{ChannelSpec, Hz, Rate, StreamSpec, label};
use bci_xdf::{Batch, Encoder, Format, StreamInfo};

/// What LSL's sources and their readers send: the bytes as samples, as what is said before them, as a look-up, as its answer, as
/// a stream's description, and as a name that is looked up.
pub fn wire(bytes: &[u8]) {
    samples(bytes);
    handshake(bytes);
    look_up(bytes);
    announcement(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        description(text);
        name(text);
    }
}

/// Channels, bytes a value and lengths of pieces, then samples: however they are cut the same come out, and no byte more than in.
fn samples(bytes: &[u8]) {
    let [channels, width, cut, bytes @ ..] = bytes else { return };
    let layout = Layout { channels: usize::from(*channels), value_bytes: 1 << (width % 4) };
    let (mut whole, mut cuts) = (Frames::new(layout), Frames::new(layout));
    let found = whole.take(bytes);
    let mut pieces = Vec::new();
    for piece in bytes.chunks(usize::from(*cut) + 1) {
        pieces.extend(cuts.take(piece));
    }
    assert_eq!(pieces, found, "cut by {cut}");
    assert_eq!(cuts.is_lost(), whole.is_lost());
    let known: Vec<u8> = found.concat();
    assert!(bytes.starts_with(&known), "samples are the bytes that came");
    let after = &bytes[known.len()..];
    assert!(
        whole.is_lost() || after.len() <= 8 + layout.channels * layout.value_bytes,
        "a whole sample is kept"
    );
    assert_eq!(whole.is_lost(), after.first().is_some_and(|tag| !matches!(tag, 1 | 2)));
    for frame in found {
        let mut moved = frame.clone();
        restamp(&mut moved, 0.5);
        let values = frame.len() - layout.channels * layout.value_bytes;
        assert!(moved.len() == frame.len() && moved[0] == frame[0] && moved[values..] == frame[values..]);
        assert!(values == 9 || moved == frame, "a stamp that is not there was moved");
    }
}

/// What is read before samples ends where it is whole, and what comes after it is left.
fn handshake(bytes: &[u8]) {
    for is_whole in [is_request, is_headers] {
        let mut rest = bytes;
        match until(&mut rest, is_whole) {
            Ok(text) => {
                assert_eq!([&text, rest].concat(), bytes);
                assert!(is_whole(&text) && !(0..text.len()).any(|n| is_whole(&text[..n])), "read on");
                assert!(!is_for_samples(&text) || is_headers(&text));
            }
            Err(_) => assert!(!(0..=bytes.len() - rest.len()).any(|n| is_whole(&bytes[..n])), "overlooked"),
        }
    }
}

/// A look-up is the same when it is written and read again.
fn look_up(bytes: &[u8]) {
    let Some(question) = Question::read(bytes) else { return };
    assert_eq!(Question::read(question.text().as_bytes()).as_ref(), Some(&question));
}

/// A stand-in announces its own ports and session, and all else as the source does.
fn announcement(bytes: &[u8]) {
    let Some(found) = Announced::read(bytes) else { return };
    let stand_in = found.stand_in("ours", (1, 2));
    let question = |query: &str| Question { query: query.into(), port: 3, id: "4".into() };
    let answer = stand_in.answer(&question("session_id='ours'"));
    let answer = answer.unwrap_or_else(|| panic!("no answer in its session"));
    assert_eq!(stand_in.answer(&question("session_id='theirs'")), None);
    let again = Announced::read(answer.as_bytes());
    let again = again.unwrap_or_else(|| panic!("{answer} announces nothing"));
    assert_eq!(again.ports, (1, 2));
    let (_, xml) = answer.split_once("\r\n").unwrap_or_else(|| panic!("{answer}"));
    assert_eq!(stand_in.rewrite(xml), xml, "rewritten twice");
    // Lossy text is three bytes for one.
    assert!(answer.len() <= 3 * bytes.len() + 8);
}

/// The most channels of which all is asked: a description of a hundred bytes may say a million.
const MOST_ASKED: usize = 1000;

/// A description as it is recorded: readable, of the stream that it is about, and of the same channels when it is made anew.
fn description(text: &str) {
    let Some(stream) = stream(text) else {
        // As of a source whose description says something else than the stream that comes.
        let stream = StreamSpec::eeg("s", Hz::new(250.0).unwrap_or_else(|e| panic!("{e}")), ["C3"]);
        recorded(&stream, &stream_header(&stream, Some(text)), text.len());
        return;
    };
    if stream.channels.len() > MOST_ASKED {
        return;
    }
    recorded(&stream, &stream_header(&stream, Some(text)), text.len());
    let made = stream_header(&stream, None);
    recorded(&stream, &made, text.len());
    let info = StreamInfo::parse(&made).unwrap_or_else(|e| panic!("{made}: {e}"));
    assert_eq!((&info.name, &info.kind, &info.source_id), (&stream.name, &stream.kind, &stream.source_id));
    assert_eq!(xdf_channels(&info), stream.channels);
    let nominal = match stream.rate {
        Rate::Regular(hz) => hz.get(),
        Rate::Irregular => 0.0,
    };
    assert_eq!(info.nominal_srate, nominal);
    labels(&stream.channels);
}

/// What is attached to: without its texts' characters that XML does not know, as a recording has them.
fn stream(text: &str) -> Option<StreamSpec> {
    let info = StreamInfo::parse(text).ok()?;
    let known = |text: &str| {
        let is_known = |c: char| !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}');
        text.chars().map(|c| if is_known(c) { c } else { '.' }).collect::<String>()
    };
    let info = StreamInfo {
        name: known(&info.name),
        kind: known(&info.kind),
        source_id: known(&info.source_id),
        channels: info
            .channels
            .iter()
            .map(|channel| bci_xdf::Channel {
                label: known(&channel.label),
                unit: known(&channel.unit),
                kind: known(&channel.kind),
                fiff_kind: channel.fiff_kind.clone(),
            })
            .collect(),
        ..info
    };
    Some(StreamSpec {
        rate: Hz::new(info.nominal_srate).map_or(Rate::Irregular, Rate::Regular),
        format: xdf_format(info.format),
        channels: xdf_channels(&info),
        name: info.name,
        kind: info.kind,
        source_id: info.source_id,
        hostname: info.hostname,
        instance: info.uid,
    })
}

/// A file with this header and one sample of the stream opens, and has both.
fn recorded(stream: &StreamSpec, header: &str, bytes: usize) {
    let info = StreamInfo::parse(header).unwrap_or_else(|e| panic!("{header}: {e}"));
    let channels = stream.channels.len();
    assert_eq!(info.channel_count, channels);
    let mut encoder = Encoder::default();
    encoder.begin("2026-11-26T10:00:00+0000");
    encoder.stream_header(1, header);
    let (numbers, texts) = (vec![1.0; channels], vec![""; channels]);
    let batch = match info.format {
        Format::Text => Batch::Texts(&texts),
        _ => Batch::Numbers(&numbers),
    };
    encoder.samples(1, info.format, channels, &[1.0], batch);
    encoder.footer(1, Some((1.0, 1.0)), 1, &[]);
    let file = bci_xdf::read(encoder.bytes()).unwrap_or_else(|e| panic!("{header}: {e}"));
    in_proportion(file.warnings.iter().map(String::as_str), bytes);
    assert_eq!(file.warnings, [""; 0], "{header}");
    let [read] = file.streams.as_slice() else { panic!("{} streams", file.streams.len()) };
    assert_eq!((&read.info, read.stamps.as_slice()), (&info, &[1.0][..]));
}

/// A label that is the only one so written means its channel; whatever is found is spelt like what was wanted.
fn labels(channels: &[ChannelSpec]) {
    let all = || channels.iter().map(|channel| channel.label.as_deref());
    for (i, wanted) in all().enumerate().take(32) {
        let Some(wanted) = wanted else { continue };
        let as_written = all().filter(|label| *label == Some(wanted)).count();
        if as_written == 1 && !label::folded(wanted).is_empty() {
            assert_eq!(label::find(all(), wanted), Ok(i));
        }
        let loosely = wanted.to_uppercase();
        if let Ok(found) = label::find(all(), &loosely) {
            let found = channels[found].label.as_deref().unwrap_or_default();
            assert_eq!(label::canonical(found), label::canonical(&loosely));
        }
    }
}

/// A source's name or identity in a look-up: one literal, which means it and ends with it.
fn name(text: &str) {
    let query = Query { source_id: Some(text.to_owned()), ..Query::default() };
    let Ok(xpath) = query.xpath() else {
        assert!(text.chars().any(char::is_control));
        return;
    };
    let literal = xpath.strip_prefix("source_id=").unwrap_or_else(|| panic!("{xpath}"));
    assert_eq!(meant(literal).as_deref(), Some(text), "{xpath}");
}

/// What an expression of XPath 1.0 means that is a literal, or a `concat` of literals, and nothing else.
fn meant(expression: &str) -> Option<String> {
    let Some(parts) = expression.strip_prefix("concat(") else {
        return literal(expression).filter(|(_, rest)| rest.is_empty()).map(|(text, _)| text.to_owned());
    };
    let (mut all, mut rest) = (String::new(), parts);
    loop {
        let (text, behind) = literal(rest)?;
        all += text;
        match behind {
            ")" => return Some(all),
            _ => rest = behind.strip_prefix(',')?,
        }
    }
}

/// A literal and what follows it.
fn literal(expression: &str) -> Option<(&str, &str)> {
    let quote = expression.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    expression[1..].split_once(quote)
}
