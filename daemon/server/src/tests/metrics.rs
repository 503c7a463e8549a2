//! The page of metrics, read as Prometheus reads it
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>).

use super::{Scripted, intent, pipeline, services};
use crate::access::Counts;
use crate::engine::StreamState;
use crate::grpc::Services;
use crate::metrics::render;
use bci_types::HostNs;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

#[derive(Debug)]
struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

#[derive(Debug, Default)]
struct Family {
    kind: String,
    samples: Vec<Sample>,
}

/// Reads a page; panics where it breaks the format.
fn parse(page: &str) -> BTreeMap<String, Family> {
    assert!(page.ends_with('\n'));
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut helped = BTreeSet::new();
    let mut current = String::new();
    for line in page.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap();
            assert!(helped.insert(name.to_owned()) && !help.is_empty(), "HELP once: {line}");
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            let family = Family { kind: kind.into(), samples: Vec::new() };
            assert!(families.insert(name.into(), family).is_none(), "TYPE once: {line}");
            current = name.into();
        } else {
            let sample = sample(line);
            let suffix =
                sample.name.strip_prefix(&current).unwrap_or_else(|| panic!("{line} under {current}"));
            let family = families.get_mut(&current).unwrap();
            let permitted: &[&str] =
                if family.kind == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
            assert!(permitted.contains(&suffix), "{line} under {current}");
            family.samples.push(sample);
        }
    }
    families
}

fn sample(line: &str) -> Sample {
    let name: String =
        line.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_' || *c == ':').collect();
    assert!(name.starts_with(|c: char| c.is_ascii_alphabetic()), "{line}");
    let mut rest = &line[name.len()..];
    let mut labels = BTreeMap::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        while !rest.starts_with('}') {
            let (key, after) = rest.split_once("=\"").unwrap();
            assert!(key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'), "{line}");
            let (mut text, mut escaped, mut end) = (String::new(), false, 0);
            for (i, c) in after.char_indices() {
                match (escaped, c) {
                    (true, 'n') => text.push('\n'),
                    (true, '\\' | '"') => text.push(c),
                    (true, _) => panic!("\\{c} in {line}"),
                    (false, '"') => {
                        end = i;
                        break;
                    }
                    (false, '\\') => {}
                    (false, _) => text.push(c),
                }
                escaped = !escaped && c == '\\';
            }
            assert!(labels.insert(key.to_owned(), text).is_none(), "{line}");
            rest = after[end + 1..].trim_start_matches(',');
        }
        rest = &rest[1..];
    }
    let value = rest.strip_prefix(' ').unwrap().parse().unwrap_or_else(|_| panic!("{line}"));
    Sample { name, labels, value }
}

fn page(services: &Services, engine: &Arc<Scripted>) -> BTreeMap<String, Family> {
    let mut status = engine.0.lock().unwrap();
    status.versions =
        vec![("bcid".into(), "0.1 \"quoted\" \\ and\nbroken".into()), ("liblsl".into(), "1.18".into())];
    (status.uptime_seconds, status.cpu_seconds) = (2.5, 0.25);
    (status.realtime_heap_operations, status.realtime_loops_watched) = (0, 12_345_678_901);
    status.pipelines = vec![pipeline("a", StreamState::Streaming), pipeline("b", StreamState::Silent)];
    drop(status);
    for ms in [1, 2, 40] {
        let mut i = intent("a", 0);
        i.ledger.decoded = HostNs(i.ledger.filtered.0 + ms * 1_000_000);
        services.publisher.intent(i);
    }
    parse(&render(services, &Counts::default(), 0))
}

#[test]
fn the_page_is_what_prometheus_reads() {
    let (services, engine) = services();
    let families = page(&services, &engine);
    for (name, family) in &families {
        assert!(name.starts_with("bci_"), "{name}");
        assert_eq!(name.ends_with("_total"), family.kind == "counter", "{name} is a {}", family.kind);
        let mut seen = BTreeSet::new();
        for s in &family.samples {
            assert!(seen.insert((s.name.clone(), s.labels.clone())), "{s:?} twice");
            assert!(s.value.is_finite(), "{s:?}");
        }
    }
    let value = |family: &str, wanted: &[(&str, &str)]| {
        let fits = |s: &&Sample| wanted.iter().all(|(k, v)| s.labels.get(*k).is_some_and(|t| t == v));
        let found: Vec<f64> = families[family].samples.iter().filter(fits).map(|s| s.value).collect();
        assert_eq!(found.len(), 1, "{family} {wanted:?}");
        found[0]
    };
    for (name, expected) in [
        ("bci_samples_total", 11.0),
        ("bci_samples_lost_total", 12.0),
        ("bci_gaps_total", 13.0),
        ("bci_reattachments_total", 14.0),
        ("bci_windows_total", 15.0),
        ("bci_windows_skipped_total", 16.0),
        ("bci_windows_invalid_total", 17.0),
        ("bci_decoder_faults_total", 18.0),
        ("bci_frames_not_finite_total", 19.0),
        ("bci_frames_bridged_total", 20.0),
        ("bci_samples_repeated_total", 22.0),
        ("bci_clock_steps_total", 21.0),
        ("bci_measured_rate_hertz", 159.9),
    ] {
        assert_eq!(value(name, &[("pipeline", "b")]), expected, "{name}");
    }
    let states = &families["bci_stream_state"].samples;
    assert_eq!(states.len(), 2 * StreamState::ALL.len());
    assert_eq!(states.iter().map(|s| s.value).sum::<f64>(), 2.0, "each pipeline is in one state");
    assert_eq!(value("bci_stream_state", &[("pipeline", "b"), ("state", "silent")]), 1.0);
    assert_eq!(value("bci_realtime_loops_total", &[]), 12_345_678_901.0);
    assert_eq!((value("bci_uptime_seconds", &[]), value("bci_cpu_seconds_total", &[])), (2.5, 0.25));
    for (name, labels, expected) in [
        ("bci_recording_running", &[][..], 0.0),
        ("bci_recording_trouble", &[], 0.0),
        ("bci_recording_notes_lost", &[], 0.0),
        ("bci_recording_samples", &[("stream", "s")], 14.0),
        ("bci_recording_samples", &[("stream", "t")], 3.0),
        ("bci_recording_samples_lost", &[("stream", "s")], 1.0),
    ] {
        assert_eq!(value(name, labels), expected, "{name}");
    }
    let versions = &families["bci_build_info"].samples[0].labels;
    assert_eq!(versions["bcid"], "0.1 \"quoted\" \\ and\nbroken", "texts come back as they were");
}

#[test]
fn histograms_are_cumulative_and_add_up() {
    let (services, engine) = services();
    let families = page(&services, &engine);
    let samples = &families["bci_step_latency_seconds"].samples;
    let of = |step: &str, name: &str| -> Vec<&Sample> {
        let name = format!("bci_step_latency_seconds_{name}");
        samples.iter().filter(|s| s.labels["step"] == step && s.name == name).collect()
    };
    for step in ["acquire", "queue", "filter", "decode"] {
        let buckets = of(step, "bucket");
        let bounds: Vec<f64> =
            buckets.iter().map(|s| s.labels["le"].replace("+Inf", "inf").parse().unwrap()).collect();
        assert!(
            bounds.windows(2).all(|b| b[0] < b[1]) && bounds.last() == Some(&f64::INFINITY),
            "{bounds:?}"
        );
        assert!(buckets.windows(2).all(|b| b[0].value <= b[1].value), "{step}");
        assert_eq!(buckets.last().unwrap().value, of(step, "count")[0].value, "{step}");
    }
    let at = |bound: &str| {
        let all = of("decode", "bucket");
        all.iter().find(|s| s.labels["le"] == bound).unwrap_or_else(|| panic!("{bound}")).value
    };
    assert_eq!(
        [at("0.0005"), at("0.001"), at("0.0025"), at("0.025"), at("0.05"), at("+Inf")],
        [0.0, 1.0, 2.0, 2.0, 3.0, 3.0]
    );
    assert!((of("decode", "sum")[0].value - 0.043).abs() < 1e-9);
    assert!(samples.iter().all(|s| s.labels["pipeline"] == "a"), "none for a pipeline that decoded nothing");
}
