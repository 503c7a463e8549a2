//! `/metrics` by the letter of the Prometheus text format 0.0.4, and true.

use bci_tests::{Client, Daemon, Outlet, Signal, Source, Subscriber, World};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What one page holds: samples by name and labels, and the type of every family.
struct Page {
    kinds: BTreeMap<String, String>,
    samples: BTreeMap<(String, BTreeMap<String, String>), f64>,
}

impl Page {
    fn get(client: &mut Client) -> Self {
        let answer = client.ask(&json!({ "ask": "http", "path": "/metrics" }));
        assert_eq!(answer["code"], 200);
        assert_eq!(answer["type"], "text/plain; version=0.0.4; charset=utf-8");
        Self::parse(answer["body"].as_str().expect("a page"))
    }

    /// Strictly: every family has its HELP and TYPE, once, before its samples, which stand together.
    fn parse(text: &str) -> Self {
        assert!(text.ends_with('\n'), "the last line ends too");
        let mut page = Self { kinds: BTreeMap::new(), samples: BTreeMap::new() };
        let mut helped = BTreeSet::new();
        let mut family = String::new();
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, help) = rest.split_once(' ').expect("a help text");
                assert!(!help.is_empty() && helped.insert(name.to_owned()), "HELP of {name} twice");
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').expect("a type");
                assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
                assert!(helped.contains(name), "TYPE of {name} before its HELP");
                assert!(
                    page.kinds.insert(name.to_owned(), kind.to_owned()).is_none(),
                    "TYPE of {name} twice"
                );
                name.clone_into(&mut family);
            } else {
                page.sample(line, &family);
            }
        }
        page
    }

    fn sample(&mut self, line: &str, family: &str) {
        let (series, value) = line.rsplit_once(' ').expect("a value");
        let (name, labels) = match series.split_once('{') {
            None => (series, BTreeMap::new()),
            Some((name, rest)) => (name, labels(rest.strip_suffix('}').expect("closed"))),
        };
        assert!(is_name(name), "{line}");
        let suffixes: &[&str] = if self.kinds.get(family).is_some_and(|k| k == "histogram") {
            &["_bucket", "_sum", "_count"]
        } else {
            &[""]
        };
        let own = suffixes.iter().any(|s| name.strip_suffix(s) == Some(family));
        assert!(own, "{name} does not belong to {family}");
        let value: f64 = value.parse().expect("a number");
        assert!(self.samples.insert((name.to_owned(), labels), value).is_none(), "{series} twice");
    }

    fn value(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let labels = labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        *self.samples.get(&(name.to_owned(), labels)).unwrap_or_else(|| panic!("no {name}"))
    }

    /// Buckets of one series in the order of their bounds.
    fn buckets(&self, step: &str) -> Vec<(f64, f64)> {
        let own = self.samples.iter().filter(|((name, labels), _)| {
            name == "bci_step_latency_seconds_bucket" && labels.get("step").is_some_and(|s| s == step)
        });
        let bound = |text: &str| if text == "+Inf" { f64::INFINITY } else { text.parse().expect("a bound") };
        let mut all: Vec<_> = own.map(|((_, labels), count)| (bound(&labels["le"]), *count)).collect();
        all.sort_by(|a, b| a.0.total_cmp(&b.0));
        all
    }
}

fn is_name(name: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    name.chars().all(word) && name.starts_with(|c: char| !c.is_ascii_digit())
}

/// `key="value",...`; the values met here have no escapes.
fn labels(text: &str) -> BTreeMap<String, String> {
    let pair = |part: &str| {
        let (key, value) = part.split_once('=').expect("key=value");
        let value = value.strip_prefix('"').and_then(|v| v.strip_suffix('"')).expect("quoted");
        assert!(is_name(key) && !value.contains(['"', '\\']), "{part}");
        (key.to_owned(), value.to_owned())
    };
    text.split(',').map(pair).collect()
}

#[test]
fn metrics_are_well_formed_and_follow_what_happens() {
    const OWN: [(&str, &str); 1] = [("pipeline", "p")];
    let world = World::new("metrics");
    let stream = world.name("eeg");
    let daemon = Daemon::following(&world, &stream);
    let mut client = Client::of(&world, &daemon);
    let before = Page::get(&mut client);
    assert_eq!(before.value("bci_samples_total", &OWN), 0.0);
    assert_eq!(before.value("bci_stream_state", &[("pipeline", "p"), ("state", "waiting")]), 1.0);

    let mut subscriber = Subscriber::to(&world, &daemon);
    let _outlet = Outlet::looping(&world, &Source::one(&stream));
    subscriber.until_intents(40, Duration::from_secs(30));
    let first = Page::get(&mut client);
    subscriber.until_intents(20, Duration::from_secs(30));
    let second = Page::get(&mut client);

    for page in [&first, &second] {
        assert_eq!(page.value("bci_stream_state", &[("pipeline", "p"), ("state", "streaming")]), 1.0);
        assert_eq!(page.value("bci_subscribers", &[]), 1.0);
        assert_eq!(page.value("bci_realtime_heap_operations_total", &[]), 0.0);
        assert_eq!(page.value("bci_samples_lost_total", &OWN), 0.0);
    }
    for name in ["bci_samples_total", "bci_windows_total"] {
        let [a, b] = [&first, &second].map(|page| page.value(name, &OWN));
        assert!(0.0 < a && a < b, "{name} goes from {a} to {b}");
    }
    for (series, earlier) in &first.samples {
        let family = series.0.trim_end_matches("_bucket").trim_end_matches("_sum").trim_end_matches("_count");
        let kind = &first.kinds[if first.kinds.contains_key(&series.0) { &series.0 } else { family }];
        assert!(kind == "gauge" || second.samples[series] >= *earlier, "{series:?} went back");
    }
    for step in ["acquire", "queue", "filter", "decode", "publish", "total"] {
        let buckets = second.buckets(step);
        assert!(buckets.len() > 5 && buckets.windows(2).all(|w| w[0].1 <= w[1].1), "{step}: {buckets:?}");
        let count = second.value("bci_step_latency_seconds_count", &[("pipeline", "p"), ("step", step)]);
        assert_eq!(buckets.last(), Some(&(f64::INFINITY, count)), "{step}");
        assert!(count >= 60.0, "{step}: {count} windows");
    }
    daemon.stop(Signal::Int).assert_sound();
}
