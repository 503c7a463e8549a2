//! How a signal is cut into blocks, and what runs beside a channel, changes no bit.

mod support;

use bci_dsp::design::{Band, butterworth};
use bci_dsp::run::{Pushed, SosFilter, Window};
use proptest::prelude::*;
use support::{chain, eeg, every_step, hz, run, synthetic_noise};

fn bits(samples: &[f64]) -> Vec<u64> {
    samples.iter().map(|x| x.to_bits()).collect()
}

proptest! {
    #[test]
    fn any_cut_of_real_eeg_gives_the_same_bits(cuts in prop::collection::vec(0usize..97, 0..200)) {
        let eeg = eeg();
        let mut chain = chain(&every_step(), eeg.rate, eeg.channels);
        let whole = run(&mut chain, &eeg.frames);

        chain.reset();
        let mut pieces = eeg.frames;
        let mut rest = &mut pieces[..];
        for frames in cuts {
            let at = (frames * eeg.channels).min(rest.len());
            let (block, after) = rest.split_at_mut(at);
            prop_assert!(chain.process(block, true).finite);
            rest = after;
        }
        prop_assert!(chain.process(rest, true).finite);
        prop_assert_eq!(bits(&whole), bits(&pieces));
    }

    #[test]
    fn a_channel_is_filtered_the_same_among_any_number(channels in 1usize..70, seed in 1u64..1000) {
        let sos = butterworth(Band::BandPass { low_hz: 8.0, high_hz: 30.0 }, 4, hz(160.0)).expect("valid");
        let frames = 40;
        // Synthetic noise, different in each channel.
        let input = synthetic_noise(seed, frames * channels);
        let mut together = input.clone();
        let mut all = SosFilter::design(&sos, channels).expect("channels");
        all.prime(&input[..channels]);
        all.process(&mut together);
        for channel in 0..channels {
            let of = |all: &[f64]| all.iter().skip(channel).step_by(channels).copied().collect::<Vec<_>>();
            let mut alone = of(&input);
            let mut one = SosFilter::design(&sos, 1).expect("one channel");
            one.prime(&alone[..1]);
            one.process(&mut alone);
            prop_assert_eq!(bits(&alone), bits(&of(&together)), "channel {}", channel);
        }
    }

    #[test]
    fn windows_are_the_last_frames_whenever_they_are_due(
        channels in 1usize..20,
        frames in 1usize..40,
        hop in 1usize..60,
        blocks in prop::collection::vec(0usize..50, 1..20),
    ) {
        let mut window = Window::design(channels, frames, hop).expect("valid");
        let total: usize = blocks.iter().sum();
        // Each sample is its own number, exact in f32.
        let signal: Vec<f64> = (0..total * channels).map(|i| i as f64).collect();
        let mut at = 0;
        let mut seen = Vec::new();
        let mut out = vec![0.0f32; channels * frames];
        let mut taken_out = out.clone().into_boxed_slice();
        for block in blocks {
            let end = at + block;
            while at < end {
                let Pushed { frames: taken, due } = window.push(&signal[at * channels..end * channels]);
                prop_assert!(taken > 0);
                at += taken;
                prop_assert_eq!(window.is_full(), at >= frames);
                if due {
                    seen.push(at);
                    prop_assert!(window.copy_channel_major(&mut out));
                    // Not every one is fetched.
                    if seen.len() % 4 > 0 {
                        prop_assert!(window.take_channel_major(&mut taken_out));
                        prop_assert_eq!(&*taken_out, &*out);
                    }
                    for (i, &x) in out.iter().enumerate() {
                        let (channel, n) = (i / frames, i % frames);
                        prop_assert_eq!(x, ((at - frames + n) * channels + channel) as f32);
                    }
                }
                // At any time, often or seldom.
                if at % 3 < 2 {
                    window.prepare();
                }
            }
        }
        let expected: Vec<usize> = (frames..=total).step_by(hop).collect();
        prop_assert_eq!(seen, expected);
    }
}

#[test]
fn what_was_laid_out_is_not_taken_for_another_window() {
    let frames = |from: usize, n: usize| (from..from + n).map(|i| i as f64).collect::<Vec<_>>();
    let mut window = Window::design(1, 8, 2).expect("valid");
    let mut out = vec![0.0f32; 8].into_boxed_slice();
    let newest = |out: &[f32], last: usize| {
        assert_eq!(out, frames(last - 7, 8).iter().map(|&x| x as f32).collect::<Vec<_>>());
    };
    assert!(window.push(&frames(0, 8)).due);
    window.prepare();
    // A due one nobody fetches, then one at a time that comes due later: what was laid out is too old for it.
    assert!(window.push(&frames(8, 2)).due && window.push(&frames(10, 2)).due);
    assert!(window.take_channel_major(&mut out));
    newest(&out, 11);
    window.prepare();
    window.skip(1);
    assert!(window.push(&frames(12, 1)).due);
    assert!(window.take_channel_major(&mut out));
    newest(&out, 12);
    window.prepare();
    window.push(&frames(13, 1));
    window.prepare();
    assert!(window.push(&frames(14, 1)).due);
    // Another length is refused, and does not spoil what is there.
    assert!(!window.take_channel_major(&mut vec![0.0; 5].into_boxed_slice()));
    assert!(window.take_channel_major(&mut out));
    newest(&out, 14);
    window.prepare();
    window.reset();
    assert!(window.push(&frames(20, 8)).due);
    assert!(window.take_channel_major(&mut out));
    newest(&out, 27);
}

#[test]
fn an_unfilled_window_or_a_wrong_length_yields_nothing() {
    let mut window = Window::design(2, 3, 1).expect("valid");
    let mut out = [7.0f32; 6];
    assert_eq!(window.push(&[1.0; 4]), Pushed { frames: 2, due: false });
    assert!(!window.copy_channel_major(&mut out));
    assert_eq!(window.push(&[2.0; 2]), Pushed { frames: 1, due: true });
    assert!(!window.copy_channel_major(&mut out[..5]));
    assert_eq!(out, [7.0; 6]);
    assert!(window.copy_channel_major(&mut out));
    window.reset();
    assert!(!window.copy_channel_major(&mut out), "a reset forgets the frames");
    assert_eq!(window.push(&[3.0; 8]), Pushed { frames: 3, due: true }, "due anew when full");
}
