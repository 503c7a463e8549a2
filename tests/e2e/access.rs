//! Who comes in, and who does not: from outside, by a gRPC stack that nobody here wrote.

use bci_tests::{Client, Daemon, Intruder, Outlet, Pipeline, Signal, Source, Subscriber, World};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use serde_json::{Value, json};
use std::time::Duration;

const SUBSCRIBE: &str = "/bci.v1.IntentService/Subscribe";
const STATUS: &str = "/bci.v1.TelemetryService/GetStatus";
const DISCARD: &str = "/bci.v1.DecoderService/DiscardCandidate";
const MARK: &str = "/bci.v1.ControlService/Mark";
/// `MarkRequest` with the text "x".
const MARK_X: &str = "0a0178";

/// An authority, and what it signs, as files in PEM.
struct Authority {
    params: CertificateParams,
    key: KeyPair,
}

impl Authority {
    fn new(world: &World, name: &str) -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let own = params.self_signed(&key).expect("signed");
        let _ = world.write(&format!("{name}.pem"), &own.pem());
        Self { params, key }
    }

    /// A certificate for this machine, valid until a year.
    fn sign(&self, world: &World, name: &str, until: i32) {
        let key = KeyPair::generate().expect("a key");
        let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
        let mut params = CertificateParams::new(names).expect("names");
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(until, 1, 1);
        let signed = params.signed_by(&key, &Issuer::from_params(&self.params, &self.key)).expect("signed");
        let _ = world.write(&format!("{name}.pem"), &signed.pem());
        let _ = world.write(&format!("{name}.key"), &key.serialize_pem());
    }
}

fn pem(world: &World, name: &str) -> Value {
    json!(world.file(name))
}

/// A token, and the table for it, of the daemon's own command.
fn token(name: &str, scopes: &[&str], more: &str) -> (String, String) {
    let mut command = std::process::Command::new(bci_tests::bcid());
    command.args(["token", name]);
    scopes.iter().for_each(|scope| {
        command.args(["--scope", scope]);
    });
    let told = command.output().expect("it runs");
    let told = String::from_utf8(told.stdout).expect("text");
    let text = told.lines().find(|line| line.starts_with("bcid_")).expect("the token").to_owned();
    let table = told.split("\n[[server.token]]").nth(1).expect("a table");
    (text, format!("[[server.token]]{table}{more}\n"))
}

fn config(stream: &str, server: &str, tokens: &str) -> String {
    let pipeline = bci_tests::pipeline(&Pipeline { name: "p", stream });
    format!("[server]\nlisten = \"127.0.0.1:0\"\n{server}\n{tokens}\n{pipeline}")
}

#[test]
fn without_the_right_token_nothing_is_told_or_done_and_all_of_it_is_written_down() {
    let world = World::new("access");
    let stream = world.name("eeg");
    let (reader, first) = token("reader", &["intents:read", "streams:read"], "");
    let (operator, second) = token("operator", &["calibrate"], "");
    let (old, third) = token("old", &["admin"], "expires = \"2026-01-31\"");
    let text = config(&stream, "audit = \"audit.jsonl\"", &(first + &second + &third));
    let daemon = Daemon::configured(&world, "daemon", &text);
    let mut intruder = Intruder::at(&world, &daemon);
    let shown = |token: &str| json!({ "token": token });
    for method in [SUBSCRIBE, STATUS, DISCARD, MARK] {
        assert_eq!(intruder.call(method, &json!({})), "UNAUTHENTICATED", "{method}");
        assert_eq!(intruder.call(method, &shown("guess")), "UNAUTHENTICATED", "{method}");
        assert_eq!(intruder.call(method, &shown(&old)), "UNAUTHENTICATED", "{method}");
    }
    for wrong in ["", "Basic abc", "Bearer", "bearer  ", &format!("Bearer {}", &reader[..reader.len() - 1])] {
        assert_eq!(intruder.call(STATUS, &json!({ "authorization": wrong })), "UNAUTHENTICATED", "{wrong}");
    }
    assert_eq!(intruder.call(SUBSCRIBE, &shown(&reader)), "OK");
    assert_eq!(intruder.call(STATUS, &shown(&reader)), "OK");
    assert_eq!(intruder.call(DISCARD, &shown(&reader)), "PERMISSION_DENIED");
    assert_eq!(intruder.call(MARK, &shown(&reader)), "PERMISSION_DENIED");
    assert_eq!(intruder.call(STATUS, &shown(&operator)), "PERMISSION_DENIED");
    assert_eq!(intruder.call(MARK, &json!({ "token": operator, "hex": MARK_X })), "OK");
    let web = |intruder: &mut Intruder, headers: Value| {
        intruder.ask(&json!({ "ask": "web", "method": STATUS, "headers": headers }))["grpc"].clone()
    };
    assert_eq!(web(&mut intruder, json!({})), "16");
    assert_eq!(web(&mut intruder, json!({ "authorization": format!("Bearer {reader}") })), "0");
    let socket = |intruder: &mut Intruder, protocols: Value| {
        intruder.ask(&json!({ "ask": "socket", "path": "/v1/intents", "n": 1, "protocols": protocols }))
    };
    assert_eq!(socket(&mut intruder, json!([]))["status"], 401);
    assert_eq!(socket(&mut intruder, json!(["bcid.bearer.guess"]))["status"], 401);
    let told = socket(&mut intruder, json!(["bcid.v1", format!("bcid.bearer.{reader}")]));
    assert_eq!(
        (&told["status"], told["messages"][0]["stream"]["pipeline"].as_str()),
        (&json!(101), Some("p"))
    );
    assert_eq!(intruder.call("/bci.v1.IntentService/Everything", &shown(&reader)), "UNIMPLEMENTED");
    daemon.stop(Signal::Int).assert_sound();
    let audit = std::fs::read_to_string(world.file("audit.jsonl")).expect("the audit");
    let lines: Vec<Value> = audit.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let of = |who: &str, outcome: &str| {
        lines.iter().filter(|l| l["who"] == who && l["outcome"] == outcome).count()
    };
    assert_eq!(
        (of("operator", "done"), of("reader", "refused"), of("127.0.0.1", "refused")),
        (1, 2, 6),
        "{audit}"
    );
    let log = std::fs::read_to_string(world.file("daemon.log")).expect("the log");
    for (what, text) in [("audit", &audit), ("log", &log)] {
        for secret in [&reader, &operator, &old, "guess"] {
            assert!(!text.contains(secret), "a token stands in the {what}");
        }
    }
    assert!(log.contains("a request was refused"), "{log}");
}

#[test]
fn encryption_is_what_it_is_said_to_be_or_there_is_no_connection() {
    let world = World::new("tls");
    let stream = world.name("eeg");
    let (own, other) = (Authority::new(&world, "own"), Authority::new(&world, "other"));
    own.sign(&world, "server", 2100);
    own.sign(&world, "client", 2100);
    own.sign(&world, "expired", 2021);
    other.sign(&world, "stranger", 2100);
    let open = "anonymous = [\"intents:read\", \"streams:read\"]";
    let tls = |certificate: &str, more: &str| {
        format!(
            "{open}\n[server.tls]\ncertificate = \"{certificate}.pem\"\nkey = \"{certificate}.key\"\n{more}"
        )
    };
    let ca = |name: &str| json!({ "ca": pem(&world, name) });
    let with = |certificate: &str| {
        let key = pem(&world, &format!("{certificate}.key"));
        json!({ "ca": pem(&world, "own.pem"), "certificate": pem(&world, &format!("{certificate}.pem")), "key": key })
    };

    let daemon = Daemon::configured(&world, "daemon", &config(&stream, &tls("server", ""), ""));
    let mut intruder = Intruder::at(&world, &daemon);
    assert_eq!(intruder.call(STATUS, &ca("own.pem")), "OK");
    assert_eq!(intruder.call(STATUS, &ca("other.pem")), "UNAVAILABLE", "signed by nobody the client knows");
    assert_eq!(intruder.call(STATUS, &json!({})), "UNAVAILABLE", "in the clear");
    let version = |intruder: &mut Intruder, most: &str| intruder.ask(&json!({ "ask": "tls", "most": most }));
    assert!(version(&mut intruder, "1.1")["refused"].is_string(), "an old version");
    assert_eq!(version(&mut intruder, "1.2")["version"], "TLSv1.2");
    assert_eq!(version(&mut intruder, "1.3")["version"], "TLSv1.3");
    let command = |more: &[&str]| {
        let mut command = std::process::Command::new(bci_tests::bcid());
        command.args(["decoder", "list", "--server", &format!("https://{}", daemon.address())]).args(more);
        command.output().expect("it runs")
    };
    let trusted = world.file("own.pem");
    let listed = command(&["--ca", &trusted.to_string_lossy()]);
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    assert_eq!(command(&[]).status.code(), Some(75), "what the system does not trust is not trusted");
    daemon.stop(Signal::Int).assert_sound();

    let daemon = Daemon::configured(&world, "expired", &config(&stream, &tls("expired", ""), ""));
    let mut intruder = Intruder::at(&world, &daemon);
    assert_eq!(intruder.call(STATUS, &ca("own.pem")), "UNAVAILABLE", "expired");
    daemon.stop(Signal::Int).assert_sound();

    let mutual = tls("server", "client_ca = \"own.pem\"");
    let daemon = Daemon::configured(&world, "mutual", &config(&stream, &mutual, ""));
    let mut intruder = Intruder::at(&world, &daemon);
    assert_eq!(intruder.call(STATUS, &with("client")), "OK");
    assert_eq!(intruder.call(STATUS, &ca("own.pem")), "UNAVAILABLE", "no certificate");
    assert_eq!(intruder.call(STATUS, &with("stranger")), "UNAVAILABLE", "signed by a stranger");
    assert_eq!(intruder.call(STATUS, &with("expired")), "UNAVAILABLE", "a client's own, expired");
    daemon.stop(Signal::Int).assert_sound();
    let log = std::fs::read_to_string(world.file("mutual.log")).expect("the log");
    assert!(log.contains("no encrypted connection came about"), "{log}");
}

/// What no client says; none of it may end the daemon, or hold up who reads along.
#[test]
fn what_is_too_large_malformed_or_too_much_is_refused_and_disturbs_nobody() {
    let world = World::alone("abuse");
    let stream = world.name("eeg");
    let more = "max_connections = 500\nsocket = \"s\"\n[realtime]\npriority = 80";
    let daemon = Daemon::configured(&world, "daemon", &config(&stream, more, ""));
    let mut client = Client::of(&world, &daemon);
    let mut reader = Subscriber::to(&world, &daemon);
    let mut intruder = Intruder::at(&world, &daemon);
    let _outlet = Outlet::looping(&world, &Source::one(&stream));
    reader.until_intents(30, Duration::from_secs(20));

    let large = "0a".to_owned() + "80800c" + &"78".repeat(200_000);
    assert_eq!(intruder.call(SUBSCRIBE, &json!({ "hex": large })), "OUT_OF_RANGE", "a request of 200 KB");
    let headers = intruder.call(STATUS, &json!({ "authorization": "x".repeat(30_000) }));
    assert_ne!(headers, "OK", "headers of 30 KB");
    assert_eq!(
        intruder.call(SUBSCRIBE, &json!({ "hex": "ffffffff" })),
        "INTERNAL",
        "bytes that are no message"
    );
    let preface = "505249202a20485454502f322e300d0a0d0a534d0d0a0d0a";
    // SETTINGS, and then a frame that claims more than may be; a header block that never ends; noise.
    for bytes in [
        format!("{preface}000000040000000000ffffff0000000000001"),
        format!("{preface}00000004000000000000000101000000010000000101000000010000"),
        "16030100050100".to_owned() + &"00".repeat(400),
        "00".repeat(5000),
    ] {
        let even = &bytes[..bytes.len() & !1];
        let answer = intruder.ask(&json!({ "ask": "plain", "hex": even, "wait_s": 1 }));
        assert!(answer["got"].as_str().is_some_and(|got| !got.contains("bci.v1")), "{answer}");
    }
    let connected = intruder.ask(&json!({ "ask": "connect", "n": 10_000 }));
    assert!(connected["connected"].as_u64() > Some(9_000), "{connected}");
    let before = reader.intents().len();
    reader.until_intents(before + 60, Duration::from_secs(20));
    let kept = intruder.ask(&json!({ "ask": "connected" }))["connected"].as_u64();
    assert!(kept < Some(500), "no more than may be: {kept:?}");
    // The owner's way in is one of those that are counted; who said nothing is cut off in time for others to come.
    std::thread::sleep(Duration::from_secs(11));
    let kept = intruder.ask(&json!({ "ask": "connected" }))["connected"].as_u64();
    assert_eq!(kept, Some(0), "who says nothing is cut off");
    let mut late = Subscriber::to(&world, &daemon);
    late.until_intents(10, Duration::from_secs(20));
    let status = client.pipeline();
    let numbers: Vec<u64> = reader.intents().iter().map(|i| i.sequence).collect();
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "windows are missing: {numbers:?}");
    for (key, bound) in [("windows_skipped", 0), ("samples_lost", 0), ("decoder_faults", 0)] {
        assert_eq!(Client::count(&status, key), bound, "{key} of {status}");
    }
    let p99 = |step: &str| {
        let steps = status["steps"].as_array().expect("steps");
        steps.iter().find(|s| s["step"] == step).and_then(|s| s["p99_ms"].as_f64()).expect("a step")
    };
    // Far above what they take, far below what waiting for ten thousand connections would.
    assert!(p99("queue") < 15.0 && p99("decode") < 30.0, "{status}");
    daemon.stop(Signal::Int).assert_sound();
    let log = std::fs::read_to_string(world.file("daemon.log")).expect("the log");
    assert!(log.contains("there are too many connections: refused"), "{log}");
    assert!(log.lines().count() < 500, "refusals do not flood the log: {} lines", log.lines().count());
}
