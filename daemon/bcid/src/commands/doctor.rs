//! `bcid doctor`: what this machine offers, and how to mend what is missing.

use super::{writable, write_json};
use crate::cli::DoctorArgs;
use crate::engine::lsl_version;
use crate::exit::{Exit, Failure, chain};
use bci_driver_lsl::Liblsl;
use bci_rt::thread::probe_priority;
use bci_rt::wakeful::{Wakeful, against_polling, minds_bounds};
use serde_json::{Value, json};

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grade {
    Good,
    /// Works, but less well.
    Limited,
    /// The daemon cannot do its work.
    Missing,
}

struct Finding {
    what: &'static str,
    grade: Grade,
    found: String,
    /// How to mend it; empty when it is good.
    mend: String,
    details: Value,
}

pub(crate) fn doctor(args: &DoctorArgs) -> Result<Exit, Failure> {
    if let Some(file) = &args.json {
        writable(file)?;
    }
    let mut findings = vec![liblsl(), lsl_configuration()];
    findings.extend(onnxruntime());
    findings.extend([realtime(), wakeful(), clock(), sound()]);
    print(&findings);
    if let Some(file) = &args.json {
        let all: Vec<Value> = findings.iter().map(as_json).collect();
        write_json(file, &json!({ "bcid": env!("CARGO_PKG_VERSION"), "findings": all }))?;
    }
    Ok(if findings.iter().any(|f| f.grade == Grade::Missing) { Exit::Failed } else { Exit::Clean })
}

fn finding(
    what: &'static str,
    grade: Grade,
    found: impl Into<String>,
    mend: &str,
    details: Value,
) -> Finding {
    Finding { what, grade, found: found.into(), mend: mend.to_owned(), details }
}

fn liblsl() -> Finding {
    match Liblsl::load() {
        Ok(lsl) => {
            let (version, path) = (lsl_version(lsl), lsl.path().display().to_string());
            let found = format!("{version} at {path}");
            finding("liblsl", Grade::Good, found, "", json!({ "version": version, "path": path }))
        }
        Err(e) => finding(
            "liblsl",
            Grade::Missing,
            chain(&e),
            "run `cargo xtask setup`, or set BCID_LIBLSL to a liblsl of 1.17 or newer",
            Value::Null,
        ),
    }
}

fn lsl_configuration() -> Finding {
    if let Some(named) = std::env::var_os("LSLAPICFG").filter(|f| !std::path::Path::new(f).is_file()) {
        return finding(
            "LSL configuration",
            Grade::Limited,
            format!("LSLAPICFG names {}, which is not there", named.display()),
            "correct or unset LSLAPICFG: liblsl runs on its defaults now",
            Value::Null,
        );
    }
    match bci_driver_lsl::configuration_file() {
        Some(file) => {
            let file = file.display().to_string();
            finding("LSL configuration", Grade::Good, file.clone(), "", json!({ "file": file }))
        }
        None => finding(
            "LSL configuration",
            Grade::Good,
            "none: liblsl's defaults, streams are found by multicast",
            "",
            Value::Null,
        ),
    }
}

fn onnxruntime() -> Vec<Finding> {
    let info = match bci_models::runtime_info() {
        Ok(info) => info,
        Err(e) => {
            let mend =
                "run `cargo xtask setup`, or set BCID_ONNXRUNTIME to a libonnxruntime.so of 1.24 or newer";
            return vec![finding("ONNX Runtime", Grade::Missing, chain(&e), mend, Value::Null)];
        }
    };
    let path = info.path.display().to_string();
    let found = format!("{} at {path}", info.version);
    let mut all = vec![finding(
        "ONNX Runtime",
        Grade::Good,
        found,
        "",
        json!({ "version": info.version, "path": path }),
    )];
    for (provider, accepted) in info.providers {
        let what = if provider == "CUDA" { "CUDA provider" } else { "CPU provider" };
        all.push(match accepted {
            Ok(()) => finding(
                what,
                Grade::Good,
                "ran a trial model, by ONNX Runtime's own trace",
                "",
                json!({ "runs": true }),
            ),
            Err(e) if provider == "CUDA" => finding(
                what,
                Grade::Limited,
                format!("does not run a model: {e}"),
                "only needed for decoders on an NVIDIA GPU: set BCID_ONNXRUNTIME to a CUDA build of ONNX Runtime",
                json!({ "runs": false, "reason": e }),
            ),
            Err(e) => finding(
                what,
                Grade::Missing,
                format!("does not run a model: {e}"),
                "run `cargo xtask setup`",
                json!({ "runs": false, "reason": e }),
            ),
        });
    }
    all
}

fn realtime() -> Finding {
    match probe_priority(80) {
        Ok(()) => finding(
            "real-time priority",
            Grade::Good,
            "granted (SCHED_FIFO 80)",
            "",
            json!({ "granted": true }),
        ),
        Err(e) => finding(
            "real-time priority",
            Grade::Limited,
            format!("refused: {e}"),
            "raise the limit (`ulimit -r 90`, or `@audio - rtprio 90` in /etc/security/limits.d/), or give the program CAP_SYS_NICE: `sudo setcap cap_sys_nice+ep $(command -v bcid)`; latency under load suffers without",
            json!({ "granted": false, "reason": e.to_string() }),
        ),
    }
}

fn wakeful() -> Finding {
    match Wakeful::probe() {
        Ok(()) if minds_bounds() => finding(
            "wakeful processors",
            Grade::Good,
            "permitted (`cpu_latency_us` under [realtime])",
            "",
            json!({ "permitted": true, "by": "driver" }),
        ),
        Ok(()) => match against_polling() {
            None => finding(
                "wakeful processors",
                Grade::Good,
                "permitted (`cpu_latency_us = 0` under [realtime], by threads: the system has no idle driver that minds other values)",
                "in a virtual machine the kernel does the same by itself, and better, when booted with `cpuidle_haltpoll.force=1`",
                json!({ "permitted": true, "by": "threads" }),
            ),
            Some(why) => finding(
                "wakeful processors",
                Grade::Limited,
                format!("without effect: the system has no idle driver, and {why}"),
                "in a virtual machine boot the kernel with `cpuidle_haltpoll.force=1`, or lift the limit; `cpu_latency_us` has no effect without, and intents come some tenths of a millisecond later",
                json!({ "permitted": true, "by": null, "reason": why }),
            ),
        },
        Err(e) => finding(
            "wakeful processors",
            Grade::Limited,
            format!("not permitted: {e}"),
            "let your group write /dev/cpu_dma_latency, with a line KERNEL==\"cpu_dma_latency\", GROUP=\"audio\", MODE=\"0660\" in /etc/udev/rules.d/; `cpu_latency_us` under [realtime] has no effect without, and intents come some tenths of a millisecond later",
            json!({ "permitted": false, "reason": e.to_string() }),
        ),
    }
}

fn clock() -> Finding {
    let Ok(lsl) = Liblsl::load() else {
        return finding(
            "clock",
            Grade::Missing,
            "cannot be compared without liblsl",
            "see liblsl",
            Value::Null,
        );
    };
    let offset_ns = lsl.clock_offset_ns();
    let details = json!({ "lsl_minus_host_ns": offset_ns });
    let found = format!("LSL's and the host's monotonic clock are {offset_ns} ns apart");
    if offset_ns.abs() < 1_000_000 {
        finding("clock", Grade::Good, found, "", details)
    } else {
        finding(
            "clock",
            Grade::Missing,
            found,
            "use a liblsl whose local_clock() reads CLOCK_MONOTONIC",
            details,
        )
    }
}

fn sound() -> Finding {
    match bci_driver_audio::devices() {
        Ok(d) if d.outputs.iter().chain(&d.inputs).all(|name| is_null(name)) => finding(
            "sound",
            Grade::Limited,
            format!("{}: no device but the one that discards", d.host),
            "only needed for cues by sound and for a voice: connect a sound card, or define a PCM in ~/.asoundrc",
            json!({ "outputs": d.outputs, "inputs": d.inputs }),
        ),
        Ok(d) => {
            let list = |names: &[String]| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            let found =
                format!("{}: plays on {}; records from {}", d.host, list(&d.outputs), list(&d.inputs));
            finding("sound", Grade::Good, found, "", json!({ "outputs": d.outputs, "inputs": d.inputs }))
        }
        Err(e) => {
            finding("sound", Grade::Limited, chain(&e), "check the sound system (`aplay -l`)", Value::Null)
        }
    }
}

/// ALSA's null device, under the name it describes itself by.
fn is_null(name: &str) -> bool {
    name == "null" || name.starts_with("Discard all samples")
}

fn as_json(f: &Finding) -> Value {
    let grade = match f.grade {
        Grade::Good => "good",
        Grade::Limited => "limited",
        Grade::Missing => "missing",
    };
    json!({ "what": f.what, "grade": grade, "found": f.found, "mend": f.mend, "details": f.details })
}

#[allow(clippy::print_stdout, reason = "what the command is asked to print")]
fn print(findings: &[Finding]) {
    for f in findings {
        let sign = match f.grade {
            Grade::Good => "ok     ",
            Grade::Limited => "limited",
            Grade::Missing => "MISSING",
        };
        println!("{sign}  {:<18}  {}", f.what, f.found);
        if !f.mend.is_empty() {
            println!("         {:<18}  to mend: {}", "", f.mend);
        }
    }
}
