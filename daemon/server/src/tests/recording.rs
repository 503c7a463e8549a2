use super::services;
use crate::engine::{Recording, RecordingChange, RecordingRefusal};
use bci_proto::v1;
use bci_proto::v1::recording_service_server::RecordingService as _;
use tonic::{Code, Request};

pub(super) fn last() -> Option<Recording> {
    Some(Recording {
        path: "/r/last.xdf".into(),
        streams: vec![("s".into(), 7, 1), ("t".into(), 3, 0), ("s".into(), 7, 0)],
        ..Recording::default()
    })
}

/// Participant `x` exists; anybody else is refused; nothing runs.
pub(super) fn changed(change: RecordingChange) -> Result<Recording, RecordingRefusal> {
    match change {
        RecordingChange::Start(name) if name.participant == "x" => {
            let path = format!("/r/{}-{:?}.xdf", name.session, name.run).into();
            Ok(Recording { running: true, path, ..Recording::default() })
        }
        RecordingChange::Start(_) => Err(RecordingRefusal::Name("nobody".into())),
        RecordingChange::Stop => Err(RecordingRefusal::State("nothing is being recorded".into())),
    }
}

#[tokio::test]
async fn a_recording_is_begun_by_name_and_refusals_say_why() {
    let (services, _) = services();
    let start = |participant: &str, run| v1::StartRecordingRequest {
        participant: participant.into(),
        session: "1".into(),
        run,
        ..v1::StartRecordingRequest::default()
    };
    let begun = services.start_recording(Request::new(start("x", 0))).await.unwrap().into_inner();
    assert_eq!(begun.recording.unwrap().path, "/r/1-None.xdf");
    let begun = services.start_recording(Request::new(start("x", 4))).await.unwrap().into_inner();
    assert_eq!(begun.recording.unwrap().path, "/r/1-Some(4).xdf");
    let refused = services.start_recording(Request::new(start("y", 0))).await.unwrap_err();
    assert_eq!((refused.code(), refused.message()), (Code::InvalidArgument, "nobody"));
    let refused = services.stop_recording(Request::new(v1::StopRecordingRequest {})).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    let told = services.get_recording(Request::new(v1::GetRecordingRequest {})).await.unwrap().into_inner();
    let told = told.recording.unwrap();
    assert_eq!((told.streams[0].samples, told.streams[0].lost, told.running), (7, 1, false));
}
