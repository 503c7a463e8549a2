//! What clients are told of decoders, and may do to them.

use super::{HostNs, Numbers, Outcome, intent, services};
use crate::engine::{Changed, DecoderChange, DecoderInfo, PipelineDecoders};
use crate::grpc::convert;
use bci_proto::v1;
use bci_proto::v1::decoder_service_server::DecoderService as _;
use bci_types::{DecoderIdentity, Decoders, Latency, ShadowReport, Swapped, Validity};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tonic::{Code, Request};

fn identity(name: &str) -> Arc<DecoderIdentity> {
    Arc::new(DecoderIdentity {
        name: name.into(),
        version: "1".into(),
        model_sha256: format!("{name}{name}"),
    })
}

fn info(name: &str) -> DecoderInfo {
    DecoderInfo {
        identity: identity(name),
        description: format!("the {name}"),
        licence: "MIT".into(),
        labels: vec!["left".into(), "right".into()],
        proof: "cpu".into(),
        agreement: "all".into(),
        run_us: 12.5,
        threshold: 0.62,
        smoothing_ms: 750.0,
    }
}

/// Pipeline a has a candidate, b none.
pub(super) fn scripted(pipeline: &str) -> Option<PipelineDecoders> {
    let other = match pipeline {
        "a" => true,
        "b" => false,
        _ => return None,
    };
    let decoders = Decoders {
        active: Some(identity("old")),
        other: other.then(|| identity("new")),
        swapped: other,
        swaps: 3,
        rescues: 1,
    };
    let report = ShadowReport {
        windows: 10,
        compared: 8,
        agreed: 6,
        drift: 0.25,
        candidate: Latency { count: 10, p50_us: 5.0, p99_us: 9.0, max_us: 11.0 },
        not_ready: Some("it is not".into()),
        ..ShadowReport::default()
    };
    let shadow = other.then(|| info("new"));
    Some(PipelineDecoders { decoders, active: Some(info("old")), shadow, report: other.then_some(report) })
}

pub(super) fn changed(change: &DecoderChange) -> Result<Changed, String> {
    match change {
        DecoderChange::Load(folder) if folder.ends_with("broken") => Err("one reason\nand another".into()),
        DecoderChange::Load(_) => Ok(Changed::Loaded(Box::new(info("loaded")))),
        DecoderChange::Discard => Ok(Changed::Discarded),
        DecoderChange::Swap { .. } | DecoderChange::RollBack { .. } => {
            Ok(Changed::Swapped(Swapped { now: Some(identity("new")), after: Some(41) }))
        }
    }
}

#[tokio::test]
async fn decoders_are_listed_and_reported() {
    let (services, _) = services();
    let all = services.list_decoders(Request::new(v1::ListDecodersRequest::default())).await.unwrap();
    let all = all.into_inner().pipelines;
    assert_eq!(
        all.iter().map(|p| (p.pipeline.as_str(), p.can_roll_back, p.swaps)).collect::<Vec<_>>(),
        [("a", true, 3), ("b", false, 3)]
    );
    assert_eq!(all[0].shadow.as_ref().unwrap().description, "the new");
    assert!(all[1].shadow.is_none());
    let ask = |pipeline: &str| Request::new(v1::GetShadowReportRequest { pipeline: pipeline.into() });
    let report = services.get_shadow_report(ask("a")).await.unwrap().into_inner();
    assert_eq!((report.windows, report.compared, report.agreed, report.drift), (10, 8, 6, 0.25));
    assert_eq!((report.shadow_latency.unwrap().p99_us, report.not_ready.as_str()), (9.0, "it is not"));
    for (pipeline, code) in
        [("b", Code::FailedPrecondition), ("c", Code::NotFound), ("", Code::InvalidArgument)]
    {
        assert_eq!(services.get_shadow_report(ask(pipeline)).await.unwrap_err().code(), code, "{pipeline}");
    }
}

#[tokio::test]
async fn changes_reach_the_engine_and_refusals_the_client() {
    let (services, engine) = services();
    let load =
        |bundle: &str| Request::new(v1::LoadCandidateRequest { pipeline: "a".into(), bundle: bundle.into() });
    let loaded = services.load_candidate(load("/x/new")).await.unwrap().into_inner();
    let loaded = loaded.candidate.unwrap();
    // What this client loaded, not what is in the shadow by now.
    assert_eq!((loaded.description.as_str(), loaded.run_us), ("the loaded", 12.5));
    let refused = services.load_candidate(load("/x/broken")).await.unwrap_err();
    assert_eq!((refused.code(), refused.message()), (Code::FailedPrecondition, "one reason\nand another"));
    assert_eq!(services.load_candidate(load("")).await.unwrap_err().code(), Code::InvalidArgument);
    let swap = |patience_s| {
        Request::new(v1::SwapDecoderRequest { pipeline: "a".into(), model_sha256: "n".into(), patience_s })
    };
    let swapped = services.swap_decoder(swap(0.0)).await.unwrap().into_inner();
    assert_eq!((swapped.active.unwrap().name, swapped.after_sequence), ("new".into(), Some(41)));
    for bad in [-1.0, f64::NAN, 61.0, f64::INFINITY] {
        assert_eq!(
            services.swap_decoder(swap(bad)).await.unwrap_err().code(),
            Code::InvalidArgument,
            "{bad}"
        );
    }
    let back = v1::RollBackDecoderRequest { pipeline: "a".into(), patience_s: 2.5 };
    services.roll_back_decoder(Request::new(back)).await.unwrap();
    let discard = v1::DiscardCandidateRequest { pipeline: "a".into() };
    services.discard_candidate(Request::new(discard)).await.unwrap();
    assert_eq!(
        *engine.1.lock().unwrap(),
        [
            DecoderChange::Load(PathBuf::from("/x/new")),
            DecoderChange::Load(PathBuf::from("/x/broken")),
            DecoderChange::Swap { model_sha256: "n".into(), patience: Duration::from_secs(10) },
            DecoderChange::RollBack { patience: Duration::from_secs_f64(2.5) },
            DecoderChange::Discard,
        ]
    );
}

#[test]
fn numbers_of_other_kinds_say_what_they_are() {
    let mut of = intent("a", 0);
    of.validity = Validity::VALID;
    of.outcome = Outcome::Numbers;
    of.kind = Numbers::Velocity("1/s".into());
    of.labels = Arc::new(["x".to_owned(), "y".to_owned()]);
    of.smoothed.clear();
    let wire = convert::intent(&of, HostNs(1));
    assert!(wire.probabilities.is_empty());
    let Some(v1::intent::Outcome::Velocity(velocity)) = wire.outcome else { panic!("{wire:?}") };
    let axes: Vec<(&str, f32)> = velocity.axes.iter().map(|a| (a.axis.as_str(), a.value)).collect();
    assert_eq!((axes.as_slice(), velocity.unit.as_str()), (&[("x", 0.25), ("y", 0.75)][..], "1/s"));
    of.kind = Numbers::TokenLogits(1);
    let Some(v1::intent::Outcome::Numbers(tokens)) = convert::intent(&of, HostNs(1)).outcome else {
        panic!()
    };
    assert_eq!(
        (tokens.kind(), tokens.shape, tokens.labels.len()),
        (v1::NumbersKind::TokenLogits, vec![1, 2], 2)
    );
    of.kind = Numbers::Embedding;
    let Some(v1::intent::Outcome::Numbers(point)) = convert::intent(&of, HostNs(1)).outcome else { panic!() };
    assert_eq!(
        (point.kind(), point.shape, point.values),
        (v1::NumbersKind::Embedding, vec![2], vec![0.25, 0.75])
    );
}
