//! What is wrong with a configuration is told all at once, with exit code 78 and nothing started.

#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::fs;
use std::net::TcpListener;
use support::{GOOD, Rig, play};

/// One mistake in the file: the one line that tells it must hold these parts.
fn one_mistake(change: (&str, &str), parts: &[&str]) {
    let rig = Rig::new();
    rig.decoder(&[]);
    let told = rig.refused(&[change], &[]);
    assert_eq!(told.len(), 1, "{told:#?}");
    for part in parts {
        assert!(told[0].contains(part), "{part:?} in {told:?}");
    }
}

#[test]
fn an_unknown_key() {
    one_mistake(
        ("window_ms = ", "windw_ms = "),
        &["windw_ms at rig.toml:12: ", "unknown key; did you mean `window_ms`?"],
    );
}

#[test]
fn a_band_above_the_nyquist_frequency() {
    one_mistake(
        ("high_hz = 45.0", "high_hz = 80.0"),
        &[
            "band_pass.high_hz = 80.0 at rig.toml:13: must be above 0 and below 80 Hz, half of the rate there, 160 Hz",
        ],
    );
}

#[test]
fn a_wrong_window() {
    one_mistake(
        ("1000", "500"),
        &["window_ms = 500 at rig.toml:12: must be 1000 ms", "needs 160 samples at 160 Hz"],
    );
}

#[test]
fn a_bad_threshold() {
    one_mistake(("0.7", "1.5"), &["threshold = 1.5 at rig.toml:16: must be above 0, up to 1"]);
}

/// Left out, it is the decoder's; where that states none, the table that lacks it is told.
#[test]
fn a_threshold_that_nobody_states() {
    one_mistake(
        ("threshold = 0.7", ""),
        &[
            "rig.toml:15: `pipeline[0].intent.threshold` is missing, and the decoder eegmmidb-s001-fists-feet states none",
        ],
    );
    let rig = Rig::new();
    rig.decoder(&[("[provenance]", "[intent]\nthreshold = 0.62\nsmoothing_ms = 750\n\n[provenance]")]);
    fs::write(rig.path("rig.toml"), GOOD.replace("threshold = 0.7", "")).unwrap();
    let checked = rig.bcid(&["check", rig.path("rig.toml").to_str().unwrap()]).output().unwrap();
    let told = String::from_utf8(checked.stdout).unwrap();
    assert!(
        checked.status.success()
            && told.contains("smoothed over 750 ms, at 0.62 and above, as the decoder states"),
        "{told}"
    );
    let inspected =
        rig.bcid(&["decoder", "inspect", rig.path("decoder").to_str().unwrap()]).output().unwrap();
    let told = String::from_utf8(inspected.stdout).unwrap();
    assert!(told.contains("intent\n  smoothing_ms: 750\n  threshold: 0.62\n"), "{told}");
    // What is wrong with it is told once, and not as if there were none.
    rig.decoder(&[("[provenance]", "[intent]\nthreshold = 0.5\nsmoothing_ms = 750\n\n[provenance]")]);
    let told = rig.refused(&[("threshold = 0.7", "")], &[]);
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(
        told[0].contains(&format!(
            "intent.threshold = 0.5 at decoder/decoder.toml:{}: must be above 0.500",
            rig.line("threshold")
        )),
        "{told:?}"
    );
}

#[test]
fn a_missing_decoder() {
    one_mistake(
        ("\"decoder\"", "\"nowhere\""),
        &["decoder = \"nowhere\" at rig.toml:6: nowhere is no folder"],
    );
}

#[test]
fn no_word_on_which_stream() {
    one_mistake(("name = \"rig\"", ""), &["rig.toml:8: must say which stream: at least one of name, type"]);
}

#[test]
fn a_priority_that_is_none() {
    one_mistake(
        ("[[pipeline]]", "[realtime]\npriority = 100\n[[pipeline]]"),
        &["realtime.priority = 100 at rig.toml:5: must be between 3 and 99"],
    );
}

#[test]
fn a_time_to_wake_that_is_none() {
    one_mistake(
        ("[[pipeline]]", "[realtime]\ncpu_latency_us = 1001\n[[pipeline]]"),
        &["realtime.cpu_latency_us = 1001 at rig.toml:5: must be between 0 and 1000 us"],
    );
}

#[test]
fn a_device_that_is_none_and_one_that_is_not_there() {
    let rig = Rig::new();
    rig.decoder(&[]);
    let at = "decoder = \"decoder\"\n";
    let told = rig.refused(&[(at, &format!("{at}device = \"gpu\"\n"))], &[]);
    assert_eq!(
        told,
        ["pipeline[0].device = \"gpu\" at rig.toml:7: must be \"cpu\", \"cuda\" or \"prefer_cuda\""]
    );
    // The library that set-up fetches runs on processors only.
    if std::env::var_os("BCID_ONNXRUNTIME").is_none() {
        let told = rig.refused(&[(at, &format!("{at}device = \"cuda\"\n"))], &[]);
        assert!(
            told.len() == 1 && told[0].contains("the model cannot be loaded: CUDA does not load: "),
            "{told:?}"
        );
    }
}

#[test]
fn two_pipelines_of_one_name() {
    let rig = Rig::new();
    rig.decoder(&[]);
    let second = GOOD.split_once("\n\n").unwrap().1;
    let told = rig.refused(&[(second, &format!("{second}\n{second}"))], &[]);
    assert_eq!(told, ["pipeline[1] at rig.toml:18: two pipelines are named \"p\""]);
}

/// In the file and on the command line alike.
#[test]
fn an_address_that_others_can_reach() {
    let rig = Rig::new();
    rig.decoder(&[]);
    let refused = |told: &[String], at: &str| {
        assert!(told.len() == 2, "{told:?}");
        assert!(told[0].starts_with(&format!("{at}: is reachable")), "{told:?}");
        assert!(told[1].starts_with(&format!("{at}: nobody may come in")), "{told:?}");
    };
    refused(
        &rig.refused(&[("127.0.0.1:0", "0.0.0.0:0")], &[]),
        "server.listen = \"0.0.0.0:0\" at rig.toml:2",
    );
    refused(&rig.refused(&[], &["--listen", "[::]:0"]), "server.listen = [::]:0 at --listen");
    // Told in as many words, it is another matter, but for who may come in.
    let open =
        "0.0.0.0:0\"\nplaintext_beyond_loopback = true\nanonymous = [\"intents\"]\nmax_connections = 0 #\"";
    let told = rig.refused(&[("127.0.0.1:0", open)], &[]);
    assert_eq!(
        told,
        [
            "server.anonymous = [\"intents\"] at rig.toml:4: \"intents\" is no scope; there are intents:read, streams:read, decoders:write, calibrate, admin",
            "server.max_connections = 0 at rig.toml:5: must be between 1 and 100000",
        ]
    );
}

/// What is wrong with a token does not show it.
#[test]
fn tokens_and_certificates() {
    let rig = Rig::new();
    rig.decoder(&[]);
    let hash = "0".repeat(64);
    let more = format!(
        "127.0.0.1:0\"\n[server.tls]\ncertificate = \"no.pem\"\nkey = \"rig.toml\"\n[[server.token]]\nname = \"a b\"\nsha256 = \"my-secret\"\nscopes = [\"admin\"]\nexpires = \"2026-02-30\"\n[[server.token]]\nname = \"c\"\nsha256 = \"{hash}\"\n#\""
    );
    let mut told = rig.refused(&[("127.0.0.1:0", &more)], &[]);
    told.iter_mut().for_each(|line| {
        if let Some(at) = line.find(" is no file") {
            *line = line[at + 1..].to_owned();
        }
    });
    told.sort();
    assert_eq!(
        told,
        [
            "is no file",
            "rig.toml:11: `server.token[1].scopes` is missing",
            "server.token[0].expires = \"2026-02-30\" at rig.toml:10: must be a day, such as \"2027-03-31\", at whose end in UTC it expires",
            "server.token[0].name = \"a b\" at rig.toml:7: must be 1 to 64 letters, digits, -, _, . or @",
            "server.token[0].sha256 = […] at rig.toml:8: must be the token's SHA-256, 64 hexadecimal digits: `bcid token NAME` tells it",
        ]
    );
    let told = rig.refused(
        &[(
            "127.0.0.1:0",
            "127.0.0.1:0\"\n[server.tls]\ncertificate = \"rig.toml\"\nkey = \"rig.toml\"\n#\"",
        )],
        &[],
    );
    assert!(told.len() == 1 && told[0].contains("holds no certificate"), "{told:?}");
}

/// Rules that no decoder could follow, all at once.
#[test]
fn rules_of_intents_and_velocities() {
    let rig = Rig::new();
    rig.decoder(&[]);
    let wrong = "[pipeline.intent]\nrelease = 0.99\nrest = [\"idle\"]\ndwell_ms = -1\n";
    let more = "[arbitration]\norder = [\"p\", \"q\"]\n[[markers]]\nname = \"m\"\n";
    let velocity = "[pipeline.velocity]\ndead_zone = 1\n[[pipeline.velocity.axis]]\naxis = \"x\"\nplus = \"up\"\n[[pipeline.velocity.axis]]\naxis = \"x\"\n";
    let told = rig.refused(&[("[pipeline.intent]\n", wrong)], &[]);
    assert!(
        told.iter().any(|line| line.contains("pipeline[0].intent.release = 0.99")
            && line.contains("must be up to the threshold")),
        "{told:?}"
    );
    assert!(told.iter().any(|line| line.contains("has no class \"idle\"; it has")), "{told:?}");
    assert!(
        told.iter().any(|line| line.contains("pipeline[0].intent.dwell_ms = -1")
            && line.contains("between 0 and 60000 ms")),
        "{told:?}"
    );
    let told = rig.refused(&[("[pipeline.intent]\n", &format!("{velocity}[pipeline.intent]\n"))], &[]);
    for part in ["dead_zone = 1", "two axes have this name", "which class drives it"] {
        assert!(told.iter().any(|line| line.contains(part)), "{part}: {told:?}");
    }
    assert!(told.iter().any(|line| line.contains("has no class \"up\"")), "{told:?}");
    let told = rig.refused(&[("[[pipeline]]\n", &format!("{more}[[pipeline]]\n"))], &[]);
    assert!(told.len() == 1 && told[0].contains("there is no pipeline \"q\""), "{told:?}");
    let gathering = "[pipeline.intent.accumulate]\nleak_ms = 0\n[pipeline.intent]\ndwell_ms = 100\n";
    let told = rig.refused(&[("[pipeline.intent]\n", gathering)], &[]);
    assert!(told.iter().any(|line| line.contains("must be left out beside `accumulate`")), "{told:?}");
    assert!(told.iter().any(|line| line.contains("accumulate.leak_ms = 0")), "{told:?}");
}

#[test]
fn a_busy_port() {
    let rig = Rig::new();
    rig.decoder(&[]);
    let busy = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = busy.local_addr().unwrap().to_string();
    let told = rig.refused(&[("127.0.0.1:0", &address)], &[]);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].starts_with(&format!("server.listen = \"{address}\" at rig.toml:2: cannot be listened on: ")),
        "{told:?}"
    );
    // It is the other one's still: whoever asks gets an answer from it.
    assert!(std::net::TcpStream::connect(&address).is_ok());
}

#[test]
fn broken_models() {
    let rig = Rig::new();
    rig.decoder(&[]);
    let hash = rig.model_hash();
    let model = rig.path("decoder/model.onnx");
    let whole = fs::read(&model).unwrap();
    let changed = format!(
        "model.sha256 = \"{hash}\" at decoder/decoder.toml:9: the file decoder/model.onnx has SHA-256 "
    );
    fs::write(&model, &whole[..whole.len() / 2]).unwrap();
    let told = rig.refused(&[], &[]);
    assert!(told.len() == 1 && told[0].starts_with(&changed), "truncated: {told:?}");
    fs::remove_file(&model).unwrap();
    let told = rig.refused(&[], &[]);
    assert!(
        told.len() == 1 && told[0].starts_with("model.file = \"model.onnx\" at decoder/decoder.toml:8: "),
        "{told:?}"
    );
    // Garbage of which the bundle says the right hash.
    fs::write(&model, "no model").unwrap();
    let toml = fs::read_to_string(rig.path("decoder/decoder.toml")).unwrap();
    let right = bci_models::bundle::sha256_hex(b"no model");
    fs::write(rig.path("decoder/decoder.toml"), toml.replace(&hash, &right)).unwrap();
    let told = rig.refused(&[], &[]);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].starts_with("model.file = \"model.onnx\" at decoder/decoder.toml:8: ")
            && told[0].contains("model.onnx is no ONNX model: "),
        "{told:?}"
    );
}

/// Six mistakes of six kinds, in three places, found in one run; the stream is there.
#[test]
fn every_kind_of_mistake_at_once() {
    let rig = Rig::new();
    let _stream = play(&rig, "rig");
    rig.decoder(&[]);
    let model = rig.path("decoder/model.onnx");
    let whole = fs::read(&model).unwrap();
    fs::write(&model, &whole[..whole.len() - 1]).unwrap();
    let busy = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = busy.local_addr().unwrap().to_string();
    let told = rig.refused(
        &[
            ("127.0.0.1:0", &address),
            ("window_ms = 1000", "window_ms = 500\nhops_ms = 10\nchannels = [\"FC3\", \"FCz\", \"FC4\", \"C3\", \"Cz\", \"C4\", \"CP3\", \"CPz\", \"CP4\", \"T99\"]"),
            ("high_hz = 45.0", "high_hz = 90.0"),
        ],
        &[],
    );
    let expected = [
        format!("server.listen = \"{address}\" at rig.toml:2: cannot be listened on: "),
        "pipeline[0].signal.window_ms = 500 at rig.toml:12: must be 1000 ms: ".to_owned(),
        "pipeline[0].signal.hops_ms at rig.toml:13: unknown key; did you mean `hop_ms`?".to_owned(),
        "at rig.toml:14: the stream rig lacks T99, which the configuration names; it has ".to_owned(),
        "pipeline[0].signal.steps[0].band_pass.high_hz = 90.0 at rig.toml:15: must be above 0 and below 80 Hz".to_owned(),
        "at decoder/decoder.toml:9: the file decoder/model.onnx has SHA-256 ".to_owned(),
    ];
    assert_eq!(told.len(), expected.len(), "{told:#?}");
    for part in expected {
        assert_eq!(told.iter().filter(|t| t.contains(&part)).count(), 1, "{part:?} once in {told:#?}");
    }
}

/// The decoder's own labels are missing from the stream; and what can be told without any decoder is told.
#[test]
fn a_stream_that_is_there_is_held_against_decoder_and_configuration() {
    let rig = Rig::new();
    let _stream = play(&rig, "rig");
    rig.decoder(&[("\"C3\", ", "\"C33\", ")]);
    let told = rig.refused(&[], &[]);
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(told[0].contains(&format!("at decoder/decoder.toml:{}: the stream rig lacks C33, which the decoder eegmmidb-s001-fists-feet needs; it has Fc5, Fc3, ", rig.line("channels = "))), "{told:?}");
    let told = rig
        .refused(&[("decoder = \"decoder\"\n", ""), ("high_hz = 45.0", "high_hz = 90.0"), ("0.7", "0")], &[]);
    let expected = [
        "rig.toml:4: `pipeline[0].decoder` is missing",
        "high_hz = 90.0 at rig.toml:12: must be above 0 and below 80 Hz, half of the rate there, 160 Hz",
        "threshold = 0 at rig.toml:15: must be above 0, up to 1",
    ];
    assert_eq!(told.len(), expected.len(), "{told:#?}");
    for (told, part) in told.iter().zip(expected) {
        assert!(told.contains(part), "{part} in {told}");
    }
}
