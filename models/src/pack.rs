//! Making a bundle: from a folder with a model and a `decoder.toml` that lacks what only a program can say.

mod text;

use crate::bundle::{
    Bundle, MOST_GOLDEN_BYTES, MOST_TOML_BYTES, load_model, parse_npy, read_file, read_text, sha256_hex,
    write_npy,
};
use crate::contract::{contract, differences};
use crate::device::Device;
use crate::golden;
use crate::onnx::{self, CONTRACT_KEY, NotOnnx, with_metadata};
use crate::ort::OrtDecoder;
use bci_config::{Mistake, Mistakes};
use std::path::{Component, Path, PathBuf};

/// What a bundle is made of.
#[derive(Clone, Debug)]
pub struct Pack<'a> {
    /// The folder with `decoder.toml` and the model; hashes and `[golden]` may be missing.
    pub folder: &'a Path,
    /// The bundle to be made: a folder that is not there yet.
    pub out: &'a Path,
    /// The golden segment, a `.npy` file, and where it is from; by default what `[golden]` names.
    pub segment: Option<(&'a Path, &'a str)>,
    /// What is expected of it, a `.npy` file as computed where the decoder was trained. By default what `[golden]` names,
    /// where the segment is its too; else what this machine computes.
    pub expected: Option<&'a Path>,
    /// Where it is computed and verified.
    pub device: Device,
}

/// Told beside what is wrong where the expected rows are the bundle's own.
const KEPT: &str = "[golden] was kept as it is: where model or preprocessing were meant to change, take `expected` and \
    `expected_sha256` out of it, and the rows are computed anew";

/// Makes the bundle and verifies it: the contract goes into the model's metadata, hashes and golden rows into
/// `decoder.toml`. Everything else in the folder's top level goes along as it is.
///
/// # Errors
/// Everything wrong with what it is made of; `out` is then not there.
pub fn pack(request: &Pack<'_>) -> Result<(Bundle, OrtDecoder), Vec<Mistake>> {
    let one = |problem: String| vec![Mistake::elsewhere(problem)];
    let out = request.out;
    if out.exists() {
        return Err(one(format!("{} is there already", out.display())));
    }
    let around = out.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let stage = tempfile::Builder::new()
        .prefix(".bcid-pack-")
        .tempdir_in(around)
        .map_err(|e| one(format!("{} cannot be written to: {e}", around.display())))?;
    // What comes of it is as open as any new folder, which a temporary one is not.
    let made = stage.path().join("bundle");
    let decoder = build(request, &made).map_err(|found| as_seen(found, &made, out))?;
    std::fs::rename(&made, out).map_err(|e| one(format!("{} cannot be made: {e}", out.display())))?;
    let mistakes = Mistakes::new();
    match Bundle::read(out, &mistakes) {
        Some(bundle) => Ok((bundle, decoder)),
        None => Err(mistakes.into_sorted()),
    }
}

/// The mistakes, told of where the bundle is to be instead of where it is being made.
fn as_seen(found: Vec<Mistake>, made: &Path, out: &Path) -> Vec<Mistake> {
    let (made, out) = (made.display().to_string(), out.display().to_string());
    let seen = |mut mistake: Mistake| {
        mistake.problem = mistake.problem.replace(&made, &out);
        if let Some(place) = &mut mistake.place {
            place.file = place.file.replace(&made, &out).into();
        }
        mistake
    };
    found.into_iter().map(seen).collect()
}

fn build(request: &Pack<'_>, made: &Path) -> Result<OrtDecoder, Vec<Mistake>> {
    let folder = request.folder;
    let toml = folder.join("decoder.toml");
    let about =
        |file: &Path, problem: String| vec![Mistake::elsewhere(format!("{}: {problem}", file.display()))];
    let written = read_text(&toml, MOST_TOML_BYTES).map_err(|why| about(&toml, why))?;
    let (model_file, old) = text::known(&written).map_err(|why| about(&toml, why))?;
    let held = contract(&written).map_err(|why| about(&toml, why))?;
    let model_file = inside(&model_file)
        .ok_or_else(|| about(&toml, "model.file must be a file within the bundle's folder".to_owned()))?;
    let model = folder.join(&model_file);
    let bytes = load_model(&model)
        .and_then(|bytes| holding(bytes, &held).map_err(|e| e.to_string()))
        .map_err(|why| about(&model, why))?;

    copy_rest(folder, made).map_err(|e| about(folder, format!("cannot be copied: {e}")))?;
    let put = |file: &Path, bytes: &[u8]| {
        let to = made.join(file);
        let folder = to.parent().map_or(Ok(()), std::fs::create_dir_all);
        folder
            .and_then(|()| std::fs::write(&to, bytes))
            .map_err(|e| about(&to, format!("cannot be written: {e}")))
    };
    put(&model_file, &bytes)?;
    let plain = text::with_hash(&text::without_golden(&written), &sha256_hex(&bytes))
        .filter(|text| contract(text).as_ref() == Ok(&held))
        .ok_or_else(|| about(&toml, "write [model] and [golden] as tables of their own".to_owned()))?;
    put(Path::new("decoder.toml"), plain.as_bytes())?;
    let mistakes = Mistakes::new();
    let Some(bundle) = Bundle::unfinished(made, &mistakes) else { return Err(mistakes.into_sorted()) };

    let named = |file: &Option<String>| file.as_deref().and_then(inside).map(|file| folder.join(file));
    let (segment, origin) = match request.segment {
        Some((file, origin)) => (file.to_owned(), origin.to_owned()),
        None => named(&old.segment).zip(old.origin.clone()).ok_or_else(|| {
            about(&toml, "[golden] names no segment with its origin, and none is given: give both, `--segment` and `--origin`".to_owned())
        })?,
    };
    let segment_bytes = read_file(&segment, MOST_GOLDEN_BYTES).map_err(|why| about(&segment, why))?;
    let matrix = parse_npy(&segment_bytes).map_err(|why| about(&segment, why))?;
    let kept = request.segment.is_none().then(|| named(&old.expected)).flatten();
    let were_kept = request.expected.is_none() && kept.is_some();
    let expected = match request.expected.map(Path::to_owned).or(kept) {
        Some(file) => read_file(&file, MOST_GOLDEN_BYTES).map_err(|why| about(&file, why))?,
        None => {
            let mut decoder = OrtDecoder::open(&bundle, request.device)?;
            let rows = golden::rows(&bundle, &matrix, &mut decoder)
                .map_err(|e| about(&segment, format!("the golden segment {e}")))?;
            write_npy(&rows)
        }
    };
    let (segment_file, expected_file) = ("golden/segment.npy", "golden/expected.npy");
    put(Path::new(segment_file), &segment_bytes)?;
    put(Path::new(expected_file), &expected)?;
    let table = text::golden(
        (segment_file, &sha256_hex(&segment_bytes)),
        (expected_file, &sha256_hex(&expected)),
        &origin,
        old.atol.as_deref(),
    );
    put(Path::new("decoder.toml"), format!("{plain}{table}").as_bytes())?;
    for old in [old.segment, old.expected].into_iter().flatten() {
        // Copied along above, and now under another name.
        if let Some(file) =
            inside(&old).filter(|f| *f != Path::new(segment_file) && *f != Path::new(expected_file))
        {
            let _ = std::fs::remove_file(made.join(file));
        }
    }

    let mistakes = Mistakes::new();
    match Bundle::read(made, &mistakes) {
        Some(bundle) => {
            let decoder = OrtDecoder::load(&bundle, request.device).map_err(|mut found| {
                if were_kept && found.iter().any(|m| m.to_string().contains("golden.expected")) {
                    found.extend(about(&toml, KEPT.to_owned()));
                }
                found
            })?;
            match decoder.agreement() {
                Some(a) if !a.is_whole() => Err(about(
                    &segment,
                    format!(
                        "the golden segment is too long: within {} s {} of its {} windows were compared",
                        golden::MOST_TIME.as_secs(),
                        a.windows,
                        a.expected
                    ),
                )),
                _ => Ok(decoder),
            }
        }
        None => Err(mistakes.into_sorted()),
    }
}

/// The model with this contract in its metadata; as it is where it holds it already, in whatever order of keys.
fn holding(model: Vec<u8>, contract: &serde_json::Value) -> Result<Vec<u8>, NotOnnx> {
    let about = onnx::about(&model)?;
    let mut held = about.metadata.iter().filter(|(key, _)| key == CONTRACT_KEY);
    let same =
        |text: &str| serde_json::from_str(text).is_ok_and(|held| differences(&held, contract).is_empty());
    if held.next().is_some_and(|(_, text)| same(text)) && held.next().is_none() {
        return Ok(model);
    }
    with_metadata(&model, CONTRACT_KEY, &contract.to_string())
}

/// A relative path that does not leave its folder.
fn inside(file: &str) -> Option<PathBuf> {
    let path = Path::new(file);
    let stays = !file.is_empty() && path.components().all(|c| matches!(c, Component::Normal(_)));
    stays.then(|| path.to_owned())
}

/// The files in the top level of `folder`, but hidden ones.
fn copy_rest(folder: &Path, made: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(made)?;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        if entry.file_type()?.is_file() && !hidden {
            std::fs::copy(entry.path(), made.join(entry.file_name()))?;
        }
    }
    Ok(())
}
