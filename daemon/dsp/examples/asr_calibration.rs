//! The longest time that one frame keeps artefact subspace reconstruction busy while it calibrates on the stream, and
//! afterwards: `cargo run --release -p bci-dsp --example asr_calibration`.
//!
//! 64 channels at 250 Hz, 60 s of noise mixed across channels (synthetic: the time hardly depends on the signal, except
//! that the median of real EEG may take more steps).

#![allow(clippy::print_stdout, reason = "what it is for")]
#![allow(clippy::expect_used, reason = "constants that are valid")]

use bci_dsp::run::{Asr, AsrCalibration, AsrSpec};
use bci_dsp::{Element as _, InPlace as _, Signal};
use bci_types::Hz;
use std::time::{Duration, Instant};

const CHANNELS: usize = 64;
const RATE_HZ: f64 = 250.0;
const SECONDS: f64 = 60.0;
const ROUNDS: usize = 8;

fn main() {
    let spec = AsrSpec {
        cutoff: 20.0,
        calibration: AsrCalibration::Stream { seconds: SECONDS },
        window_ms: 500.0,
        lookahead_ms: 250.0,
        step_ms: 100.0,
        max_dims: 0.66,
    };
    let signal = Signal::unlabelled(Hz::new(RATE_HZ).expect("a rate"), CHANNELS);
    let collected = (SECONDS * RATE_HZ) as usize;
    let mut shortest = vec![Duration::MAX; collected * 5 / 4];
    let mut asr = Asr::design(&spec, &signal).expect("a valid specification");
    let mut done_at = 0;
    // The same work every time: the shortest of several times is without what else the machine did.
    for _ in 0..ROUNDS {
        asr.reset();
        let mut state = 1u64;
        let mut noise = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1u64 << 53) as f64 - 0.5
        };
        done_at = 0;
        for (i, shortest) in shortest.iter_mut().enumerate() {
            let common = 30.0 * noise();
            let mut frame = [0.0; CHANNELS];
            frame.iter_mut().enumerate().for_each(|(c, x)| *x = common + (10.0 + c as f64) * noise());
            let begun = Instant::now();
            asr.process(&mut frame, true);
            *shortest = begun.elapsed().min(*shortest);
            if done_at == 0 && asr.is_calibrated() {
                done_at = i + 1;
            }
        }
    }
    let longest = |times: &[Duration]| times.iter().max().map_or(0.0, |t| t.as_secs_f64() * 1e3);
    let (learning, rest) = shortest.split_at(collected - 1);
    let (calibrating, after) = rest.split_at(done_at + 1 - collected);
    println!(
        "longest call: {:.3} ms before, {:.3} ms while calibrating ({} frames), {:.3} ms after",
        longest(learning),
        longest(calibrating),
        calibrating.len(),
        longest(after)
    );
    let bits = asr.state().map(|s| {
        let amplitudes = s.amplitudes().iter().flat_map(|(mean, deviation)| [mean, deviation]);
        let all = s.mixing().iter().chain(s.components()).chain(amplitudes);
        all.fold(0xcbf2_9ce4_8422_2325u64, |h, x| (h ^ x.to_bits()).wrapping_mul(0x100_0000_01b3))
    });
    println!("the state's bits, hashed: {bits:x?}");
}
