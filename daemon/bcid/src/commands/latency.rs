//! `bcid latency`: the way from the newest sample's stamp to a client in another process, measured for a while.

use super::{Interrupts, writable, write_json};
use crate::cli::LatencyArgs;
use crate::client::{Client, Events, Latency};
use crate::exit::{Exit, Failure};
use bci_proto::v1::subscribe_response::Event;
use serde_json::{Value, json};
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
}

pub(crate) fn latency(args: &LatencyArgs) -> Result<Exit, Failure> {
    for (name, value) in [("--seconds", args.seconds), ("--settle", args.settle)] {
        // Written so that NaN fails.
        if !(0.0..=86_400.0).contains(&value) {
            return Err(Failure::new(Exit::Usage, format!("{name} {value}: must be 0 to 86400 s")));
        }
    }
    if let Some(file) = &args.json {
        writable(file)?;
    }
    // One thread: what another would have to be woken for would be measured, too.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::caused(Exit::Internal, "starting the network thread", &e))?;
    let measured = runtime.block_on(async {
        let client = Client::connect(&args.server.server).await?;
        let events = client.subscribe(&args.pipeline, false).await?;
        let (settle, long) = (Duration::from_secs_f64(args.settle), Duration::from_secs_f64(args.seconds));
        // As a task: what is awaited outside of one is looked at only after the sockets have been.
        let measuring = tokio::spawn(measure(events, settle, long));
        measuring.await.map_err(|e| Failure::caused(Exit::Internal, "measuring", &e))?
    })?;
    let found = found(&measured);
    tell(&found);
    if let Some(file) = &args.json {
        write_json(file, &found)?;
    }
    Ok(Exit::Clean)
}

async fn measure(mut events: Events, settle: Duration, long: Duration) -> Result<Measured, Failure> {
    let mut interrupts = Interrupts::listen()?;
    let mut measured = Measured::default();
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
        measured.valid += u64::from(intent.validity.as_ref().is_none_or(|v| v.valid));
        measured.latency.record(&intent, received.at);
    }
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
