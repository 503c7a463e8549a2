use bci_types::Hz;
use std::fmt;

/// What is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChainName {
    /// A Butterworth band-pass of order 5, from a hundredth to a fifth of the rate: five sections.
    FiveBiquads,
    /// The steps of `deploy/config/eeg.toml`: notches at 50 and 100 Hz, a band-pass from 0.5 to 40 Hz of order 4, the
    /// common average.
    DefaultEeg,
}

impl fmt::Display for ChainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::FiveBiquads => "five biquads",
            Self::DefaultEeg => "default EEG",
        })
    }
}

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Case {
    pub(crate) chain: ChainName,
    pub(crate) channels: usize,
    pub(crate) rate: Hz,
    pub(crate) chunk_ms: u32,
}

impl Case {
    /// Frames in a chunk, one at the least.
    pub(crate) fn frames(&self) -> usize {
        ((self.rate.get() * f64::from(self.chunk_ms) / 1000.0).round() as usize).max(1)
    }

    /// Seconds of signal for each second of work, at so many nanoseconds a sample.
    pub(crate) fn times_real_time(&self, ns_per_sample: f64) -> f64 {
        1e9 / (ns_per_sample * self.channels as f64 * self.rate.get())
    }
}

pub(crate) const CHAINS: [ChainName; 2] = [ChainName::FiveBiquads, ChainName::DefaultEeg];

/// The rates of consumer EEG, laboratory EEG, intracranial EEG and microelectrodes.
pub(crate) fn rates() -> Vec<Hz> {
    [250.0, 1000.0, 2000.0, 30_000.0].into_iter().filter_map(|hz| Hz::new(hz).ok()).collect()
}

/// Every row, in the order of the table.
pub(crate) fn all() -> Vec<Case> {
    let mut cases = Vec::new();
    for chain in CHAINS {
        for rate in rates() {
            for channels in [8, 64, 256, 1024] {
                for chunk_ms in [1, 20] {
                    cases.push(Case { chain, channels, rate, chunk_ms });
                }
            }
        }
    }
    cases
}
