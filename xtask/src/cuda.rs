//! The CUDA check: do the shipped decoders run on this machine's NVIDIA GPU, as their golden segments say, and how fast?

use crate::args::CheckOptions;
use crate::demo;
use crate::fail::{Context, Fail, Result};
use crate::proc;
use crate::setup;
use crate::workspace::Workspace;
use serde_json::{Value, json};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// What is told where nothing could be checked, after `sysexits.h`: try where there is one.
const NO_DEVICE: u8 = 75;

/// Decoders at once, besides one alone.
const MANY: &str = "16";

/// # Errors
/// As set-up, or the build fails. A decoder that does not hold on the GPU is no error here but an exit code.
pub(crate) fn check(ws: &Workspace, options: &CheckOptions) -> Result<ExitCode> {
    let json = options.json.as_deref().map(std::path::absolute).transpose().context("--json")?;
    let gpus = gpus();
    if gpus.is_empty() {
        println!("unverified: no NVIDIA GPU");
        write(json.as_deref(), &json!({ "verdict": "unverified", "reason": "no NVIDIA GPU" }))?;
        return Ok(ExitCode::from(NO_DEVICE));
    }
    println!("{}", gpus.join("\n"));
    let library = library(ws)?;
    println!("ONNX Runtime at {}", library.file.display());
    let bcid = demo::build(ws)?;
    let bundles = bundles(ws)?;
    let mut rows = Vec::new();
    println!(
        "{:<32} {:<5} {:>8} {:>10} {:>10} {:>10}  nodes",
        "bundle", "on", "at once", "p50 us", "p99 us", "apart"
    );
    for bundle in bundles {
        for device in ["cpu", "cuda"] {
            for decoders in ["1", MANY] {
                let row = verify(ws, &bcid, &library, &bundle, device, decoders)?;
                print(&row);
                rows.push(row);
            }
        }
    }
    let failed = !holds(&rows);
    let verdict = if failed { "failed" } else { "verified" };
    println!("{verdict}");
    let found = json!({
        "verdict": verdict,
        "gpus": gpus,
        "onnxruntime": library.file.file_name().map(|f| f.to_string_lossy()),
        "rows": rows,
    });
    write(json.as_deref(), &found)?;
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The NVIDIA GPUs, each with its driver.
fn gpus() -> Vec<String> {
    let args = ["--query-gpu=name,driver_version", "--format=csv,noheader"];
    let found = proc::text("nvidia-smi", &args).unwrap_or_default();
    found.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// A build of ONNX Runtime for CUDA.
struct Library {
    file: PathBuf,
    /// Where the libraries of NVIDIA are that it opens, for the loader.
    folders: Vec<PathBuf>,
}

/// The build that the environment names, else one fetched into an environment of its own.
fn library(ws: &Workspace) -> Result<Library> {
    if let Some(file) = std::env::var_os("BCID_ONNXRUNTIME").filter(|v| !v.is_empty()) {
        return Ok(Library {
            file: std::path::absolute(file).context("BCID_ONNXRUNTIME")?,
            folders: Vec::new(),
        });
    }
    let python = setup::to_check_cuda(ws)?;
    let script = "import sysconfig; print(sysconfig.get_path('platlib'))";
    let packages = proc::text(&python, &["-c", script])
        .map(PathBuf::from)
        .ok_or_else(|| Fail::failed(format!("{} does not run", python.display())))?;
    let shared = |file: &Path| {
        file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("libonnxruntime.so"))
    };
    let capi = packages.join("onnxruntime/capi");
    let file = entries(&capi)?
        .into_iter()
        .find(|file| shared(file))
        .ok_or_else(|| Fail::failed(format!("{} holds no libonnxruntime.so", capi.display())))?;
    // nvidia/NAME/lib, one for each of their packages.
    let folders = entries(&packages.join("nvidia"))?
        .into_iter()
        .map(|package| package.join("lib"))
        .filter(|lib| lib.is_dir())
        .collect();
    Ok(Library { file, folders })
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
        .context(folder.display())?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .collect();
    found.sort();
    Ok(found)
}

/// The folders of shipped decoders, one at least.
fn bundles(ws: &Workspace) -> Result<Vec<PathBuf>> {
    bundles_of(&ws.root().join("models/zoo"))
}

fn bundles_of(zoo: &Path) -> Result<Vec<PathBuf>> {
    let mut found = entries(zoo)?;
    found.retain(|folder| folder.join("decoder.toml").is_file());
    if found.is_empty() {
        return Err(Fail::failed(format!("{} holds no decoder: there is nothing to check", zoo.display())));
    }
    Ok(found)
}

/// Whether something was run on a GPU, and nothing refused.
fn holds(rows: &[Value]) -> bool {
    rows.iter().any(|row| row["provider"] == "CUDA") && rows.iter().all(|row| row["refused"].is_null())
}

/// What `bcid decoder verify` finds; with `refused` where it refuses.
fn verify(
    ws: &Workspace,
    bcid: &Path,
    library: &Library,
    bundle: &Path,
    device: &str,
    decoders: &str,
) -> Result<Value> {
    let found = ws.native().join("cuda-check.json");
    let mut command = Command::new(bcid);
    command.args(["decoder", "verify", "--device", device, "--decoders", decoders, "--json"]);
    command.arg(&found).arg(bundle).envs(setup::environment(ws)).env("BCID_ONNXRUNTIME", &library.file);
    if !library.folders.is_empty() {
        let before = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
        let before = std::env::split_paths(&before).filter(|p| !p.as_os_str().is_empty());
        let all: OsString =
            std::env::join_paths(library.folders.iter().cloned().chain(before)).unwrap_or_default();
        command.env("LD_LIBRARY_PATH", all);
    }
    let name = bundle.file_name().unwrap_or_default().to_string_lossy();
    let line = proc::shown(&command);
    let output = command.output().context(line)?;
    if !output.status.success() {
        let told = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Ok(json!({ "bundle": name, "asked": device, "decoders": decoders, "refused": told }));
    }
    let text = std::fs::read_to_string(&found).context(found.display())?;
    let mut row: Value =
        serde_json::from_str(&text).map_err(|e| Fail::failed(format!("{}: {e}", found.display())))?;
    let _ = std::fs::remove_file(&found);
    row["bundle"] = name.into();
    Ok(row)
}

fn print(row: &Value) {
    let text = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
    if !row["refused"].is_null() {
        println!(
            "{:<32} {:<5} {:>8} REFUSED: {}",
            text("bundle"),
            text("asked"),
            text("decoders"),
            text("refused")
        );
        return;
    }
    let us = |key: &str| row[key].as_f64().unwrap_or(f64::NAN);
    println!(
        "{:<32} {:<5} {:>8} {:>10.1} {:>10.1} {:>10.1e}  {}",
        text("bundle"),
        text("provider"),
        row["decoders"].to_string(),
        us("p50_us"),
        us("p99_us"),
        row["golden"]["largest_difference"].as_f64().unwrap_or(f64::NAN),
        row["nodes"]
    );
}

fn write(file: Option<&Path>, found: &Value) -> Result<()> {
    let Some(file) = file else { return Ok(()) };
    std::fs::write(file, format!("{found:#}\n")).context(file.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_checked_is_nothing_verified() {
        let zoo = std::env::temp_dir().join(format!("bcid-no-zoo-{}", std::process::id()));
        std::fs::create_dir_all(zoo.join("no-decoder")).expect("a folder");
        let found = bundles_of(&zoo);
        let _ = std::fs::remove_dir_all(&zoo);
        assert!(
            found
                .is_err_and(|fail| fail.to_string().ends_with("holds no decoder: there is nothing to check"))
        );
        assert!(!holds(&[]));
        let (cpu, cuda) = (json!({ "provider": "CPU" }), json!({ "provider": "CUDA" }));
        assert!(!holds(std::slice::from_ref(&cpu)), "the processor alone");
        assert!(holds(&[cpu.clone(), cuda.clone()]));
        assert!(!holds(&[cpu, cuda, json!({ "refused": "why" })]));
    }
}
