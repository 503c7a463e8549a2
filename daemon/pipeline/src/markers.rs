//! Marker streams: a thread each, of no real-time priority, since text is allocated.

use crate::status::Sink;
use bci_driver_api::{MarkerSource, MarkerSourceFactory};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Reads markers into `sink` until `stop` is set, opening the source again after each loss.
pub fn read_markers(mut factory: Box<dyn MarkerSourceFactory>, sink: &dyn Sink, stop: &AtomicBool) {
    let look = Duration::from_millis(1000);
    let mut told = String::new();
    while !stop.load(Ordering::Acquire) {
        match factory.open(look) {
            Ok(mut source) => {
                told.clear();
                tracing::info!(stream = %source.spec().name, "marker stream attached");
                read_one(source.as_mut(), sink, stop);
            }
            Err(e) if e.is_transient() => {}
            Err(e) => {
                let text = e.to_string();
                if text != told {
                    tracing::warn!(error = %e, "marker stream not attached");
                    told = text;
                }
                std::thread::park_timeout(look);
            }
        }
    }
}

fn read_one(source: &mut dyn MarkerSource, sink: &dyn Sink, stop: &AtomicBool) {
    let wait = Duration::from_millis(100);
    let mut asked = Instant::now();
    while !stop.load(Ordering::Acquire) {
        match source.pull(wait) {
            Ok(Some(marker)) => {
                asked = Instant::now();
                sink.marker(marker);
            }
            // Markers may rightly be rare: silence is no fault, but a restarted sender leaves a dead stream behind.
            Ok(None) if asked.elapsed() > Duration::from_secs(5) => {
                asked = Instant::now();
                if source.superseded(Duration::from_millis(1500)) {
                    return;
                }
            }
            Ok(None) => {}
            Err(e) => {
                tracing::warn!(error = %e, "marker stream lost, looking for its return");
                return;
            }
        }
    }
}
