//! Reading a numeric stream.

use crate::clock::{ClockTrack, host_now};
use crate::repeats::Repeats;
use crate::resolve::{self, Look, backend};
use crate::{Liblsl, Query, description};
use bci_driver_api::{ClockOffset, Source, SourceError, SourceFactory};
use bci_types::{Chunk, Rate, SampleFormat, StreamSpec};
use lsl::{Pullable, StreamInfo, StreamInlet};
use std::time::Duration;

/// How a stream is opened.
#[derive(Clone, Debug)]
pub struct InletOptions {
    /// How much liblsl keeps for a reader that falls behind, seconds of the nominal rate (of 100 samples a second for
    /// irregular streams). What is older is dropped without a word; the stamps show the gap.
    pub buffer_s: u32,
    /// How long to look, once a stream is found, whether another one fits too.
    pub settle: Duration,
    /// How long the stream's description and its data connection may each take.
    pub connect: Duration,
    /// How long the first measurement of the clock offset may take; liblsl needs 0.7 s.
    pub clock: Duration,
}

impl Default for InletOptions {
    /// 10 s of buffer, 0.8 s to settle (liblsl asks known peers only after 0.5 s), 5 s to connect, 3 s for the clock.
    fn default() -> Self {
        Self {
            buffer_s: 10,
            settle: Duration::from_millis(800),
            connect: Duration::from_secs(5),
            clock: Duration::from_secs(3),
        }
    }
}

/// Opens the numeric stream that a query means.
#[derive(Clone, Debug)]
pub struct LslSourceFactory(Opener);

impl LslSourceFactory {
    /// For the one stream that fits `query`.
    #[must_use]
    pub fn new(lsl: Liblsl, query: Query, options: InletOptions) -> Self {
        Self(Opener { lsl, query, options })
    }

    /// As [`SourceFactory::open`], with the driver's own type.
    ///
    /// # Errors
    /// `NotFound`, `Ambiguous`; `Unreachable` when it is announced but its ports do not answer; `Unusable` for text
    /// and for declarations that make no sense; `Backend` when liblsl fails or the query cannot be asked.
    pub fn open_source(&mut self, timeout: Duration) -> Result<LslSource, SourceError> {
        let mut opened = self.0.connect(timeout)?;
        if opened.spec.format == SampleFormat::Text {
            return Err(SourceError::Unusable {
                stream: opened.spec.name,
                reason: "it carries text: it is a marker stream, not a signal".into(),
            });
        }
        self.0.begin(&mut opened)?;
        let frame = vec![0.0; opened.spec.channels.len()];
        let epitaph = opened.spec.name.clone();
        Ok(LslSource { opened, frame, repeats: Repeats::new(), lost: false, epitaph })
    }

    /// Looks at most `timeout` for the stream and describes it, without subscribing to its samples.
    ///
    /// # Errors
    /// As for [`SourceFactory::open`].
    pub fn peek(&mut self, timeout: Duration) -> Result<StreamSpec, SourceError> {
        self.0.connect(timeout).map(|opened| opened.spec)
    }
}

impl SourceFactory for LslSourceFactory {
    fn describe(&self) -> String {
        self.0.query.to_string()
    }

    fn open(&mut self, timeout: Duration) -> Result<Box<dyn Source>, SourceError> {
        Ok(Box::new(self.open_source(timeout)?))
    }
}

/// A numeric LSL stream, whatever its sample format. Not `Send`: one thread opens and reads it.
///
/// `pull` allocates nothing in this crate. Stamps are the source's with the clock offset added; on this machine they
/// are exact. A source whose clock falls back by more than a second counts as lost. `superseded` looks as streams are
/// looked up: allow it 1.5 s or more, unless the configuration is [`crate::LOOPBACK_CONFIG`].
///
/// liblsl itself reserves 5 s of samples on either end (`[tuning] InletBufferReserveMs`, `OutletBufferReserveMs`):
/// 600 MB at 1024 channels of float32 and 30 kHz.
pub struct LslSource {
    opened: Opened,
    frame: Vec<f64>,
    repeats: Repeats,
    lost: bool,
    /// For the error that tells of the loss, made beforehand: it is told on a real-time thread.
    epitaph: String,
}

impl LslSource {
    /// Frames that liblsl holds for us, not yet pulled.
    #[must_use]
    pub fn backlog(&self) -> usize {
        self.opened.inlet.samples_available() as usize
    }

    fn gone(&mut self) -> SourceError {
        let stream = std::mem::take(&mut self.epitaph);
        SourceError::Lost { stream: if stream.is_empty() { self.opened.spec.name.clone() } else { stream } }
    }
}

impl Source for LslSource {
    fn spec(&self) -> &StreamSpec {
        &self.opened.spec
    }

    fn description(&self) -> Option<&str> {
        Some(self.opened.xml.as_str()).filter(|xml| !xml.is_empty())
    }

    fn notes(&self) -> &[String] {
        &self.opened.notes
    }

    fn clock_offset(&self) -> Option<ClockOffset> {
        self.opened.clock.offset()
    }

    fn pull(&mut self, chunk: &mut Chunk, timeout: Duration) -> Result<usize, SourceError> {
        chunk.clear();
        if self.lost {
            return Err(self.gone());
        }
        if chunk.channels() != self.frame.len() {
            return Err(SourceError::Unusable {
                stream: self.opened.spec.name.clone(),
                reason: format!("{} channels do not fit a chunk of {}", self.frame.len(), chunk.channels()),
            });
        }
        let Opened { inlet, clock, .. } = &mut self.opened;
        clock.refresh(inlet, host_now());
        let mut wait_s = bounded_s(timeout);
        while !chunk.is_full() {
            match inlet.pull_sample_buf(&mut self.frame, wait_s) {
                // liblsl's word for "nothing came".
                Ok(0.0) => break,
                Ok(stamp) if self.repeats.is_repeated(stamp, &self.frame) => {
                    chunk.repeated += 1;
                    true
                }
                Ok(stamp) => match clock.in_order(stamp) {
                    Some(stamp) => chunk.push(stamp, &self.frame),
                    None => {
                        self.lost = true;
                        break;
                    }
                },
                Err(lsl::Error::Timeout) => break,
                // liblsl says "lost" once a connection broke; whatever else it says, no sample will come any more.
                Err(_) => {
                    self.lost = true;
                    break;
                }
            };
            wait_s = 0.0;
        }
        chunk.acquired = host_now();
        if self.lost && chunk.frames() == 0 { Err(self.gone()) } else { Ok(chunk.frames()) }
    }

    fn superseded(&mut self, within: Duration) -> Option<bool> {
        self.opened.superseded(within)
    }
}

/// What the factories of signals and of markers have in common: which stream to open, and how.
#[derive(Clone, Debug)]
pub(crate) struct Opener {
    pub(crate) lsl: Liblsl,
    pub(crate) query: Query,
    pub(crate) options: InletOptions,
}

/// What a signal and a marker source have in common: the connection, its clock, its description.
pub(crate) struct Opened {
    lsl: Liblsl,
    pub(crate) inlet: StreamInlet,
    pub(crate) clock: ClockTrack,
    pub(crate) spec: StreamSpec,
    pub(crate) notes: Vec<String>,
    /// As it describes itself; empty where liblsl does not say.
    xml: String,
    created_at: f64,
    look: Option<Look>,
}

impl Opener {
    /// Finds the stream and reads its description; no sample flows yet.
    pub(crate) fn connect(&self, timeout: Duration) -> Result<Opened, SourceError> {
        let Self { lsl, query, options } = self;
        let (info, older) = resolve::one(*lsl, query, timeout, options.settle)?;
        let stream = info.stream_name();
        // The inlet has room for a sample.
        if let Err(reason) = description::channels_of(&info) {
            return Err(SourceError::Unusable { stream, reason });
        }
        let mut notes = Vec::new();
        if older > 0 {
            notes.push(format!("{older} older instance(s) of it still answer; the newest is read"));
        }
        let inlet = StreamInlet::new(&info, buffer_s(&info, options), 0, false)
            .map_err(|e| backend(format!("opening an inlet for {stream}"), e))?;
        let mut full = inlet
            .info(options.connect.as_secs_f64())
            .map_err(|e| unanswered(&stream, "its description", &query.to_string(), e))?;
        let spec = description::read(&mut full, &mut notes)
            .map_err(|reason| SourceError::Unusable { stream, reason })?;
        let xml = full.to_xml().unwrap_or_default();
        let clock = ClockTrack::open(&inlet, &spec.hostname, options.clock.as_secs_f64());
        if clock.offset().is_none() {
            notes.push(
                "its clock could not be measured yet (UDP blocked?): its stamps are taken as this host's"
                    .into(),
            );
        }
        Ok(Opened { lsl: *lsl, inlet, clock, spec, notes, xml, created_at: full.created_at(), look: None })
    }

    /// Lets samples flow. Last, so that nothing piles up while the rest is being done.
    pub(crate) fn begin(&self, opened: &mut Opened) -> Result<(), SourceError> {
        let name = &opened.spec.name;
        opened
            .inlet
            .open_stream(self.options.connect.as_secs_f64())
            .map_err(|e| unanswered(name, "its data connection", name, e))
    }
}

impl Opened {
    /// As [`Source::superseded`].
    pub(crate) fn superseded(&mut self, within: Duration) -> Option<bool> {
        match self.look.take() {
            Some(look) if !look.is_over() => {
                self.look = Some(look);
                None
            }
            Some(look) if look.is_recent() => Some(look.result()),
            // None yet, or one about an earlier silence.
            _ => {
                self.look = Look::begin(self.lsl, &self.spec, self.created_at, within);
                None
            }
        }
    }
}

/// liblsl waits by floating-point seconds; more than a day is not meant.
pub(crate) fn bounded_s(timeout: Duration) -> f64 {
    timeout.as_secs_f64().min(86_400.0)
}

/// The buffer in liblsl's whole seconds: never less than four samples, for liblsl's queue fails below two.
fn buffer_s(info: &StreamInfo, options: &InletOptions) -> i32 {
    let least = match description::rate_of(info) {
        Some(Rate::Regular(hz)) => (4.0 / hz.get()).ceil(),
        _ => 1.0,
    };
    f64::from(options.buffer_s).max(least).min(1e6) as i32
}

fn unanswered(stream: &str, what: &str, query: &str, error: lsl::Error) -> SourceError {
    match error {
        lsl::Error::Timeout => SourceError::Unreachable {
            stream: stream.to_owned(),
            reason: format!("{what} did not answer in time (is TCP to its machine blocked by a firewall?)"),
        },
        // It went away, or had gone already, between the look-up and now.
        lsl::Error::StreamLost => SourceError::NotFound { query: query.to_owned() },
        other => backend(format!("asking {stream} for {what}"), other),
    }
}
