//! `bcid replay`: what was recorded of a session, run again through the same pipelines and held against what they decided.

mod place;
mod run;

use self::run::{Compared, compare};
use super::{print_lines, writable, write_json};
use crate::cli::ReplayArgs;
use crate::config::{Config, Overrides, PipelineConfig, read_config, read_config_from};
use crate::exit::{Exit, Failure, chain};
use bci_config::{Mistake, Mistakes};
use bci_models::{Bundle, OrtDecoder};
use bci_record::{AFRESH, Heard, Recorded, SIDE};
use bci_rt::thread::{ThreadSpec, spawn};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

pub(crate) fn replay(args: &ReplayArgs) -> Result<Exit, Failure> {
    if let Some(file) = &args.json {
        writable(file)?;
    }
    let recorded = Recorded::open(&args.recording).map_err(|e| Failure::new(Exit::Config, chain(&e)))?;
    print_lines(&recorded.warnings.iter().map(|w| format!("note: {w}")).collect::<Vec<_>>());
    let config = configuration(args)?;
    let Recorded { pipelines, markers, events, .. } = recorded;
    let afresh = events.iter().any(|(_, event)| event["event"] == AFRESH);
    let names: Vec<String> = pipelines.iter().map(|heard| heard.pipeline.to_string()).collect();
    let meant = |heard: &Heard| args.pipeline.as_ref().is_none_or(|name| **name == *heard.pipeline);
    let meant: Vec<Heard> = pipelines.into_iter().filter(meant).collect();
    if meant.is_empty() {
        let problem = format!("the recording is of {}", names.join(", "));
        return Err(Failure::new(Exit::Usage, problem));
    }
    let (mut found, mut all_equal) = (Vec::new(), true);
    for heard in meant {
        let pipeline =
            config.pipelines.iter().find(|p| *p.spec.name == *heard.pipeline).ok_or_else(|| {
                let problem = format!("the configuration has no pipeline {}", heard.pipeline);
                Failure::new(Exit::Config, problem)
            })?;
        let (bundle, decoder) = decoder(args, pipeline)?;
        let (spec, markers, real_time) = (pipeline.spec.clone(), markers.clone(), args.real_time);
        // As in the daemon: on a thread that flushes denormals to zero.
        let thread = ThreadSpec { name: "replay".into(), priority: None, cpu: None };
        let running =
            spawn(thread, move |_| compare(&heard, (&markers, afresh), &spec, &bundle, decoder, real_time));
        let running =
            running.map_err(|e| Failure::caused(Exit::Internal, "starting the replaying thread", &e))?;
        let compared = running.join().map_err(|_| Failure::new(Exit::Internal, "replaying panicked"))?;
        let compared = compared.map_err(|lines| Failure { exit: Exit::Config, lines })?;
        print_lines(&told(&compared));
        all_equal &= compared.is_equal();
        found.push(as_json(&compared));
    }
    if let Some(file) = &args.json {
        write_json(file, &json!({ "recording": args.recording, "equal": all_equal, "pipelines": found }))?;
    }
    Ok(if all_equal { Exit::Clean } else { Exit::Failed })
}

/// The session's configuration, or the one that is given.
fn configuration(args: &ReplayArgs) -> Result<Config, Failure> {
    let mistakes = Mistakes::new();
    let config = match &args.config {
        Some(file) => read_config(file, &Overrides::default(), &mistakes),
        None => {
            let side = args.recording.with_extension(SIDE);
            read_config_from(&side.join("config.toml"), &lay_in(&side)?, &Overrides::default(), &mistakes)
        }
    };
    // What a daemon needs besides, such as a folder for recordings, may be gone.
    match config {
        Some(config) if mistakes.is_empty() => Ok(config),
        _ => Err(Failure::mistakes(mistakes.into_sorted())),
    }
}

/// The folder in which the session's configuration lay.
fn lay_in(side: &Path) -> Result<PathBuf, Failure> {
    let file = side.join("session.json");
    let wrong = |problem: String| {
        let hint = "say by --config what the session ran with";
        Failure::new(Exit::Config, format!("{}: {problem}; {hint}", file.display()))
    };
    let text = std::fs::read_to_string(&file).map_err(|e| wrong(e.to_string()))?;
    let session: Value = serde_json::from_str(&text).map_err(|e| wrong(e.to_string()))?;
    let folder = session["about"]["configuration_folder"].as_str();
    folder.map(PathBuf::from).ok_or_else(|| wrong("it does not say where its configuration lay".to_owned()))
}

fn decoder(args: &ReplayArgs, pipeline: &PipelineConfig) -> Result<(Bundle, OrtDecoder), Failure> {
    let configured = || pipeline.decoder.as_ref().map(|folder| folder.value.clone());
    let mistakes = Mistakes::new();
    let bundle = match args.decoder.clone().or_else(configured) {
        Some(folder) if folder.is_dir() => Bundle::read(&folder, &mistakes),
        folder => {
            let folder = folder.unwrap_or_default();
            let problem =
                format!("{} is no folder: say by --decoder where the bundle is now", folder.display());
            mistakes.add(Mistake::elsewhere(problem));
            None
        }
    };
    let bundle = bundle.ok_or_else(|| Failure::mistakes(mistakes.into_sorted()))?;
    let decoder = OrtDecoder::load(&bundle, pipeline.device).map_err(Failure::mistakes)?;
    Ok((bundle, decoder))
}

fn told(compared: &Compared) -> Vec<String> {
    let mut lines = vec![format!(
        "{}: {} s of {} in {:.1} s; {} windows recorded, {} compared",
        compared.pipeline,
        compared.stream_s.round(),
        compared.stream,
        compared.took_s,
        compared.recorded,
        compared.equal + u64::from(compared.different.is_some()),
    )];
    if compared.skipped > 0 {
        lines.push(format!(
            "  {} windows were skipped then, being late, and are skipped again",
            compared.skipped
        ));
    }
    if compared.others > 0 {
        lines.push(format!(
            "  {} windows are by another decoder than {}, and not compared",
            compared.others, compared.decoder
        ));
    }
    if compared.before > 0 {
        lines.push(format!(
            "  {} windows rest on samples from before what can be replayed, and are not compared",
            compared.before
        ));
    }
    lines.extend(compared.stopped.iter().map(|why| format!("  ended early: {why}")));
    lines.push(match &compared.different {
        None if compared.is_equal() && compared.before > 0 => {
            format!("  all {} since filters began from nothing equal, bit for bit", compared.equal)
        }
        None if compared.is_equal() => format!("  all {} equal, bit for bit", compared.equal),
        None if compared.equal > 0 => {
            format!("  INCOMPLETE: {} equal, bit for bit; {} were not decided again", compared.equal, compared.missed() + compared.before)
        }
        None => "  NOTHING could be compared".to_owned(),
        Some(d) => format!(
            "  {} equal, then window {} (newest sample at {:.6} s) DIFFERS in {}:\n    recorded {}\n    replayed {}",
            compared.equal, d.seq, d.newest_s, d.what, d.recorded, d.replayed
        ),
    });
    lines
}

fn as_json(compared: &Compared) -> Value {
    json!({
        "pipeline": compared.pipeline,
        "stream": compared.stream,
        "stream_s": compared.stream_s,
        "took_s": compared.took_s,
        "windows": compared.recorded,
        "equal": compared.equal,
        "missed": compared.missed(),
        "skipped": compared.skipped,
        "by_another_decoder": compared.others,
        "before": compared.before,
        "ended_early": compared.stopped,
        "first_difference": compared.different.as_ref().map(|d| json!({
            "sequence": d.seq, "newest_sample_s": d.newest_s, "what": d.what, "recorded": d.recorded, "replayed": d.replayed,
        })),
    })
}
