//! Finding the one stream that is meant.

use crate::support::{loopback, quick, signal, unique};
use bci_driver_api::{Source, SourceError, SourceFactory};
use bci_driver_lsl::{EegOutlet, LslSourceFactory, OutletOptions, Query, list};
use bci_types::SampleFormat;
use std::time::{Duration, Instant};

fn outlet(name: &str, kind: &str, source_id: &str) -> EegOutlet {
    let mut spec = signal(source_id, SampleFormat::Float32, 100.0, 4);
    (spec.name, spec.kind) = (name.into(), kind.into());
    EegOutlet::new(loopback(), &spec, &OutletOptions::default()).unwrap()
}

fn find(query: Query) -> Result<String, SourceError> {
    let mut factory = LslSourceFactory::new(loopback(), query, quick());
    factory.open_source(Duration::from_secs(3)).map(|s| s.spec().source_id.clone())
}

#[test]
fn by_name_type_source_id_predicate_and_all_of_them() {
    let (name, kind, id) = (unique("name"), unique("kind"), unique("id"));
    let _outlet = outlet(&name, &kind, &id);
    let predicate = Some(format!("channel_count=4 and starts-with(source_id,'{id}')"));
    for query in [
        Query::name(&name),
        Query::kind(&kind),
        Query::source_id(&id),
        Query { predicate: predicate.clone(), ..Query::default() },
        Query { name: Some(name.clone()), kind: Some(kind), source_id: Some(id.clone()), predicate },
    ] {
        let words = query.to_string();
        assert_eq!(find(query).unwrap_or_else(|e| panic!("{words}: {e}")), id);
    }
    let other_kind = Query { kind: Some("no such".into()), ..Query::name(&name) };
    assert!(matches!(find(other_kind), Err(SourceError::NotFound { .. })));
}

#[test]
fn names_with_quotes_and_umlauts_are_found() {
    for name in ["Anna's \"cap\" <&> ü", "it's", "say \"hi\""] {
        let (name, id) = (unique(name), unique("quoted"));
        let _outlet = outlet(&name, "EEG", &id);
        assert_eq!(find(Query::name(&name)).unwrap_or_else(|e| panic!("{name}: {e}")), id);
    }
}

#[test]
fn what_is_not_there_is_not_found_within_the_time_given() {
    let begun = Instant::now();
    let name = unique("absent");
    let mut factory = LslSourceFactory::new(loopback(), Query::name(&name), quick());
    let error = factory.open(Duration::from_millis(500)).map(|_| ()).expect_err("nothing is there");
    assert!(error.is_transient());
    assert!(error.to_string().contains(&format!("name '{name}'")), "{error}");
    assert!(begun.elapsed() < Duration::from_millis(1500), "{:?}", begun.elapsed());
}

#[test]
fn two_that_fit_are_listed_not_guessed_between() {
    let kind = unique("both");
    let (a, b) = (unique("left"), unique("right"));
    let _outlets = (outlet(&a, &kind, &a), outlet(&b, &kind, &b));
    let error = find(Query::kind(&kind)).expect_err("both fit");
    assert!(!error.is_transient());
    let SourceError::Ambiguous { found, .. } = &error else { panic!("{error:?}") };
    assert_eq!(found.len(), 2);
    for part in [a.as_str(), b.as_str(), "4 channels of float32 at 100 Hz"] {
        assert!(error.to_string().contains(part), "{part} is not in: {error}");
    }
    assert_eq!(find(Query { name: Some(b.clone()), ..Query::kind(&kind) }).unwrap(), b);
}

#[test]
fn two_without_a_source_id_are_two_streams() {
    let name = unique("nameless source");
    let _outlets = (outlet(&name, "EEG", ""), outlet(&name, "EEG", ""));
    assert!(matches!(find(Query::name(&name)), Err(SourceError::Ambiguous { .. })));
}

#[test]
fn a_query_that_cannot_be_asked_says_why() {
    for query in [Query { predicate: Some("name=".into()), ..Query::default() }, Query::name("two\nlines")] {
        let error = find(query).expect_err("it cannot be asked");
        assert!(matches!(error, SourceError::Backend { .. }) && !error.is_transient(), "{error:?}");
    }
}

#[test]
fn every_stream_is_listed() {
    let ids = [unique("list"), unique("list")];
    let _outlets = ids.each_ref().map(|id| outlet(id, "EEG", id));
    let found = list(loopback(), Duration::from_millis(500)).unwrap();
    for id in &ids {
        let one = found.iter().find(|f| f.source_id == *id).expect("it is listed");
        assert_eq!((one.channels, one.format), (4, Some(SampleFormat::Float32)));
    }
}
