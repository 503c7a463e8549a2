//! What standard tools see: gRPC health and reflection.

use bci_tests::{Client, Daemon, Outlet, Signal, Source, World};
use serde_json::json;
use std::time::{Duration, Instant};

const INTENTS: &str = "bci.v1.IntentService";

#[test]
fn health_follows_the_stream() {
    let world = World::new("health");
    let stream = world.name("eeg");
    let daemon = Daemon::following(&world, &stream);
    let mut client = Client::of(&world, &daemon);
    client.ask(&json!({ "ask": "watch_health", "service": INTENTS }));
    assert_eq!(client.health(""), "SERVING", "the daemon itself");
    assert_eq!(client.health(INTENTS), "NOT_SERVING", "there is no stream yet");
    assert_eq!(client.health("no.such.Service"), "NOT_FOUND");
    assert_eq!(client.pipeline()["stream"]["state"], "STREAM_STATE_WAITING");

    let outlet = Outlet::looping(&world, &Source::one(&stream));
    client.health_becomes(INTENTS, "SERVING", Duration::from_secs(15));
    assert_eq!(client.pipeline()["stream"]["state"], "STREAM_STATE_STREAMING");

    outlet.signal(Signal::Kill);
    client.health_becomes(INTENTS, "NOT_SERVING", Duration::from_secs(5));
    assert_eq!(client.health(""), "SERVING", "the daemon waits for its return");
    // A Watch is another call than those that asked: its answers come when they come.
    let (told, begun) = (json!(["NOT_SERVING", "SERVING", "NOT_SERVING"]), Instant::now());
    let mut seen = client.ask(&json!({ "ask": "health_seen" }));
    while seen != told && begun.elapsed() < Duration::from_secs(2) {
        std::thread::sleep(Duration::from_millis(20));
        seen = client.ask(&json!({ "ask": "health_seen" }));
    }
    assert_eq!(seen, told, "as a Watch tells it");
    daemon.stop(Signal::Int).assert_sound();
}

#[test]
fn a_client_needs_nothing_but_reflection() {
    let world = World::new("reflection");
    let daemon = Daemon::following(&world, &world.name("eeg"));
    let mut client = Client::of(&world, &daemon);
    let services = client.ask(&json!({ "ask": "services" }));
    for service in [INTENTS, "bci.v1.TelemetryService", "grpc.health.v1.Health"] {
        assert!(services.as_array().is_some_and(|s| s.contains(&json!(service))), "{service} in {services}");
    }
    let by_reflection = client.ask(&json!({ "ask": "reflected_status" }));
    let by_proto = client.status();
    for key in ["versions", "pipelines", "realtime_priority", "subscribers"] {
        assert_eq!(by_reflection[key], by_proto[key], "{key}");
    }
    assert_eq!(by_proto["pipelines"][0]["decoder"]["name"], "eegmmidb-s001-fists-feet");
    for library in ["bcid", "liblsl", "onnxruntime"] {
        assert!(by_proto["versions"][library].is_string(), "{library} in {}", by_proto["versions"]);
    }
}
