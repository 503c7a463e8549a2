//! The player against a plain reading of its contract.
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use bci_driver_playback::edf::read;
use bci_driver_playback::{Due, Options, PlayError, Player, Recording, Span, SpanError};
use common::counting;
use proptest::collection::vec;
use proptest::prelude::*;

const PER_RECORD: u64 = 238;

/// Three records of 0.23814 s with cues on samples, between samples, before the start and at the end.
fn continuous() -> Recording {
    let tals = "-1\x14early\x14\0+0\x14first\x14\0+0.1\x14cue\x14\0+0.1\x14same time\x14\0";
    let records =
        [("+0", tals), ("+0.23814", "+0.5\x152\x14cue\x14\0"), ("+0.47628", "+0.71442\x14end\x14\0")];
    read(counting("EDF+C", "0.23814", 238, &records).bytes(), "continuous").unwrap()
}

/// The exact time of a frame of [`continuous`], rounded once.
fn exact_s(frame: u64, laps: u64) -> f64 {
    let samples = u128::from(laps) * 3 * u128::from(PER_RECORD) + u128::from(frame);
    (samples * 23_814) as f64 / (100_000 * PER_RECORD) as f64
}

/// Records of 0.5 s, 4 frames: two from 0 s, two from 10 s, one from 12.25 s; cues in and outside of gaps.
fn gapped() -> Recording {
    let tals = "+0.2\x14a\x14\0+5\x14in a gap\x14\0+10.5\x14b\x14\0+12.75\x14end\x14\0+13\x14never\x14\0";
    let records = [("+0", tals), ("+0.5", ""), ("+10", ""), ("+10.5", ""), ("+12.25", "")];
    read(counting("EDF+D", "0.5", 4, &records).bytes(), "gapped").unwrap()
}

fn all_due(player: &mut Player, now_s: f64) -> Vec<Due> {
    std::iter::from_fn(|| player.take_due(now_s)).collect()
}

/// Frames and annotations in the order they come, without their times.
fn order(events: &[Due]) -> Vec<(char, u64)> {
    events
        .iter()
        .map(|due| match *due {
            Due::Frames { first_frame, .. } => ('f', first_frame),
            Due::Marker { annotation, .. } => ('m', annotation as u64),
        })
        .collect()
}

#[test]
fn a_chunk_is_due_with_its_last_frame_and_a_marker_at_its_onset() {
    let r = gapped();
    let options = Options { chunk_frames: 3, ..Options::default() };
    let mut p = Player::new(&r, 0, r.span(0, None, None).unwrap(), options).unwrap();
    assert_eq!((p.lap_frames(), p.lap_s(), p.published_rate().get()), (20, 12.75, 8.0));
    assert_eq!(p.next_due(), Some(0.2));
    assert_eq!(p.take_due(0.199), None);
    assert_eq!(p.take_due(0.2), Some(Due::Marker { annotation: 0, lap: 0, time_s: 0.2 }));
    assert_eq!(p.take_due(0.2), None);
    assert_eq!(p.next_due(), Some(0.25));
    assert_eq!(p.take_due(0.25), Some(Due::Frames { first_frame: 0, frames: 3, lap: 0, time_s: 0.25 }));
    let rest = all_due(&mut p, 1e9);
    // The chunks end where a gap begins.
    assert_eq!(
        order(&rest),
        [
            ('f', 3),
            ('f', 6),
            ('m', 1),
            ('f', 8),
            ('m', 2),
            ('f', 11),
            ('f', 14),
            ('f', 16),
            ('f', 19),
            ('m', 3)
        ]
    );
    let times: Vec<_> = rest.iter().map(Due::time_s).collect();
    assert_eq!(times, [0.625, 0.875, 5.0, 10.25, 10.5, 10.625, 10.875, 12.5, 12.625, 12.75]);
    assert_eq!((p.next_due(), p.take_due(1e9), p.markers_left_out()), (None, None, 1));
}

#[test]
fn a_marker_comes_before_the_frame_of_its_time() {
    let r = gapped();
    let span = r.span(0, Some(10.4), Some(10.6)).unwrap();
    let mut p = Player::new(&r, 0, span, Options::default()).unwrap();
    assert_eq!(order(&all_due(&mut p, 1.0)), [('m', 2), ('f', 12)]);
}

#[test]
fn a_span_that_stops_in_a_gap_ends_where_the_gap_begins() {
    let r = gapped();
    assert_eq!(r.span(0, None, Some(5.0)), Ok(Span { start_s: 0.0, end_s: 1.0 }));
    assert_eq!(r.span(0, Some(5.0), None), Ok(Span { start_s: 10.0, end_s: 12.75 }));
}

#[test]
fn a_loop_over_a_part_goes_on_one_sample_after_its_last_frame() {
    let r = gapped();
    // From the frame after 0.3 s (0.375) to before 0.75 s: frames 3, 4 and 5.
    let span = r.span(0, Some(0.3), Some(0.75)).unwrap();
    assert_eq!(span, Span { start_s: 0.375, end_s: 0.75 });
    let options = Options { looping: true, chunk_frames: 2, rate_factor: 0.5, ..Options::default() };
    let mut p = Player::new(&r, 0, span, options).unwrap();
    assert_eq!((p.lap_s(), p.published_rate().get()), (0.75, 4.0));
    let got = all_due(&mut p, 1.6);
    let frames = |first_frame, frames, lap, time_s| Due::Frames { first_frame, frames, lap, time_s };
    assert_eq!(
        got,
        [frames(3, 2, 0, 0.25), frames(5, 1, 0, 0.5), frames(3, 2, 1, 1.0), frames(5, 1, 1, 1.25)]
    );
    assert_eq!(p.next_due(), Some(1.75));
    assert_eq!(p.frame_stamp_s(2, 3), 1.5);
}

#[test]
fn stamps_after_a_million_laps_are_those_of_exact_arithmetic() {
    let r = continuous();
    let options = Options { looping: true, ..Options::default() };
    let p = Player::new(&r, 0, r.span(0, None, None).unwrap(), options).unwrap();
    for lap in [0, 1, 999_999, 1_000_000] {
        for frame in [0, 1, 237, 238, 713] {
            let (got, wanted) = (p.frame_stamp_s(lap, frame), exact_s(frame, lap));
            // Three roundings of a double.
            assert!(
                (got - wanted).abs() <= 3.0 * f64::EPSILON * wanted,
                "lap {lap} frame {frame}: {got} {wanted}"
            );
        }
    }
}

#[test]
fn groups_given_one_span_stay_in_step() {
    use common::{File, Signal, i16s};
    let signals = [Signal::volts("C3", 4), Signal::volts("Resp", 1)];
    let file = File::new("", "1", &signals)
        .record(&[&i16s([0; 4]), &i16s([0])])
        .record(&[&i16s([0; 4]), &i16s([0])]);
    let r = read(file.bytes(), "two rates").unwrap();
    let span = r.span(1, Some(0.5), None).unwrap();
    assert_eq!(span, Span { start_s: 1.0, end_s: 2.0 });
    let options = Options { looping: true, ..Options::default() };
    let mut players = [0, 1].map(|g| Player::new(&r, g, span, options).unwrap());
    assert_eq!(players.each_ref().map(Player::lap_s), [1.0, 1.0]);
    let [fast, slow] = &mut players;
    assert_eq!(order(&all_due(fast, 1.25)), [('f', 4), ('f', 5), ('f', 6), ('f', 7), ('f', 4), ('f', 5)]);
    assert_eq!(all_due(slow, 1.25).iter().map(Due::time_s).collect::<Vec<_>>(), [0.0, 1.0]);
}

#[test]
fn what_cannot_be_played_is_refused() {
    let r = gapped();
    let whole = r.span(0, None, None).unwrap();
    assert_eq!(r.span(1, None, None), Err(SpanError::NoGroup { group: 1, groups: 1 }));
    assert!(matches!(r.span(0, Some(f64::NAN), None), Err(SpanError::NotFinite { .. })));
    for (start, stop) in
        [(Some(12.7), None), (None, Some(0.0)), (Some(2.0), Some(3.0)), (Some(1.0), Some(0.5))]
    {
        let refusal = r.span(0, start, stop).unwrap_err();
        assert!(refusal.to_string().contains("12.75 s recording"), "{refusal}");
    }
    let play = |group, span, options| Player::new(&r, group, span, options).map(|_| ()).unwrap_err();
    let usual = Options::default();
    assert_eq!(play(1, whole, usual), PlayError::NoGroup { group: 1, groups: 1 });
    assert_eq!(play(0, whole, Options { chunk_frames: 0, ..usual }), PlayError::ChunkFrames);
    for rate_factor in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let refusal = play(0, whole, Options { rate_factor, ..usual });
        assert!(matches!(refusal, PlayError::RateFactor { .. }), "{refusal}");
    }
    for (start_s, end_s) in [(2.0, 3.0), (0.0, f64::NAN), (f64::NEG_INFINITY, 1.0), (3.0, 0.0)] {
        assert!(matches!(play(0, Span { start_s, end_s }, usual), PlayError::EmptySpan { .. }));
    }
}

/// Everything that must come of a recording, computed one frame at a time.
struct Expected<'a> {
    recording: &'a Recording,
    span: Span,
    rate_factor: f64,
}

impl Expected<'_> {
    fn stamp_s(&self, lap: u64, time_s: f64) -> f64 {
        let Span { start_s, end_s } = self.span;
        (lap as f64 * (end_s - start_s) + time_s - start_s) / self.rate_factor
    }

    fn frames(&self) -> Vec<u64> {
        let group = &self.recording.groups()[0];
        let slack = 1e-6 / group.rate().get();
        let inside = |n: &u64| {
            let t = group.frame_time_s(*n);
            t > self.span.start_s - slack && t < self.span.end_s - slack
        };
        (0..group.frames()).filter(inside).collect()
    }

    fn markers(&self) -> Vec<usize> {
        let whole = self.span.end_s == self.recording.groups()[0].duration_s();
        let slack = 1e-9;
        let notes = self.recording.annotations().iter().enumerate();
        let inside = |t: f64| {
            t > self.span.start_s - slack
                && (t < self.span.end_s - slack || (whole && t < self.span.end_s + slack))
        };
        notes.filter(|(_, a)| inside(a.onset_s)).map(|(i, _)| i).collect()
    }
}

/// Plays in steps of the clock and holds what comes against [`Expected`].
fn check(
    recording: &Recording,
    bounds: (Option<f64>, Option<f64>),
    options: Options,
    steps: &[f64],
) -> Result<(), TestCaseError> {
    let group = &recording.groups()[0];
    let Ok(span) = recording.span(0, bounds.0, bounds.1) else { return Ok(()) };
    let expected = Expected { recording, span, rate_factor: options.rate_factor };
    let mut player = Player::new(recording, 0, span, options).unwrap();
    let near = |a: f64, b: f64| (a - b).abs() <= 1e-12 * (1.0 + b.abs());
    let (mut now, mut before) = (0.0, f64::NEG_INFINITY);
    // Each with its lap.
    let mut frames = Vec::<(u64, u64)>::new();
    let mut markers = Vec::<(u64, usize)>::new();
    for step in steps {
        now += step;
        while let Some(due) = player.take_due(now) {
            let time_s = due.time_s();
            prop_assert!(time_s <= now, "{time_s} came at {now}");
            prop_assert!(time_s >= before || near(time_s, before), "{time_s} after {before}");
            before = time_s;
            match due {
                Due::Frames { first_frame, frames: count, lap, time_s } => {
                    prop_assert!((1..=options.chunk_frames).contains(&count));
                    let last = first_frame + count as u64 - 1;
                    prop_assert!(near(time_s, expected.stamp_s(lap, group.frame_time_s(last))));
                    let length = group.frame_time_s(last) - group.frame_time_s(first_frame);
                    prop_assert!(near(length, (count - 1) as f64 / group.rate().get()), "it spans a gap");
                    frames.extend((first_frame..=last).map(|n| (lap, n)));
                }
                Due::Marker { annotation, lap, time_s } => {
                    let onset_s = recording.annotations()[annotation].onset_s;
                    prop_assert!(near(time_s, expected.stamp_s(lap, onset_s).max(0.0)));
                    markers.push((lap, annotation));
                }
            }
        }
        prop_assert!(player.next_due().is_none_or(|t| t > now));
        prop_assert!(player.next_due().is_some() || !options.looping);
    }
    // All that was due by now has come, once, in order.
    let laps = if options.looping { (now / player.lap_s()) as u64 + 1 } else { 1 };
    let in_laps = |n: usize| (0..laps).flat_map(move |lap| (0..n).map(move |i| (lap, i)));
    let all = expected.frames();
    let wanted: Vec<_> = in_laps(all.len()).map(|(lap, i)| (lap, all[i])).collect();
    prop_assert_eq!(&frames[..], &wanted[..frames.len()]);
    let due = |(lap, n): &&(u64, u64)| player.frame_stamp_s(*lap, *n) <= now;
    let due_frames = wanted.iter().filter(due).count();
    prop_assert!(due_frames - frames.len() < options.chunk_frames, "{} of {due_frames}", frames.len());
    let all = expected.markers();
    let wanted: Vec<_> = in_laps(all.len()).map(|(lap, i)| (lap, all[i])).collect();
    prop_assert_eq!(&markers[..], &wanted[..markers.len()]);
    let due =
        |(lap, i): &&(u64, usize)| expected.stamp_s(*lap, recording.annotations()[*i].onset_s) <= now - 1e-9;
    prop_assert!(markers.len() >= wanted.iter().filter(due).count());
    if now > player.lap_s() + 1.0 && !options.looping {
        prop_assert_eq!((frames.len(), markers.len()), (expected.frames().len(), all.len()));
        prop_assert_eq!(player.markers_left_out(), recording.annotations().len() - all.len());
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn everything_comes_once_in_order_at_its_time(
        has_gaps in any::<bool>(),
        looping in any::<bool>(),
        chunk_frames in 1..300_usize,
        rate_factor in prop::sample::select(&[0.25, 0.7, 1.0, 2.0, 13.37][..]),
        start in proptest::option::of(-0.5..13.0_f64),
        length in proptest::option::of(0.0..13.0_f64),
        steps in vec(prop_oneof![0.0..0.01_f64, 0.0..0.3_f64, 0.0..6.0_f64], 1..40),
    ) {
        let recording = if has_gaps { gapped() } else { continuous() };
        // The continuous one is 0.7 s long.
        let scale = if has_gaps { 1.0 } else { 0.06 };
        let start = start.map(|s| s * scale);
        let stop = length.map(|l| start.unwrap_or(0.0) + l * scale);
        let options = Options { rate_factor, looping, chunk_frames, markers: true };
        let steps: Vec<_> = steps.iter().map(|s| s * scale / rate_factor).collect();
        check(&recording, (start, stop), options, &steps)?;
    }
}
