//! `bcid-cursor` moves the pointer by the intents of a daemon: by its velocities, where the pipeline has a `[pipeline.velocity]`, else
//! by classes that are given a direction. It moves nothing once an intent's validity has passed: when the daemon dies or is stopped, the
//! source is pulled, data go bad, or the pipeline is paused; and goes on by itself.
//!
//! Exit codes: 0 ended by a signal, 64 usage, 75 the display or the daemon refuses.

mod output;
mod steer;

use crate::output::Output;
use crate::steer::{Directions, Steer};
use bcid_client::{Asked, Client, DaemonClock, Error, Event, Hold, Target, now_ns};
use clap::Parser;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use tokio::sync::mpsc;

/// Moves the pointer of an X display by the intents of a daemon.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// The daemon's address: http://ADDRESS:PORT, https://ADDRESS:PORT, or unix:FILE for its local socket.
    #[arg(long, default_value = "http://127.0.0.1:50051", value_name = "URL")]
    server: String,
    /// A file with the token to show; by default the environment variable BCID_TOKEN.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Whose certificates are trusted, in PEM; by default those that the system trusts.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The pipeline.
    #[arg(long)]
    pipeline: String,
    /// A class and its direction, such as `left=-x`; x is to the right, y is up. Without any, the pipeline's velocities move the pointer.
    #[arg(long = "class", value_name = "CLASS=DIRECTION")]
    classes: Vec<String>,
    /// What a velocity of 1/s, or a class, is: widths of the display a second.
    #[arg(long, default_value_t = 0.25, value_name = "WIDTHS")]
    speed: f64,
    /// A class whose beginning clicks.
    #[arg(long, value_name = "CLASS")]
    click: Option<String>,
    /// Instead of moving a pointer, print each step as a line of JSON.
    #[arg(long)]
    print: bool,
}

/// From one step to the next.
const STEP: Duration = Duration::from_millis(8);
/// The longest that one step stands for: whoever was stopped does not leap when it goes on.
const LONGEST_STEP_S: f64 = 0.05;
/// Windows come every hop: without one for so long the daemon is asked anew.
const SILENCE: Duration = Duration::from_secs(3);

#[allow(clippy::print_stderr, reason = "a command line speaks on the terminal")]
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(e) => {
            let _ = e.print();
            return ExitCode::from(if e.use_stderr() { 64 } else { 0 });
        }
    };
    match run(&args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err((code, problem)) => {
            eprintln!("bcid-cursor: {problem}");
            ExitCode::from(code)
        }
    }
}

async fn run(args: &Args) -> Result<(), (u8, String)> {
    let usage = |problem: String| (64, problem);
    let directions = Directions::parse(&args.classes).map_err(usage)?;
    if args.speed.is_nan() || args.speed <= 0.0 || args.speed > 10.0 {
        return Err(usage(format!("--speed {}: above 0, up to 10 widths a second", args.speed)));
    }
    let mut target = Target::at(&args.server).map_err(|e| usage(e.to_string()))?;
    target.ca = args.ca.clone();
    let token = match &args.token_file {
        Some(file) => {
            Some(std::fs::read_to_string(file).map_err(|e| usage(format!("{}: {e}", file.display())))?)
        }
        None => std::env::var("BCID_TOKEN").ok(),
    };
    if let Some(token) = token {
        target = target.with_token(&token).map_err(|e| usage(e.to_string()))?;
    }
    let mut output =
        if args.print { Output::print() } else { Output::display().map_err(|e| (75, e.to_string()))? };
    let client = Client::lazily(&target).map_err(|e| usage(e.to_string()))?;
    let asked = Asked { pipeline: args.pipeline.clone(), silence: Some(SILENCE), ..Asked::default() };
    let mut heard = listen(client, asked);
    // Until the daemon's clock is known nothing is valid, and nothing moves.
    let mut hold: Option<Hold> = None;
    let mut steer = Steer::new(directions, args.speed);
    let mut step = tokio::time::interval(STEP);
    step.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let mut before_ns = now_ns();
    let interrupted = tokio::signal::ctrl_c();
    let mut interrupted = std::pin::pin!(interrupted);
    loop {
        tokio::select! {
            _ = &mut interrupted => return Ok(()),
            _ = step.tick() => {
                let now = now_ns();
                let elapsed_s = ((now - before_ns) as f64 / 1e9).min(LONGEST_STEP_S);
                before_ns = now;
                let held = hold.as_ref();
                let velocity = held.map_or(&[][..], |hold| hold.velocity(&args.pipeline));
                let class = held.and_then(|hold| hold.class(&args.pipeline));
                let (x, y) = steer.step(velocity, class, elapsed_s, output.width());
                output.step(x, y, now).map_err(|e| (75, e.to_string()))?;
            }
            event = heard.recv() => match event {
                None => return Ok(()),
                Some(Err(e)) => return Err((75, e.to_string())),
                Some(Ok((event, clock))) => {
                    if let Some(clock) = clock {
                        hold.get_or_insert_with(|| Hold::new(clock)).set_clock(clock);
                    }
                    steer.learn(&event);
                    output.tell(&event);
                    let begins = hold.as_mut().and_then(|hold| hold.take(&event));
                    if begins.is_some() && begins == args.click {
                        output.click().map_err(|e| (75, e.to_string()))?;
                    }
                }
            },
        }
    }
}

/// What is heard, with the daemon's clock at each new connection.
type Heard = Result<(Event, Option<DaemonClock>), Error>;

/// Listens on a task of its own: to wait for the next event must not be broken off for a step.
fn listen(client: Client, asked: Asked) -> mpsc::Receiver<Heard> {
    let (tell, told) = mpsc::channel(64);
    tokio::spawn(async move {
        let mut intents = client.intents(asked);
        while let Some(event) = intents.next().await {
            let heard = match event {
                Ok(event @ Event::Connected) => Ok((event, client.clock().await.ok())),
                Ok(event) => Ok((event, None)),
                Err(e) => Err(e),
            };
            if tell.send(heard).await.is_err() {
                return;
            }
        }
    });
    told
}
