use crate::signal::{Continuity, SignalPath, Surroundings};
use crate::status::Counters;
use bci_rt::clock::{Clock, HostClock};
use bci_rt::edge::Header;

/// What a candidate's filters may take of real time: they run on the signal thread of the decoder that publishes.
pub(super) const MOST: f64 = 0.2;

/// The signal that is tried, in seconds, and how often: on a busy machine the fastest try tells.
const SECONDS: f64 = 1.0;
const TRIES: usize = 3;
/// A chunk of it, in seconds.
const CHUNK_S: f64 = 0.02;

/// Which part of real time a path takes, on noise. What adaptive steps take once they have learned is not in it. Takes a
/// second at most.
pub(super) fn burden(mut path: SignalPath) -> f64 {
    let rate = path.rate().get();
    let frames = ((rate * CHUNK_S).ceil() as usize).clamp(1, path.max_chunk());
    let chunks = (SECONDS * rate / frames as f64).ceil().max(1.0) as usize;
    let seconds = chunks as f64 * frames as f64 / rate;
    let (mut samples, mut stamps) = (vec![0.0; frames * path.inputs()], vec![0.0; frames]);
    let (mut at, counters) = (Continuity::default(), Counters::default());
    let around = Surroundings { clock: &HostClock, queues: &[], counters: &counters };
    let (mut noise, mut frame) = (1u64, 0u64);
    let mut least = f64::INFINITY;
    for _ in 0..TRIES {
        let mut took_s = 0.0;
        for _ in 0..chunks {
            for x in &mut samples {
                // A linear congruential generator: neither silence nor anything that stands still.
                noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                *x = (noise >> 40) as f64 / (1u64 << 24) as f64 - 0.5;
            }
            for stamp in &mut stamps {
                *stamp = frame as f64 / rate;
                frame += 1;
            }
            let begun = HostClock.now();
            let header = Header {
                frames,
                acquired: begun,
                dropped_before: 0,
                discontinuity: false,
                ..Header::default()
            };
            path.process(header, &samples, &stamps, &mut at, &around);
            took_s += (HostClock.now() - begun) as f64 / 1e9;
            // Too much already: the rest would tell nothing more.
            if took_s > MOST * seconds {
                break;
            }
        }
        least = least.min(took_s / seconds);
        if least <= MOST {
            break;
        }
    }
    least
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::bind::feature_path;
    use crate::policy::PolicySpec;
    use crate::spec::PipelineSpec;
    use bci_dsp::{FirSpec, StepSpec};
    use bci_types::{Hz, StreamSpec};

    fn path(channels: usize, rate: f64, steps: &[StepSpec]) -> SignalPath {
        let labels = (0..channels).map(|i| format!("c{i}"));
        let stream = StreamSpec::eeg("s", Hz::new(rate).unwrap(), labels);
        let frames = (rate * 0.02) as usize;
        feature_path(&stream, steps, &PipelineSpec::plain("p", PolicySpec::NOTHING), frames, frames).unwrap()
    }

    /// Some two channels at 160 Hz cost next to nothing; 256 at 30 kHz and 8 times 2001 coefficients, 120 thousand million
    /// products a second, are more than a core can do.
    #[test]
    fn what_is_cheap_and_what_is_too_much_is_told_apart() {
        assert!(burden(path(2, 160.0, &[])) < MOST / 2.0);
        let fir = StepSpec::Fir(FirSpec::Taps(vec![1.0 / 2001.0; 2001]));
        assert!(burden(path(256, 30_000.0, &vec![fir; 8])) > MOST);
    }
}
