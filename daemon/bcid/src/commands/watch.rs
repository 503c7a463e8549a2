//! `bcid watch`: a daemon's intents, drawn in place.

mod view;

use super::{Interrupts, client_runtime};
use crate::cli::WatchArgs;
use crate::client::{Client, Events, Latency, outcome_words};
use crate::exit::{Exit, Failure};
use bci_proto::v1;
use bci_proto::v1::subscribe_response::Event;
use crossterm::event::{Event as Key, EventStream, KeyCode, KeyModifiers};
use std::collections::{BTreeMap, VecDeque};
use std::io::IsTerminal as _;
use std::time::{Duration, Instant};
use tokio_stream::StreamExt as _;

/// How often the picture is drawn, at most.
const REDRAW: Duration = Duration::from_millis(100);
/// Over how long the rate of intents is taken.
const RATE_OVER: Duration = Duration::from_secs(3);

/// What is known of a pipeline from its events.
#[derive(Default)]
struct Pipeline {
    stream: Option<v1::StreamStatus>,
    intent: Option<v1::Intent>,
    latency: Latency,
    arrivals: VecDeque<Instant>,
    status: Option<v1::PipelineStatus>,
}

#[derive(Default)]
struct Screen {
    server: String,
    pipelines: BTreeMap<String, Pipeline>,
    missed: u64,
    marker: Option<v1::Marker>,
    status: Option<v1::GetStatusResponse>,
}

pub(crate) fn watch(args: &WatchArgs) -> Result<Exit, Failure> {
    client_runtime()?.block_on(async {
        let client = Client::connect(&args.server).await?;
        let events = client.subscribe(&args.pipeline, true).await?;
        if args.plain || !std::io::stdout().is_terminal() {
            return lines(events).await;
        }
        let terminal =
            ratatui::try_init().map_err(|e| Failure::caused(Exit::Internal, "opening the terminal", &e))?;
        let done = draw(terminal, &client, events, &args.server.server).await;
        ratatui::restore();
        done
    })
}

async fn draw(
    mut terminal: ratatui::DefaultTerminal,
    client: &Client,
    mut events: Events,
    server: &str,
) -> Result<Exit, Failure> {
    let mut screen = Screen { server: server.to_owned(), ..Screen::default() };
    let mut interrupts = Interrupts::listen()?;
    let mut keys = EventStream::new();
    let mut redraw = tokio::time::interval(REDRAW);
    let mut ask = tokio::time::interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            () = interrupts.next() => return Ok(Exit::Clean),
            key = keys.next() => {
                if key.and_then(Result::ok).is_some_and(ends) {
                    return Ok(Exit::Clean);
                }
            }
            event = events.next() => match event? {
                Some(received) => screen.take(received.event, received.at),
                None => return Err(Failure::new(Exit::Device, "the daemon has ended")),
            },
            _ = ask.tick() => {
                let status = client.status().await?;
                for p in &status.pipelines {
                    screen.pipelines.entry(p.name.clone()).or_default().status = Some(p.clone());
                }
                screen.status = Some(status);
            }
            _ = redraw.tick() => {
                terminal
                    .draw(|frame| view::render(&mut screen, frame))
                    .map_err(|e| Failure::caused(Exit::Internal, "drawing", &e))?;
            }
        }
    }
}

/// q, Esc and Ctrl-C, which a terminal in raw mode hands over as a key.
fn ends(event: Key) -> bool {
    event.as_key_press_event().is_some_and(|key| {
        matches!(key.code, KeyCode::Char('q') | KeyCode::Esc)
            || (key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL))
    })
}

impl Screen {
    fn take(&mut self, event: Event, at: bci_types::HostNs) {
        match event {
            Event::Intent(intent) => {
                let p = self.pipelines.entry(intent.pipeline.clone()).or_default();
                p.latency.record(&intent, at);
                let now = Instant::now();
                p.arrivals.push_back(now);
                while p.arrivals.front().is_some_and(|t| now - *t > RATE_OVER) {
                    p.arrivals.pop_front();
                }
                p.intent = Some(intent);
            }
            Event::Marker(marker) => self.marker = Some(marker),
            Event::Missed(missed) => self.missed += missed.events,
            Event::Stream(stream) => {
                let name = stream.pipeline.clone();
                self.pipelines.entry(name).or_default().stream = Some(stream);
            }
        }
    }
}

/// One line an event, for pipes and logs.
#[allow(clippy::print_stdout, reason = "what the command is asked to print")]
async fn lines(mut events: Events) -> Result<Exit, Failure> {
    let mut interrupts = Interrupts::listen()?;
    loop {
        let next = tokio::select! {
            () = interrupts.next() => return Ok(Exit::Clean),
            next = events.next() => next?,
        };
        let Some(received) = next else { return Ok(Exit::Clean) };
        match received.event {
            Event::Intent(i) => {
                let (words, _) = outcome_words(&i);
                let p: Vec<String> =
                    i.probabilities.iter().map(|p| format!("{} {:.3}", p.label, p.smoothed)).collect();
                let ms = (received.at.0 - i.newest_sample_ns) as f64 / 1e6;
                println!("{} {:>6}  {words:<28} {}  {ms:.2} ms", i.pipeline, i.sequence, p.join("  "));
            }
            Event::Marker(m) => println!("marker {:?} of {}", m.text, m.stream),
            Event::Missed(m) => println!("missed {} events", m.events),
            Event::Stream(s) => println!("{} stream {:?}: {}", s.pipeline, s.state(), s.message),
        }
    }
}
