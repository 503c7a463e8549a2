//! The door, over real connections.

use super::services;
use crate::access::{Access, Audit, Scopes, Token, token_hash};
use crate::engine::Engine;
use crate::serve::{Server, Sockets};
use crate::telemetry::Telemetry;
use bci_proto::v1;
use bci_proto::v1::control_service_client::ControlServiceClient;
use bci_proto::v1::decoder_service_client::DecoderServiceClient;
use bci_proto::v1::intent_service_client::IntentServiceClient;
use bci_proto::v1::telemetry_service_client::TelemetryServiceClient;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tonic::metadata::MetadataValue;
use tonic::transport::Channel;
use tonic::{Code, Request};

const KEY: &str = "a-token-of-somebody";

fn token(scopes: &[&str], expires_unix_s: Option<u64>, text: &str) -> Token {
    let scopes = Scopes::parse(scopes.iter().copied()).unwrap();
    Token { name: text.into(), sha256: token_hash(text), scopes, expires_unix_s }
}

/// A server that is gone with the test.
async fn serve(access: Access) -> (SocketAddr, Arc<super::Scripted>) {
    let (of, engine) = services();
    let tcp = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let sockets = Sockets { tcp, tls: None, local: None };
    let telemetry = Telemetry::of(&of.publisher);
    let server =
        Server::new(sockets, Arc::clone(&engine) as Arc<dyn Engine>, of.publisher, telemetry, access);
    let server = server.unwrap();
    let address = server.address().unwrap();
    tokio::spawn(server.run(std::future::pending()));
    (address, engine)
}

async fn channel(address: SocketAddr) -> Channel {
    Channel::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap()
}

fn shown<T>(message: T, token: Option<&str>) -> Request<T> {
    let mut request = Request::new(message);
    if let Some(token) = token {
        let value: MetadataValue<_> = format!("Bearer {token}").parse().unwrap();
        request.metadata_mut().insert("authorization", value);
    }
    request
}

/// What becomes of reading intents, of reading status, of discarding a decoder, of a marker, of listing subscribers.
async fn tried(address: SocketAddr, token: Option<&str>) -> [Code; 5] {
    let channel = channel(address).await;
    let code = |refused: Option<tonic::Status>| refused.map_or(Code::Ok, |status| status.code());
    let intents = IntentServiceClient::new(channel.clone())
        .subscribe(shown(v1::SubscribeRequest::default(), token))
        .await;
    let status =
        TelemetryServiceClient::new(channel.clone()).get_status(shown(v1::GetStatusRequest {}, token)).await;
    let discard = v1::DiscardCandidateRequest { pipeline: "a".into() };
    let discarded = DecoderServiceClient::new(channel.clone()).discard_candidate(shown(discard, token)).await;
    let mark = v1::MarkRequest { text: "x".into(), time_ns: None };
    let marked = ControlServiceClient::new(channel.clone()).mark(shown(mark, token)).await;
    let listed = TelemetryServiceClient::new(channel)
        .list_subscribers(shown(v1::ListSubscribersRequest {}, token))
        .await;
    [code(intents.err()), code(status.err()), code(discarded.err()), code(marked.err()), code(listed.err())]
}

#[tokio::test]
async fn without_a_token_one_may_look_and_with_one_do_what_it_permits() {
    let folder = std::env::temp_dir().join(format!("bcid-door-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("audit.jsonl");
    let tokens = vec![
        token(&["decoders:write"], None, KEY),
        token(&["admin"], None, "all"),
        token(&["admin"], Some(1_000_000_000), "old"),
        token(&["intents:read", "streams:read", "calibrate"], Some(u64::MAX), "operator"),
    ];
    let access = Access { tokens, audit: Audit::beside(&file).unwrap(), ..Access::default() };
    let (address, engine) = serve(access).await;
    let (ok, denied, unknown) = (Code::Ok, Code::PermissionDenied, Code::Unauthenticated);
    assert_eq!(tried(address, None).await, [ok, ok, unknown, unknown, unknown]);
    assert_eq!(tried(address, Some("all")).await, [ok; 5]);
    assert_eq!(tried(address, Some(KEY)).await, [denied, denied, ok, denied, denied]);
    assert_eq!(tried(address, Some("operator")).await, [ok, ok, denied, ok, denied]);
    assert_eq!(tried(address, Some("old")).await, [unknown; 5], "expired");
    assert_eq!(tried(address, Some("guess")).await, [unknown; 5], "a wrong token opens less than none");
    assert_eq!(
        (engine.1.lock().unwrap().len(), engine.2.lock().unwrap().len()),
        (2, 2),
        "what was refused was not done"
    );
    let audit = std::fs::read_to_string(&file).unwrap();
    let lines: Vec<serde_json::Value> =
        audit.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |who: &str, call: &str, outcome: &str| {
        lines
            .iter()
            .filter(|l| {
                l["who"] == who && l["call"].as_str().unwrap().ends_with(call) && l["outcome"] == outcome
            })
            .count()
    };
    assert_eq!((of("all", "DiscardCandidate", "done"), of("operator", "Mark", "done")), (1, 1), "{audit}");
    assert_eq!(
        (of("operator", "DiscardCandidate", "refused"), of(KEY, "Mark", "refused")),
        (1, 1),
        "{audit}"
    );
    // Without a name: nobody, the expired and the guess.
    assert_eq!(of("127.0.0.1", "Mark", "refused"), 3, "{audit}");
    assert!(!audit.contains("guess") && !audit.contains("old"), "what was shown is not written down");
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn where_nothing_is_open_nothing_is_told() {
    let (address, _) = serve(Access { anonymous: Scopes::NONE, ..Access::default() }).await;
    assert_eq!(tried(address, None).await, [Code::Unauthenticated; 5]);
    let answer =
        plain(address, "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 401") && answer.contains("www-authenticate: Bearer"), "{answer}");
    let answer =
        plain(address, "GET /v1/intents HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    // Whether it lives, and what it could be asked, anybody may know.
    let health = tonic_health::pb::health_client::HealthClient::new(channel(address).await)
        .check(tonic_health::pb::HealthCheckRequest { service: "bci.v1.TelemetryService".into() })
        .await;
    assert!(health.is_ok(), "{health:?}");
}

/// What is answered to a text, up to its end.
async fn plain(address: SocketAddr, text: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_name_that_is_not_the_daemons_and_pages_from_elsewhere_are_refused() {
    let (address, _) = serve(Access::default()).await;
    let get = |path: &str, more: &str| format!("GET {path} HTTP/1.1\r\nConnection: close\r\n{more}\r\n");
    let own = plain(address, &get("/metrics", "Host: localhost\r\n")).await;
    assert!(own.starts_with("HTTP/1.1 200") && own.contains("bci_connections 1"), "{own}");
    let rebound = plain(address, &get("/metrics", "Host: evil.example\r\n")).await;
    assert!(rebound.starts_with("HTTP/1.1 403") && rebound.contains("server.hosts"), "{rebound}");
    let elsewhere =
        plain(address, &get("/metrics", "Host: localhost\r\nOrigin: https://evil.example\r\n")).await;
    assert!(elsewhere.starts_with("HTTP/1.1 403") && elsewhere.contains("server.origins"), "{elsewhere}");
    let nothing = plain(address, &get("/secret", "Host: localhost\r\n")).await;
    assert!(nothing.starts_with("HTTP/1.1 404"), "{nothing}");
    let garbage = plain(address, "GET\r\n\r\n").await;
    assert!(garbage.starts_with("HTTP/1.1 400") || garbage.is_empty(), "{garbage}");
}

/// Listening for both, an address of IPv4 comes as one of IPv6: it is the loopback's all the same.
#[tokio::test]
async fn the_loopback_is_the_loopback_by_whatever_name() {
    let (of, engine) = services();
    let Ok(tcp) = std::net::TcpListener::bind("[::]:0") else { return };
    let telemetry = Telemetry::of(&of.publisher);
    let sockets = Sockets { tcp, tls: None, local: None };
    let server = Server::new(sockets, engine as Arc<dyn Engine>, of.publisher, telemetry, Access::default());
    let server = server.unwrap();
    let address = SocketAddr::from(([127, 0, 0, 1], server.address().unwrap().port()));
    tokio::spawn(server.run(std::future::pending()));
    let rebound =
        plain(address, "GET /metrics HTTP/1.1\r\nConnection: close\r\nHost: evil.example\r\n\r\n").await;
    assert!(rebound.starts_with("HTTP/1.1 403"), "{rebound}");
}

#[tokio::test]
async fn who_asks_too_often_and_who_guesses_has_to_wait() {
    let (address, _) = serve(Access { requests_per_s: 2.0, ..Access::default() }).await;
    let mut client = TelemetryServiceClient::new(channel(address).await);
    let mut codes = Vec::new();
    for _ in 0..40 {
        codes.push(client.get_clock(v1::GetClockRequest {}).await.map_or_else(|e| e.code(), |_| Code::Ok));
    }
    assert_eq!(codes[..10], [Code::Ok; 10]);
    assert!(codes.contains(&Code::ResourceExhausted), "{codes:?}");
    let (address, _) = serve(Access::default()).await;
    let mut client = TelemetryServiceClient::new(channel(address).await);
    let mut guesses = Vec::new();
    for n in 0..40 {
        let guess = client.get_clock(shown(v1::GetClockRequest {}, Some(&format!("guess {n}")))).await;
        guesses.push(guess.map_or_else(|e| e.code(), |_| Code::Ok));
    }
    assert_eq!(guesses[..20], [Code::Unauthenticated; 20]);
    assert!(guesses[20..].contains(&Code::ResourceExhausted), "{guesses:?}");
}

#[tokio::test]
async fn there_are_no_more_connections_than_may_be() {
    let (address, _) = serve(Access { connections: 3, ..Access::default() }).await;
    let mut held = Vec::new();
    for _ in 0..3 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        let mut first = [0; 12];
        stream.read_exact(&mut first).await.unwrap();
        assert_eq!(&first, b"HTTP/1.1 200");
        held.push(stream);
    }
    for _ in 0..5 {
        assert_eq!(plain(address, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").await, "");
    }
    held.pop();
    for _ in 0..100 {
        let page =
            plain(address, "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
        if page.contains("bci_connections_refused_total 5") || page.contains("bci_connections_refused_total")
        {
            let line = page.lines().find(|line| line.starts_with("bci_connections_refused_total")).unwrap();
            let refused: f64 = line.split(' ').next_back().unwrap().parse().unwrap();
            assert!(refused >= 5.0, "{line}");
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("a place that became free is not given away");
}
