//! `bcid check`: everything that `run` would check, and what the chain costs in delay.

use super::decoder::checked;
use crate::assemble::{Part, assemble};
use crate::cli::CheckArgs;
use crate::config::{Overrides, RecordingConfig};
use crate::engine::decoder_line;
use crate::exit::{Exit, Failure};
use bci_pipeline::own_steps;
use std::net::{SocketAddr, TcpListener};

pub(crate) fn check(args: &CheckArgs) -> Result<Exit, Failure> {
    super::load_lsl(super::LslLog::Errors)?;
    let assembled =
        assemble(&args.config, &Overrides::from(&args.overrides), false).map_err(Failure::mistakes)?;
    for part in &assembled.pipelines {
        print(part);
    }
    if let Some(recording) = &assembled.config.recording {
        tell(recording);
    }
    taken(assembled.config.listen.value);
    let absent: Vec<&str> =
        assembled.pipelines.iter().filter(|p| p.seen.is_none()).map(|p| &*p.spec.name).collect();
    verdict(&absent);
    Ok(if args.require_stream && !absent.is_empty() { Exit::Device } else { Exit::Clean })
}

#[allow(clippy::print_stdout, reason = "what the command is asked to print")]
fn tell(recording: &RecordingConfig) {
    let when = if recording.at_start { "from the start of the daemon" } else { "when a client asks" };
    // What a client is to say is still missing.
    let next = recording.template.free(&recording.folder, &recording.naming);
    let path = match &next {
        Ok(Ok(path) | Err(path)) => path,
        Err(_) => &recording.folder,
    };
    println!("recording {when}: {}", path.display());
    let folder = std::path::absolute(&recording.folder).unwrap_or_else(|_| recording.folder.clone());
    let above = folder.ancestors().find(|folder| folder.exists());
    if let Some(Err(e)) = above.map(tempfile::tempfile_in) {
        println!("             NOTHING CAN BE WRITTEN there now: {e}");
    }
}

/// What another program has that the daemon will ask for.
#[allow(clippy::print_stdout, reason = "what the command is asked to print")]
fn taken(listen: SocketAddr) {
    if let Err(e) = TcpListener::bind(listen) {
        println!("{listen} cannot be had now: {e}");
    }
}

#[allow(clippy::print_stdout, reason = "what the command is asked to print")]
fn verdict(absent: &[&str]) {
    if absent.is_empty() {
        println!("no mistakes; every stream is there and fits");
    } else {
        println!("no mistakes; not checked against a stream, none being there: {}", absent.join(", "));
    }
}

#[allow(clippy::print_stdout, reason = "what the command is asked to print")]
fn print(part: &Part) {
    let (bundle, spec) = (&part.bundle, &part.spec);
    println!("pipeline {}", spec.name);
    println!("  stream     {}", part.stream);
    match &part.seen {
        Some(s) => {
            println!("             there: {} channels at {}, {}; fits", s.channels.len(), s.rate, s.format)
        }
        None => println!("             not there now: checked against the decoder only"),
    }
    println!("  decoder    {}: {}", decoder_line(bundle), bundle.description);
    println!("             {}; {}", part.decoder.proof(), checked(&part.decoder));
    println!("  channels   {}", bundle.input.channels.join(", "));
    let steps = spec.conditioning.iter().map(|step| step.spec.clone()).chain(own_steps(spec, bundle));
    for (i, step) in steps.enumerate() {
        println!("  {:<10} {step}", if i == 0 { "chain" } else { "" });
    }
    if let Some(cost) = &part.cost {
        if let Some((low, high)) = cost.pass_band_hz {
            println!(
                "             lets {low:.1} to {high:.1} Hz through and delays their middle by {:.0} ms",
                cost.delay_s * 1e3
            );
        }
        println!(
            "             settles in {:.0} ms; windows are not trusted before, nor as long after a fault",
            cost.settle_s * 1e3
        );
        if cost.warm_up_s > 0.0 {
            println!(
                "             learns for {:.1} s at the start; windows are not trusted before",
                cost.warm_up_s
            );
        }
    } else {
        println!("             what it lets through and how it delays is told once its stream is there");
    }
    let window = bundle.input.window_samples.value;
    let (rate, hop_ms) = (bundle.windowed.rate, part.binding.hop_ms);
    match part.cost.as_ref().map(|cost| cost.reach_s) {
        // One frame of features, of windows that only a stream can tell.
        None if window == 1 => {
            println!("  window     told once its stream is there, a decision every {hop_ms} ms")
        }
        None | Some(0.0) => {
            let ms = window as f64 * 1e3 / rate.get();
            println!("  window     {window} samples ({ms} ms), a decision every {hop_ms} ms");
        }
        Some(reach_s) => {
            // Of several frames from the first one's window to the end of the last one's.
            let ms = 1e3 * (reach_s + (window - 1) as f64 / rate.get());
            println!("  window     {ms:.0} ms of signal, a decision every {hop_ms} ms");
        }
    }
    if let Some(teaching) = &spec.teaching {
        let (markers, from_s, to_s) = teaching.spans();
        println!("  adapts     from {from_s} to {to_s} s after {}", markers.join(", "));
    }
    let policy = &part.binding.policy;
    let whose = if spec.intent.threshold.is_none() && bundle.intent.is_some() {
        ", as the decoder states"
    } else {
        ""
    };
    println!(
        "  intent     smoothed over {} ms, at {} and above{whose}",
        policy.smoothing_ms, policy.threshold
    );
    for m in &bundle.provenance.metrics {
        println!(
            "  {} {:.3} (95 % {:.3} to {:.3}, {} trials, chance {:.3}) on {}",
            m.name, m.value, m.ci95[0], m.ci95[1], m.trials, m.chance, m.on
        );
    }
}
