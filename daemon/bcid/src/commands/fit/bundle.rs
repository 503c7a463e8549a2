use super::intent::{self, Chosen};
use super::plan::{ALIGN_FILE, Plan};
use super::{Made, metric};
use crate::cli::FitArgs;
use crate::commands::evaluate::TASK_FILE;
use crate::commands::tape::Tape;
use crate::exit::{Exit, Failure};
use bci_models::bundle::{Matrix, write_npy};
use bci_models::learned::to_toml;
use bci_models::onnx::Readout;
use bci_models::pack::{Pack, pack};
use bci_models::{Decoder as _, Device};
use std::path::Path;

/// The golden segment, in seconds beyond what two windows take.
const GOLDEN_S: f64 = 4.0;
/// What a posterior may differ by from what was learned: it comes out in single precision.
const AGREES: f64 = 1e-6;

/// Writes what was learned as a bundle, and holds it against what was learned, window by window.
pub(super) fn write(args: &FitArgs, made: &Made) -> Result<(), Failure> {
    let Made { plan, task, tapes, lessons, fitted, .. } = made;
    let internal = |what: &str, e: std::io::Error| Failure::caused(Exit::Internal, what, &e);
    let stage = tempfile::tempdir().map_err(|e| internal("making a folder", e))?;
    let put = |name: &str, bytes: &[u8]| {
        std::fs::write(stage.path().join(name), bytes).map_err(|e| internal(&format!("writing {name}"), e))
    };
    let readout = Readout {
        features: lessons.examples.width(),
        powers: fitted.powers.clone(),
        weights: fitted.linear.weights.clone(),
        bias: fitted.linear.bias.clone(),
    };
    put("model.onnx", &readout.model())?;
    put("decoder.toml", toml(args, made).as_bytes())?;
    put(TASK_FILE, task.source().as_bytes())?;
    match (&lessons.aligned, plan.align_ms) {
        (Some(entry), _) => put(ALIGN_FILE, to_toml(std::slice::from_ref(entry)).as_bytes())?,
        (None, Some(_)) => return Err(Failure::new(Exit::Failed, "no window could be trusted to align by")),
        (None, None) => {}
    }
    let segment = segment(plan, tapes)?;
    let first = tapes.first().map(|tape| tape.recorded.file.clone()).unwrap_or_default();
    let origin = format!("{first}, its first {:.1} s", segment.rows as f64 / plan.rate.get());
    let file = stage.path().join("segment.npy");
    std::fs::write(&file, write_npy(&segment)).map_err(|e| internal("writing the golden segment", e))?;
    let request = Pack {
        folder: stage.path(),
        out: &args.out,
        segment: Some((Path::new(&file), &origin)),
        expected: None,
        device: Device::Cpu,
    };
    let (_, mut decoder) = pack(&request).map_err(Failure::mistakes)?;
    let mut found = vec![0.0f32; plan.classes.len()];
    for i in 0..lessons.examples.len() {
        let features = lessons.examples.features(i);
        let window: Vec<f32> = features.iter().map(|x| *x as f32).collect();
        decoder
            .decode(&window, &mut found)
            .map_err(|e| Failure::caused(Exit::Internal, "running what was learned", &e))?;
        for (found, wanted) in found.iter().zip(fitted.posterior(features)) {
            let apart = (f64::from(*found) - wanted).abs();
            if apart.is_nan() || apart > AGREES {
                let _ = std::fs::remove_dir_all(&args.out);
                let problem = format!("the model yields {found} where {wanted} was learned, in window {i}");
                return Err(Failure::new(Exit::Internal, problem));
            }
        }
    }
    Ok(())
}

/// The first seconds of the first recording, of the decoder's channels, in microvolts.
fn segment(plan: &Plan, tapes: &[Tape]) -> Result<Matrix, Failure> {
    let config = |problem: String| Failure::new(Exit::Config, problem);
    let tape = tapes.first().ok_or_else(|| config("no recording".to_owned()))?;
    let seconds = 2.0 * plan.window_s + GOLDEN_S;
    let frames = (seconds * plan.rate.get()).ceil() as usize;
    let columns = tape.microvolts(&plan.channels).map_err(config)?;
    let rows = tape.head(frames);
    let channels = tape.stream.channels.len();
    let values = rows.chunks_exact(channels).flat_map(|frame| {
        columns.iter().map(|(at, factor)| (frame[*at] * factor) as f32).collect::<Vec<f32>>()
    });
    let values: Vec<f32> = values.collect();
    Ok(Matrix { rows: values.len() / columns.len(), columns: columns.len(), values })
}

fn toml(args: &FitArgs, made: &Made) -> String {
    let Made { plan, task, tapes, validation, chosen, .. } = made;
    let name = args.name.clone().unwrap_or_else(|| {
        args.out.file_name().map_or_else(|| task.name.clone(), |n| n.to_string_lossy().into_owned())
    });
    let recordings: String = tapes
        .iter()
        .map(|tape| {
            let recorded = &tape.recorded;
            format!(
                "[[provenance.recordings]]\nfile = {:?}\nsha256 = {:?}\nuse = \"train\"\n",
                recorded.file, recorded.sha256
            )
        })
        .collect();
    format!(
        "schema = 2\nname = {name:?}\nversion = \"1.0.0\"\ndescription = {:?}\nlicence = {:?}\n\n\
         [model]\nfile = \"model.onnx\"\n\n\
         [input]\ntensor = \"features\"\nchannels = {:?}\nunit = \"uV\"\nrate_hz = {:?}\nwindow_samples = 1\nhop_samples = 1\n\n\
         {}\n\
         [output]\ntensor = \"posterior\"\nkind = \"class_posteriors\"\nclasses = {:?}\n{}\n{}\
         [provenance]\ntrained_by = \"bcid fit\"\ncode_version = \"bcid {}\"\nsubjects = {:?}\nsplit = {:?}\n\n\
         {recordings}\n{}",
        format!("{}: {}, on windows of {} s", task.name, plan.method_words(), plan.window_s),
        args.licence,
        plan.channels,
        plan.rate.get(),
        plan.bundle_toml,
        plan.classes,
        plan.prior_windows.map_or_else(String::new, |windows| format!("prior_windows = {windows}\n")),
        chosen.as_ref().map_or_else(
            |_| String::new(),
            |Chosen { point, .. }| format!(
                "[intent]\nthreshold = {:?}\nsmoothing_ms = {:?}\n\n",
                point.threshold, point.smoothing_ms
            )
        ),
        env!("CARGO_PKG_VERSION"),
        args.subjects,
        format!(
            "all recordings train; the accuracy is of decoders that had not seen what they were tried on ({}); alignment, which knows no labels, ran through all of it in order{}",
            validation.split,
            intent::provenance(chosen)
        ),
        metric(&format!("the training {}", validation.split), &validation.agreement),
    )
}
