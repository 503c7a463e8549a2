//! `bcid check`: everything that `run` would check, and what the chain costs in delay.

use crate::assemble::{Part, assemble};
use crate::cli::CheckArgs;
use crate::config::Overrides;
use crate::engine::decoder_line;
use crate::exit::{Exit, Failure};
use bci_dsp::StepSpec;
use bci_models::steps::Step;

pub(crate) fn check(args: &CheckArgs) -> Result<Exit, Failure> {
    super::load_lsl(super::LslLog::Errors)?;
    let assembled =
        assemble(&args.config, &Overrides::from(&args.overrides), false).map_err(Failure::mistakes)?;
    for part in &assembled.pipelines {
        print(part);
    }
    let absent: Vec<&str> =
        assembled.pipelines.iter().filter(|p| p.seen.is_none()).map(|p| &*p.spec.name).collect();
    verdict(&absent);
    Ok(if args.require_stream && !absent.is_empty() { Exit::Device } else { Exit::Clean })
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
    let rate = bundle.input.rate.value;
    println!("pipeline {}", spec.name);
    println!("  stream     {}", part.stream);
    match &part.seen {
        Some(s) => {
            println!("             there: {} channels at {}, {}; fits", s.channels.len(), s.rate, s.format)
        }
        None => println!("             not there now: checked against the decoder only"),
    }
    println!("  decoder    {}: {}", decoder_line(bundle), bundle.description);
    println!("  channels   {}", bundle.input.channels.join(", "));
    let steps: Vec<&Step> = spec.conditioning.iter().chain(&bundle.preprocessing).collect();
    for (i, step) in steps.iter().enumerate() {
        println!("  {:<10} {}", if i == 0 { "chain" } else { "" }, step.spec);
    }
    let all: Vec<_> = steps.iter().map(|s| s.spec.clone()).collect();
    if let Ok(chain) = bci_dsp::Chain::design(&all, rate, 1) {
        let ms = |samples: f64| samples * 1e3 / rate.get();
        for (low, high) in steps.iter().filter_map(|s| band(&s.spec)) {
            let delay = ms(chain.group_delay_samples((low * high).sqrt()));
            println!("             delays {low}-{high} Hz by {delay:.0} ms at its centre");
        }
        let settle = ms(chain.settle_samples(bci_pipeline::SETTLED) as f64);
        println!(
            "             settles in {settle:.0} ms; windows are not trusted before, nor as long after a gap"
        );
    }
    let window = bundle.input.window_samples.value;
    println!(
        "  window     {window} samples ({} ms), a decision every {} ms",
        window as f64 * 1e3 / rate.get(),
        part.binding.hop_ms
    );
    let policy = spec.policy;
    println!("  intent     smoothed over {} ms, at {} and above", policy.smoothing_ms, policy.threshold);
    for m in &bundle.metrics {
        println!(
            "  {} {:.3} (95 % {:.3} to {:.3}, {} trials, chance {}) on {}",
            m.name, m.value, m.ci95[0], m.ci95[1], m.trials, m.chance, m.on
        );
    }
}

/// The pass band of a step that has one.
fn band(step: &StepSpec) -> Option<(f64, f64)> {
    match step {
        StepSpec::BandPass { low_hz, high_hz, .. } => Some((*low_hz, *high_hz)),
        _ => None,
    }
}
