//! The demonstration: recording, daemon and client as three processes that know each other by network only.

mod child;

use crate::args::DemoOptions;
use crate::fail::{Context, Exit, Fail, Result};
use crate::proc;
use crate::setup::{self, Extent};
use crate::workspace::Workspace;
use child::Child;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const RECORDING: &str = "models/data/eegmmidb/S001R10.edf";
const CONFIG: &str = "deploy/config/demo.toml";
const TASK: &str = "deploy/config/demo-task.toml";
/// Cued trials in the recording: a run that scored fewer was cut short, whatever its accuracy.
const TRIALS: &str = "15";
/// For the daemon to load its decoder and serve.
const START: Duration = Duration::from_secs(30);
/// For the client to notice the end of the recording.
const FINISH: Duration = Duration::from_secs(30);
/// For the daemon to drain.
const DRAIN: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(50);

/// Builds the daemon and plays the recording through it. The exit code is the client's.
///
/// # Errors
/// Set-up or build fails, or one of the processes does not do its part; what it wrote is in the message.
pub(crate) fn run(ws: &Workspace, options: &DemoOptions) -> Result<ExitCode> {
    let json = options.json.as_deref().map(std::path::absolute).transpose().context("--json")?;
    let bcid = build(ws)?;
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&interrupted)).context("signals")?;
    }
    let scratch = Scratch::new()?;
    let demo = Demo { ws, bcid, interrupted, scratch: scratch.0.clone(), name: unique_name() };
    let code = demo.run(options, json.as_deref())?;
    scratch.remove();
    Ok(code)
}

/// Builds the daemon and becomes it.
///
/// # Errors
/// Set-up or build fails.
pub(crate) fn bcid(ws: &Workspace, args: &[String]) -> Result<ExitCode> {
    let bcid = build(ws)?;
    let mut env = setup::environment(ws);
    // A rig is on the network, and its owner's LSL configuration is right for it.
    env.retain(|(name, _)| *name != "LSLAPICFG");
    Err(Command::new(&bcid).args(args).envs(env).exec()).context(bcid.display())
}

/// The daemon's optimised build.
///
/// # Errors
/// As set-up, or the build fails.
pub(crate) fn build(ws: &Workspace) -> Result<PathBuf> {
    setup::run(ws, Extent::Demo)?;
    eprintln!("build:  bcid, optimised (minutes the first time)");
    proc::build_binary(ws.cargo().args(["build", "--release", "--quiet", "-p", "bcid"]), "bcid")
}

/// Two demonstrations on one machine, or on one network, must not hear each other.
fn unique_name() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("bcid-demo-{}-{:x}", std::process::id(), now.as_nanos())
}

struct Demo<'a> {
    ws: &'a Workspace,
    bcid: PathBuf,
    interrupted: Arc<AtomicBool>,
    scratch: PathBuf,
    /// Of the EEG stream.
    name: String,
}

impl Demo<'_> {
    fn run(&self, options: &DemoOptions, json: Option<&Path>) -> Result<ExitCode> {
        let markers = format!("{}-markers", self.name);
        let ready = self.scratch.join("ready.json");
        let mut daemon = self.command(&["run", CONFIG, "--listen", "127.0.0.1:0"]);
        daemon.args(["--stream-name", &self.name, "--marker-name", &markers]).arg("--ready-file").arg(&ready);
        let mut daemon = Child::spawn("daemon", daemon, &self.scratch)?;
        let Some(server) = self.server(&mut daemon, &ready)? else { return Ok(ExitCode::from(130)) };
        eprintln!("demo:   daemon serves on {server}");

        // The client first: it must not miss the first trial.
        let mut client = self.command(&["trials", "--server", &server, "--task", TASK, "--expect", TRIALS]);
        if let Some(json) = json {
            client.arg("--json").arg(json);
        }
        let mut client = Child::spawn_in_terminal("client", client)?;
        let mut player = self.command(&["play", RECORDING, "--name", &self.name, "--source-id", &self.name]);
        player.args(["--marker-name", &markers, "--wait-consumer"]);
        if let Some(rate) = options.rate {
            player.args(["--rate", &rate.to_string()]);
        }
        let mut player = Child::spawn("player", player, &self.scratch)?;

        let code = self.watch(&mut daemon, &mut player, &mut client);
        player.stop(DRAIN);
        client.stop(DRAIN);
        let code = code?;
        let drained = daemon.log_len();
        let status = daemon.stop(DRAIN);
        eprintln!("\ndaemon:\n{}", daemon.log_from(drained));
        match (code, status) {
            (None, _) => Ok(ExitCode::from(130)),
            (Some(code), Some(0)) => Ok(code),
            (Some(_), _) => Err(daemon.fail("did not end cleanly")),
        }
    }

    /// A `bcid` command in the workspace root, so that paths in configurations hold.
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.bcid);
        command.args(args).current_dir(self.ws.root()).envs(setup::environment(self.ws));
        command.stdin(Stdio::null());
        command
    }

    fn interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }

    /// Waits for the daemon's ready file and returns the address in it; `None` on Ctrl-C.
    fn server(&self, daemon: &mut Child, ready: &Path) -> Result<Option<String>> {
        let deadline = Instant::now() + START;
        while Instant::now() < deadline {
            if self.interrupted() {
                return Ok(None);
            }
            // A file that does not parse yet is being written.
            if let Some(server) = std::fs::read_to_string(ready).ok().as_deref().and_then(grpc_address) {
                return Ok(Some(server));
            }
            if daemon.ended()?.is_some() {
                return Err(daemon.fail("ended before it served"));
            }
            std::thread::sleep(POLL);
        }
        Err(daemon.fail(&format!("was not ready after {} s", START.as_secs())))
    }

    /// Until the client ends: its exit code, or `None` on Ctrl-C.
    fn watch(&self, daemon: &mut Child, player: &mut Child, client: &mut Child) -> Result<Option<ExitCode>> {
        let mut deadline = None;
        loop {
            if self.interrupted() {
                return Ok(None);
            }
            if let Some(code) = client.ended()? {
                return Ok(Some(ExitCode::from(u8::try_from(code).unwrap_or(Exit::Internal as u8))));
            }
            if daemon.ended()?.is_some() {
                return Err(daemon.fail("ended in the middle"));
            }
            match (player.ended()?, deadline) {
                (Some(0), None) => deadline = Some(Instant::now() + FINISH),
                (Some(0), Some(at)) if Instant::now() > at => {
                    let seconds = FINISH.as_secs();
                    let message = format!("the client did not end within {seconds} s of the recording's end");
                    return Err(Fail::new(Exit::Internal, format!("{message}\n{}", daemon.fail("so far"))));
                }
                (Some(0) | None, _) => {}
                (Some(_), _) => return Err(player.fail("could not play the recording")),
            }
            std::thread::sleep(POLL);
        }
    }
}

fn grpc_address(ready: &str) -> Option<String> {
    let ready: serde_json::Value = serde_json::from_str(ready).ok()?;
    ready.get("grpc")?.as_str().map(str::to_owned)
}

/// Logs of the processes and the ready file. Kept after a failure, for who looks into it.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Self> {
        let dir = std::env::temp_dir().join(unique_name());
        std::fs::create_dir_all(&dir).context(dir.display())?;
        Ok(Self(dir))
    }

    fn remove(self) {
        let _ = std::fs::remove_dir_all(self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ready_file_half_written_and_whole() {
        assert_eq!(grpc_address(r#"{"grpc":"http://127."#), None);
        let whole = r#"{"grpc":"http://127.0.0.1:4317","metrics":"http://127.0.0.1:9"}"#;
        assert_eq!(grpc_address(whole).as_deref(), Some("http://127.0.0.1:4317"));
    }
}
