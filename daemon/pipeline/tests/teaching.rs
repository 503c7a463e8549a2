//! Adaptive steps learn in the spans that markers begin, and nowhere else, whatever way the signal comes in chunks.
#![allow(clippy::unwrap_used, reason = "a test")]

use bci_dsp::run::{AlignMode, AlignSpec, AlignYields, Learned, Metric, Shrinkage};
use bci_dsp::{CleanSpec, StepSpec};
use bci_pipeline::{
    Continuity, Counters, PipelineSpec, PolicySpec, Surroundings, Teaching, WindowQueue, feature_path,
};
use bci_rt::clock::HostClock;
use bci_rt::edge::Header;
use bci_types::{HostNs, Hz, StreamSpec};
use std::sync::Arc;

const RATE: f64 = 160.0;

fn stream() -> StreamSpec {
    StreamSpec::eeg("s", Hz::new(RATE).unwrap(), ["C3", "C4"])
}

/// Windows and frames that an alignment of half a second every quarter learned from in 10 s (synthetic noise), of which a
/// marker at 2 s and one that is not meant at 6 s came; and the reference.
fn learned(yields: AlignYields, teaching: Option<Teaching>, chunk: usize) -> (u32, u64, Vec<f64>) {
    let align = AlignSpec {
        metric: Metric::Riemann,
        mode: AlignMode::Running { horizon: None },
        shrinkage: Shrinkage::Oas,
        groups: 1,
    };
    let step = StepSpec::Clean(CleanSpec::Align { window_ms: 500.0, hop_ms: 250.0, align, yields });
    let teaching = teaching.map(Arc::new);
    let mut spec = PipelineSpec::plain("p", PolicySpec::NOTHING);
    spec.teaching.clone_from(&teaching);
    let mut path = feature_path(&stream(), &[step], &spec, 16, 64).unwrap();
    let (queue, counters) = (WindowQueue::new(path.window_len(), 8), Counters::default());
    let around = Surroundings { clock: &HostClock, queues: &[&queue], counters: &counters };
    let mut at = Continuity::default();
    for marker in teaching.iter() {
        marker.marker("go", 2.0);
        marker.marker("stop", 6.0);
    }
    let sample = |n: usize| ((n * 2_654_435_761) % 10_007) as f64 / 100.0 - 50.0;
    let frames = (10.0 * RATE) as usize;
    for first in (0..frames).step_by(chunk) {
        let own = first..(first + chunk).min(frames);
        let samples: Vec<f64> = own.clone().flat_map(|n| [sample(2 * n), sample(2 * n + 1)]).collect();
        let stamps: Vec<f64> = own.clone().map(|n| n as f64 / RATE).collect();
        let acquired = HostNs::from_lsl_seconds(*stamps.last().unwrap());
        let header = Header {
            frames: own.len(),
            acquired,
            dropped_before: 0,
            discontinuity: false,
            ..Header::default()
        };
        path.process(header, &samples, &stamps, &mut at, &around);
    }
    match path.learned(true, 0).unwrap().0 {
        Learned::Align { reference, windows, frames } => {
            (windows, frames, reference.map(<[f64]>::to_vec).unwrap_or_default())
        }
        _ => panic!("an alignment"),
    }
}

#[test]
fn only_spans_that_markers_begin_are_learned_from() {
    let teaching = || Some(Teaching::new(vec!["go".into()], 0.5, 3.0));
    for yields in [AlignYields::Signal, AlignYields::LogCovariance] {
        let (windows, frames, reference) = learned(yields, teaching(), 7);
        // From 2.5 to 5 s, both ends included; the first window is whole half a second later, the next ones every quarter.
        assert_eq!((windows, frames), (9, 401), "{yields:?}");
        for chunk in [1, 13, 64] {
            let cut = learned(yields, teaching(), chunk);
            assert_eq!(cut, (windows, frames, reference.clone()), "{yields:?}, chunks of {chunk}");
        }
        let (always, all, other) = learned(yields, None, 7);
        assert!(always > 30 && all > 1500 && other != reference, "{always} windows, {all} frames");
        let never = learned(yields, Some(Teaching::new(vec!["none".into()], 0.5, 3.0)), 7);
        assert_eq!((never.0, never.1), (0, 0));
    }
}
