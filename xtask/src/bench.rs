//! Benches: `bci-bench` in release mode, on one core, beside libraries in a Python environment of their own.

use crate::args::{Bench, BenchOptions};
use crate::fail::{Context, Result};
use crate::proc;
use crate::setup;
use crate::workspace::Workspace;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// # Errors
/// As set-up, or the build fails. A bound that does not hold is no error here but an exit code.
pub(crate) fn run(ws: &Workspace, options: &BenchOptions) -> Result<ExitCode> {
    match options.what {
        Bench::Dsp => dsp(ws, options),
        Bench::Lsl => lsl(ws, options),
        Bench::Decode => decoders(ws, options, "decode"),
        Bench::E2e => decoders(ws, options, "e2e"),
        Bench::Many => decoders(ws, options, "many"),
        Bench::Soak => soak(ws, options),
        Bench::Clients => clients(ws, options),
    }
}

/// A program of the workspace, as it is released; its package has the same name.
fn built(ws: &Workspace, name: &str) -> Result<PathBuf> {
    let mut cargo = ws.cargo();
    cargo.args(["build", "--release", "--package", name]);
    proc::build_binary(&mut cargo, name)
}

/// Runs a bench with what all of them take.
fn measured(mut command: Command, options: &BenchOptions) -> Result<ExitCode> {
    if let Some(file) = &options.json {
        command.arg("--json").arg(std::path::absolute(file).context(file.display())?);
    }
    if options.quick {
        command.arg("--quick");
    }
    let line = proc::shown(&command);
    let status = command.status().context(line)?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The benches of decoders: `bci-bench` with the daemon, a source and the networks that `bcid_models.bench_models` writes.
fn decoders(ws: &Workspace, options: &BenchOptions, what: &str) -> Result<ExitCode> {
    setup::run(ws, setup::Extent::Tests)?;
    let program = built(ws, "bci-bench")?;
    let (bcid, rig) = (built(ws, "bcid")?, built(ws, "bci-rig")?);
    let python = ws.venv_python();
    let packages = ws.root().join("models/python");
    let bundles = ws.native().join("bench-models");
    // Made anew each time: they are of the present exporter.
    if bundles.exists() {
        std::fs::remove_dir_all(&bundles).context(bundles.display())?;
    }
    let mut make = Command::new(&python);
    make.args(["-m", "bcid_models.bench_models", "--out"]).arg(&bundles).env("PYTHONPATH", &packages);
    proc::run(&mut make)?;
    let mut command = Command::new(program);
    command.arg(what).arg("--python").arg(&python).arg("--bundles").arg(&bundles);
    command.arg("--zoo").arg(ws.root().join("models/zoo")).arg("--bcid").arg(bcid).arg("--rig").arg(rig);
    command.arg("--peers").arg(ws.root().join("tests/bench/e2e_python.py"));
    command.envs(setup::environment(ws)).env("PYTHONPATH", &packages);
    measured(command, options)
}

/// The long run: real recordings through the daemon, faster than they were.
fn soak(ws: &Workspace, options: &BenchOptions) -> Result<ExitCode> {
    setup::run(ws, setup::Extent::Demo)?;
    let (program, bcid) = (built(ws, "bci-bench")?, built(ws, "bcid")?);
    let mut command = Command::new(program);
    command.arg("soak").arg("--bcid").arg(bcid).arg("--zoo").arg(ws.root().join("models/zoo"));
    command.arg("--recordings");
    if options.recordings.is_empty() {
        command.args(shipped(&ws.root().join("models/data/eegmmidb"))?);
    }
    for file in &options.recordings {
        command.arg(std::path::absolute(file).context(file.display())?);
    }
    if let Some(task) = &options.task {
        command.arg("--task").arg(task);
    }
    for (flag, number) in [("--minutes", options.minutes), ("--speed", options.speed)] {
        if let Some(number) = number {
            command.arg(flag).arg(number.to_string());
        }
    }
    command.envs(setup::environment(ws));
    measured(command, options)
}

/// Many subscribers to one daemon that decodes a real recording.
fn clients(ws: &Workspace, options: &BenchOptions) -> Result<ExitCode> {
    setup::run(ws, setup::Extent::Demo)?;
    let (program, bcid) = (built(ws, "bci-bench")?, built(ws, "bcid")?);
    let mut command = Command::new(program);
    command.arg("clients").arg("--bcid").arg(bcid).arg("--zoo").arg(ws.root().join("models/zoo"));
    command.arg("--recordings").arg(ws.root().join("models/data/eegmmidb/S001R10.edf"));
    command.envs(setup::environment(ws));
    measured(command, options)
}

/// The recordings of a folder, in order.
fn shipped(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).context(folder.display())?;
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|file| file.extension().is_some_and(|e| e == "edf"));
    files.sort();
    Ok(files)
}

/// What a source and the daemon's signal path, each a process of its own, are held to: spikes of 1024 channels at 30 kHz,
/// and the default steps for depth electrodes on 256 contacts at 2 kHz.
fn lsl(ws: &Workspace, options: &BenchOptions) -> Result<ExitCode> {
    setup::run(ws, setup::Extent::Demo)?;
    let mut cargo = ws.cargo();
    cargo.args(["build", "--release", "--package", "bci-rig"]);
    let program = proc::build_binary(&mut cargo, "bci-rig")?;
    let real_time = proc::succeeds("chrt", &["--fifo", "80", "true"]);
    if !real_time {
        println!("real-time priority is not granted here: latencies will suffer from whatever else runs");
    }
    let seeg = ws.root().join("deploy/config/seeg.toml").display().to_string();
    let files = options.json.as_ref().map(|file| [file.clone(), file.with_extension("seeg.json")]);
    let mut held = true;
    for (n, (what, bounds)) in [
        ("spikes, 1024 channels at 30 kHz", &["--most-p99-ms", "2"][..]),
        (
            "deploy/config/seeg.toml, 256 contacts at 2 kHz in chunks of 5 ms",
            &[
                "--channels=256",
                "--shaft-contacts=16",
                "--rate-hz=2000",
                "--chunk-frames=10",
                "--pull-frames=10",
                "--most-core-percent=5",
                "--rig",
                &seeg,
            ],
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let mut command = Command::new(&program);
        command.args(["run", "--seconds", if options.quick { "10" } else { "60" }]).args(bounds);
        command.envs(setup::environment(ws));
        if real_time {
            command.args(["--priority", "80"]);
        }
        if let Some(files) = &files {
            // Left from before, it would pass for what was measured now.
            let _ = std::fs::remove_file(&files[n]);
            command.arg("--json").arg(std::path::absolute(&files[n]).context(files[n].display())?);
        }
        println!("\n{what}");
        let line = proc::shown(&command);
        held &= command.status().context(line)?.success();
    }
    if let Some([all, seeg]) = &files {
        join(all, seeg)?;
    }
    Ok(if held { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Puts the figures of one file into the other, as `seeg`. Of what failed there may be none.
fn join(all: &Path, seeg: &Path) -> Result<()> {
    let read = |file: &Path| -> Option<Value> {
        serde_json::from_str(&std::fs::read_to_string(file).ok()?).ok().filter(Value::is_object)
    };
    let mut figures = read(all).unwrap_or_else(|| json!({}));
    if let Some(seeg) = read(seeg) {
        figures["seeg"] = seeg;
    }
    let _ = std::fs::remove_file(seeg);
    std::fs::write(all, figures.to_string() + "\n").context(all.display())
}

fn dsp(ws: &Workspace, options: &BenchOptions) -> Result<ExitCode> {
    let python = setup::to_bench(ws)?;
    let mut cargo = ws.cargo();
    // The same build as the daemon's own release.
    cargo.args(["build", "--release", "--package", "bci-bench"]);
    let program = proc::build_binary(&mut cargo, "bci-bench")?;
    let mut command = on_one_core(&program);
    command.arg("dsp").arg("--python").arg(python).arg("--peers").arg(ws.root().join("tests/bench/peers.py"));
    measured(command, options)
}

/// The program held to the last core that this process may use, and with it all that it starts. Where that cannot be done,
/// on whichever core it comes to run.
fn on_one_core(program: &std::path::Path) -> Command {
    let allowed = std::fs::read_to_string("/proc/self/status").ok().and_then(|text| last_core(&text));
    match allowed {
        Some(core) if proc::succeeds("taskset", &["--version"]) => {
            let mut command = Command::new("taskset");
            command.args(["--cpu-list", &core.to_string()]).arg(program);
            command
        }
        _ => {
            println!("taskset is not there: the core may change while measuring");
            Command::new(program)
        }
    }
}

/// Of `Cpus_allowed_list: 0-3,6-7` the 7.
fn last_core(status: &str) -> Option<u32> {
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    list.trim().rsplit([',', '-']).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figures_of_both_measurements_go_into_one_file() {
        let folder = std::env::temp_dir().join(format!("xtask-join-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let (all, seeg) = (folder.join("all.json"), folder.join("all.seeg.json"));
        std::fs::write(&all, r#"{"channels": 1024}"#).expect("written");
        std::fs::write(&seeg, r#"{"channels": 256}"#).expect("written");
        let joined = || -> Value {
            join(&all, &seeg).expect("joined");
            assert!(!seeg.exists());
            serde_json::from_str(&std::fs::read_to_string(&all).expect("there")).expect("JSON")
        };
        assert_eq!(joined(), json!({ "channels": 1024, "seeg": { "channels": 256 } }));
        std::fs::write(&all, r#"{"channels": 1024}"#).expect("written");
        assert_eq!(joined(), json!({ "channels": 1024 }), "the second failed");
        std::fs::remove_file(&all).expect("removed");
        std::fs::write(&seeg, r#"{"channels": 256}"#).expect("written");
        assert_eq!(joined(), json!({ "seeg": { "channels": 256 } }), "the first failed");
        std::fs::remove_dir_all(&folder).expect("removed");
    }

    #[test]
    fn the_last_core_that_may_be_used() {
        for (list, last) in [("0-3,6-7", Some(7)), ("0-3,5", Some(5)), ("2", Some(2)), ("", None)] {
            assert_eq!(last_core(&format!("Name:\tx\nCpus_allowed_list:\t{list}\n")), last, "{list}");
        }
        assert_eq!(last_core("Name:\tx\n"), None);
    }
}
