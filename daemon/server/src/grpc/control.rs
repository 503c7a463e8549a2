//! `ControlService`.

use super::Services;
use crate::access::Caller;
use crate::engine::Pause;
use bci_proto::v1;
use bci_proto::v1::control_service_server::ControlService;
use bci_types::{HostNs, Marker};
use serde_json::json;
use std::sync::Arc;
use tonic::{Request, Response, Status};

/// The longest reason of a pause, and the longest marker, in bytes.
const LONGEST_REASON: usize = 200;
const LONGEST_MARKER: usize = 1000;
/// How far from now a marker may lie, ns.
const FARTHEST_NS: i64 = 60_000_000_000;
/// The stream that markers of clients are of.
const STREAM: &str = "bcid";

#[tonic::async_trait]
impl ControlService for Services {
    async fn pause(&self, request: Request<v1::PauseRequest>) -> Result<Response<v1::PauseResponse>, Status> {
        let caller = Caller::of(&request);
        let v1::PauseRequest { pipeline, reason } = request.into_inner();
        let what = json!({ "pipeline": pipeline, "reason": reason });
        let made = if reason.len() > LONGEST_REASON {
            Err(Status::invalid_argument(format!(
                "the reason has {} bytes; {LONGEST_REASON} are possible",
                reason.len()
            )))
        } else {
            self.all_meant(&pipeline)
        };
        for name in self.audited(&caller, "Pause", what, made)? {
            let pause = Pause { since: self.engine.now(), reason: reason.clone(), by: caller.who() };
            self.engine.pause(&name, Some(pause));
        }
        Ok(Response::new(v1::PauseResponse { paused: self.paused() }))
    }

    async fn resume(
        &self,
        request: Request<v1::ResumeRequest>,
    ) -> Result<Response<v1::ResumeResponse>, Status> {
        let caller = Caller::of(&request);
        let pipeline = request.into_inner().pipeline;
        let what = json!({ "pipeline": pipeline });
        for name in self.audited(&caller, "Resume", what, self.all_meant(&pipeline))? {
            self.engine.pause(&name, None);
        }
        Ok(Response::new(v1::ResumeResponse { paused: self.paused() }))
    }

    async fn mark(&self, request: Request<v1::MarkRequest>) -> Result<Response<v1::MarkResponse>, Status> {
        let caller = Caller::of(&request);
        let v1::MarkRequest { text, time_ns } = request.into_inner();
        let received = self.engine.now();
        let time = HostNs(time_ns.unwrap_or(received.0));
        let far = time.0.abs_diff(received.0) > FARTHEST_NS.unsigned_abs();
        let made = match text.len() {
            0 => Err(Status::invalid_argument("the marker is empty")),
            n if n > LONGEST_MARKER => Err(Status::invalid_argument(format!(
                "the marker has {n} bytes; {LONGEST_MARKER} are possible"
            ))),
            _ if far => Err(Status::invalid_argument(format!(
                "time_ns is {}, and it is {} now: a minute off is possible",
                time.0, received.0
            ))),
            _ => Ok(()),
        };
        let what = json!({ "text": text.chars().take(LONGEST_MARKER).collect::<String>() });
        self.audited(&caller, "Mark", what, made)?;
        let stream: Arc<str> = STREAM.into();
        self.engine.mark(Marker { stream, text, time, received });
        Ok(Response::new(v1::MarkResponse { time_ns: time.0 }))
    }
}

impl Services {
    fn paused(&self) -> Vec<String> {
        let pipelines = self.engine.status().pipelines.into_iter();
        pipelines.filter(|p| p.pause.is_some()).map(|p| p.stream.pipeline.to_string()).collect()
    }
}
