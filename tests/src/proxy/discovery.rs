use super::Shared;
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Where LSL looks streams up: the first port, and how many.
const FIRST_PORT: u16 = 16572;
const PORTS: u16 = 128;

/// How a source announces itself.
#[derive(Clone, Debug)]
pub(crate) struct Announced {
    xml: String,
    /// Of its TCP connections and of its clock.
    pub(crate) ports: (u16, u16),
    session: String,
}

impl Announced {
    /// Looks a stream up.
    pub(super) fn find(session: &str, name: &str) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        socket.set_read_timeout(Some(Duration::from_millis(200))).expect("a timeout");
        let port = socket.local_addr().expect("bound").port();
        let query = format!("LSL:shortinfo\r\nsession_id='{session}' and name='{name}'\r\n{port} 4711\r\n");
        let begun = Instant::now();
        let mut room = [0; 65536];
        while begun.elapsed() < Duration::from_secs(20) {
            for to in FIRST_PORT..FIRST_PORT + PORTS {
                let _ = socket.send_to(query.as_bytes(), (Ipv4Addr::LOCALHOST, to));
            }
            if let Ok(n) = socket.recv(&mut room) {
                let answer = String::from_utf8_lossy(&room[..n]).into_owned();
                if let Some((_, xml)) = answer.split_once("\r\n") {
                    let number = |tag| inner(xml, tag).parse().expect("a port");
                    let ports = (number("v4data_port"), number("v4service_port"));
                    return Self { ports, session: session.to_owned(), xml: xml.to_owned() };
                }
            }
        }
        panic!("no stream {name} answers");
    }

    /// The same in another session, behind other ports.
    pub(super) fn stand_in(&self, session: &str, ports: (u16, u16)) -> StandIn {
        StandIn { from: self.clone(), session: session.to_owned(), ports }
    }
}

/// How the proxy announces itself.
#[derive(Clone, Debug)]
pub(super) struct StandIn {
    from: Announced,
    session: String,
    ports: (u16, u16),
}

impl StandIn {
    /// A description of the source's, made the proxy's.
    pub(super) fn rewrite(&self, xml: &str) -> String {
        let tag = |name: &str, value: &dyn std::fmt::Display| format!("<{name}>{value}</{name}>");
        let mut xml = xml.to_owned();
        for (name, was, is) in [
            ("v4data_port", self.from.ports.0, self.ports.0),
            ("v4service_port", self.from.ports.1, self.ports.1),
        ] {
            xml = xml.replace(&tag(name, &was), &tag(name, &is));
        }
        xml.replace(&tag("session_id", &self.from.session), &tag("session_id", &self.session))
    }
}

/// What is between a tag and its end.
fn inner<'a>(xml: &'a str, tag: &str) -> &'a str {
    let (begin, end) = (format!("<{tag}>"), format!("</{tag}>"));
    xml.split_once(&begin).and_then(|(_, rest)| rest.split_once(&end)).map_or("", |(text, _)| text)
}

/// Answers look-ups in a session until the proxy is gone.
pub(super) fn answer(session: String, stand_in: StandIn, shared: Arc<Shared>) {
    let ours = format!("session_id='{session}'");
    let socket = (FIRST_PORT..FIRST_PORT + PORTS)
        .find_map(|port| UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)).ok())
        .expect("a free port where streams are looked up");
    socket.set_read_timeout(Some(Duration::from_millis(50))).expect("a timeout");
    let name = inner(&stand_in.from.xml, "name").to_owned();
    std::thread::spawn(move || {
        let mut room = [0; 65536];
        while !shared.is_over() {
            let Ok((n, from)) = socket.recv_from(&mut room) else { continue };
            let asked = String::from_utf8_lossy(&room[..n]).into_owned();
            let mut lines = asked.split("\r\n");
            let (Some("LSL:shortinfo"), Some(query), Some(to)) = (lines.next(), lines.next(), lines.next())
            else {
                continue;
            };
            // Of another test, or for another stream.
            if !query.contains(&ours)
                || (query.contains("name='") && !query.contains(&format!("name='{name}'")))
            {
                continue;
            }
            let mut to = to.split(' ');
            if let (Some(Ok(port)), Some(id)) = (to.next().map(str::parse::<u16>), to.next()) {
                let answer = format!("{id}\r\n{}", stand_in.rewrite(&stand_in.from.xml));
                let _ = socket.send_to(answer.as_bytes(), (from.ip(), port));
            }
        }
    });
}
