//! What arrives at an open port.

use crate::support::assert_no_holes;
use bci_tests::{Client, Daemon, Outlet, Signal, Source, Subscriber, World};
use serde_json::json;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

const SUBSCRIBE: &str = "/bci.v1.IntentService/Subscribe";

/// Sends bytes and reads whatever comes back until the daemon hangs up, or half a second.
fn send(address: &str, bytes: &[u8]) {
    let mut stream = TcpStream::connect(address).expect("the port is open");
    stream.set_read_timeout(Some(Duration::from_millis(500))).expect("a timeout can be set");
    // The daemon may hang up before all is sent.
    let _ = stream.write_all(bytes);
    let mut answer = [0; 4096];
    while matches!(stream.read(&mut answer), Ok(n) if n > 0) {}
}

#[test]
fn nonsense_on_the_port_harms_nobody() {
    let world = World::new("hostile");
    let stream = world.name("eeg");
    let mut daemon = Daemon::following(&world, &stream);
    let mut client = Client::of(&world, &daemon);
    let mut subscriber = Subscriber::to(&world, &daemon);
    let _outlet = Outlet::looping(&world, &Source::one(&stream));
    subscriber.until_intents(1, Duration::from_secs(20));

    let address = daemon.address().to_owned();
    let noise: Vec<u8> = (0..100_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    send(&address, b"");
    send(&address, &noise);
    send(&address, &[&preface[..], &noise].concat());
    // A frame that claims 16 MiB and a settings frame of an odd length.
    send(&address, &[&preface[..], &[0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1]].concat());
    send(&address, &[&preface[..], &[0, 0, 5, 4, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5]].concat());
    send(&address, b"GET /../../etc/passwd HTTP/1.1\r\n\r\n");
    send(&address, b"POST /bci.v1.IntentService/Subscribe HTTP/1.1\r\ncontent-length: 99999999999\r\n\r\n");
    send(&address, &[b"GET / HTTP/1.1\r\nx: ".as_slice(), &[b'a'; 200_000]].concat());
    let idle: Vec<TcpStream> = (0..64).map(|_| TcpStream::connect(&address).expect("room")).collect();

    let mut ended = |method: &str, hex: &str| {
        let answer = client.ask(&json!({ "ask": "raw", "method": method, "hex": hex }));
        (answer[0].as_str().expect("a status").to_owned(), answer[1].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(ended("/bci.v1.IntentService/NoSuch", "").0, "UNIMPLEMENTED");
    assert_eq!(ended("/no.such.Service/At", "").0, "UNIMPLEMENTED");
    assert_eq!(ended(SUBSCRIBE, "ffffffff").0, "INTERNAL", "no protobuf");
    // Field 1, of two bytes that are no UTF-8.
    assert_eq!(ended(SUBSCRIBE, "0a02fffe").0, "INTERNAL", "no text");
    assert_eq!(ended(SUBSCRIBE, &"00".repeat(5 << 20)).0, "OUT_OF_RANGE", "5 MiB");
    // Field 1, "q".
    let (code, message) = ended(SUBSCRIBE, "0a0171");
    assert_eq!(code, "NOT_FOUND");
    assert_eq!(message, "no pipeline \"q\"; there are: p", "it says which there are");
    drop(idle);

    subscriber.until_intents(20, Duration::from_secs(20));
    assert_no_holes(&subscriber.intents());
    assert!(subscriber.intents().iter().enumerate().all(|(i, intent)| intent.sequence == i as u64));
    assert_eq!(client.health(""), "SERVING");
    assert_eq!(client.status()["subscribers"], 1, "whoever went away is not counted");
    daemon.assert_alive();
    daemon.stop(Signal::Int).assert_sound();
}
