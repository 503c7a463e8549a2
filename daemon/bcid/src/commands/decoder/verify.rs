use crate::cli::VerifyArgs;
use crate::commands::{print_lines, writable, write_json};
use crate::engine::decoder_line;
use crate::exit::{Exit, Failure};
use bci_config::{Mistake, Mistakes};
use bci_models::{Bundle, Device, Draft, OrtDecoder, golden};
use serde_json::json;
use std::time::Duration;

/// Runs that are timed, of each decoder.
const RUNS: usize = 200;

pub(crate) fn verify(args: &VerifyArgs) -> Result<Exit, Failure> {
    if let Some(file) = &args.json {
        writable(file)?;
    }
    let mistakes = Mistakes::new();
    let draft = Bundle::draft(&args.folder, &mistakes);
    let golden = draft.as_ref().and_then(|draft| draft.contract().golden.clone());
    let Some(bundle) = draft.and_then(Draft::into_sound) else {
        mistakes.extend(golden.and_then(|golden| golden.load().err()).into_iter().flatten());
        return Err(Failure::mistakes(mistakes.into_sorted()));
    };
    let device = Device::from(args.device);
    let decoders = (0..args.decoders)
        .map(|_| OrtDecoder::load(&bundle, device))
        .collect::<Result<Vec<_>, _>>()
        .map_err(Failure::mistakes)?;
    let Some(first) = decoders.first() else { return Ok(Exit::Clean) };
    let (proof, checked) = (first.proof().clone(), checked(first));
    let agreement = first.agreement().copied();
    let mut times = at_once(&bundle, decoders).map_err(Failure::mistakes)?;
    times.sort_unstable();
    let (p50, p99) = (at(&times, 0.50), at(&times, 0.99));
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let hop_ms = bundle.input.hop_samples.value as f64 * 1e3 / bundle.windowed.rate.get();
    print_lines(&[
        decoder_line(&bundle),
        format!("  {proof}"),
        format!("  {checked}"),
        format!(
            "  {} decoder{} at once, {RUNS} runs each: median {:.3} ms, p99 {:.3} ms; a hop is {hop_ms} ms",
            args.decoders,
            if args.decoders == 1 { "" } else { "s" },
            ms(p50),
            ms(p99)
        ),
        "  verified".to_owned(),
    ]);
    if let Some(file) = &args.json {
        let nodes: serde_json::Map<_, _> =
            proof.nodes.iter().map(|(provider, n)| (provider.clone(), (*n).into())).collect();
        let agreement = agreement
            .map(|a| json!({ "windows": a.windows, "of_windows": a.expected, "largest_difference": a.largest, "atol": a.atol }));
        let found = json!({
            "name": bundle.identity.name,
            "version": bundle.identity.version,
            "model_sha256": bundle.identity.model_sha256,
            "asked": proof.asked.word(),
            "provider": proof.provider,
            "nodes": nodes,
            "branching_nodes": proof.branching,
            "degraded": proof.degraded,
            "golden": agreement,
            "decoders": args.decoders,
            "runs": times.len(),
            "p50_us": p50.as_secs_f64() * 1e6,
            "p99_us": p99.as_secs_f64() * 1e6,
            "hop_ms": hop_ms,
        });
        write_json(file, &found)?;
    }
    Ok(Exit::Clean)
}

/// What was measured of a decoder when it was loaded.
pub(crate) fn checked(decoder: &OrtDecoder) -> String {
    let run = format!("a run took {:.3} ms", decoder.run_time().as_secs_f64() * 1e3);
    match decoder.agreement() {
        Some(a) => {
            format!("{run}; {a}")
        }
        None => run,
    }
}

/// The times of all runs of all decoders, each on a thread of its own, together.
fn at_once(bundle: &Bundle, decoders: Vec<OrtDecoder>) -> Result<Vec<Duration>, Vec<Mistake>> {
    let Some(golden) = &bundle.golden else { return Ok(Vec::new()) };
    let all = std::thread::scope(|scope| {
        let running: Vec<_> = decoders
            .into_iter()
            .map(|mut decoder| scope.spawn(move || golden::times(bundle, golden, &mut decoder, RUNS)))
            .collect();
        running.into_iter().map(std::thread::ScopedJoinHandle::join).collect::<Vec<_>>()
    });
    let mut times = Vec::new();
    for one in all {
        times.extend(one.map_err(|_| vec![Mistake::elsewhere("a thread that timed a decoder panicked")])??);
    }
    Ok(times)
}

/// The time that this part of them (0 to 1) does not exceed.
fn at(sorted: &[Duration], part: f64) -> Duration {
    let rank = (part * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.max(1) - 1).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let times: Vec<Duration> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!((at(&times, 0.5).as_millis(), at(&times, 0.99).as_millis()), (100, 198));
        assert_eq!(at(&times[..1], 0.99).as_millis(), 1);
        assert_eq!(at(&[], 0.5), Duration::ZERO);
    }
}
