//! `RecordingService`.

use super::Services;
use crate::access::Caller;
use crate::engine::{Recording, RecordingChange, RecordingName, RecordingRefusal};
use bci_proto::v1;
use bci_proto::v1::recording_service_server::RecordingService;
use serde_json::json;
use std::sync::Arc;
use tonic::{Request, Response, Status};

impl Services {
    /// Makes a change on a thread that may wait for it.
    async fn record(&self, caller: Caller, change: RecordingChange) -> Result<v1::Recording, Status> {
        let (call, what) = match &change {
            RecordingChange::Start(name) => {
                ("StartRecording", json!({ "participant": name.participant, "afresh": name.afresh }))
            }
            RecordingChange::Stop => ("StopRecording", json!({})),
        };
        let engine = Arc::clone(&self.engine);
        let made = tokio::task::spawn_blocking(move || engine.record(change))
            .await
            .map_err(|e| Status::internal(format!("changing the recording failed: {e}")))?;
        self.audited(&caller, call, what, made.map(told).map_err(|why| refused(&why)))
    }
}

fn refused(why: &RecordingRefusal) -> Status {
    match why {
        RecordingRefusal::Name(why) => Status::invalid_argument(why),
        RecordingRefusal::State(why) => Status::failed_precondition(why),
        RecordingRefusal::Unwritten(why) => Status::data_loss(why),
    }
}

fn told(recording: Recording) -> v1::Recording {
    let stream = |(name, samples, lost)| v1::RecordedStream { name, samples, lost };
    v1::Recording {
        running: recording.running,
        path: recording.path.display().to_string(),
        begun_unix_s: recording.begun_unix_s,
        seconds: recording.seconds,
        bytes: recording.bytes,
        streams: recording.streams.into_iter().map(stream).collect(),
        notes_lost: recording.notes_lost,
        trouble: recording.trouble.unwrap_or_default(),
    }
}

#[tonic::async_trait]
impl RecordingService for Services {
    async fn get_recording(
        &self,
        _: Request<v1::GetRecordingRequest>,
    ) -> Result<Response<v1::GetRecordingResponse>, Status> {
        let recording = self.engine.recording().map_err(|why| refused(&why))?.map(told);
        Ok(Response::new(v1::GetRecordingResponse { recording }))
    }

    async fn start_recording(
        &self,
        request: Request<v1::StartRecordingRequest>,
    ) -> Result<Response<v1::StartRecordingResponse>, Status> {
        let caller = Caller::of(&request);
        let asked = request.into_inner();
        let name = RecordingName {
            participant: asked.participant,
            session: asked.session,
            task: asked.task,
            acquisition: asked.acquisition,
            modality: asked.modality,
            run: Some(asked.run).filter(|run| *run > 0),
            afresh: asked.afresh,
        };
        let recording = Some(self.record(caller, RecordingChange::Start(name)).await?);
        Ok(Response::new(v1::StartRecordingResponse { recording }))
    }

    async fn stop_recording(
        &self,
        request: Request<v1::StopRecordingRequest>,
    ) -> Result<Response<v1::StopRecordingResponse>, Status> {
        let recording = Some(self.record(Caller::of(&request), RecordingChange::Stop).await?);
        Ok(Response::new(v1::StopRecordingResponse { recording }))
    }
}
