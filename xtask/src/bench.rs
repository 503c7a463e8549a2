//! Benches: `bci-bench` in release mode, on one core, beside libraries in a Python environment of their own.

use crate::args::{Bench, BenchOptions};
use crate::fail::{Context, Result};
use crate::proc;
use crate::setup;
use crate::workspace::Workspace;
use std::process::{Command, ExitCode};

/// # Errors
/// As set-up, or the build fails. A bound that does not hold is no error here but an exit code.
pub(crate) fn run(ws: &Workspace, options: &BenchOptions) -> Result<ExitCode> {
    match options.what {
        Bench::Dsp => dsp(ws, options),
        Bench::Lsl => lsl(ws, options),
    }
}

/// A source of 1024 channels at 30 kHz and the daemon's signal path, each a process of its own, for a minute.
fn lsl(ws: &Workspace, options: &BenchOptions) -> Result<ExitCode> {
    setup::run(ws, setup::Extent::Demo)?;
    let mut cargo = ws.cargo();
    cargo.args(["build", "--release", "--package", "bci-rig"]);
    let mut command = Command::new(proc::build_binary(&mut cargo, "bci-rig")?);
    command.args(["run", "--seconds", if options.quick { "10" } else { "60" }, "--most-p99-ms", "2"]);
    command.envs(setup::environment(ws));
    if proc::succeeds("chrt", &["--fifo", "80", "true"]) {
        command.args(["--priority", "80"]);
    } else {
        println!("real-time priority is not granted here: latencies will suffer from whatever else runs");
    }
    if let Some(file) = &options.json {
        command.arg("--json").arg(std::path::absolute(file).context(file.display())?);
    }
    let line = proc::shown(&command);
    let status = command.status().context(line)?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn dsp(ws: &Workspace, options: &BenchOptions) -> Result<ExitCode> {
    let python = setup::to_bench(ws)?;
    let mut cargo = ws.cargo();
    // The same build as the daemon's own release.
    cargo.args(["build", "--release", "--package", "bci-bench"]);
    let program = proc::build_binary(&mut cargo, "bci-bench")?;
    let mut command = on_one_core(&program);
    command.arg("dsp").arg("--python").arg(python).arg("--peers").arg(ws.root().join("tests/bench/peers.py"));
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
    use super::last_core;

    #[test]
    fn the_last_core_that_may_be_used() {
        for (list, last) in [("0-3,6-7", Some(7)), ("0-3,5", Some(5)), ("2", Some(2)), ("", None)] {
            assert_eq!(last_core(&format!("Name:\tx\nCpus_allowed_list:\t{list}\n")), last, "{list}");
        }
        assert_eq!(last_core("Name:\tx\n"), None);
    }
}
