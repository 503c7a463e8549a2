//! Looking streams up.

use crate::description::{format_of, rate_of};
use crate::query::literal;
use crate::{Liblsl, Query};
use bci_driver_api::SourceError;
use bci_types::{Rate, SampleFormat, StreamSpec};
use lsl::StreamInfo;
use std::collections::BTreeMap;
use std::fmt;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The most streams that one look-up can tell.
const MANY: i32 = 1024;

/// A stream as it announces itself, without its channels' description.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Its name.
    pub name: String,
    /// Its content type.
    pub kind: String,
    /// Its source's identity; empty when it gives none.
    pub source_id: String,
    /// The machine it comes from.
    pub hostname: String,
    /// This instance of it.
    pub uid: String,
    /// When the instance was made, seconds on its machine's clock: comparable on one machine only.
    pub created_at: f64,
    /// How many channels it has.
    pub channels: u32,
    /// The nominal rate; `None` when what it announces is no rate.
    pub rate: Option<Rate>,
    /// The number format; `None` when it has none.
    pub format: Option<SampleFormat>,
}

impl Found {
    fn read(info: &StreamInfo) -> Self {
        Self {
            name: info.stream_name(),
            kind: info.stream_type(),
            source_id: info.source_id(),
            hostname: info.hostname(),
            uid: info.uid(),
            created_at: info.created_at(),
            channels: u32::try_from(info.channel_count()).unwrap_or(0),
            rate: rate_of(info),
            format: format_of(info),
        }
    }

    /// What makes two instances the same stream. A stream without a source's identity is only ever itself.
    fn identity(&self) -> [&str; 5] {
        let instance = if self.source_id.is_empty() { self.uid.as_str() } else { "" };
        [&self.source_id, &self.name, &self.kind, &self.hostname, instance]
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}' (type '{}', source_id '{}', ", self.name, self.kind, self.source_id)?;
        write!(f, "on {}, {} channels", self.hostname, self.channels)?;
        if let Some(format) = self.format {
            write!(f, " of {format}")?;
        }
        match self.rate {
            Some(rate) => write!(f, " at {rate})"),
            None => f.write_str(" at no valid rate)"),
        }
    }
}

/// All streams that answer within `timeout`, by name. Waits it out.
///
/// # Errors
/// [`SourceError::Backend`] when liblsl cannot look.
pub fn list(lsl: Liblsl, timeout: Duration) -> Result<Vec<Found>, SourceError> {
    let infos = ask(lsl, "true()", MANY, timeout, "any LSL stream")?;
    let mut found: Vec<Found> = infos.iter().map(Found::read).collect();
    found.sort_by(|a, b| (&a.name, &a.source_id, &a.uid).cmp(&(&b.name, &b.source_id, &b.uid)));
    Ok(found)
}

/// The one stream that `query` means, looked for up to `timeout`; then, for `settle`, whether there is another.
/// Of several instances of one source the newest. With it: how many older instances there were.
pub(crate) fn one(
    lsl: Liblsl,
    query: &Query,
    timeout: Duration,
    settle: Duration,
) -> Result<(StreamInfo, usize), SourceError> {
    let words = query.to_string();
    let xpath = query.xpath().map_err(|e| backend(format!("looking for {words}"), e))?;
    let mut infos = ask(lsl, &xpath, 1, timeout, &words)?;
    if infos.is_empty() {
        return Err(SourceError::NotFound { query: words });
    }
    infos.extend(ask(lsl, &xpath, MANY, settle, &words)?);

    let mut newest: BTreeMap<[String; 5], (Found, StreamInfo)> = BTreeMap::new();
    let mut uids = std::collections::BTreeSet::new();
    for info in infos {
        let found = Found::read(&info);
        uids.insert(found.uid.clone());
        let key = found.identity().map(str::to_owned);
        if newest.get(&key).is_none_or(|(known, _)| known.created_at < found.created_at) {
            newest.insert(key, (found, info));
        }
    }
    if newest.len() > 1 {
        let found = newest.into_values().map(|(f, _)| f.to_string()).collect();
        return Err(SourceError::Ambiguous { query: words, found });
    }
    let older = uids.len() - 1;
    newest.into_values().next().map(|(_, info)| (info, older)).ok_or(SourceError::NotFound { query: words })
}

/// A look whether an instance was superseded, on a thread of its own: it lasts as long as it may, and what comes meanwhile
/// has to be read. Dropping it waits for it, so that nothing uses liblsl while the process ends.
pub(crate) struct Look {
    thread: Option<JoinHandle<bool>>,
    begun: Instant,
    within: Duration,
}

impl Look {
    /// As [`superseded`]. `None` when the system gives no thread.
    pub(crate) fn begin(lsl: Liblsl, spec: &StreamSpec, created_at: f64, within: Duration) -> Option<Self> {
        let spec = spec.clone();
        let thread = std::thread::Builder::new()
            .name("lsl-look".into())
            .spawn(move || superseded(lsl, &spec, created_at, within))
            .ok()?;
        Some(Self { thread: Some(thread), begun: Instant::now(), within })
    }

    pub(crate) fn is_over(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Whether its result is of now, not of a silence long ago.
    pub(crate) fn is_recent(&self) -> bool {
        self.begun.elapsed() < self.within * 2
    }

    pub(crate) fn result(mut self) -> bool {
        self.thread.take().is_some_and(|thread| thread.join().unwrap_or(false))
    }
}

impl Drop for Look {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Whether an instance of the stream `spec` other than `spec.instance` has taken its place: a newer one on the same
/// machine; or any, when the old one no longer answers (a clock that started anew tells nothing).
fn superseded(lsl: Liblsl, spec: &StreamSpec, created_at: f64, timeout: Duration) -> bool {
    let begun = Instant::now();
    let me = literal(&spec.instance);
    let same = Query {
        name: Some(spec.name.clone()),
        kind: Some(spec.kind.clone()),
        source_id: Some(spec.source_id.clone()),
        predicate: Some(if spec.source_id.is_empty() {
            format!("uid!={me} and hostname={}", literal(&spec.hostname))
        } else {
            format!("uid!={me}")
        }),
    };
    let Ok(xpath) = same.xpath() else { return false };
    // Half of the time for the look at the others, half for the look at the old one.
    let Ok(others) = ask(lsl, &xpath, 1, timeout / 2, &spec.name) else { return false };
    if others.is_empty() {
        return false;
    }
    if others.iter().any(|o| o.hostname() == spec.hostname && o.created_at() > created_at) {
        return true;
    }
    let left = timeout.saturating_sub(begun.elapsed());
    ask(lsl, &format!("uid={me}"), 1, left, &spec.name).is_ok_and(|old| old.is_empty())
}

fn ask(
    lsl: Liblsl,
    xpath: &str,
    minimum: i32,
    timeout: Duration,
    words: &str,
) -> Result<Vec<StreamInfo>, SourceError> {
    lsl.used();
    lsl::resolve_bypred(xpath, minimum, timeout.as_secs_f64()).map_err(|e| match e {
        lsl::Error::BadArgument => {
            backend(format!("looking for {words}: its condition is no valid XPath, which"), e)
        }
        other => backend(format!("looking for {words}"), other),
    })
}

/// A failure of liblsl at `operation`.
pub(crate) fn backend(
    operation: impl Into<String>,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> SourceError {
    SourceError::Backend { operation: operation.into(), source: source.into() }
}
