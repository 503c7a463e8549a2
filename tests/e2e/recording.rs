//! Sessions are recorded whole, read by others, and decide the same again.

use bci_tests::{Child, Daemon, Outlet, RATE, Section, Signal, Source, Subscriber, World, Xdf};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Duration;

const FOUND: Duration = Duration::from_secs(20);
const SOON: Duration = Duration::from_secs(30);

/// A configuration's part that records into `folder` from the start.
pub(crate) fn recording_to(folder: &Path, more: &str) -> String {
    format!("[recording]\nfolder = {folder:?}\nparticipant = \"P1\"\ntask = \"imagery\"\n{more}")
}

/// Where run `run` of it is.
pub(crate) fn run(folder: &Path, run: u32) -> PathBuf {
    folder.join(format!("sub-P1/ses-S001/eeg/sub-P1_ses-S001_task-imagery_run-{run:03}_eeg.xdf"))
}

/// Replays a recording: whether all is equal, and what was found.
pub(crate) fn replay(world: &World, file: &Path) -> (bool, Value) {
    let json = world.file("replay.json");
    let mut child = world.bcid("replay", &[&file.to_string_lossy(), "--json", &json.to_string_lossy()]);
    let code = child.wait(SOON);
    let text = std::fs::read_to_string(json).expect("written");
    (code == 0, serde_json::from_str(&text).expect("JSON"))
}

#[test]
fn a_session_is_recorded_sample_for_sample_and_replayed_bit_for_bit() {
    let world = World::new("recorded");
    let (stream, markers) = (world.name("eeg"), world.name("cues"));
    let folder = world.file("study");
    let source = Source::one(&stream).with_markers(&markers);
    let signal = Section::between(4.0, 14.0).of_channels(source.labels).signal(&world);
    let more = format!("[[markers]]\nname = {markers:?}\n{}", recording_to(&folder, ""));
    let mut outlet = Outlet::announce(&world, &source, &signal);
    let daemon = Daemon::with(&world, "daemon", &stream, &more, &[]);
    let mut subscriber = Subscriber::to(&world, &daemon);
    let playing = outlet.play(&[(160, "T1"), (480, "T2"), (900, "a <b> & \u{e9}")]);
    let sent = outlet.sent();
    subscriber.have_markers(3, SOON);
    std::thread::sleep(Duration::from_millis(500));
    drop(outlet);
    daemon.stop(Signal::Int).assert_sound();
    subscriber.until_end(SOON);

    let file = run(&folder, 1);
    let xdf = &Xdf::read(&world, std::slice::from_ref(&file), Some(&signal))[0];
    let raw = xdf.stream(&stream);
    assert_eq!((raw.kind.as_str(), raw.format.as_str(), raw.rate), ("EEG", "float32", RATE));
    assert_eq!(raw.samples as u64, sent.frames, "every sample");
    assert_eq!(raw.like_signal, Some(true), "as it was sent");
    let first = raw.first_s.expect("samples");
    assert!((first - playing.begin).abs() < 1e-6, "{first} is not {}", playing.begin);
    let texts = xdf.stream(&markers).texts.clone().expect("texts");
    assert_eq!(texts.iter().map(|(_, t)| t.as_str()).collect::<Vec<_>>(), ["T1", "T2", "a <b> & \u{e9}"]);
    assert!((texts[1].0 - playing.begin - 480.0 / RATE).abs() < 1e-6);
    let intents = subscriber.intents();
    let lines = xdf.stream("bcid-intents-p").texts.clone().expect("texts");
    assert!(intents.len() > 100 && lines.len() == intents.len(), "{} of {}", lines.len(), intents.len());
    for ((stamp, line), intent) in lines.iter().zip(&intents) {
        let line: Value = serde_json::from_str(line).expect("JSON");
        assert_eq!(line["seq"], intent.sequence);
        assert_eq!(line["newest_sample_ns"], intent.newest_ns);
        assert!((stamp - intent.newest_ns as f64 * 1e-9).abs() < 1e-6);
    }
    // By our own reader, twice.
    for _ in 0..2 {
        let (equal, found) = replay(&world, &file);
        assert!(equal, "{found}");
        assert_eq!(found["pipelines"][0]["equal"].as_u64(), Some(lines.len() as u64), "{found}");
    }
    let side = file.with_extension("bcid");
    let read = |name: &str| std::fs::read_to_string(side.join(name)).expect("beside the recording");
    let session: Value = serde_json::from_str(&read("session.json")).expect("JSON");
    assert!(session["ended"].is_string(), "{session}");
    assert_eq!(session["about"]["pipelines"][0]["decoder"]["model_sha256"], intents[0].decoder[2]);
    let latency: Value = serde_json::from_str(&read("latency.json")).expect("JSON");
    assert_eq!(latency["p"]["decode"]["count"].as_u64(), Some(lines.len() as u64));
    assert!(read("config.toml").contains("[recording]"));
}

#[test]
fn a_session_whose_source_was_started_anew_is_replayed_bit_for_bit() {
    let world = World::new("anew");
    let stream = world.name("eeg");
    let folder = world.file("study");
    let daemon = Daemon::with(&world, "daemon", &stream, &recording_to(&folder, ""), &[]);
    let mut subscriber = Subscriber::to(&world, &daemon);
    for _ in 0..3 {
        let outlet = Outlet::looping(&world, &Source::one(&stream));
        subscriber.until_state("STREAMING", FOUND);
        subscriber.until_intents(40, SOON);
        outlet.signal(Signal::Kill);
        subscriber.until_state("LOST", SOON);
    }
    let _ = daemon.stop(Signal::Int);
    let (equal, found) = replay(&world, &run(&folder, 1));
    assert!(equal, "{found}");
    assert!(found["pipelines"][0]["equal"].as_u64() >= Some(120), "{found}");
}

#[test]
fn recordings_are_begun_and_ended_from_outside_and_say_how_they_are() {
    let world = World::new("remote");
    let stream = world.name("eeg");
    let folder = world.file("study");
    let more = format!("[recording]\nfolder = {folder:?}\nat_start = false\ntask = \"imagery\"\n");
    let _outlet = Outlet::looping(&world, &Source::one(&stream));
    let daemon = Daemon::with(&world, "daemon", &stream, &more, &[]);
    let mut subscriber = Subscriber::to(&world, &daemon);
    subscriber.until("valid intent", FOUND, |e| e.intent().is_some_and(|i| i.valid));
    let server = format!("http://{}", daemon.address());
    let record = |what: &str, args: &[&str]| -> (i32, String) {
        let mut child: Child = world.bcid("record", &[&[what, "--server", &server], args].concat());
        let code = child.wait(SOON);
        (code, child.rest(SOON))
    };
    assert_eq!(record("status", &[]), (0, "nothing has been recorded yet\n".to_owned()));
    let status = || -> Value {
        let file = world.file("status.json");
        assert_eq!(record("status", &["--json", &file.to_string_lossy()]).0, 0);
        serde_json::from_str(&std::fs::read_to_string(file).expect("written")).expect("JSON")
    };
    assert_eq!(status()["running"], false);
    assert_eq!(record("stop", &[]).0, 1, "nothing runs");
    assert_eq!(record("start", &[]).0, 64, "nobody is named");
    assert_eq!(record("start", &["--participant", "../x"]).0, 64, "no name");
    assert_eq!(record("start", &["--participant", ""]).0, 64, "nobody");
    let (code, told) = record("start", &["--participant", "P_1"]);
    assert!(code == 64, "no label of BIDS: {told}");
    assert!(!folder.exists(), "nothing was begun");
    let (code, told) = record("start", &["--participant", "P1"]);
    assert!(code == 0 && told.contains("_run-001_eeg.xdf"), "{told}");
    assert_eq!(record("start", &["--participant", "P2"]).0, 1, "one runs");
    let now = status();
    assert!(
        now["running"] == true && now["path"].as_str().is_some_and(|p| p.ends_with("_run-001_eeg.xdf")),
        "{now}"
    );
    assert!(
        now["trouble"].is_null() && now["streams"].as_array().is_some_and(|all| !all.is_empty()),
        "{now}"
    );
    subscriber.until_intents(20, SOON);
    let (code, told) = record("stop", &[]);
    assert!(code == 0 && told.contains("recorded ") && told.contains("bcid-intents-p"), "{told}");
    assert_eq!(record("start", &["--participant", "P1"]).0, 0, "another run");
    subscriber.until_intents(20, SOON);
    assert_eq!(record("stop", &[]).0, 0);
    // Begun with filters that know nothing before it.
    let (code, told) = record("start", &["--participant", "P1", "--afresh"]);
    assert!(code == 0 && told.contains("_run-003_eeg.xdf"), "{told}");
    subscriber.until("settled again", SOON, |e| e.intent().is_some_and(|i| !i.valid));
    subscriber.until("valid again", SOON, |e| e.intent().is_some_and(|i| i.valid));
    subscriber.until_intents(40, SOON);
    let _ = daemon.stop(Signal::Int);
    let (equal, found) = replay(&world, &run(&folder, 3));
    assert!(equal && found["pipelines"][0]["equal"].as_u64() >= Some(40), "{found}");
    let files = [run(&folder, 1), run(&folder, 2)];
    for xdf in Xdf::read(&world, &files, None) {
        let raw = xdf.stream(&stream);
        assert!(raw.samples > 100 && raw.in_order, "{raw:?}");
        assert!(xdf.stream("bcid-intents-p").samples >= 15);
    }
    // Its filters had a history that is not in it.
    let mut child = world.bcid("replay", &[&files[0].to_string_lossy()]);
    assert_eq!(child.wait(SOON), 78);
}

/// The cue of the trial that runs when the recording begins is not in it: neither the daemon nor the replay learns from that.
#[test]
fn a_recording_begun_within_a_trial_is_replayed_with_all_that_adapts() {
    let world = World::new("within");
    let (stream, markers) = (world.name("eeg"), world.name("cues"));
    let (decoder, folder) = (world.file("decoder"), world.file("study"));
    let runs = ["05", "06", "09"].map(|n| format!("models/data/eegmmidb/S001R{n}.edf"));
    let out = decoder.to_string_lossy().into_owned();
    let [a, b, c] = &runs;
    let mut fit =
        world.bcid("fit", &["--task", "eegmmidb-fists-feet", "--out", &out, "--recordings", a, b, c]);
    assert_eq!(fit.wait(SOON), 0, "{}", fit.rest(SOON));
    let source = Source::one(&stream).with_markers(&markers);
    let mut outlet = Outlet::announce(
        &world,
        &source,
        &Section::between(4.0, 30.0).of_channels(source.labels).signal(&world),
    );
    let text = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\nanonymous = [\"intents:read\", \"calibrate\"]\n[[markers]]\nname = {markers:?}\n[recording]\nfolder = {folder:?}\n\
         at_start = false\nparticipant = \"P1\"\ntask = \"imagery\"\n[[pipeline]]\nname = \"p\"\ndecoder = {decoder:?}\n\
         [pipeline.stream]\nname = {stream:?}\n[pipeline.adapt]\nmarkers = [\"T1\", \"T2\"]\nfrom_s = 0.5\nto_s = 4\nanew = true\n\
         [pipeline.intent]\nthreshold = 0.7\n"
    );
    let daemon = Daemon::configured(&world, "daemon", &text);
    let mut subscriber = Subscriber::to(&world, &daemon);
    outlet.play(&[(480, "T1"), (1120, "T2"), (1920, "T1"), (2720, "T2")]);
    subscriber.have_markers(2, SOON);
    let server = format!("http://{}", daemon.address());
    let mut start = world.bcid("record", &["start", "--afresh", "--server", &server]);
    assert_eq!(start.wait(SOON), 0, "{}", start.rest(SOON));
    subscriber.have_markers(4, SOON);
    let sent = outlet.sent();
    assert!(sent.frames > 4000);
    assert_eq!(daemon.stop(Signal::Int).code, 0);
    let file = run(&folder, 1);
    let (equal, found) = replay(&world, &file);
    assert!(equal && found["pipelines"][0]["equal"].as_u64() >= Some(60), "{found}");
    // What was learned shows: without the later trials it would not be the same.
    let config = std::fs::read_to_string(file.with_extension("bcid").join("config.toml")).expect("beside it");
    let other = world.write("other.toml", &config.replace("to_s = 4\n", "to_s = 0.6\n"));
    let args = [&*file.to_string_lossy(), "--config", &other.to_string_lossy(), "--decoder", &out];
    let mut child = world.bcid("replay", &args);
    assert_eq!(child.wait(SOON), 1);
    assert!(child.rest(SOON).contains("DIFFERS"));
}

#[test]
fn two_daemons_with_one_folder_take_a_run_each_and_neither_moves_the_others_aside() {
    let world = World::new("two");
    let stream = world.name("eeg");
    let folder = world.file("study");
    let _outlet = Outlet::looping(&world, &Source::one(&stream));
    let daemons =
        ["first", "second"].map(|name| Daemon::with(&world, name, &stream, &recording_to(&folder, ""), &[]));
    for daemon in &daemons {
        let mut subscriber = Subscriber::to(&world, daemon);
        subscriber.until("valid intent", FOUND, |e| e.intent().is_some_and(|i| i.valid));
    }
    // The second one is asked for the run that the first one writes.
    let server = format!("http://{}", daemons[1].address());
    let mut stop = world.bcid("record", &["stop", "--server", &server]);
    assert_eq!(stop.wait(SOON), 0);
    let mut start = world.bcid("record", &["start", "--server", &server, "--run", "1"]);
    assert_eq!(start.wait(SOON), 1, "{}", start.rest(SOON));
    let [first, second] = daemons;
    first.stop(Signal::Int).assert_sound();
    second.stop(Signal::Int).assert_sound();
    for n in [1, 2] {
        let (equal, found) = replay(&world, &run(&folder, n));
        assert!(equal, "run {n}: {found}");
    }
    assert!(!run(&folder, 3).exists());
}
