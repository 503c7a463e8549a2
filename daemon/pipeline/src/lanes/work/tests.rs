#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::bind::feature_path;
use crate::policy::PolicySpec;
use crate::run::attachment;
use crate::spec::PipelineSpec;
use crate::status::{Sink, StatusChange};
use crate::swap::{Lane, Outside};
use bci_rt::doorbell::Doorbell;
use bci_types::{Chunk, DecoderIdentity, HostNs, Hz, Intent, Marker, StreamSpec};
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

/// Another time whenever it is asked.
#[derive(Default)]
struct Ticking(AtomicI64);

impl Clock for Ticking {
    fn now(&self) -> HostNs {
        HostNs(self.0.fetch_add(1, Ordering::SeqCst))
    }
}

struct Nobody;

impl Sink for Nobody {
    fn intent(&self, _: Intent) {}
    fn marker(&self, _: Marker) {}
    fn status(&self, _: StatusChange) {}
}

const FRAMES: usize = 8;

fn stream() -> StreamSpec {
    StreamSpec::eeg("s", Hz::new(100.0).unwrap(), ["Cz"])
}

fn lane(name: &str, counted: &Arc<Counters>) -> Lane {
    let identity = DecoderIdentity { name: name.into(), version: "1".into(), model_sha256: String::new() };
    Lane::new(Arc::new(identity), FRAMES as f64, 80.0, Arc::clone(counted), Arc::default())
}

/// When the windows of two lanes with a path each were filtered, the lanes' in order, where lane `active` publishes.
fn filtered(active: usize) -> [HostNs; LANES] {
    let clock = Arc::new(Ticking::default());
    let status = Arc::new(Status::new("p".into(), HostNs(0)));
    let outside = Outside {
        sink: Arc::new(Nobody),
        status: Arc::clone(&status),
        clock: clock.clone(),
        max_age_ms: 500.0,
    };
    let [first, second] = [Arc::default(), Arc::default()];
    let exchange = Exchange::new(lane("first", &first), outside);
    exchange.load(1, lane("second", &second)).unwrap();
    if active == 1 {
        assert!(exchange.died(0, &first), "the other takes over");
    }
    assert_eq!(exchange.active(), active);
    let stream = stream();
    let queues = [0, 1].map(|_| WindowQueue::new(FRAMES, 1));
    let route = |path: usize| {
        let queue = queues[path].clone();
        Some(Route { queue, bell: Doorbell::for_thread(&std::thread::current()), path })
    };
    let routes = [route(0), route(1)];
    let paths = [0, 1].map(|_| {
        let path = feature_path(&stream, &[], &PipelineSpec::plain("p", PolicySpec::NOTHING), FRAMES, FRAMES)
            .unwrap();
        Some(Box::new(path))
    });
    let (mut writer, attached) = attachment(&stream, FRAMES, paths, 1);
    let handover = Handover::new();
    assert!(handover.attachments.push(attached).is_ok());
    let change = Change { attachment: 0, routes, path: None, retired: [None, None] };
    let mut signal = Signal::new(&change);
    let mut tick = || signal.tick(&handover, &*clock, &status, &exchange);
    tick();
    let mut chunk = Chunk::with_capacity(1, FRAMES);
    for frame in 0..FRAMES {
        assert!(chunk.push(frame as f64 / 100.0, &[frame as f64]));
    }
    assert!(writer.push(&chunk));
    tick();
    queues.map(|queue| queue.receive().unwrap().ledger.filtered)
}

/// What is published does not wait for the filters of what is not.
#[test]
fn the_lane_that_publishes_has_its_window_first() {
    let [first, second] = filtered(0);
    assert!(first < second, "{first:?} {second:?}");
    let [first, second] = filtered(1);
    assert!(second < first, "{first:?} {second:?}");
}
