//! Watches what comes: every frame's place in the stream, its content, and how long the way took.

use crate::load::percentiles;
use crate::noise::{PERIOD, noise};
use crate::stolen::Undisturbed;
use crate::{Failure, Stream};
use bci_types::HostNs;
use serde_json::{Value, json};

/// How long after the first frame latencies are not yet counted: pages and caches are touched for the first time.
const WARM_UP_S: f64 = 1.0;

/// What takes longer is told one by one.
const SLOW_MS: f64 = 2.0;

/// What was measured of a reception that lost nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figures {
    channels: usize,
    rate_hz: f64,
    frames: usize,
    p50_ms: f64,
    /// Newest stamp of a chunk to its features.
    pub(crate) p99_ms: f64,
    max_ms: f64,
    pub(crate) core: Core,
}

/// Processor time of the receiving process, in percent of one core.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Core {
    pub(crate) total_percent: f64,
    /// What the signal thread takes; the rest is the acquisition thread with those of liblsl.
    pub(crate) signal_percent: f64,
}

impl Core {
    pub(crate) fn acquisition_percent(self) -> f64 {
        self.total_percent - self.signal_percent
    }
}

impl Figures {
    pub(crate) fn json(&self) -> Value {
        json!({
            "channels": self.channels,
            "rate_hz": self.rate_hz,
            "frames": self.frames,
            "frames_lost": 0,
            "latency_ms": { "p50": self.p50_ms, "p99": self.p99_ms, "max": self.max_ms },
            "core_percent": {
                "total": self.core.total_percent,
                "acquisition": self.core.acquisition_percent(),
                "signal": self.core.signal_percent,
            },
        })
    }
}

/// How long one chunk took.
#[derive(Clone, Copy)]
struct Latency {
    ms: f64,
    done: HostNs,
    /// Seconds of the stream.
    since: f64,
}

/// The account of one reception.
pub(crate) struct Account {
    noise: Vec<f32>,
    channels: usize,
    rate_hz: f64,
    chunk_frames: usize,
    first_stamp: Option<f64>,
    /// The frame that must come next, counted from the first by the stamps.
    next: usize,
    frames: usize,
    missing: usize,
    repeated: usize,
    wrong: usize,
    pulls: usize,
    latencies: Vec<Latency>,
    work_us: Vec<f64>,
}

impl Account {
    pub(crate) fn new(stream: &Stream) -> Self {
        Self {
            noise: noise(stream.channels),
            channels: stream.channels,
            rate_hz: f64::from(stream.rate_hz),
            chunk_frames: stream.chunk_frames,
            first_stamp: None,
            next: 0,
            frames: 0,
            missing: 0,
            repeated: 0,
            wrong: 0,
            pulls: 0,
            latencies: Vec::with_capacity(stream.chunks()),
            work_us: Vec::with_capacity(stream.chunks() * stream.chunk_frames),
        }
    }

    /// Notes a chunk whose work began at `begun` and whose features were done at `done`.
    pub(crate) fn note(&mut self, samples: &[f64], stamps: &[f64], begun: HostNs, done: HostNs) {
        self.pulls += 1;
        self.work_us.push((done - begun) as f64 * 1e-3);
        for (frame, &stamp) in samples.chunks_exact(self.channels).zip(stamps) {
            let since = stamp - *self.first_stamp.get_or_insert(stamp);
            let n = (since * self.rate_hz).round().max(0.0) as usize;
            if n < self.next {
                self.repeated += 1;
                continue;
            }
            self.missing += n - self.next;
            self.next = n + 1;
            self.frames += 1;
            // One sample a frame, each time another channel's: a frame out of place is seen at once.
            let channel = n % self.channels;
            let sent = self.noise[n % PERIOD * self.channels + channel];
            self.wrong += usize::from(frame[channel] != f64::from(sent));
            // The newest sample of a chunk as the source sent it.
            if n % self.chunk_frames == self.chunk_frames - 1 && since >= WARM_UP_S {
                let ms = (done.as_lsl_seconds() - stamp) * 1e3;
                self.latencies.push(Latency { ms, done, since });
            }
        }
    }

    /// In words; an error when anything was lost.
    pub(crate) fn tell(
        mut self,
        sent: usize,
        core: Core,
        undisturbed: &Undisturbed,
    ) -> Result<(String, Figures), Failure> {
        self.latencies.sort_by(|a, b| b.ms.total_cmp(&a.ms));
        let slow = self.latencies.iter().filter(|l| l.ms > SLOW_MS).count();
        let worst: Vec<String> =
            self.latencies.iter().take(5).map(|l| format!("{:.1} ms at {:.3} s", l.ms, l.since)).collect();
        let quiet = self.latencies.iter().filter(|l| undisturbed.contains(l.done));
        let mut quiet_ms: Vec<f64> = quiet.map(|l| l.ms).collect();
        let mut all_ms: Vec<f64> = self.latencies.iter().map(|l| l.ms).collect();
        let text = format!(
            "frames:   {} of {sent} came in {} pulls; missing {}, repeated {}, wrong {}\n\
             latency:  newest stamp to features done, {} chunks after the first {WARM_UP_S} s: {}\n\
             \x20         {slow} above {SLOW_MS} ms; the worst: {}\n\
             \x20         of these in the {:.1} s in which nothing was stolen, {} chunks: {}\n\
             work:     per pull: {}\n",
            self.frames,
            self.pulls,
            self.missing,
            self.repeated,
            self.wrong,
            self.latencies.len(),
            percentiles(&mut all_ms, "ms"),
            worst.join(", "),
            undisturbed.seconds(),
            quiet_ms.len(),
            percentiles(&mut quiet_ms, "ms"),
            percentiles(&mut self.work_us, "us"),
        );
        if self.frames == sent && self.missing + self.repeated + self.wrong == 0 {
            // Sorted by now.
            let at = |q: f64| {
                let last = all_ms.len().saturating_sub(1) as f64;
                all_ms.get((q * last).round() as usize).copied().unwrap_or(f64::NAN)
            };
            let figures = Figures {
                channels: self.channels,
                rate_hz: self.rate_hz,
                frames: self.frames,
                p50_ms: at(0.5),
                p99_ms: at(0.99),
                max_ms: at(1.0),
                core,
            };
            Ok((text, figures))
        } else {
            Err(format!("samples were lost or changed\n{text}").into())
        }
    }
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test")]
mod tests {
    use super::*;
    use bci_types::Chunk;

    const SENT: usize = 60;

    /// What is told of frames that came as these, in chunks of 10, each sample taken 2 ms before.
    fn told(frames: &[usize], spoil: Option<usize>) -> Result<String, String> {
        let stream = Stream {
            channels: 3,
            rate_hz: 30,
            chunk_frames: 10,
            pull_frames: None,
            seconds: 2,
            stamp_at_push: false,
            priority: None,
            shaft_contacts: None,
            lsl_config: None,
        };
        let mut account = Account::new(&stream);
        let sent = noise(3);
        for block in frames.chunks(10) {
            let mut chunk = Chunk::with_capacity(3, 10);
            for &n in block {
                let mut frame: Vec<f64> = sent[n * 3..n * 3 + 3].iter().map(|&x| f64::from(x)).collect();
                if spoil == Some(n) {
                    frame[n % 3] += 1.0;
                }
                assert!(chunk.push(5.0 + n as f64 / 30.0, &frame));
            }
            let done = HostNs::from_lsl_seconds(*chunk.stamps().last().expect("frames") + 0.0015);
            account.note(chunk.samples(), chunk.stamps(), HostNs(done.0 - 250_000), done);
        }
        account
            .tell(SENT, Core::default(), &Undisturbed::default())
            .map(|(text, _)| text)
            .map_err(|e| e.to_string())
    }

    #[test]
    fn a_sound_stream_is_told_with_its_latency() {
        let all: Vec<usize> = (0..SENT).collect();
        let text = told(&all, None).expect("nothing is lost");
        assert!(text.contains("60 of 60 came in 6 pulls; missing 0, repeated 0, wrong 0"), "{text}");
        // The first second is warm-up: the chunks that end with frames 39, 49 and 59 count.
        assert!(text.contains("3 chunks after the first 1 s: p50 1.500, p90 1.500"), "{text}");
        assert!(text.contains("per pull: p50 250.000"), "{text}");
    }

    #[test]
    fn every_kind_of_loss_is_an_error() {
        let without: Vec<usize> = (0..SENT).filter(|n| !(20..23).contains(n)).collect();
        let text = told(&without, None).expect_err("lost frames");
        assert!(text.contains("57 of 60") && text.contains("missing 3, repeated 0, wrong 0"), "{text}");
        let twice: Vec<usize> = (0..30).chain(29..SENT).collect();
        let text = told(&twice, None).expect_err("a repeated frame");
        assert!(text.contains("missing 0, repeated 1, wrong 0"), "{text}");
        let all: Vec<usize> = (0..SENT).collect();
        let text = told(&all, Some(31)).expect_err("a changed frame");
        assert!(text.contains("missing 0, repeated 0, wrong 1"), "{text}");
        let text = told(&all[..59], None).expect_err("the last is missing");
        assert!(text.contains("59 of 60"), "{text}");
    }
}
