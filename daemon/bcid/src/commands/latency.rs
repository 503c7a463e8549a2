//! `bcid latency`: the way from the newest sample's stamp to a client in another process, measured for a while.

use super::{Interrupts, writable, write_json, write_whole};
use crate::cli::LatencyArgs;
use crate::client::{Client, Events, Latency};
use crate::exit::{Exit, Failure};
use bci_proto::v1;
use bci_proto::v1::subscribe_response::Event;
use bci_types::HostNs;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::time::{Duration, Instant};

/// How long nothing may come before the measurement is given up.
const PATIENCE: Duration = Duration::from_secs(30);

/// What was measured.
#[derive(Default)]
struct Measured {
    latency: Latency,
    intents: u64,
    valid: u64,
    /// Windows that were skipped or missed: holes in the numbers.
    lost: u64,
    /// A line an intent, where that is asked for.
    each: Option<String>,
}

/// What stands above the lines: each time is that of the end of its step.
const COLUMNS: &str = "pipeline,sequence,valid,newest_sample_ns,acquired_ns,queued_ns,filtered_ns,decoded_ns,published_ns,received_ns\n";

pub(crate) fn latency(args: &LatencyArgs) -> Result<Exit, Failure> {
    for (name, value) in [("--seconds", args.seconds), ("--settle", args.settle)] {
        // Written so that NaN fails.
        if !(0.0..=86_400.0).contains(&value) {
            return Err(Failure::new(Exit::Usage, format!("{name} {value}: must be 0 to 86400 s")));
        }
    }
    for file in [&args.json, &args.each].into_iter().flatten() {
        writable(file)?;
    }
    // One thread: what another would have to be woken for would be measured, too.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::caused(Exit::Internal, "starting the network thread", &e))?;
    let measured = runtime.block_on(async {
        let client = Client::connect(&args.server).await?;
        let events = client.subscribe(&args.pipeline, false).await?;
        let (settle, long) = (Duration::from_secs_f64(args.settle), Duration::from_secs_f64(args.seconds));
        // As a task: what is awaited outside of one is looked at only after the sockets have been.
        let each = args.each.as_ref().map(|_| COLUMNS.to_owned());
        let measuring = tokio::spawn(measure(events, settle, long, each));
        measuring.await.map_err(|e| Failure::caused(Exit::Internal, "measuring", &e))?
    })?;
    let found = found(&measured);
    tell(&found);
    if let Some(file) = &args.json {
        write_json(file, &found)?;
    }
    if let (Some(file), Some(lines)) = (&args.each, &measured.each) {
        write_whole(file, lines)?;
    }
    Ok(Exit::Clean)
}

async fn measure(
    mut events: Events,
    settle: Duration,
    long: Duration,
    each: Option<String>,
) -> Result<Measured, Failure> {
    let mut interrupts = Interrupts::listen()?;
    let mut measured = Measured { each, ..Measured::default() };
    let (mut begun, mut last): (Option<Instant>, Option<u64>) = (None, None);
    loop {
        let next = tokio::select! {
            () = interrupts.next() => return Ok(measured),
            next = tokio::time::timeout(PATIENCE, events.next()) => next.map_err(|_| {
                Failure::new(Exit::Device, format!("no intent came for {} s", PATIENCE.as_secs()))
            })??,
        };
        let Some(received) = next else { return Ok(measured) };
        let Event::Intent(intent) = received.event else { continue };
        let since = begun.get_or_insert_with(Instant::now).elapsed();
        if since < settle {
            continue;
        }
        if since >= settle + long {
            return Ok(measured);
        }
        if let Some(last) = last {
            measured.lost += intent.sequence.saturating_sub(last + 1);
        }
        last = Some(intent.sequence);
        measured.intents += 1;
        let valid = intent.validity.as_ref().is_none_or(|v| v.valid);
        measured.valid += u64::from(valid);
        measured.latency.record(&intent, received.at);
        if let Some(lines) = &mut measured.each {
            line(lines, &intent, valid, received.at);
        }
    }
}

fn line(lines: &mut String, intent: &v1::Intent, valid: bool, received: HostNs) {
    let Some(l) = &intent.ledger else { return };
    let v1::Intent { pipeline, sequence, newest_sample_ns, .. } = intent;
    // Writing to a String cannot fail.
    let _ = writeln!(
        lines,
        "{pipeline},{sequence},{valid},{newest_sample_ns},{},{},{},{},{},{}",
        l.acquired_ns, l.queued_ns, l.filtered_ns, l.decoded_ns, l.published_ns, received.0
    );
}

fn found(m: &Measured) -> Value {
    let steps: serde_json::Map<String, Value> = m
        .latency
        .summary()
        .into_iter()
        .map(|s| (s.step.to_owned(), json!({ "p50": s.p50_ms, "p99": s.p99_ms, "max": s.max_ms })))
        .collect();
    json!({ "intents": m.intents, "valid": m.valid, "lost": m.lost, "latency_ms": steps })
}

#[allow(clippy::print_stdout, reason = "what the command is asked to print")]
fn tell(found: &Value) {
    println!(
        "{} intents, {} of windows that could be trusted, {} lost; from the newest sample's stamp to here, ms:",
        found["intents"], found["valid"], found["lost"]
    );
    for step in crate::client::LATENCY_STEPS {
        let of = |q: &str| found["latency_ms"][step][q].as_f64().unwrap_or(f64::NAN);
        println!("  {step:<8} p50 {:>8.3}   p99 {:>8.3}   max {:>8.3}", of("p50"), of("p99"), of("max"));
    }
}
