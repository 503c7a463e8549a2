//! liblsl and ONNX Runtime: out of wheels, into `.native/lib`.

use super::{overridden, python, say, stamp};
use crate::fail::{Context, Exit, Fail, Result};
use crate::pins::{Build, LIBLSL, Library, Member, ONNXRUNTIME};
use crate::proc;
use crate::workspace::Workspace;
use std::path::Path;
use std::process::Command;

/// Takes members out of a wheel: `WHEEL OUT LICENCES MEMBER...`. Licences go along, whatever they are called.
const UNPACK: &str = r#"
import os, sys, zipfile
wheel, out, licences, *members = sys.argv[1:]
legal = ("licen", "copying", "notice", "thirdparty", "metadata")
with zipfile.ZipFile(wheel) as z:
    for name in z.namelist():
        base = os.path.basename(name)
        folder = out if name in members else licences if base.lower().startswith(legal) else None
        if folder and not name.endswith((".py", "/")):
            os.makedirs(folder, exist_ok=True)
            with open(os.path.join(folder, base), "wb") as f:
                f.write(z.read(name))
"#;

/// The build of a library for this machine.
pub(super) fn build(library: &Library) -> Result<&'static Build> {
    let glibc =
        proc::text("getconf", &["GNU_LIBC_VERSION"]).and_then(|t| glibc_version(&t)).unwrap_or((0, 0));
    library.build_for(std::env::consts::ARCH, glibc)
}

/// "glibc 2.36" -> (2, 36).
fn glibc_version(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.rsplit(' ').next()?.split_once('.')?;
    let minor = minor.split('.').next()?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// The libraries that are not in place, after a look at the environment and at the checksums.
pub(super) fn missing(ws: &Workspace) -> Result<Vec<(&'static Library, &'static Build)>> {
    let mut missing = Vec::new();
    for library in [&LIBLSL, &ONNXRUNTIME] {
        if let Some(copy) = overridden(library) {
            if !copy.is_file() {
                let message = format!("{}={}: no such file", library.variable, copy.display());
                return Err(Fail::unavailable(message));
            }
            say(library.name, &format!("{}: using {}", library.variable, copy.display()));
            continue;
        }
        let build = build(library)?;
        if in_place(ws, build)? {
            say(&format!("{} {}", library.name, build.version), "in place");
        } else {
            missing.push((library, build));
        }
    }
    Ok(missing)
}

fn in_place(ws: &Workspace, build: &Build) -> Result<bool> {
    for member in build.members {
        let file = ws.lib().join(member.name);
        if !file.is_file() || stamp::sha256_file(&file)? != member.sha256 {
            return Ok(false);
        }
        if member.links.iter().any(|link| !ws.lib().join(link).exists()) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Fetches wheels with pip, checks them, and takes the libraries out.
pub(super) fn fetch(ws: &Workspace, wanted: &[(&Library, &'static Build)]) -> Result<()> {
    for (library, build) in wanted {
        let (package, version) = build.package;
        say(
            &format!("{} {}", library.name, build.version),
            &format!("fetching wheel {package} {version} ({} MB): {}", build.size_mb, library.why),
        );
        let scratch = ws.native().join("scratch");
        let _ = std::fs::remove_dir_all(&scratch);
        std::fs::create_dir_all(&scratch).context(scratch.display())?;
        let done = fetch_one(ws, build, &scratch).map_err(|e| {
            Fail::unavailable(format!(
                "{e}\n{} could not be fetched. Without a network: set {}=/path/to/{}",
                library.name, library.variable, library.file
            ))
        });
        let _ = std::fs::remove_dir_all(&scratch);
        done?;
    }
    Ok(())
}

fn fetch_one(ws: &Workspace, build: &Build, scratch: &Path) -> Result<()> {
    let (package, version) = build.package;
    let pinned = scratch.join("pinned.txt");
    std::fs::write(&pinned, format!("{package}=={version} --hash=sha256:{}\n", build.sha256))
        .context(pinned.display())?;
    // Python 3.11's wheel on every machine: the library inside is the same, and one checksum is enough.
    let mut download = python::pip(&ws.venv());
    download
        .args(["download", "--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes"])
        .args(["--implementation", "cp", "--python-version", "3.11"])
        .args(["--abi", "cp311", "--abi", "abi3", "--abi", "none", "--platform", build.platform])
        .arg("--dest")
        .arg(scratch)
        .arg("-r")
        .arg(&pinned);
    proc::run(&mut download)?;
    let wheel = std::fs::read_dir(scratch)
        .context(scratch.display())?
        .filter_map(std::result::Result::ok)
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|e| e == "whl"))
        .ok_or_else(|| Fail::new(Exit::Internal, "pip left no wheel"))?;
    check(&wheel, build.sha256)?;
    let (out, licences) = (scratch.join("out"), ws.native().join("licences").join(package));
    let mut unpack = Command::new(ws.venv_python());
    unpack.args(["-c", UNPACK]).args([&wheel, &out, &licences]).args(build.members.iter().map(|m| m.path));
    if !proc::output(&mut unpack).is_some_and(|o| o.status.success()) {
        return Err(Fail::failed(format!("{}: cannot be unpacked", wheel.display())));
    }
    build.members.iter().try_for_each(|member| install(ws, member, &out))?;
    note(ws)
}

/// Writes `.native/lib/versions.txt`, for people and for who asks what is installed: library, version, file, SHA-256.
fn note(ws: &Workspace) -> Result<()> {
    let mut text = String::new();
    for library in [&LIBLSL, &ONNXRUNTIME] {
        let Ok(build) = build(library) else { continue };
        for member in build.members.iter().filter(|m| ws.lib().join(m.name).is_file()) {
            text.push_str(&format!(
                "{}\t{}\t{}\t{}\n",
                library.name, build.version, member.name, member.sha256
            ));
        }
    }
    let file = ws.lib().join("versions.txt");
    std::fs::write(&file, text).context(file.display())
}

fn check(file: &Path, wanted: &str) -> Result<()> {
    let found = stamp::sha256_file(file)?;
    if found == wanted {
        return Ok(());
    }
    Err(Fail::failed(format!("{}: SHA-256 is {found}, must be {wanted}", file.display())))
}

/// Moves a checked library to its place in one step, so that nobody ever sees half of one.
fn install(ws: &Workspace, member: &Member, from: &Path) -> Result<()> {
    let base = Path::new(member.path).file_name().unwrap_or_default();
    let unpacked = from.join(base);
    check(&unpacked, member.sha256)?;
    std::fs::create_dir_all(ws.lib()).context(ws.lib().display())?;
    let place = ws.lib().join(member.name);
    std::fs::rename(&unpacked, &place).context(place.display())?;
    for link in member.links {
        let link = ws.lib().join(link);
        let _ = std::fs::remove_file(&link);
        std::os::unix::fs::symlink(member.name, &link).context(link.display())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn glibc_as_getconf_writes_it() {
        assert_eq!(glibc_version("glibc 2.36"), Some((2, 36)));
        assert_eq!(glibc_version("glibc 2.36.1"), Some((2, 36)));
        assert_eq!(glibc_version("musl"), None);
    }

    #[test]
    #[allow(clippy::expect_used, reason = "a test")]
    fn only_the_pinned_bytes_become_a_library() {
        let root = std::env::temp_dir().join(format!("xtask-install-{}", std::process::id()));
        let out = root.join("out");
        std::fs::create_dir_all(&out).expect("a temporary folder");
        let ws = Workspace::at(&root);
        let member = Member {
            path: "in/wheel/libx.so.2",
            name: "libx.so.2",
            links: &["libx.so"],
            sha256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        };
        std::fs::write(out.join("libx.so.2"), "abd").expect("written");
        assert!(install(&ws, &member, &out).is_err());
        assert!(!ws.lib().join("libx.so.2").exists());
        std::fs::write(out.join("libx.so.2"), "abc").expect("written");
        install(&ws, &member, &out).expect("the right bytes");
        assert_eq!(std::fs::read(ws.lib().join("libx.so")).expect("through the link"), b"abc");
        std::fs::remove_dir_all(&root).expect("removed");
    }
}
