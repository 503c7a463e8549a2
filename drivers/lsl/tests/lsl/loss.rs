//! Sources that stop, vanish, restart; readers that fall behind.

use crate::support::{LONG, PyOutlet, by_source, loopback, open, pull_until, quick, signal, unique};
use bci_driver_api::{Source, SourceError, conformance};
use bci_driver_lsl::{EegOutlet, InletOptions, LslSourceFactory, OutletOptions, Query};
use bci_types::{Chunk, SampleFormat};
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);

fn is_ramp(values: &[f64]) -> bool {
    values.windows(2).all(|w| w[1] == w[0] + 1.0)
}

/// The answer to the question, which never waits for the look that it begins.
fn superseded(source: &mut dyn Source) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < LONG {
        let asked = Instant::now();
        let answer = source.superseded(2 * SECOND);
        assert!(asked.elapsed() < SECOND / 2, "samples would have waited for {:?}", asked.elapsed());
        if let Some(answer) = answer {
            return answer;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("no answer within {LONG:?}");
}

#[test]
fn a_killed_source_is_lost_at_once_and_stays_lost() {
    let id = unique("killed");
    let mut peer = PyOutlet::plain(&id, 500.0);
    let mut source = open(&id);
    peer.run(500.0);
    let (values, _) = pull_until(&mut source, LONG, |v, _| v.len() >= 100).unwrap();
    assert!(is_ramp(&values));
    let killed = Instant::now();
    peer.signal("KILL");
    let seen = conformance::check(&mut source, usize::MAX, LONG);
    assert!(seen.lost, "it says so");
    assert!(killed.elapsed() < SECOND, "after {:?}", killed.elapsed());
    let again = source.pull(&mut Chunk::with_capacity(2, 8), SECOND);
    assert!(matches!(again, Err(SourceError::Lost { .. })), "{again:?}");
}

#[test]
fn a_paused_source_is_silent_then_goes_on_without_a_gap() {
    let id = unique("paused");
    let mut peer = PyOutlet::plain(&id, 500.0);
    let mut source = open(&id);
    peer.run(500.0);
    let (mut values, _) = pull_until(&mut source, LONG, |v, _| v.len() >= 100).unwrap();
    peer.signal("STOP");
    let mut chunk = Chunk::with_capacity(2, 256);
    let stopped = Instant::now();
    loop {
        let n = source.pull(&mut chunk, Duration::from_millis(500)).expect("silent is not lost");
        values.extend(chunk.samples().iter().step_by(2));
        if n == 0 {
            break;
        }
        assert!(stopped.elapsed() < LONG);
    }
    assert!(!superseded(&mut source), "nothing took its place");
    peer.signal("CONT");
    let (more, _) = pull_until(&mut source, LONG, |v, _| v.len() >= 100).unwrap();
    values.extend(more);
    assert!(is_ramp(&values), "no frame was lost or doubled");
}

/// <https://github.com/sccn/liblsl/issues/180>: an inlet opened a second time yields nothing.
#[test]
fn liblsl_180_a_stream_opened_again_yields_again() {
    let id = unique("again");
    let mut peer = PyOutlet::plain(&id, 500.0);
    let mut source = open(&id);
    peer.run(500.0);
    pull_until(&mut source, LONG, |v, _| v.len() >= 50).unwrap();
    drop(source);
    for _ in 0..2 {
        let mut source = open(&id);
        let (values, _) = pull_until(&mut source, LONG, |v, _| v.len() >= 50).unwrap();
        assert!(is_ramp(&values));
    }
}

/// <https://github.com/sccn/labstreaminglayer/issues/105>: a source that restarts at once under the same source_id.
#[test]
fn labstreaminglayer_105_a_source_restarted_at_once_is_found_again() {
    let id = unique("restart");
    let mut factory = by_source(&id);
    let mut seen = Vec::new();
    for _ in 0..3 {
        let mut peer = PyOutlet::plain(&id, 500.0);
        let mut source = factory.open_source(LONG).expect("found");
        peer.run(500.0);
        pull_until(&mut source, LONG, |v, _| v.len() >= 50).unwrap();
        assert!(!seen.contains(&source.spec().instance));
        seen.push(source.spec().instance.clone());
        peer.signal("KILL");
        // No wait: the next one starts while this one's connections are being torn down.
    }
}

#[test]
fn of_two_living_instances_the_newer_is_read_and_the_older_is_superseded() {
    let id = unique("twice");
    let mut old = PyOutlet::plain(&id, 500.0);
    let mut reading_old = open(&id);
    old.run(500.0);
    pull_until(&mut reading_old, LONG, |v, _| v.len() >= 50).unwrap();
    assert!(!superseded(&mut reading_old));

    let mut new = PyOutlet::plain(&id, 500.0);
    let mut reading_new = open(&id);
    assert_ne!(reading_new.spec().instance, reading_old.spec().instance);
    assert!(reading_new.notes()[0].contains("older instance"), "{:?}", reading_new.notes());
    new.run(500.0);
    pull_until(&mut reading_new, LONG, |v, _| v.len() >= 50).unwrap();
    assert!(superseded(&mut reading_old));
    assert!(!superseded(&mut reading_new), "the older one does not take the newer's place");
}

#[test]
fn a_hung_instance_is_superseded_by_one_that_answers() {
    let id = unique("hung");
    let old = PyOutlet::plain(&id, 500.0);
    let mut reading_old = open(&id);
    old.signal("STOP");
    let _new = PyOutlet::plain(&id, 500.0);
    assert!(superseded(&mut reading_old));
    assert_ne!(open(&id).spec().instance, reading_old.spec().instance);
}

#[test]
fn a_reader_that_stalls_gets_no_more_than_its_buffer_and_catches_up() {
    let id = unique("stall");
    let mut peer = PyOutlet::plain(&id, 1000.0);
    let options = InletOptions { buffer_s: 1, ..quick() };
    let mut factory = LslSourceFactory::new(loopback(), Query::source_id(&id), options);
    let mut source = factory.open_source(LONG).unwrap();
    peer.run(1000.0);
    let (before, _) = pull_until(&mut source, LONG, |v, _| v.len() >= 100).unwrap();
    std::thread::sleep(3 * SECOND);
    let held = source.backlog();
    assert!((900..=1100).contains(&held), "{held} frames held of 3 s at 1 kHz, 1 s of buffer");
    let now = loopback().local_clock();
    let (after, stamps) = pull_until(&mut source, LONG, |_, s| s.last().is_some_and(|&t| t > now)).unwrap();
    let skipped = after[0] - before[before.len() - 1];
    assert!(skipped > 1500.0, "the oldest frames were dropped, {skipped}");
    assert!(is_ramp(&after), "and nothing after them");
    assert!(stamps[0] > now - 1.2, "stamps show the gap");
    assert!(source.backlog() < 200, "{} left", source.backlog());
}

#[test]
fn a_source_whose_clock_is_set_back_is_lost() {
    let id = unique("setback");
    let spec = signal(&id, SampleFormat::Float32, 100.0, 1);
    let mut outlet = EegOutlet::new(loopback(), &spec, &OutletOptions::default()).unwrap();
    let mut source = open(&id);
    assert!(outlet.wait_for_consumers(LONG));
    outlet.push(&[1.0, 2.0], &[500.0, 500.01]).unwrap();
    outlet.push(&[3.0], &[100.0]).unwrap();
    let seen = conformance::check(&mut source, 3, LONG);
    assert!(seen.lost);
    assert_eq!(seen.stamps, [500.0, 500.01]);
}
