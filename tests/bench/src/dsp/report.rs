use super::case::{Case, ChainName};
use serde_json::{Value, json};

/// What was measured of one case; times in nanoseconds per sample of every channel, medians over rounds.
pub(crate) struct Row {
    pub(crate) case: Case,
    pub(crate) ours_ns: f64,
    /// The fastest and the slowest round.
    pub(crate) ours_ns_range: (f64, f64),
    pub(crate) scipy_ns: f64,
    pub(crate) brainflow_ns: f64,
    pub(crate) brainflow_one_second_ns: f64,
    pub(crate) scipy_layout: String,
    pub(crate) chunk_us_p50: f64,
    pub(crate) chunk_us_p99: f64,
    pub(crate) rounds: usize,
}

/// What must hold: against SciPy and real time for five biquads on 1024 channels at 30 kHz in chunks of 1 ms, and of one
/// core for the default EEG chain on 64 channels at 1 kHz.
const LEAST_SCIPY: f64 = 3.0;
const LEAST_REAL_TIME: f64 = 12.0;
const MOST_PER_CENT: f64 = 0.3;

const NOTES: &str = "\
Times are processor time of one thread per sample of every channel, medians over rounds that go by turns; a ratio is the
peer's time over ours, from the same rounds. SciPy is `sosfilt` with its state carried from chunk to chunk (and a mean in
numpy), in the faster of its two layouts; its output was held against ours. BrainFlow is `perform_bandpass` (and
`perform_bandstop` with one section for each notch) on each channel of each chunk, which is what it offers: it designs the
filter anew in each call and starts from rest in each chunk, so that its result across chunks is not that of the filter.
`1 s blocks` is BrainFlow on blocks of one second against ours on the row's chunks.";

pub(crate) fn print_head() {
    println!(
        "{:<13} {:>8} {:>8} {:>8} {:>10} {:>8} {:>10} {:>11} {:>11} {:>17}",
        "chain",
        "channels",
        "rate Hz",
        "chunk ms",
        "ns/sample",
        "x SciPy",
        "BrainFlow",
        "1 s blocks",
        "x real time",
        "chunk us p50/p99"
    );
}

pub(crate) fn print(row: &Row) {
    let Row { case, ours_ns, .. } = row;
    println!(
        "{:<13} {:>8} {:>8} {:>8} {ours_ns:>10.2} {:>8.1} {:>10.1} {:>11.1} {:>11.1} {:>17}",
        case.chain,
        case.channels,
        case.rate.get(),
        case.chunk_ms,
        row.scipy_ns / ours_ns,
        row.brainflow_ns / ours_ns,
        row.brainflow_one_second_ns / ours_ns,
        case.times_real_time(*ours_ns),
        format!("{:.1}/{:.1}", row.chunk_us_p50, row.chunk_us_p99),
    );
}

pub(crate) fn print_notes() {
    println!("\n{NOTES}\n");
}

/// The rows as they are written to a file.
pub(crate) fn json(rows: &[Row]) -> Value {
    let rows = rows.iter().map(|row| {
        let Row { case, ours_ns, .. } = row;
        json!({
            "chain": case.chain.to_string(),
            "channels": case.channels,
            "rate_hz": case.rate.get(),
            "chunk_ms": case.chunk_ms,
            "ours_ns_per_sample": ours_ns,
            "ratio_scipy": row.scipy_ns / ours_ns,
            "ratio_brainflow": row.brainflow_ns / ours_ns,
            "times_real_time": case.times_real_time(*ours_ns),
            "frames": case.frames(),
            "rounds": row.rounds,
            "ours_ns_per_sample_min": row.ours_ns_range.0,
            "ours_ns_per_sample_max": row.ours_ns_range.1,
            "chunk_us_p50": row.chunk_us_p50,
            "chunk_us_p99": row.chunk_us_p99,
            "ratio_brainflow_one_second_blocks": row.brainflow_one_second_ns / ours_ns,
            "scipy_layout": row.scipy_layout,
        })
    });
    rows.collect()
}

/// Prints what the bounds are about. Whether they hold.
pub(crate) fn headline(rows: &[Row]) -> bool {
    let of = |chain, channels, rate_hz: f64, chunk_ms: Option<u32>| {
        rows.iter().filter(move |r| {
            let c = &r.case;
            (c.chain, c.channels, c.rate.get()) == (chain, channels, rate_hz)
                && chunk_ms.is_none_or(|ms| ms == c.chunk_ms)
        })
    };
    let mut holds = false;
    for row in of(ChainName::FiveBiquads, 1024, 30_000.0, Some(1)) {
        let (ratio, real_time) = (row.scipy_ns / row.ours_ns, row.case.times_real_time(row.ours_ns));
        holds = ratio >= LEAST_SCIPY && real_time >= LEAST_REAL_TIME;
        println!(
            "{}: five biquads, 1024 channels x 30 kHz in 1 ms chunks: {:.2} ns/sample, {ratio:.1} x SciPy (bound \
             {LEAST_SCIPY}), {real_time:.1} x real time (bound {LEAST_REAL_TIME})",
            verdict(holds),
            row.ours_ns,
        );
    }
    for row in of(ChainName::DefaultEeg, 64, 1000.0, None) {
        let per_cent = 100.0 / row.case.times_real_time(row.ours_ns);
        let held = per_cent < MOST_PER_CENT;
        holds &= held;
        println!(
            "{}: default EEG chain, 64 channels x 1 kHz in {} ms chunks: {per_cent:.3} % of a core (bound {MOST_PER_CENT})",
            verdict(held),
            row.case.chunk_ms,
        );
    }
    holds
}

fn verdict(holds: bool) -> &'static str {
    if holds { "holds" } else { "FAILS" }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;
    use crate::dsp::case;

    fn row(case: Case, ours_ns: f64, scipy_ns: f64) -> Row {
        Row {
            case,
            ours_ns,
            ours_ns_range: (ours_ns, ours_ns),
            scipy_ns,
            brainflow_ns: 100.0,
            brainflow_one_second_ns: 10.0,
            scipy_layout: String::new(),
            chunk_us_p50: 1.0,
            chunk_us_p99: 2.0,
            rounds: 1,
        }
    }

    #[test]
    fn each_bound_can_fail() {
        // At 2.7 ns 1024 channels at 30 kHz run at 12.06 times real time.
        let rows = |ours, scipy, eeg: f64| -> Vec<Row> {
            let ns = |c: &Case| if c.chain == ChainName::DefaultEeg { eeg } else { ours };
            case::all().iter().map(|c| row(*c, ns(c), scipy)).collect()
        };
        assert!(headline(&rows(2.7, 8.11, 46.0)));
        assert!(!headline(&rows(2.72, 80.0, 46.0)), "real time");
        assert!(!headline(&rows(2.7, 8.09, 46.0)), "SciPy");
        assert!(!headline(&rows(2.7, 8.11, 47.0)), "0.3008 % of a core");
        assert!(!headline(&[]), "nothing measured");
    }

    #[test]
    fn the_table_is_whole_and_its_rows_have_their_keys() {
        let cases = case::all();
        assert_eq!(cases.len(), 2 * 4 * 4 * 2);
        let frames: Vec<usize> = cases.iter().filter(|c| c.channels == 8).map(Case::frames).collect();
        assert_eq!(frames[..8], [1, 5, 1, 20, 2, 40, 30, 600]);
        let rows = json(&[row(cases[1], 2.0, 5.0)]);
        let first = rows[0].as_object().unwrap();
        for (key, value) in [
            ("chain", json!("five biquads")),
            ("channels", json!(8)),
            ("rate_hz", json!(250.0)),
            ("chunk_ms", json!(20)),
            ("ours_ns_per_sample", json!(2.0)),
            ("ratio_scipy", json!(2.5)),
            ("ratio_brainflow", json!(50.0)),
            ("times_real_time", json!(250_000.0)),
        ] {
            assert_eq!(first[key], value, "{key}");
        }
    }
}
