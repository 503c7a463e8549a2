//! Nothing on the hot path allocates or frees.

#[path = "support/counting.rs"]
mod counting;
mod support;

use bci_dsp::design::{Band, butterworth};
use bci_dsp::run::{CommonAverage, Select, SosFilter, Window};
use counting::calls;
use support::{chain, eeg, every_step};

#[test]
fn the_counter_counts() {
    assert_eq!(calls(|| drop(std::hint::black_box(vec![1u8; 64]))), 2);
}

#[test]
fn the_hot_path_from_selection_to_window_allocates_nothing() {
    let eeg = eeg();
    let picks: Vec<(usize, f64)> = [7, 0, 3, 2, 1].map(|i| (i, 1.5)).to_vec();
    let mut select = Select::design(eeg.channels, &picks).expect("valid picks");
    let ready_select = select.clone();
    let mut chain = chain(&every_step(), eeg.rate, picks.len());
    let mut some = CommonAverage::design(picks.len(), Some(&[0, 2])).expect("valid members");
    let ready_all = CommonAverage::design(picks.len(), None).expect("valid members");
    let sos = |high_hz| butterworth(Band::BandPass { low_hz: 8.0, high_hz }, 4, eeg.rate).expect("valid");
    let (first, second) = (sos(30.0), sos(13.0));
    let mut filter = SosFilter::design(&first, picks.len()).expect("channels");
    let mut window = Window::design(picks.len(), 160, 20).expect("valid");
    let mut picked = vec![0.0; 16 * picks.len()];
    let mut out = vec![0.0f32; 160 * picks.len()];
    let mut windows = 0;

    let counted = calls(|| {
        for block in eeg.frames.chunks(16 * eeg.channels) {
            assert_eq!(select.process(block, &mut picked), 16);
            assert!(chain.process(&mut picked, true).finite);
            assert!(chain.is_finite_state());
            some.process(&mut picked);
            filter.process(&mut picked);
            let mut rest = &picked[..];
            while !rest.is_empty() {
                let pushed = window.push(rest);
                rest = &rest[pushed.frames * window.channels()..];
                if pushed.due {
                    assert!(window.copy_channel_major(&mut out));
                    windows += 1;
                }
            }
        }
        assert_eq!(filter.retune(&second), Ok(()));
        assert_eq!(select.retune(&ready_select), Ok(()));
        assert_eq!(some.retune(&ready_all), Ok(()));
        chain.reset();
        filter.reset();
        select.reset();
        some.reset();
        window.reset();
    });
    assert_eq!(windows, 25, "the path was walked: 160, 180, ... 640 frames");
    assert_eq!(counted, 0);
}
