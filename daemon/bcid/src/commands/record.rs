//! `bcid record`: the recording of a running daemon.

use super::{client_runtime, print_lines, writable, write_json};
use crate::cli::RecordCommand;
use crate::client::Client;
use crate::exit::{Exit, Failure};
use bci_proto::v1;
use serde_json::{Value, json};

pub(crate) fn record(command: &RecordCommand) -> Result<Exit, Failure> {
    let server = match command {
        RecordCommand::Start(args) => &args.server,
        RecordCommand::Stop(server) => server,
        RecordCommand::Status(args) => &args.server,
    };
    let json = match command {
        RecordCommand::Status(args) => args.json.as_ref(),
        _ => None,
    };
    if let Some(file) = json {
        writable(file)?;
    }
    client_runtime()?.block_on(async {
        let client = Client::connect(server).await?;
        let mut recordings = client.recordings();
        let refused = |e: tonic::Status| client.refused_change(&e);
        let recording = match command {
            RecordCommand::Start(args) => {
                let request = v1::StartRecordingRequest {
                    participant: args.participant.clone().unwrap_or_default(),
                    session: args.session.clone().unwrap_or_default(),
                    task: args.task.clone().unwrap_or_default(),
                    acquisition: args.acquisition.clone().unwrap_or_default(),
                    modality: args.modality.clone().unwrap_or_default(),
                    run: args.run,
                    afresh: args.afresh,
                };
                recordings.start_recording(request).await.map_err(refused)?.into_inner().recording
            }
            RecordCommand::Stop(_) => {
                let request = v1::StopRecordingRequest {};
                recordings.stop_recording(request).await.map_err(refused)?.into_inner().recording
            }
            RecordCommand::Status(_) => {
                let request = v1::GetRecordingRequest {};
                recordings.get_recording(request).await.map_err(refused)?.into_inner().recording
            }
        };
        if let Some(file) = json {
            write_json(file, &as_json(&recording.clone().unwrap_or_default()))?;
        }
        match recording {
            Some(recording) => {
                let mut lines = told(&recording);
                if matches!(command, RecordCommand::Start(args) if !args.afresh) {
                    lines.push("  it can be replayed only if no stream runs yet: --afresh makes filters begin with it".to_owned());
                }
                print_lines(&lines);
            }
            None => print_lines(&["nothing has been recorded yet".to_owned()]),
        }
        Ok(Exit::Clean)
    })
}

/// The same keys always; null for what there is not.
fn as_json(r: &v1::Recording) -> Value {
    let stream = |s: &v1::RecordedStream| json!({ "name": s.name, "samples": s.samples, "lost": s.lost });
    json!({
        "running": r.running,
        "path": Some(&r.path).filter(|path| !path.is_empty()),
        "begun_unix_s": Some(r.begun_unix_s).filter(|_| !r.path.is_empty()),
        "seconds": r.seconds,
        "bytes": r.bytes,
        "streams": r.streams.iter().map(stream).collect::<Vec<_>>(),
        "notes_lost": r.notes_lost,
        "trouble": Some(&r.trouble).filter(|trouble| !trouble.is_empty()),
    })
}

fn told(recording: &v1::Recording) -> Vec<String> {
    let mut lines = match (recording.path.as_str(), recording.running) {
        ("", _) => vec!["nothing has been recorded yet".to_owned()],
        (path, true) => vec![format!("recording to {path}")],
        (path, false) => vec![format!("recorded {path}")],
    };
    if !recording.path.is_empty() {
        lines.push(format!("  {:.1} s, {:.1} MB", recording.seconds, recording.bytes as f64 / 1e6));
    }
    for s in &recording.streams {
        let lost = if s.lost > 0 { format!(", {} LOST", s.lost) } else { String::new() };
        lines.push(format!("  {}: {} samples{lost}", s.name, s.samples));
    }
    if recording.notes_lost > 0 {
        lines.push(format!(
            "  {} intents, markers or events LOST: the recorder was late",
            recording.notes_lost
        ));
    }
    if !recording.trouble.is_empty() {
        lines.push(format!(
            "  THE DISK TAKES NOTHING: {}; decoding goes on, and it is tried again",
            recording.trouble
        ));
    }
    lines
}
