//! Time-stamped annotation lists (TAL): `+onset[\x15duration]\x14text\x14…text\x14\0`, several in a row, then
//! zeros.

use super::header::decode;
use crate::recording::FARTHEST_S;

const TEXT: u8 = 0x14;
const DURATION: u8 = 0x15;

/// One list: texts at one time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Tal<'a> {
    /// Seconds from the header's start time.
    pub(super) onset_s: f64,
    pub(super) duration_s: Option<f64>,
    /// Each text followed by [`TEXT`].
    texts: &'a [u8],
}

impl<'a> Tal<'a> {
    /// The texts in order. An empty one stands first in the list that keeps a record's time, and means nothing
    /// elsewhere.
    pub(super) fn texts(&self) -> impl Iterator<Item = String> + use<'a> {
        self.texts.strip_suffix(&[TEXT]).unwrap_or_default().split(|&b| b == TEXT).map(decode)
    }

    /// Whether any text is not UTF-8, as EDF+ wants it.
    pub(super) fn is_utf8(&self) -> bool {
        std::str::from_utf8(self.texts).is_ok()
    }

    /// Whether it is the list with which each data record begins, to say when that record starts.
    pub(super) fn keeps_time(&self) -> bool {
        self.duration_s.is_none() && self.texts.first() == Some(&TEXT)
    }
}

/// The lists in an annotation signal's share of one data record, in order, each with the byte at which it starts;
/// `Err` holds the byte at which a malformed one does.
pub(super) fn lists(bytes: &[u8]) -> impl Iterator<Item = Result<(usize, Tal<'_>), usize>> {
    let mut next = 0;
    bytes.split(|&b| b == 0).filter_map(move |list| {
        let at = next;
        next += list.len() + 1;
        match list {
            [] => None,
            _ => Some(parse(list).map(|tal| (at, tal)).ok_or(at)),
        }
    })
}

fn parse(list: &[u8]) -> Option<Tal<'_>> {
    let head_len = list.iter().position(|&b| b == TEXT)?;
    let (head, texts) = (&list[..head_len], &list[head_len + 1..]);
    if texts.last() != Some(&TEXT) {
        return None;
    }
    let mut parts = head.splitn(2, |&b| b == DURATION);
    let onset = parts.next()?;
    let magnitude = seconds(onset.get(1..)?)?;
    let onset_s = match onset[0] {
        b'+' => magnitude,
        b'-' => -magnitude,
        _ => return None,
    };
    let duration_s = match parts.next() {
        None | Some([]) => None,
        Some(text) => Some(seconds(text)?),
    };
    Some(Tal { onset_s, duration_s, texts })
}

/// Digits with at most one point, and no more than a time can be; what a general number may have besides (signs, exponents, `inf`) is refused.
fn seconds(text: &[u8]) -> Option<f64> {
    if !text.first()?.is_ascii_digit() || !text.iter().all(|b| b.is_ascii_digit() || *b == b'.') {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok().filter(|s: &f64| *s <= FARTHEST_S)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Plain = (usize, f64, Option<f64>, Vec<String>);

    fn read(bytes: &[u8]) -> Vec<Result<Plain, usize>> {
        lists(bytes)
            .map(|r| r.map(|(at, tal)| (at, tal.onset_s, tal.duration_s, tal.texts().collect())))
            .collect()
    }

    fn texts(all: &[&str]) -> Vec<String> {
        all.iter().map(|t| (*t).to_owned()).collect()
    }

    #[test]
    fn several_lists_with_several_texts_each() {
        let bytes = b"+567\x14\x14Lights off\x14\0-0.50\x1525.5\x14Apnea\x14\xe4\xbb\xb0\x14\0\0\0\0";
        let got = read(bytes);
        assert_eq!(
            got,
            [
                Ok((0, 567.0, None, texts(&["", "Lights off"]))),
                Ok((18, -0.5, Some(25.5), texts(&["Apnea", "\u{4ef0}"]))),
            ]
        );
    }

    #[test]
    fn only_the_list_with_an_empty_first_text_keeps_time() {
        let keeps =
            |bytes| lists(bytes).filter_map(Result::ok).map(|(_, t)| t.keeps_time()).collect::<Vec<_>>();
        assert_eq!(
            keeps(b"+1\x14\x14\0+1\x14a\x14\0+1\x152\x14\x14\0+1\x14\x14a\x14\0"),
            [true, false, false, true]
        );
    }

    #[test]
    fn malformed_lists_are_told_by_their_byte_and_the_next_is_read() {
        for bad in [
            &b"1\x14a\x14"[..], // no sign
            b"+\x14a\x14",
            b"+1e3\x14a\x14",
            b"+inf\x14a\x14",
            b"+1000000000001\x14a\x14",
            b"+1.2.3\x14a\x14",
            b"+1\x15x\x14a\x14",
            b"+1\x14cut",
            b"+1",
            b"\x14\x14",
        ] {
            let mut bytes = b"\0".to_vec();
            bytes.extend_from_slice(bad);
            bytes.extend_from_slice(b"\0+2\x14b\x14\0");
            let got = read(&bytes);
            assert_eq!(got[0], Err(1), "{}", bad.escape_ascii());
            assert_eq!(got[1], Ok((bad.len() + 2, 2.0, None, texts(&["b"]))));
        }
    }

    #[test]
    fn a_text_that_is_no_utf8_is_taken_as_latin_1() {
        let (_, tal) = lists(b"+1\x14\xb5V\x14").next().expect("one").expect("well formed");
        assert!(!tal.is_utf8());
        assert_eq!(tal.texts().collect::<Vec<_>>(), ["\u{b5}V"]);
    }
}
