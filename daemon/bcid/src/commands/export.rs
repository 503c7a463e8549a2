//! `bcid export`: recordings as other programs want them.

use super::print_lines;
use crate::cli::{ExportBidsArgs, UntypedArg};
use crate::exit::{Exit, Failure, chain};
use bci_driver_playback::Recording;
use bci_record::CHUNKS;
use bci_record::bids::{About, BidsError, Export, Given, Untyped};
use std::collections::BTreeMap;
use std::path::Path;

pub(crate) fn bids(args: &ExportBidsArgs) -> Result<Exit, Failure> {
    // Everything is looked at before anything is written; one recording at a time is held in memory.
    let (mut wrong, mut names) = (Vec::new(), BTreeMap::new());
    for file in &args.recordings {
        match plan(args, file) {
            Ok((export, _)) => {
                if let Some(other) = names.insert(export.name(), file) {
                    wrong.push(format!(
                        "{} and {} would both be {}: say by --run, or by their file names, which is which",
                        other.display(),
                        file.display(),
                        export.name()
                    ));
                }
            }
            Err(problems) => wrong.extend(problems),
        }
    }
    if !wrong.is_empty() {
        wrong.dedup();
        return Err(Failure { exit: Exit::Config, lines: wrong });
    }
    for file in &args.recordings {
        let failed = |lines| Failure { exit: Exit::Config, lines };
        let (export, recording) = plan(args, file).map_err(failed)?;
        let written = export.write(&recording, &args.out).map_err(|e| {
            let exit = if matches!(e, BidsError::File { .. }) { Exit::Internal } else { Exit::Config };
            Failure::new(exit, format!("{}: {}", file.display(), chain(&e)))
        })?;
        let mut lines = vec![format!(
            "{} from {}: {} channels, {} frames, {} events",
            written.header.display(),
            file.display(),
            written.channels,
            written.frames,
            written.events
        )];
        // Streams of its own, of which the reader cannot know that they are not meant to be played.
        let told = recording.warnings().iter().filter(|warning| !warning.contains(CHUNKS));
        lines.extend(told.chain(export.notes()).chain(&written.notes).map(|note| format!("  note: {note}")));
        print_lines(&lines);
    }
    let unsaid = [
        ("--line-hz", args.line_hz.is_none()),
        ("--reference", args.reference.is_none()),
        ("--ground", args.ground.is_none()),
        ("--placement", args.placement.is_none()),
    ];
    let unsaid: Vec<&str> =
        unsaid.into_iter().filter_map(|(option, unsaid)| unsaid.then_some(option)).collect();
    if !unsaid.is_empty() {
        print_lines(&[format!("\"n/a\" stands in _eeg.json for what was not given: {}", unsaid.join(", "))]);
    }
    Ok(Exit::Clean)
}

/// What is to be made of a recording, and the recording; in words what is wrong.
fn plan(args: &ExportBidsArgs, file: &Path) -> Result<(Export, Recording), Vec<String>> {
    let told = |e: &dyn std::error::Error| format!("{}: {}", file.display(), chain(e));
    let all = |errors: Vec<BidsError>| {
        errors.iter().map(|e| format!("{}{}", told(e), remedy(e))).collect::<Vec<_>>()
    };
    let given = Given {
        participant: args.participant.clone(),
        session: args.session.clone(),
        task: args.task.clone(),
        acquisition: args.acquisition.clone(),
        run: args.run.clone(),
    };
    let recording = bci_driver_playback::open(file).map_err(|e| vec![chain(&e)])?;
    let called = given.or(Given::by_name(file));
    let export = Export::plan(&recording, args.group, called, about(args)).map_err(&all)?;
    export.check(&args.out).map_err(&all)?;
    Ok((export, recording))
}

/// The option that mends it.
fn remedy(error: &BidsError) -> &'static str {
    match error {
        BidsError::Missing { key: "sub", .. } => " (--participant)",
        BidsError::Missing { .. } => " (--task)",
        BidsError::Unit { .. } => " (--unit)",
        BidsError::NoEeg(_) => " (--untyped eeg)",
        BidsError::Rate { .. } => " (--rate-hz)",
        BidsError::There(_) => " (another --run, or another --out)",
        _ => "",
    }
}

fn about(args: &ExportBidsArgs) -> About {
    About {
        line_hz: args.line_hz,
        reference: args.reference.clone(),
        ground: args.ground.clone(),
        placement: args.placement.clone(),
        manufacturer: args.manufacturer.clone(),
        model: args.model.clone(),
        task_description: args.task_description.clone(),
        unit: args.unit.clone(),
        untyped: match args.untyped {
            UntypedArg::Misc => Untyped::Misc,
            UntypedArg::Eeg => Untyped::Eeg,
        },
        rate_hz: args.rate_hz,
        dataset_name: args.dataset_name.clone(),
        authors: args.author.clone(),
        licence: args.licence.clone(),
    }
}
