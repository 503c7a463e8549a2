use super::case::{Case, ChainName};
use crate::clock;
use bci_dsp::design::Band;
use bci_dsp::run::SosFilter;
use bci_dsp::{Chain, Signal};
use bci_models::steps::rig_steps;
use std::hint::black_box;
use std::time::Instant;

/// Distinct chunks that are gone through in turn: as many bytes as `peers.py` uses.
const INPUT_BYTES: usize = 1 << 20;

/// The rig whose steps are the default EEG chain.
const DEFAULT_EEG: &str = include_str!("../../../../deploy/config/eeg.toml");

/// The daemon's engine on one case.
pub(crate) struct Ours {
    engine: Engine,
    /// `[frames x channels]` each. Synthetic: the same waves as in `peers.py`.
    chunks: Vec<Vec<f64>>,
    block: Vec<f64>,
    next: usize,
}

enum Engine {
    Cascade(SosFilter),
    Chain(Chain),
}

impl Ours {
    pub(crate) fn new(case: &Case) -> Result<Self, String> {
        let (channels, frames) = (case.channels, case.frames());
        let count = (INPUT_BYTES / (8 * channels * frames)).clamp(2, 64);
        // The first frame is zero: a chain takes it to have been there always, which then is rest.
        let wave = |n: usize, c: usize| {
            let (n, c) = (n as f64, c as f64);
            50.0 * ((0.003 + 0.0001 * c) * n).sin() + 20.0 * (0.37 * n).sin()
        };
        let chunk = |i: usize| -> Vec<f64> {
            (i * frames..(i + 1) * frames).flat_map(|n| (0..channels).map(move |c| wave(n, c))).collect()
        };
        let chunks: Vec<_> = (0..count).map(chunk).collect();
        Ok(Self { engine: Engine::new(case)?, block: chunks[0].clone(), chunks, next: 0 })
    }

    /// The sum of the output's magnitudes over all chunks, from the start: what a peer that does the same work gets too.
    pub(crate) fn check(&mut self) -> f64 {
        self.reset();
        let mut total = 0.0;
        for _ in 0..self.chunks.len() {
            total += self.step().iter().map(|y| y.abs()).sum::<f64>();
        }
        self.reset();
        total
    }

    /// Nanoseconds of processor time per sample of every channel, over about `seconds`.
    pub(crate) fn measure(&mut self, seconds: f64) -> f64 {
        let (mut done, mut batch) = (0, 1);
        let start = clock::thread_ns();
        loop {
            let took = (clock::thread_ns() - start) as f64;
            if took >= seconds * 1e9 {
                return took / (done * self.block.len()) as f64;
            }
            for _ in 0..batch {
                black_box(self.step());
            }
            done += batch;
            // Batches grow until reading the clock no longer counts.
            if took < 1e6 {
                batch *= 2;
            }
        }
    }

    /// The time of single chunks on the wall clock, in microseconds: the median, and what 99 of 100 stay below. Whatever
    /// else runs on the machine counts.
    pub(crate) fn chunk_us(&mut self) -> (f64, f64) {
        let mut times: Vec<f64> = (0..500)
            .map(|_| {
                let start = Instant::now();
                black_box(self.step());
                start.elapsed().as_secs_f64() * 1e6
            })
            .collect();
        times.sort_by(f64::total_cmp);
        (times[250], times[495])
    }

    /// The next chunk. It is first written into the block that is worked on, as selection does in the daemon, times a
    /// scale; that counts.
    fn step(&mut self) -> &[f64] {
        let Self { engine, chunks, block, next } = self;
        let scale = black_box(1.0);
        for (to, from) in block.iter_mut().zip(&chunks[*next]) {
            *to = from * scale;
        }
        *next = (*next + 1) % chunks.len();
        match engine {
            Engine::Cascade(filter) => filter.process(block),
            Engine::Chain(chain) => return chain.process(block, true).samples,
        }
        block
    }

    fn reset(&mut self) {
        self.next = 0;
        match &mut self.engine {
            Engine::Cascade(filter) => filter.reset(),
            Engine::Chain(chain) => chain.reset(),
        }
    }
}

impl Engine {
    fn new(case: &Case) -> Result<Self, String> {
        let hz = case.rate.get();
        match case.chain {
            ChainName::FiveBiquads => {
                let band = Band::BandPass { low_hz: hz / 100.0, high_hz: hz / 5.0 };
                let sos = bci_dsp::design::butterworth(band, 5, case.rate).map_err(|e| e.to_string())?;
                SosFilter::design(&sos, case.channels).map(Self::Cascade).map_err(|e| e.to_string())
            }
            ChainName::DefaultEeg => {
                let steps = rig_steps("deploy/config/eeg.toml", DEFAULT_EEG)?;
                Chain::design(&steps, &Signal::unlabelled(case.rate, case.channels), case.frames())
                    .map(Self::Chain)
                    .map_err(|e| format!("{e:?}"))
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test")]
mod tests {
    use super::*;

    #[test]
    fn the_default_chain_is_what_the_peers_run() {
        let steps = rig_steps("eeg.toml", DEFAULT_EEG).expect("sound steps");
        let told: Vec<String> = steps.iter().map(ToString::to_string).collect();
        // As in `peers.py`, which cannot read it.
        assert_eq!(
            told,
            [
                "notch 50 Hz, Q 30",
                "notch 100 Hz, Q 30",
                "band-pass 0.5-40 Hz, Butterworth order 4",
                "common average reference"
            ]
        );
    }
}
