//! `bcid export bids`: what it prints, and what it refuses.

#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use bci_driver_playback::open;
use support::Rig;

const RUNS: [&str; 2] = ["models/data/eegmmidb/S001R06.edf", "models/data/eegmmidb/S001R10.edf"];

fn ran(rig: &Rig, args: &[&str]) -> (i32, String, String) {
    let set = rig.path("set");
    let output = rig.bcid(&["export", "bids", "--out", set.to_str().unwrap()]).args(args).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn a_recording_is_exported_once() {
    let rig = Rig::new();
    let args = [RUNS[0], "--participant", "S001", "--task", "imagery", "--run", "6", "--line-hz", "60"];
    let (code, printed, told) = ran(&rig, &args);
    assert_eq!((code, told.as_str()), (0, ""), "{printed}");
    let header = rig.path("set/sub-S001/eeg/sub-S001_task-imagery_run-6_eeg.vhdr");
    let first = format!("{} from {}: 64 channels, 20000 frames, 30 events", header.display(), RUNS[0]);
    let unsaid = "\"n/a\" stands in _eeg.json for what was not given: --reference, --ground, --placement";
    assert_eq!(printed.lines().collect::<Vec<_>>(), [first.as_str(), unsaid]);
    assert_eq!(open(&header).unwrap().groups()[0].frames(), 20_000);
    let (code, printed, told) = ran(&rig, &args);
    assert_eq!((code, printed.as_str()), (78, ""));
    assert!(told.contains("sub-S001_task-imagery_run-6_") && told.contains("is not overwritten"), "{told}");
}

#[test]
fn all_mistakes_of_all_recordings_are_told_and_nothing_is_written() {
    let rig = Rig::new();
    let (code, _, told) = ran(&rig, &[RUNS[0], "nowhere.edf", RUNS[1], "--session", "a-b"]);
    assert_eq!(code, 78);
    for part in
        ["bcid: 7 mistakes", "S001R06.edf: no participant", "S001R10.edf: no task", "nowhere.edf", "\"a-b\""]
    {
        assert!(told.contains(part), "{part}: {told}");
    }
    let (code, _, told) = ran(&rig, &[RUNS[0], RUNS[1], "--participant", "1", "--task", "x"]);
    assert!(code == 78 && told.contains("would both be sub-1_task-x_eeg"), "{told}");
    let (code, _, told) = ran(&rig, &["--participant", "1"]);
    assert!(code == 64, "{told}");
    assert!(!rig.path("set").exists());
}
