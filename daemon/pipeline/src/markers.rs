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
                for note in source.notes() {
                    tracing::warn!(stream = %source.spec().name, "{note}");
                }
                tracing::info!(stream = %source.spec().name, "marker stream attached");
                read_one(source.as_mut(), sink, stop);
            }
            // A look-up that fails at once must not be repeated at once.
            Err(e) if e.is_transient() => std::thread::park_timeout(Duration::from_millis(50)),
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
                match source.superseded(Duration::from_millis(1500)) {
                    Some(true) => return,
                    Some(false) => asked = Instant::now(),
                    None => {}
                }
            }
            Ok(None) => {}
            Err(e) => {
                // While ending, nobody needs to act on it any more.
                if !stop.load(Ordering::Acquire) {
                    tracing::warn!(error = %e, "marker stream lost, looking for its return");
                }
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::StatusChange;
    use bci_driver_api::SourceError;
    use bci_types::{ChannelKind, ChannelSpec, HostNs, Intent, Marker, Rate, SampleFormat, StreamSpec, Unit};
    use std::sync::atomic::AtomicU64;
    use std::sync::{Arc, Mutex};

    /// Fails at once, unless it still has sources: each gives one marker and is lost.
    struct Flaky {
        sources: u64,
        opened: Arc<AtomicU64>,
    }

    struct Once(StreamSpec, Option<Marker>);

    impl MarkerSourceFactory for Flaky {
        fn describe(&self) -> String {
            "flaky".into()
        }
        fn open(&mut self, _: Duration) -> Result<Box<dyn MarkerSource>, SourceError> {
            let n = self.opened.fetch_add(1, Ordering::SeqCst);
            if n >= self.sources {
                return Err(SourceError::NotFound { query: "flaky".into() });
            }
            let channel =
                ChannelSpec { label: None, unit: Unit::Unstated, kind: ChannelKind::Other(String::new()) };
            let spec = StreamSpec {
                name: "m".into(),
                kind: "Markers".into(),
                source_id: String::new(),
                hostname: String::new(),
                instance: String::new(),
                format: SampleFormat::Text,
                rate: Rate::Irregular,
                channels: vec![channel],
            };
            let marker =
                Marker { stream: "m".into(), text: n.to_string(), time: HostNs(1), received: HostNs(2) };
            Ok(Box::new(Once(spec, Some(marker))))
        }
    }

    impl MarkerSource for Once {
        fn spec(&self) -> &StreamSpec {
            &self.0
        }
        fn pull(&mut self, _: Duration) -> Result<Option<Marker>, SourceError> {
            self.1.take().map(Some).ok_or_else(|| SourceError::Lost { stream: "m".into() })
        }
    }

    #[derive(Default)]
    struct Kept(Mutex<Vec<String>>);

    impl Sink for Kept {
        fn intent(&self, _: Intent) {}
        fn marker(&self, marker: Marker) {
            self.0.lock().expect("lock").push(marker.text);
        }
        fn status(&self, _: StatusChange) {}
    }

    #[test]
    fn every_marker_arrives_over_losses_and_a_missing_stream_is_not_hammered() {
        let opened = Arc::new(AtomicU64::new(0));
        let factory = Box::new(Flaky { sources: 3, opened: Arc::clone(&opened) });
        let sink = Arc::new(Kept::default());
        let running = crate::start_markers(factory, Arc::clone(&sink) as Arc<dyn Sink>).expect("a thread");
        std::thread::sleep(Duration::from_millis(300));
        running.stop();
        assert_eq!(*sink.0.lock().expect("lock"), ["0", "1", "2"]);
        let looked = opened.load(Ordering::SeqCst) - 3;
        assert!((1..30).contains(&looked), "{looked} looks in 0.3 s");
    }
}
