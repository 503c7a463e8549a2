//! Exit codes, and what `bcid check` prints.

#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::fs;
use support::{GOOD, Rig, Running, play, root};

/// Exit code and what was told on stdout and stderr.
fn ran(rig: &Rig, args: &[&str]) -> (i32, String, String) {
    let output = rig.bcid(args).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn a_wrong_command_line_is_64_and_help_is_0() {
    let rig = Rig::new();
    let edf = "models/data/eegmmidb/S001R10.edf";
    for args in [
        &[][..],
        &["frobnicate"],
        &["run"],
        &["run", "rig.toml", "--listen", "nowhere"],
        &["watch", "--server", "not an address"],
        &["play", edf, "--rate", "0"],
        &["play", edf, "--rate", "nan"],
        &["play", edf, "--chunk", "0"],
        &["play", edf, "--group", "0"],
        &["play", edf, "--group", "9"],
        &["play", edf, "--from", "5", "--to", "2"],
        &["streams", "--wait", "-1"],
    ] {
        let (code, _, told) = ran(&rig, args);
        assert_eq!(code, 64, "{args:?}: {told}");
        assert!(!told.is_empty() && !told.contains("panicked"), "{args:?}: {told}");
    }
    for args in [&["--help"][..], &["--version"], &["run", "--help"]] {
        let (code, printed, _) = ran(&rig, args);
        assert!(code == 0 && printed.contains("bcid"), "{args:?}: {printed}");
    }
}

#[test]
fn no_daemon_is_75() {
    let rig = Rig::new();
    // Bound and let go: nobody listens there.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}");
    for args in [
        &["watch", "--plain", "--server", &url][..],
        &["trials", "--server", &url, "--task", "deploy/config/demo-task.toml"],
    ] {
        let (code, _, told) = ran(&rig, args);
        assert_eq!(code, 75, "{args:?}: {told}");
        assert!(told.contains(&format!("no daemon answers at {url}")), "{told}");
    }
}

#[test]
fn a_damaged_recording_is_78() {
    let rig = Rig::new();
    let whole = fs::read(root().join("models/data/eegmmidb/S001R10.edf")).unwrap();
    let file = rig.path("damaged.edf");
    for (what, bytes) in
        [("empty", &b""[..]), ("cut within the header", &whole[..1000]), ("no EDF", b"PNG, rather")]
    {
        fs::write(&file, bytes).unwrap();
        let (code, _, told) = ran(&rig, &["play", file.to_str().unwrap()]);
        assert_eq!(code, 78, "{what}: {told}");
        assert!(told.contains("damaged.edf") && !told.contains("panicked"), "{what}: {told}");
    }
    let (code, _, told) = ran(&rig, &["play", "nowhere.edf"]);
    assert_eq!(code, 78, "{told}");
}

#[test]
fn a_configuration_that_is_no_toml_or_not_there_is_78() {
    let rig = Rig::new();
    let told = rig.refused(&[("[server]", "[server")], &[]);
    assert!(told[0].starts_with("rig.toml:1: not TOML: "), "{told:?}");
    for command in ["run", "check"] {
        let (code, _, told) = ran(&rig, &[command, "nowhere.toml"]);
        assert!(code == 78 && told.contains("nowhere.toml: cannot be read"), "{told}");
    }
}

/// Ctrl-C ends a daemon that waits for its stream, and a player, cleanly.
#[test]
fn an_interrupt_is_0() {
    let rig = Rig::new();
    rig.decoder(&[]);
    fs::write(rig.path("rig.toml"), GOOD).unwrap();
    let json = rig.path("summary.json");
    let config = rig.path("rig.toml");
    let mut run = rig.bcid(&["run", config.to_str().unwrap(), "--json", json.to_str().unwrap()]);
    run.env("BCID_LOG", "info");
    let daemon = Running::start(run, "serving gRPC on http://127.0.0.1:");
    assert_eq!(daemon.interrupt(), Some(0));
    let summary = fs::read_to_string(json).unwrap();
    assert!(summary.contains("\"realtime_heap_operations\": 0"), "{summary}");
    assert_eq!(play(&rig, "rig").interrupt(), Some(0));
}

/// Word for word but for what the decoder's maker wrote.
#[test]
fn check_prints_what_would_run() {
    let rig = Rig::new();
    rig.decoder(&[("description = \"", "description = \"A decoder.\" #")]);
    fs::write(rig.path("rig.toml"), GOOD).unwrap();
    let config = rig.path("rig.toml");
    let (code, absent, told) = ran(&rig, &["check", config.to_str().unwrap()]);
    assert_eq!(code, 0, "{told}");
    let mut lines: Vec<&str> = absent.lines().collect();
    let metrics: Vec<&str> = lines.drain(12..).collect();
    let proof = lines.remove(4);
    assert!(
        proof.starts_with("             ran on CPU (9 nodes on CPU); a run took 0.")
            && proof.contains(" golden windows ")
            && proof.ends_with(", 1e-4 permitted"),
        "{proof}"
    );
    let decoder =
        format!("  decoder    eegmmidb-s001-fists-feet 1.0.0 ({}...): A decoder.", &rig.model_hash()[..12]);
    assert_eq!(
        lines,
        [
            "pipeline p",
            "  stream     LSL stream with name 'rig'",
            "             not there now: checked against the decoder only",
            &*decoder,
            "  channels   FC3, FCz, FC4, C3, Cz, C4, CP3, CPz, CP4",
            "  chain      band-pass 1-45 Hz, Butterworth order 2",
            "             band-pass 8-30 Hz, Butterworth order 4",
            "             lets 8.0 to 29.5 Hz through and delays their middle by 42 ms",
            "             settles in 744 ms; windows are not trusted before, nor as long after a fault",
            "  window     160 samples (1000 ms), a decision every 62.5 ms",
            "  intent     smoothed over 0 ms, at 0.7 and above",
        ]
    );
    let (verdict, metrics) = metrics.split_last().unwrap();
    assert_eq!(*verdict, "no mistakes; not checked against a stream, none being there: p");
    assert_eq!(metrics.len(), 2, "{metrics:?}");
    assert!(metrics.iter().all(|m| m.starts_with("  trial_accuracy ")), "{metrics:?}");
    assert_eq!(ran(&rig, &["check", config.to_str().unwrap(), "--require-stream"]).0, 75);

    let _stream = play(&rig, "rig");
    let (code, there, told) = ran(&rig, &["check", config.to_str().unwrap()]);
    assert_eq!(code, 0, "{told}");
    assert_eq!(there.lines().nth(2), Some("             there: 64 channels at 160 Hz, double64; fits"));
}
