//! Packages of the distribution: what the compiler and Python cannot bring themselves.

use super::python::{self, Wanted};
use super::say;
use crate::fail::{Fail, Result};
use crate::proc;
use std::process::{Command, Stdio};

/// Installs what is missing, by apt where that is permitted.
///
/// # Errors
/// Something is missing and this user may not install it: the message is the command to type.
pub(super) fn packages(python: Option<Wanted>) -> Result<()> {
    let missing = missing(python);
    if missing.is_empty() {
        let with = if python.is_some() { ", Python with venv" } else { "" };
        say("system packages", &format!("in place (C compiler, pkg-config, ALSA headers{with})"));
        return Ok(());
    }
    let names: Vec<&str> = missing.iter().map(|m| m.package).collect();
    let install = format!("apt-get install -y --no-install-recommends {}", names.join(" "));
    if !proc::succeeds("apt-get", &["--version"]) {
        let wanted: Vec<String> = missing.iter().map(|m| format!("  {:<18} {}", m.package, m.why)).collect();
        return Err(Fail::unavailable(format!(
            "missing, and there is no apt-get here; install the equivalents of\n{}",
            wanted.join("\n")
        )));
    }
    let Some(prefix) = privilege() else {
        return Err(Fail::unavailable(format!(
            "system packages are missing and this user may not install them. Type\n\n    sudo {install}\n\nand run this again"
        )));
    };
    for package in &missing {
        say("system packages", &format!("installing {}: {}", package.package, package.why));
    }
    if !apt(prefix, &names, Stdio::null()) {
        say("system packages", "refreshing apt's package lists, which seem old or absent");
        let _ = proc::run(apt_get(prefix).args(["-qq", "update"]));
        if !apt(prefix, &names, Stdio::inherit()) {
            return Err(Fail::unavailable(format!(
                "`{install}` failed; mend what it says above and run this again"
            )));
        }
    }
    let still = self::missing(python);
    if let Some(first) = still.first() {
        return Err(Fail::unavailable(format!("{} is installed, and still: {}", first.package, first.lack)));
    }
    Ok(())
}

struct Missing {
    package: &'static str,
    /// Why it is installed.
    why: &'static str,
    /// What was looked for and not found.
    lack: &'static str,
}

/// Looks for the things themselves, not for packages: they may have come from elsewhere.
fn missing(python: Option<Wanted>) -> Vec<Missing> {
    let mut missing = Vec::new();
    let mut need = |there: bool, package, why, lack| {
        if !there {
            missing.push(Missing { package, why, lack });
        }
    };
    need(proc::succeeds("cc", &["--version"]), "gcc", "C compiler and linker", "`cc` does not run");
    let pkg_config = proc::succeeds("pkg-config", &["--version"]);
    need(pkg_config, "pkg-config", "tells cargo where libraries lie", "`pkg-config` does not run");
    let alsa = pkg_config && proc::succeeds("pkg-config", &["--exists", "alsa"]);
    need(alsa, "libasound2-dev", "ALSA headers, to compile sound", "`pkg-config --exists alsa` fails");
    if python == Some(Wanted::Tests) {
        let display = proc::succeeds("Xvfb", &["-help"]);
        need(
            display,
            "xvfb",
            "a display that nobody sees, on which tests move the pointer",
            "`Xvfb` does not run",
        );
    }
    if let Some(wanted) = python {
        let (package, lack) = match python::find(wanted) {
            Some(found) if found.has_venv => return missing,
            // Its own package where the distribution's default Python is another.
            Some(found) if found.program.ends_with("python3.11") => ("python3.11-venv", "it has no `venv`"),
            Some(_) => ("python3-venv", "`python3 -m venv` has no pip to install"),
            None if proc::succeeds("python3", &["--version"]) => {
                ("python3.11-venv", "no Python 3.11 or newer, which the tests need")
            }
            None => ("python3-venv", "`python3` does not run"),
        };
        need(false, package, "Python and its pip, which fetch libraries and run the tests", lack);
    }
    missing
}

/// The words before `apt-get`; `None` when this user may not install packages.
fn privilege() -> Option<&'static [&'static str]> {
    if proc::text("id", &["-u"]).as_deref() == Some("0") {
        return Some(&["env"]);
    }
    proc::succeeds("sudo", &["-n", "true"]).then_some(&["sudo", "-n", "env"])
}

fn apt_get(prefix: &[&str]) -> Command {
    let mut command = Command::new(prefix[0]);
    command.args(&prefix[1..]).args(["DEBIAN_FRONTEND=noninteractive", "apt-get"]);
    command
}

/// The steps go nowhere, and complaints to `errors`.
fn apt(prefix: &[&str], names: &[&str], errors: Stdio) -> bool {
    let mut install = apt_get(prefix);
    install.args(["-qq", "install", "-y", "--no-install-recommends"]).args(names);
    install.stdout(Stdio::null()).stderr(errors);
    proc::run(&mut install).is_ok()
}
