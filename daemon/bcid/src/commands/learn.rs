//! `bcid learn`: what a pipeline's adaptive steps learn from recordings, as a file that its configuration can give them.
//!
//! Steps learn one after the other, each from what comes out of those before it when they have been given what they
//! learned: as it will be when the daemon runs with the file.

mod replay;
mod steps;

use self::steps::{Lesson, Target, targets};
use super::tape::{Tape, open_all};
use crate::cli::LearnArgs;
use crate::config::{Overrides, PipelineConfig, read_config};
use crate::exit::{Exit, Failure};
use bci_config::Mistakes;
use bci_models::Bundle;
use bci_models::learned::to_toml;
use bci_pipeline::PipelineSpec;
use bci_rt::thread::{ThreadSpec, spawn};
use std::path::{Path, PathBuf};

pub(crate) fn learn(args: &LearnArgs) -> Result<Exit, Failure> {
    let (spec, bundle) = pipeline(args)?;
    let to_learn = targets(&spec, &bundle);
    if to_learn.is_empty() {
        return Err(Failure::new(
            Exit::Config,
            format!(
                "pipeline {} has no step that could learn from recordings: an `align` without a given reference or an `asr` without a given state, among its own steps or the decoder's",
                spec.name
            ),
        ));
    }
    let tapes = tapes(args)?;
    super::writable(&args.out)?;
    // As in the daemon: on a thread that flushes denormals to zero.
    let thread = ThreadSpec { name: "learn".into(), priority: None, cpu: None };
    let learning = spawn(thread, move |_| steps::learn(spec, bundle, &tapes, to_learn))
        .map_err(|e| Failure::caused(Exit::Internal, "starting the learning thread", &e))?;
    let lessons = learning.join().map_err(|_| Failure::new(Exit::Internal, "learning panicked"))??;
    let entries: Vec<_> = lessons.iter().map(|lesson| lesson.entry.clone()).collect();
    super::write_whole(&args.out, &to_toml(&entries))?;
    tell(args, &lessons);
    Ok(Exit::Clean)
}

/// The pipeline that is meant, and its decoder.
fn pipeline(args: &LearnArgs) -> Result<(PipelineSpec, Bundle), Failure> {
    let mistakes = Mistakes::new();
    let config = read_config(&args.config, &Overrides::default(), &mistakes);
    let mut meant = None;
    let mut names = Vec::new();
    for PipelineConfig { spec, decoder, .. } in config.into_iter().flat_map(|c| c.pipelines) {
        names.push(spec.name.to_string());
        if args.pipeline.as_deref().is_none_or(|name| *name == *spec.name) && meant.is_none() {
            let bundle = decoder.and_then(|folder| Bundle::read(&folder, &mistakes));
            meant = Some((spec, bundle));
        }
    }
    if !mistakes.is_empty() {
        return Err(Failure::mistakes(mistakes.into_sorted()));
    }
    let which = |problem: String| Failure::new(Exit::Usage, problem);
    if args.pipeline.is_none() && names.len() > 1 {
        return Err(which(format!("--pipeline must say which: {}", names.join(", "))));
    }
    match meant {
        Some((spec, Some(bundle))) => Ok((spec, bundle)),
        _ => Err(which(format!(
            "--pipeline {}: {} has {}",
            args.pipeline.as_deref().unwrap_or_default(),
            args.config.display(),
            names.join(", ")
        ))),
    }
}

/// The recordings, all of one layout.
fn tapes(args: &LearnArgs) -> Result<Vec<Tape>, Failure> {
    open_all(&args.recording, |file| Tape::open(file, args.group))
        .map_err(|lines| Failure { exit: Exit::Config, lines })
}

#[allow(clippy::print_stdout, reason = "what the command is asked to print")]
fn tell(args: &LearnArgs, lessons: &[Lesson]) {
    for Lesson { entry, played_s, detail, .. } in lessons {
        println!(
            "{}: {:.1} s of trusted signal of {played_s:.1} s played, {} channels at {}{detail}",
            entry.name,
            entry.learned_s,
            entry.channels.len(),
            entry.rate
        );
        println!("  channels   {}", entry.channels.join(", "));
        let files: Vec<&str> = entry.recordings.iter().map(|r| r.file.as_str()).collect();
        println!("  from       {}", files.join(", "));
    }
    println!("written to {}; to use it, change", args.out.display());
    for Lesson { entry, target, .. } in lessons {
        let kind = entry.what.kind();
        let several = lessons.iter().filter(|l| l.entry.what.kind() == kind).count() > 1;
        let which = if several { format!(", entry = \"{}\"", entry.name) } else { String::new() };
        let file = named(&args.out, target, &args.config);
        let change = match kind {
            "asr" => format!("calibrate_s to state = \"{file}\"{which}"),
            _ => format!("the mode to mode = \"fixed\", reference = \"{file}\"{which}"),
        };
        let whose = if target.of_decoder { " in the decoder's bundle, with the file beside it," } else { "" };
        let then = if target.of_decoder { "; then `bcid decoder pack` it anew" } else { "" };
        println!("  {}{whose} from {change}{then}", entry.name);
    }
}

/// The file as the configuration, or the bundle beside which it will lie, names it.
fn named(out: &Path, target: &Target, config: &Path) -> String {
    let folder = |file: &Path| file.parent().map(|p| p.join(".").canonicalize().ok());
    let name = || out.file_name().map_or_else(PathBuf::new, PathBuf::from);
    let beside = folder(out) == folder(config);
    let file = if target.of_decoder || beside { name() } else { out.canonicalize().unwrap_or(out.into()) };
    file.display().to_string()
}
