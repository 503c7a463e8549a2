//! The rig itself, on a stream that any build can follow.

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
