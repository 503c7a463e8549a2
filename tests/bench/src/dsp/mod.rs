//! `bci-bench dsp`: the signal engine beside SciPy and BrainFlow.

mod case;
mod ours;
mod peers;
mod report;

use crate::Options;
use case::{Case, ChainName};
use ours::Ours;
use peers::{Ask, Peers};
use report::Row;

/// Rounds, and seconds of each measurement in a round.
const FULL: (usize, f64) = (7, 0.04);
const QUICK: (usize, f64) = (3, 0.01);

/// How far our output may be from SciPy's, of its size.
const SAME: f64 = 1e-9;

/// Measures everything, prints the table and writes the rows. Whether all bounds hold.
pub(crate) fn run(options: &Options) -> Result<bool, String> {
    let effort = if options.quick { QUICK } else { FULL };
    let mut peers = Peers::start(options)?;
    let blocks = one_second_blocks(&mut peers, effort)?;
    report::print_head();
    let mut rows = Vec::new();
    for case in case::all() {
        let mut row = measure(&case, &mut peers, effort)?;
        let block =
            blocks.iter().find(|(chain, rate_hz, _)| (*chain, *rate_hz) == (case.chain, case.rate.get()));
        row.brainflow_one_second_ns = block.map_or(f64::NAN, |(_, _, ns)| *ns);
        report::print(&row);
        rows.push(row);
    }
    report::print_notes();
    if let Some(file) = &options.json {
        let text = serde_json::to_string_pretty(&report::json(&rows)).map_err(|e| e.to_string())?;
        std::fs::write(file, text + "\n").map_err(|e| format!("{}: {e}", file.display()))?;
    }
    Ok(report::headline(&rows))
}

/// One row: ours and the peers by turns, so that a change of the machine's mood meets all alike; medians over rounds.
fn measure(case: &Case, peers: &mut Peers, (rounds, seconds): (usize, f64)) -> Result<Row, String> {
    let mut ours = Ours::new(case)?;
    let ask = |peer| Ask {
        peer,
        chain: case.chain,
        channels: case.channels,
        rate_hz: case.rate.get(),
        frames: case.frames(),
    };
    let (theirs, scipy_layout) = peers.check(ask("scipy"))?;
    let own = ours.check();
    let near = (own - theirs).abs() <= SAME * theirs;
    if !near {
        return Err(format!("{case:?}: the output is not SciPy's: sums {own} and {theirs}"));
    }
    let (mut own, mut scipy, mut brainflow) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        own.push(ours.measure(seconds));
        scipy.push(peers.measure(ask("scipy"), seconds)?);
        brainflow.push(peers.measure(ask("brainflow"), seconds)?);
    }
    let (chunk_us_p50, chunk_us_p99) = ours.chunk_us();
    let ours_ns = median(&mut own);
    Ok(Row {
        case: *case,
        ours_ns,
        // Sorted by the median.
        ours_ns_range: (own[0], own[own.len() - 1]),
        scipy_ns: median(&mut scipy),
        brainflow_ns: median(&mut brainflow),
        brainflow_one_second_ns: f64::NAN,
        scipy_layout,
        chunk_us_p50,
        chunk_us_p99,
        rounds,
    })
}

/// BrainFlow designs its filter in every call. On blocks of a second that hardly counts: its best case, though no longer
/// the same work. By chain and rate; its channels are filtered one by one, so a few tell of any number.
fn one_second_blocks(
    peers: &mut Peers,
    (rounds, seconds): (usize, f64),
) -> Result<Vec<(ChainName, f64, f64)>, String> {
    let mut blocks = Vec::new();
    for chain in case::CHAINS {
        for rate in case::rates() {
            let rate_hz = rate.get();
            let ask = Ask { peer: "brainflow", chain, channels: 8, rate_hz, frames: rate_hz as usize };
            let times: Result<Vec<f64>, String> = (0..rounds).map(|_| peers.measure(ask, seconds)).collect();
            blocks.push((chain, rate_hz, median(&mut times?)));
        }
    }
    Ok(blocks)
}

/// Sorts them too.
fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    let half = times.len() / 2;
    if times.len() % 2 == 1 { times[half] } else { f64::midpoint(times[half - 1], times[half]) }
}
