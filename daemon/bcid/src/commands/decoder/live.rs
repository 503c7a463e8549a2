//! The decoders of a running daemon: what is there, load, compare, swap, roll back, discard.

use crate::cli::LiveArgs;
use crate::client::Client;
use crate::commands::{client_runtime, print_lines};
use crate::exit::{Exit, Failure};
use bci_proto::v1;
use std::path::PathBuf;

/// What is to be done.
pub(crate) enum Action {
    List,
    Load(PathBuf),
    Report,
    Swap { model: String, patience_s: f64 },
    Rollback,
    Discard,
}

pub(crate) fn live(args: &LiveArgs, action: Action) -> Result<Exit, Failure> {
    client_runtime()?.block_on(async {
        let client = Client::connect(&args.server).await?;
        let lines = act(&client, args.pipeline.clone(), action).await?;
        print_lines(&lines);
        Ok(Exit::Clean)
    })
}

async fn act(client: &Client, pipeline: String, action: Action) -> Result<Vec<String>, Failure> {
    let mut decoders = client.decoders();
    let refused = |e: tonic::Status| client.refused_change(&e);
    match action {
        Action::List => {
            let request = v1::ListDecodersRequest { pipeline };
            let found = decoders.list_decoders(request).await.map_err(refused)?.into_inner();
            Ok(found.pipelines.iter().flat_map(listed).collect())
        }
        Action::Load(folder) => {
            // The daemon may have been started elsewhere.
            let folder = std::path::absolute(&folder)
                .map_err(|e| Failure::caused(Exit::Usage, &folder.display().to_string(), &e))?;
            let request = v1::LoadCandidateRequest { pipeline, bundle: folder.display().to_string() };
            let loaded = decoders.load_candidate(request).await.map_err(refused)?.into_inner();
            let mut lines = vec!["loaded, and running in the shadow:".to_owned()];
            lines.extend(loaded.candidate.iter().flat_map(|info| described("  ", info)));
            Ok(lines)
        }
        Action::Report => {
            let request = v1::GetShadowReportRequest { pipeline };
            let report = decoders.get_shadow_report(request).await.map_err(refused)?.into_inner();
            Ok(reported(&report))
        }
        Action::Swap { model, patience_s } => {
            let request = v1::SwapDecoderRequest { pipeline, model_sha256: model, patience_s };
            let done = decoders.swap_decoder(request).await.map_err(refused)?.into_inner();
            Ok(vec![swapped(done.active.as_ref(), done.after_sequence)])
        }
        Action::Rollback => {
            let request = v1::RollBackDecoderRequest { pipeline, patience_s: 0.0 };
            let done = decoders.roll_back_decoder(request).await.map_err(refused)?.into_inner();
            Ok(vec![swapped(done.active.as_ref(), done.after_sequence)])
        }
        Action::Discard => {
            decoders.discard_candidate(v1::DiscardCandidateRequest { pipeline }).await.map_err(refused)?;
            Ok(vec!["the decoder in the shadow has ended".to_owned()])
        }
    }
}

fn named(decoder: Option<&v1::Decoder>) -> String {
    decoder.map_or_else(
        || "nobody".to_owned(),
        |d| format!("{} {} ({:.12}...)", d.name, d.version, d.model_sha256),
    )
}

fn swapped(active: Option<&v1::Decoder>, after: Option<u64>) -> String {
    let since = after.map_or_else(String::new, |seq| format!(" from the intent after number {seq} on"));
    format!("{} publishes{since}", named(active))
}

fn described(indent: &str, info: &v1::DecoderInfo) -> Vec<String> {
    let mut lines = vec![
        format!("{indent}{}", named(info.decoder.as_ref())),
        format!("{indent}  {}", info.description),
        format!("{indent}  {}", info.labels.join(", ")),
        format!("{indent}  {}; {}", info.proof, info.agreement),
    ];
    if info.threshold > 0.0 {
        let line =
            format!("{indent}  intents from {} on, smoothed over {} ms", info.threshold, info.smoothing_ms);
        lines.push(line);
    }
    lines
}

fn listed(p: &v1::PipelineDecoders) -> Vec<String> {
    let mut lines = vec![format!("pipeline {}", p.pipeline)];
    for (role, info) in [("publishes", &p.active), ("in the shadow", &p.shadow)] {
        if let Some(info) = info {
            lines.push(format!("  {role}:"));
            lines.extend(described("    ", info));
        }
    }
    if p.swaps > 0 {
        let by_itself = if p.rescues > 0 {
            format!(", {} of them because a decoder failed on every window", p.rescues)
        } else {
            String::new()
        };
        let times = if p.swaps == 1 { "once".to_owned() } else { format!("{} times", p.swaps) };
        lines.push(format!("  swapped {times}{by_itself}"));
    }
    lines
}

fn reported(r: &v1::GetShadowReportResponse) -> Vec<String> {
    let latency = |l: &Option<v1::DecodeLatency>| {
        l.as_ref().map_or_else(String::new, |l| {
            format!("p50 {:.0} us, p99 {:.0} us, max {:.0} us of {}", l.p50_us, l.p99_us, l.max_us, l.count)
        })
    };
    let share = |n: u64| 100.0 * n as f64 / r.compared.max(1) as f64;
    let mut lines = vec![
        format!("publishes      {}", named(r.active.as_ref())),
        format!("in the shadow  {}", named(r.shadow.as_ref())),
        format!(
            "windows        {} decoded in the shadow, {} skipped, {} failed",
            r.windows, r.skipped, r.faults
        ),
        format!("compared       {}", r.compared),
    ];
    if !r.not_ready.is_empty() {
        lines.push(format!("not ready      {}", r.not_ready.replace('\n', "; ")));
    }
    if r.compared > 0 {
        if r.agreed + r.agreed_on_intent > 0 || r.drift <= 1.0 {
            lines.push(format!(
                "agreement      {:.1} % of windows on the class, {:.1} % on the intent",
                share(r.agreed),
                share(r.agreed_on_intent)
            ));
        }
        lines.push(format!("drift          {:.4}, lately {:.4}", r.drift, r.recent_drift));
    }
    lines.push(format!("latency        {} (publishes)", latency(&r.active_latency)));
    lines.push(format!("               {} (in the shadow)", latency(&r.shadow_latency)));
    lines
}
