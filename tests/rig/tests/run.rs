//! The rig itself, on a stream that any build can follow.

use serde_json::Value;
use std::path::Path;
use std::process::Command;

#[test]
fn a_small_stream_arrives_whole_and_becomes_features() {
    let output = Command::new(env!("CARGO_BIN_EXE_bci-rig"))
        .args(["run", "--channels", "16", "--rate-hz", "15000", "--chunk-frames", "15", "--seconds", "3"])
        .output()
        .expect("the rig runs");
    let (told, failed) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{told}{failed}");
    assert!(
        told.contains("45000 of 45000 came") && told.contains("missing 0, repeated 0, wrong 0"),
        "{told}"
    );
    assert!(told.contains("150 bins of 32 features"), "{told}");
    // Synthetic white noise of 100 uV^2 up to 7500 Hz, of which 300 to 6000 Hz hold 76 %.
    let power = told.split("mean power ").nth(1).and_then(|rest| rest.split(' ').next()).expect("a power");
    let power: f64 = power.parse().expect("a number");
    assert!((70.0..82.0).contains(&power), "{power} uV^2");
}

#[test]
fn the_default_steps_for_depth_electrodes_run_on_their_contacts() {
    let rig = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/config/seeg.toml");
    let json = Path::new(env!("CARGO_TARGET_TMPDIR")).join("seeg.json");
    let run = |most: &str, seconds: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_bci-rig"))
            .args(["run", "--channels", "16", "--shaft-contacts", "8", "--rate-hz", "2000"])
            .args(["--chunk-frames", "10", "--pull-frames", "10", "--seconds", seconds, "--rig", rig])
            .args(["--most-core-percent", most, "--json"])
            .arg(&json)
            .output()
            .expect("the rig runs");
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.success(), told, String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (held, told, failed) = run("90", "5");
    assert!(held, "{told}{failed}");
    assert!(told.contains("10000 of 10000 came") && told.contains("acquisition with liblsl"), "{told}");
    // Two shafts of eight contacts are 14 pairs.
    assert!(told.contains("100 windows of 14 features") && told.contains("gaps 0"), "{told}");
    // Synthetic white noise of 100 uV^2 up to 1000 Hz: a pair has twice that, 70 to 170 Hz a tenth, less what two notches of
    // 1.7 Hz take. The mean amplitude of narrow noise is sqrt(pi / 2) of its deviation: 5.5 uV.
    let mean = told.split("mean ").nth(1).and_then(|rest| rest.split(' ').next()).expect("a mean");
    let mean: f64 = mean.parse().expect("a number");
    assert!((5.1..5.9).contains(&mean), "{mean} uV");
    let figures: Value =
        serde_json::from_str(&std::fs::read_to_string(&json).expect("figures")).expect("JSON");
    let core = |key: &str| figures["core_percent"][key].as_f64().expect("a share");
    assert!(core("total") > 0.0 && (core("acquisition") + core("signal") - core("total")).abs() < 1e-9);
    assert_eq!((&figures["channels"], &figures["frames_lost"]), (&Value::from(16), &Value::from(0)));
    assert!(figures["latency_ms"]["p50"].as_f64().is_some_and(|ms| ms > 0.0));

    let (held, told, failed) = run("0.001", "2");
    assert!(!held && failed.contains("% of a core, not less than 0.001 %"), "{told}{failed}");
}
