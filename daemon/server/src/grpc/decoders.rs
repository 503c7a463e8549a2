//! `DecoderService`.

use super::{Services, convert};
use crate::access::Caller;
use crate::engine::{Changed, DecoderChange, DecoderInfo, PipelineDecoders};
use bci_proto::v1;
use bci_proto::v1::decoder_service_server::DecoderService;
use bci_types::Latency;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tonic::{Request, Response, Status};

/// How long a swap waits for the candidate where the request does not say, and at most.
const PATIENCE_S: f64 = 10.0;
const MOST_PATIENCE_S: f64 = 60.0;

impl Services {
    /// Makes a change on a thread that may wait for it.
    async fn change(&self, caller: Caller, pipeline: &str, change: DecoderChange) -> Result<Changed, Status> {
        let (call, what) = asked(pipeline, &change);
        let made = self.make(pipeline, change).await;
        self.audited(&caller, call, what, made)
    }

    async fn make(&self, pipeline: &str, change: DecoderChange) -> Result<Changed, Status> {
        let pipeline = self.meant(pipeline)?;
        let (engine, name) = (Arc::clone(&self.engine), Arc::clone(&pipeline));
        let made = tokio::task::spawn_blocking(move || engine.change(&name, change))
            .await
            .map_err(|e| Status::internal(format!("changing decoders failed: {e}")))?;
        made.map_err(Status::failed_precondition)
    }

    fn decoders_of(&self, pipeline: &str) -> Result<PipelineDecoders, Status> {
        self.engine.decoders(pipeline).ok_or_else(|| Status::not_found(format!("no pipeline {pipeline:?}")))
    }
}

/// What is asked for, as it is written down.
fn asked(pipeline: &str, change: &DecoderChange) -> (&'static str, Value) {
    match change {
        DecoderChange::Load(bundle) => ("LoadCandidate", json!({ "pipeline": pipeline, "bundle": bundle })),
        DecoderChange::Swap { model_sha256, .. } => {
            ("SwapDecoder", json!({ "pipeline": pipeline, "model_sha256": model_sha256 }))
        }
        DecoderChange::RollBack { .. } => ("RollBackDecoder", json!({ "pipeline": pipeline })),
        DecoderChange::Discard => ("DiscardCandidate", json!({ "pipeline": pipeline })),
    }
}

fn patience(seconds: f64) -> Result<Duration, Status> {
    let seconds = if seconds == 0.0 { PATIENCE_S } else { seconds };
    // Written so that NaN fails.
    if !(seconds > 0.0 && seconds <= MOST_PATIENCE_S) {
        return Err(Status::invalid_argument(format!(
            "patience_s = {seconds} must be 0 to {MOST_PATIENCE_S} s"
        )));
    }
    Ok(Duration::from_secs_f64(seconds))
}

fn info(info: &DecoderInfo) -> v1::DecoderInfo {
    v1::DecoderInfo {
        decoder: Some(convert::decoder(&info.identity)),
        description: info.description.clone(),
        licence: info.licence.clone(),
        labels: info.labels.clone(),
        proof: info.proof.clone(),
        agreement: info.agreement.clone(),
        run_us: info.run_us,
        threshold: info.threshold,
        smoothing_ms: info.smoothing_ms,
    }
}

fn latency(of: Latency) -> v1::DecodeLatency {
    v1::DecodeLatency { count: of.count, p50_us: of.p50_us, p99_us: of.p99_us, max_us: of.max_us }
}

fn now(changed: Changed) -> (Option<v1::Decoder>, Option<u64>) {
    let Changed::Swapped(swapped) = changed else { return (None, None) };
    (swapped.now.as_deref().map(convert::decoder), swapped.after)
}

#[tonic::async_trait]
impl DecoderService for Services {
    async fn list_decoders(
        &self,
        request: Request<v1::ListDecodersRequest>,
    ) -> Result<Response<v1::ListDecodersResponse>, Status> {
        let name = request.into_inner().pipeline;
        let names = if name.is_empty() { self.engine.pipelines() } else { vec![self.meant(&name)?] };
        let mut pipelines = Vec::new();
        for name in names {
            let of = self.decoders_of(&name)?;
            pipelines.push(v1::PipelineDecoders {
                pipeline: name.to_string(),
                active: of.active.as_ref().map(info),
                shadow: of.shadow.as_ref().map(info),
                can_roll_back: of.decoders.swapped && of.shadow.is_some(),
                swaps: of.decoders.swaps,
                rescues: of.decoders.rescues,
            });
        }
        Ok(Response::new(v1::ListDecodersResponse { pipelines }))
    }

    async fn load_candidate(
        &self,
        request: Request<v1::LoadCandidateRequest>,
    ) -> Result<Response<v1::LoadCandidateResponse>, Status> {
        let caller = Caller::of(&request);
        let v1::LoadCandidateRequest { pipeline, bundle } = request.into_inner();
        if bundle.is_empty() {
            return Err(Status::invalid_argument("bundle: name the bundle's folder on the daemon's machine"));
        }
        // Of this one, whatever others have done since.
        let candidate =
            match self.change(caller, &pipeline, DecoderChange::Load(PathBuf::from(bundle))).await? {
                Changed::Loaded(loaded) => Some(info(&loaded)),
                Changed::Swapped(_) | Changed::Discarded => None,
            };
        Ok(Response::new(v1::LoadCandidateResponse { candidate }))
    }

    async fn get_shadow_report(
        &self,
        request: Request<v1::GetShadowReportRequest>,
    ) -> Result<Response<v1::GetShadowReportResponse>, Status> {
        let name = self.meant(&request.into_inner().pipeline)?;
        let PipelineDecoders { decoders, report, .. } = self.decoders_of(&name)?;
        let report = report.ok_or_else(|| Status::failed_precondition("no candidate is loaded"))?;
        Ok(Response::new(v1::GetShadowReportResponse {
            active: decoders.active.as_deref().map(convert::decoder),
            shadow: decoders.other.as_deref().map(convert::decoder),
            windows: report.windows,
            faults: report.faults,
            skipped: report.skipped,
            compared: report.compared,
            agreed: report.agreed,
            agreed_on_intent: report.agreed_on_intent,
            drift: report.drift,
            recent_drift: report.recent_drift,
            active_latency: Some(latency(report.active)),
            shadow_latency: Some(latency(report.candidate)),
            not_ready: report.not_ready.unwrap_or_default(),
        }))
    }

    async fn swap_decoder(
        &self,
        request: Request<v1::SwapDecoderRequest>,
    ) -> Result<Response<v1::SwapDecoderResponse>, Status> {
        let caller = Caller::of(&request);
        let v1::SwapDecoderRequest { pipeline, model_sha256, patience_s } = request.into_inner();
        let patience = patience(patience_s)?;
        let swapped = self.change(caller, &pipeline, DecoderChange::Swap { model_sha256, patience }).await?;
        let (active, after_sequence) = now(swapped);
        Ok(Response::new(v1::SwapDecoderResponse { active, after_sequence }))
    }

    async fn roll_back_decoder(
        &self,
        request: Request<v1::RollBackDecoderRequest>,
    ) -> Result<Response<v1::RollBackDecoderResponse>, Status> {
        let caller = Caller::of(&request);
        let v1::RollBackDecoderRequest { pipeline, patience_s } = request.into_inner();
        let patience = patience(patience_s)?;
        let swapped = self.change(caller, &pipeline, DecoderChange::RollBack { patience }).await?;
        let (active, after_sequence) = now(swapped);
        Ok(Response::new(v1::RollBackDecoderResponse { active, after_sequence }))
    }

    async fn discard_candidate(
        &self,
        request: Request<v1::DiscardCandidateRequest>,
    ) -> Result<Response<v1::DiscardCandidateResponse>, Status> {
        let caller = Caller::of(&request);
        self.change(caller, &request.into_inner().pipeline, DecoderChange::Discard).await?;
        Ok(Response::new(v1::DiscardCandidateResponse {}))
    }
}
